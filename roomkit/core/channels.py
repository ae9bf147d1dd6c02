"""Which channels a kit has."""

from __future__ import annotations

from collections.abc import Callable

from roomkit.core.ports import Channel, ChannelHost
from roomkit.errors import ConfigError, NotFoundError


class ChannelRegistry:
    """Registered channels by id.

    Args:
        host_for: Makes what a channel is given at its registration.
    """

    def __init__(self, host_for: Callable[[Channel], ChannelHost]) -> None:
        self._host_for = host_for
        self._channels: dict[str, Channel] = {}

    def register(self, channel: Channel) -> None:
        """Take a channel in.

        Raises:
            ConfigError: Its id is taken by another channel, or it serves another kit.
        """
        present = self._channels.get(channel.channel_id)
        if present is channel:
            return
        if present is not None:
            raise ConfigError(f"a channel {channel.channel_id!r} is registered: ids are unique in a kit")
        if channel.host is not None:
            raise ConfigError(f"channel {channel.channel_id!r} serves another kit: unregister it there first")
        channel.attach(self._host_for(channel))
        self._channels[channel.channel_id] = channel

    async def unregister(self, channel_id: str) -> bool:
        """Close a channel and let it go; whether it was registered."""
        channel = self._channels.pop(channel_id, None)
        if channel is None:
            return False
        try:
            await channel.close()
        finally:
            channel.attach(None)
        return True

    def find(self, channel_id: str) -> Channel | None:
        """The channel, if it is registered."""
        return self._channels.get(channel_id)

    def get(self, channel_id: str) -> Channel:
        """The channel.

        Raises:
            NotFoundError: It is not registered.
        """
        channel = self._channels.get(channel_id)
        if channel is None:
            raise NotFoundError(f"no channel {channel_id!r} is registered: register_channel it first")
        return channel

    def list(self) -> list[Channel]:
        """All channels in the order of their registration."""
        return list(self._channels.values())

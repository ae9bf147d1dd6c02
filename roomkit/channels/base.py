"""What most channels have in common: a name, a kind, and the kit they are registered with.

A convenience, not the contract (that is `roomkit.core.ports.Channel`): subclass it or write the few members yourself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from roomkit.core.transcode import EVERYTHING
from roomkit.errors import ConfigError
from roomkit.models.enums import ChannelCategory, ChannelType

if TYPE_CHECKING:
    from roomkit.core.ports import ChannelHost
    from roomkit.models.channel import ChannelBinding, ChannelOutput
    from roomkit.models.context import RoomContext
    from roomkit.models.event import RoomEvent


class ChannelBase:
    """A channel that takes events and answers none.

    Args:
        channel_id: Unique in its kit; no commas, for visibility lists channels by id.

    Raises:
        ConfigError: The id is empty, holds a comma, or is a word of visibility (``all``, ``none`` ...).
    """

    default_type: ClassVar[ChannelType] = ChannelType.CUSTOM
    default_category: ClassVar[ChannelCategory] = ChannelCategory.TRANSPORT

    def __init__(self, channel_id: str) -> None:
        if not channel_id or "," in channel_id or channel_id in ("all", "none", *ChannelCategory):
            raise ConfigError(f"{channel_id!r} cannot be a channel's id: it would be misread in a visibility")
        self.channel_id = channel_id
        self.channel_type = self.default_type
        self.category = self.default_category
        self.is_shared = False
        self.capabilities = EVERYTHING
        self.host: ChannelHost | None = None

    def attach(self, host: ChannelHost | None) -> None:
        """Take what the kit gives; ``None``: the channel was unregistered."""
        self.host = host

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        """See `roomkit.core.ports.Channel.on_event`."""
        return None

    def on_binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        """See `roomkit.core.ports.Channel.on_binding_changed`."""

    async def drain(self) -> None:
        """See `roomkit.core.ports.Channel.drain`; what most channels run ends with the event it is about."""

    async def close(self) -> None:
        """End everything the channel runs. Idempotent."""

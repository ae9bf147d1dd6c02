"""Attaching channels to rooms and changing what they may do there; every change is live (RFC 0003).

Not in here: reading permissions (`access`). Invariant: when a call returns, or waits for the store, the change already
holds: the channel was told, and the next frame or event meets the new permission.
"""

from __future__ import annotations

import logging
from typing import Any

from pydantic import ValidationError

from roomkit.core.channels import ChannelRegistry
from roomkit.core.live import LiveRoom
from roomkit.core.parts import Parts
from roomkit.core.registry import Scope
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import Access, ChannelCategory, HookTrigger

logger = logging.getLogger(__name__)


class Bindings:
    """The bindings of all rooms."""

    def __init__(
        self,
        parts: Parts,
        channels: ChannelRegistry,
    ) -> None:
        self._parts = parts
        self._rooms = parts.rooms
        self._store = parts.store
        self._channels = channels

    async def attach(
        self,
        room_id: str,
        channel_id: str,
        category: ChannelCategory = ChannelCategory.TRANSPORT,
        access: Access = Access.READ_WRITE,
        visibility: Any = "all",
        **fields: Any,
    ) -> ChannelBinding:
        """Attach a registered channel to a room.

        A channel that produces content is bound as intelligence whatever ``category`` says. Attaching one that is
        attached changes only what differs from the defaults here: no default widens a binding (R-0003-1).

        Raises:
            NotFoundError: No such room, or no such channel registered.
            AccessDeniedError: The room is closed.
            ConfigError: A field that a binding does not have, or a value it cannot take.
        """
        live = await self._open_room(room_id)
        channel = self._channels.get(channel_id)
        given: dict[str, Any] = {"category": category, "access": access, "visibility": visibility, **fields}
        if channel.category == ChannelCategory.INTELLIGENCE:
            given["category"] = ChannelCategory.INTELLIGENCE
        live.detached.discard(channel_id)
        if (present := live.bindings.get(channel_id)) is not None:
            changes = {name: value for name, value in given.items() if not _is_default(name, value)}
            return await self._change(live, present, **changes)
        binding = _validated(
            {
                **given,
                "channel_id": channel_id,
                "room_id": room_id,
                "channel_type": channel.channel_type,
                "attached_at": self._parts.clock.wall(),
            }
        )
        live.bind(binding)
        self._tell_channel(room_id, channel_id, binding)
        await self._store.put_binding(binding)
        self._announce(live, HookTrigger.ON_CHANNEL_ATTACHED, binding)
        return binding

    async def ensure(self, room_id: str, channel_id: str, category: ChannelCategory | None) -> ChannelBinding:
        """The binding, made if missing; see `roomkit.core.ports.ChannelHost.ensure_attached`."""
        live = await self._open_room(room_id)
        if (present := live.bindings.get(channel_id)) is not None:
            return present
        if channel_id in live.detached:
            raise AccessDeniedError(f"channel {channel_id} was detached from room {room_id}: attach it again first")
        return await self.attach(room_id, channel_id, category or self._channels.get(channel_id).category)

    async def detach(self, room_id: str, channel_id: str) -> bool:
        """Take a channel out of a room; whether it was in it."""
        live = await self._rooms.get(room_id)
        binding = live.unbind(channel_id)
        if binding is None:
            return False
        live.detached.add(channel_id)
        self._tell_channel(room_id, channel_id, None)
        await self._store.delete_binding(room_id, channel_id)
        self._announce(live, HookTrigger.ON_CHANNEL_DETACHED, binding)
        return True

    async def set_muted(self, room_id: str, channel_id: str, is_muted: bool) -> ChannelBinding:
        """Stop what comes from a channel, or let it pass again."""
        return await self._toggle(room_id, channel_id, "muted", is_muted)

    async def set_output_muted(self, room_id: str, channel_id: str, is_muted: bool) -> ChannelBinding:
        """Stop what goes to a channel, or let it pass again."""
        return await self._toggle(room_id, channel_id, "output_muted", is_muted)

    async def update(self, room_id: str, channel_id: str, **changes: Any) -> ChannelBinding:
        """Change fields of a binding.

        Raises:
            NotFoundError: No such room, or the channel is not attached to it.
            ConfigError: A field that a binding does not have, or a value it cannot take.
        """
        live = await self._rooms.get(room_id)
        return await self._change(live, self._present(live, channel_id), **changes)

    async def update_metadata(self, room_id: str, channel_id: str, metadata: dict[str, Any]) -> ChannelBinding:
        """Merge into a binding's metadata."""
        live = await self._rooms.get(room_id)
        present = self._present(live, channel_id)
        return await self._change(live, present, metadata={**present.metadata, **metadata})

    async def get(self, room_id: str, channel_id: str) -> ChannelBinding | None:
        """The binding, if the channel is attached."""
        return (await self._rooms.get(room_id)).bindings.get(channel_id)

    async def list(self, room_id: str) -> list[ChannelBinding]:
        """A room's bindings in the order of attaching."""
        return list((await self._rooms.get(room_id)).bindings.values())

    def tell_channels_closed(self, live: LiveRoom) -> None:
        """Tell every channel of a room that it is out; the bindings stay on record."""
        for channel_id in live.bindings:
            self._tell_channel(live.id, channel_id, None)

    async def _toggle(self, room_id: str, channel_id: str, field: str, is_muted: bool) -> ChannelBinding:
        live = await self._rooms.get(room_id)
        present = self._present(live, channel_id)
        if getattr(present, field) == is_muted:
            return present
        binding = await self._change(live, present, **{field: is_muted})
        self._announce(live, HookTrigger.ON_CHANNEL_MUTED if is_muted else HookTrigger.ON_CHANNEL_UNMUTED, binding)
        return binding

    async def _change(self, live: LiveRoom, present: ChannelBinding, **changes: Any) -> ChannelBinding:
        if not changes:
            return present
        # Validated as a whole: model_copy alone would take anything.
        binding = _validated({**present.model_dump(), **changes})
        live.bind(binding)
        if live.room.is_open:
            self._tell_channel(live.id, binding.channel_id, binding)
        await self._store.put_binding(binding)
        return binding

    def _present(self, live: LiveRoom, channel_id: str) -> ChannelBinding:
        try:
            return live.bindings[channel_id]
        except KeyError:
            raise NotFoundError(f"channel {channel_id!r} is not attached to room {live.id!r}") from None

    async def _open_room(self, room_id: str) -> LiveRoom:
        live = await self._rooms.get(room_id)
        if not live.room.is_open:
            raise AccessDeniedError(f"room {room_id!r} is {live.room.status}")
        return live

    def _tell_channel(self, room_id: str, channel_id: str, binding: ChannelBinding | None) -> None:
        channel = self._channels.find(channel_id)
        if channel is None:
            return
        try:
            channel.on_binding_changed(room_id, binding)
        except Exception:  # a channel may be a user's: the permission holds whether or not it took the news well
            logger.warning("channel %s failed to take a change of its binding", channel_id, exc_info=True)

    def _announce(self, live: LiveRoom, trigger: HookTrigger, binding: ChannelBinding) -> None:
        scope = Scope(live.id, binding.channel_id, binding.channel_type)
        self._parts.announce(live, trigger, binding, scope)


def _is_default(name: str, value: object) -> bool:
    field = ChannelBinding.model_fields.get(name)
    return field is not None and value == field.default


def _validated(fields: dict[str, Any]) -> ChannelBinding:
    try:
        return ChannelBinding.model_validate(fields)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"a binding cannot be like that: {wrong}") from error

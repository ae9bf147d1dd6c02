"""Replies shown while they grow: to the channels that can show them, under the permissions of the event to come.

Not in here: making a reply (the agent's channel) and storing it (it becomes an event like any other). Invariants: a
piece is shown only where its event could be delivered at that moment, and nowhere while a hook could still stop it;
nothing waits for a viewer, who is shown the newest state, at most every `INTERVAL_S`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from roomkit.core.access import may_receive, narrowed_to_source, write_refusal
from roomkit.core.answers import answer
from roomkit.core.background import begin
from roomkit.core.live import LiveRoom
from roomkit.core.parts import Parts
from roomkit.core.ports import Channel, PartialViewer
from roomkit.core.registry import Scope
from roomkit.models.channel import ChannelBinding, ChannelMessage
from roomkit.models.content import TextContent
from roomkit.models.enums import HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.framework import FrameworkEvent
from roomkit.models.generation import PartialReply

logger = logging.getLogger(__name__)

INTERVAL_S = 0.05
"""Between two states of a reply at one viewer: faster is not read, and each carries the whole text."""
VIEWER_TIMEOUT_S = 5.0
"""For a channel to show one state; one that takes longer is shown no more of that reply."""
REMEMBERED = 256
"""Complete replies that can still be taken off the screens when they turn out not to enter the room."""


class Replies:
    """The growing replies of one kit.

    Args:
        parts: What the services share.
        channels: Finds a registered channel.
    """

    def __init__(self, parts: Parts, channels: Callable[[str], Channel | None]) -> None:
        self._parts = parts
        self._channels = channels
        self._complete: deque[Reply] = deque(maxlen=REMEMBERED)
        for reported in ("event_blocked", "answer_failed", "cascade_budget_exceeded"):
            parts.framework.on(reported)(self._kept_out)

    def open(self, channel: Channel, event: RoomEvent) -> Reply:
        """A reply of ``channel`` to ``event`` that has not grown yet."""
        return Reply(self._parts, self._channels, channel, event, self._complete.append)

    def _kept_out(self, report: FrameworkEvent) -> None:
        """What was answered did not enter the room, though it could when its last piece was shown."""
        for reply in list(self._complete):
            if reply.is_meant_by(report):
                reply.withdraw()
                self._complete.remove(reply)


class _Lane:
    """What one viewer is yet to be shown of one reply."""

    def __init__(self) -> None:
        self.next: PartialReply | None = None
        self.is_running = False
        self.has_shown = False
        self.is_broken = False


class Reply:
    """One reply under way. See `roomkit.core.ports.GrowingReply`."""

    def __init__(
        self,
        parts: Parts,
        channels: Callable[[str], Channel | None],
        channel: Channel,
        event: RoomEvent,
        when_complete: Callable[[Reply], None],
    ) -> None:
        self._parts = parts
        self._channels = channels
        self._channel = channel
        self._answered = event
        self._when_complete = when_complete
        self._id = parts.clock.new_id("evt")
        self._draft: RoomEvent | None = None
        self._lanes: dict[str, _Lane] = {}
        self._is_over = False

    @property
    def id(self) -> str:
        """Of the event it will become."""
        return self._id

    def show(self, text: str) -> None:
        """The whole reply so far."""
        live = self._live()
        if self._is_over or not text or live is None or not self._may_be_said(live):
            return
        partial: PartialReply | None = None
        for channel_id in live.bindings:
            if self._viewer(channel_id) is not None:
                partial = partial or self._partial(text)
                self._put(channel_id, partial)

    def complete(self) -> None:
        """Show no more."""
        if not self._is_over:
            self._is_over = True
            for lane in self._lanes.values():
                lane.next = None
            if self._lanes:
                self._when_complete(self)

    def withdraw(self) -> None:
        """Take it off the screens it is on."""
        self._is_over = True
        gone = self._partial("", is_withdrawn=True)
        for channel_id, lane in self._lanes.items():
            lane.next = None
            if lane.has_shown:
                lane.has_shown = False
                self._put(channel_id, gone)

    def is_meant_by(self, report: FrameworkEvent) -> bool:
        """Whether a report is about the event this became, or about the answers of its channel to what it answers."""
        if report.event_id == self._id:
            return True
        return report.event_id == self._answered.id and report.channel_id == self._channel.channel_id

    # --- one viewer -------------------------------------------------------------------------------------------------

    def _put(self, channel_id: str, partial: PartialReply) -> None:
        lane = self._lanes.setdefault(channel_id, _Lane())
        if lane.is_broken:
            return
        lane.next = partial
        if not lane.is_running:
            name = f"partials:{self._answered.room_id}:{channel_id}"
            lane.is_running = begin(self._parts.supervisor, self._work(channel_id, lane), name=name) is not None

    async def _work(self, channel_id: str, lane: _Lane) -> None:
        try:
            while (partial := lane.next) is not None:
                lane.next = None
                await self._show_to(channel_id, lane, partial)
                await asyncio.sleep(INTERVAL_S)
        finally:
            lane.is_running = False

    async def _show_to(self, channel_id: str, lane: _Lane, partial: PartialReply) -> None:
        """Show one state to one viewer, if it may see it now."""
        viewer, live = self._viewer(channel_id), self._live()
        binding = None if live is None else live.bindings.get(channel_id)
        if viewer is None or live is None or binding is None or not self._may_see(live, binding, partial):
            return
        lane.has_shown = not partial.is_withdrawn  # from now on: it may be on the screen even if showing it fails
        try:
            async with asyncio.timeout(VIEWER_TIMEOUT_S):
                await viewer.on_partial(partial, binding)
        except Exception as error:  # a channel may be a user's: it misses the rest of this reply, nobody else does
            lane.is_broken = True
            logger.warning("channel %s cannot show a reply: %s", channel_id, type(error).__name__, exc_info=error)

    # --- permissions, read when they matter ---------------------------------------------------------------------------

    def _may_see(self, live: LiveRoom, binding: ChannelBinding, partial: PartialReply) -> bool:
        if partial.is_withdrawn:
            return binding.can_read
        if not self._may_be_said(live):
            return False
        source = live.bindings.get(self._channel.channel_id)
        return may_receive(narrowed_to_source(self._event(live), source, live.categories), binding)

    def _may_be_said(self, live: LiveRoom) -> bool:
        """Whether the reply would enter the room now, and no hook is still to decide about it."""
        event = self._event(live)
        if write_refusal(live.bindings.get(event.source.channel_id), event.source.direction) is not None:
            return False
        scope = Scope(live.id, event.source.channel_id, event.source.channel_type)
        return not self._parts.hooks.listens(HookTrigger.BEFORE_BROADCAST, scope, deciding=True)

    def _event(self, live: LiveRoom) -> RoomEvent:
        """The event it will become, as far as permissions read it."""
        if self._draft is None:
            message = ChannelMessage(id=self._id, content=TextContent(body=""))
            self._draft = answer(live, self._answered, self._channel, message, self._parts.clock)
        return self._draft

    def _live(self) -> LiveRoom | None:
        live = self._parts.rooms.peek(self._answered.room_id)
        return live if live is not None and live.room.is_open else None

    def _viewer(self, channel_id: str) -> PartialViewer | None:
        channel = self._channels(channel_id)
        return channel if isinstance(channel, PartialViewer) else None

    def _partial(self, text: str, *, is_withdrawn: bool = False) -> PartialReply:
        return PartialReply(
            event_id=self._id,
            room_id=self._answered.room_id,
            channel_id=self._channel.channel_id,
            text=text,
            is_withdrawn=is_withdrawn,
        )

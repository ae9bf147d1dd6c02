"""Getting stored events to channels: one bounded queue a binding, in index order, each delivery with its own result.

Not in here: what a channel's answer does (`inbound` takes it). Invariant: a slow or broken channel delays and fails
its own deliveries only; permission is asked again at the moment of delivery, so what was queued before a mute or a
detach does not get through after it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar

from roomkit._aio import Supervisor
from roomkit.clock import Clock
from roomkit.core.access import may_receive
from roomkit.core.background import begin
from roomkit.core.deadlines import Deadlines
from roomkit.core.live import LiveRoom
from roomkit.core.ports import Channel
from roomkit.core.transcode import for_channel
from roomkit.errors import DeliveryError
from roomkit.models.channel import ChannelOutput
from roomkit.models.event import DeliveryResult, RoomEvent

logger = logging.getLogger(__name__)

MAX_QUEUED = 1_000
"""Events one binding may be behind; a channel that is further behind loses the newest, and the results say so."""

IN_DELIVERY: ContextVar[bool] = ContextVar("roomkit_in_delivery", default=False)
"""True in code a channel runs to deliver: it must not wait for deliveries that wait for it."""

AnswerCallback = Callable[[LiveRoom, RoomEvent, Channel, ChannelOutput, "Cascade"], None]


class Cascade:
    """Everything one event sets off: its deliveries, the answers to it, their deliveries, and so on.

    Args:
        budget: Answers it may cause in all, whatever their depth.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self) -> None:
        """One more thing is under way."""
        self._open += 1
        self._idle.clear()

    def end(self) -> None:
        """One thing is done."""
        self._open -= 1
        if not self._open:
            self._idle.set()

    async def finished(self) -> None:
        """Return when nothing is under way."""
        await self._idle.wait()


class Dispatch:
    """One event on its way to its recipients, and the results so far."""

    def __init__(self, event: RoomEvent, cascade: Cascade, when_done: Callable[[Dispatch], None]) -> None:
        self.event = event
        self.cascade = cascade
        self.results: dict[str, DeliveryResult] = {}
        self._open = 1  # the routing itself, so that it is not done before all recipients are known
        self._when_done = when_done
        cascade.begin()

    def expect(self) -> None:
        """One more recipient."""
        self._open += 1

    def settle(self, result: DeliveryResult | None) -> None:
        """A delivery ended (``None``: the routing did)."""
        if result is not None:
            self.results[result.channel_id] = result
        self._open -= 1
        if not self._open:
            self._when_done(self)
            self.cascade.end()


class Deliveries:
    """The outbound queues of all bindings. A queue's worker lives while there is something in it."""

    def __init__(
        self,
        channels: Callable[[str], Channel | None],
        answered: AnswerCallback,
        supervisor: Supervisor,
        clock: Clock,
        deadlines: Deadlines,
        *,
        timeout_s: float,
    ) -> None:
        self._channels = channels
        self._answered = answered
        self._supervisor = supervisor
        self._clock = clock
        self._deadlines = deadlines
        self._timeout_s = timeout_s
        self._queues: dict[tuple[str, str], deque[Dispatch]] = {}

    def route(self, live: LiveRoom, dispatch: Dispatch, only: tuple[str, ...] | None = None) -> None:
        """Queue an event for every binding that may receive it now (of ``only``, if given); never waits."""
        for channel_id, binding in live.bindings.items():
            if only is not None and channel_id not in only:
                continue
            channel = self._channels(channel_id)
            if may_receive(dispatch.event, binding, is_shared=channel is not None and channel.is_shared):
                self._enqueue(live, channel_id, dispatch)
        dispatch.settle(None)

    def _enqueue(self, live: LiveRoom, channel_id: str, dispatch: Dispatch) -> None:
        dispatch.expect()
        queue = self._queues.get((live.id, channel_id))
        if queue is None:
            queue = self._queues[live.id, channel_id] = deque((dispatch,))
            worker = self._work(live, channel_id, queue)
            if begin(self._supervisor, worker, name=f"deliver:{live.id}:{channel_id}") is None:
                del self._queues[live.id, channel_id]
                dispatch.settle(DeliveryResult(channel_id=channel_id, ok=False, error="closed"))
        elif len(queue) >= MAX_QUEUED:
            dispatch.settle(DeliveryResult(channel_id=channel_id, ok=False, error="queue_full"))
        else:
            queue.append(dispatch)

    async def _work(self, live: LiveRoom, channel_id: str, queue: deque[Dispatch]) -> None:
        IN_DELIVERY.set(True)
        try:
            while queue:
                result = await self._deliver(live, channel_id, queue[0])
                queue.popleft().settle(result)
        finally:
            del self._queues[live.id, channel_id]
            for left in queue:  # only when the kit closes in the middle
                left.settle(DeliveryResult(channel_id=channel_id, ok=False, error="closed"))

    async def _deliver(self, live: LiveRoom, channel_id: str, dispatch: Dispatch) -> DeliveryResult:
        channel, binding = self._channels(channel_id), live.bindings.get(channel_id)
        if channel is None:
            return DeliveryResult(channel_id=channel_id, ok=False, error="not_registered")
        if binding is None or not live.is_open:
            return DeliveryResult(channel_id=channel_id, ok=False, error="detached")
        if not may_receive(dispatch.event, binding, is_shared=channel.is_shared):
            return DeliveryResult(channel_id=channel_id, ok=False, error="access")
        began_ms = self._clock.now_ms()
        error: str | None = None
        limit = self._deadlines.within(self._timeout_s)
        try:
            with limit:
                shown = for_channel(dispatch.event, binding.capabilities or channel.capabilities)
                output = await channel.on_event(shown, binding, live.context())
            if output is not None:
                self._answered(live, dispatch.event, channel, output, dispatch.cascade)
        except Exception as failure:  # a channel may be a user's: its failure is this delivery's result
            error = "timeout" if isinstance(failure, TimeoutError) and limit.is_expired else _reason(failure)
            logger.warning("delivery to channel %s failed: %s", channel_id, error, exc_info=failure)
        duration_ms = self._clock.now_ms() - began_ms
        return DeliveryResult(channel_id=channel_id, ok=error is None, error=error, duration_ms=duration_ms)


def _reason(failure: Exception) -> str:
    """What goes on record: the words of a channel that chose them for it, else the kind: words may hold anything."""
    return str(failure) if isinstance(failure, DeliveryError) else type(failure).__name__

"""The one door into a room: permission, idempotency, depth, hooks, index, store; then delivery (RFC 0005).

Not in here: what is delivered to whom (`delivery`), what a hook is (`hooks`). Invariants: events of a room are taken
one at a time; an event is stored or refused, never half; what was stored is delivered even if its sender gave up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from roomkit.core.access import narrowed_to_source, write_refusal
from roomkit.core.answers import answer
from roomkit.core.background import begin
from roomkit.core.commit import Committer, Passage
from roomkit.core.delivery import IN_DELIVERY, AnswerCallback, Cascade
from roomkit.core.hooks import Outcome
from roomkit.core.identity import BLOCKED_BY, Identification, Sender
from roomkit.core.live import LiveRoom
from roomkit.core.locks import RoomGate
from roomkit.core.once import once
from roomkit.core.participants import Participants
from roomkit.core.parts import Parts
from roomkit.core.ports import Channel
from roomkit.core.registry import Scope
from roomkit.errors import RoomKitError
from roomkit.models.channel import ChannelOutput
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.enums import HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.hook import InjectedEvent


@dataclass(frozen=True, slots=True)
class InboundLimits:
    """Bounds of the pipeline.

    Attributes:
        max_chain_depth: Deepest answer to an answer that is let in.
        cascade_budget: Answers one event may cause in all, however shallow.
        process_timeout_s: For the way to the store, and again for the deliveries.
    """

    max_chain_depth: int = 5
    cascade_budget: int = 100
    process_timeout_s: float = 30.0


class InboundPipeline:
    """Takes events into rooms."""

    def __init__(
        self,
        parts: Parts,
        participants: Participants,
        identification: Identification,
        gate: RoomGate,
        limits: InboundLimits,
        committer: Callable[[AnswerCallback], Committer],
    ) -> None:
        self._parts = parts
        self._committer = committer(self.answered)
        self._participants = participants
        self._identification = identification
        self._gate = gate
        self._limits = limits
        self._deadlines = parts.deadlines

    async def submit(
        self,
        live: LiveRoom,
        event: RoomEvent,
        *,
        message: InboundMessage | None = None,
        waits: bool = True,
    ) -> InboundResult:
        """Take one event in.

        Args:
            live: The room.
            event: As its source would have it.
            message: What it was made from, if its sender is still to be identified.
            waits: Return when its deliveries ended (or their time is up), rather than when it is stored.

        Raises:
            SessionStateError: Called from inside one of the room's own hooks.
            StoreError: The store failed; nothing was stored.
        """
        self._gate.refuse_from_inside(live.id)
        key = _scoped_key(event)
        passage = Passage(event, Cascade(self._limits.cascade_budget), key, message)

        async def work() -> InboundResult:
            error = await self._enter(live, passage)
            if error is None and waits and not IN_DELIVERY.get():
                await self._await_deliveries(passage.cascade)
            return passage.result(error)

        return await once(live, key, work)

    async def submit_blocked(self, live: LiveRoom, event: RoomEvent, *, by: str, reason: str) -> InboundResult:
        """Put on the record what a hook outside the pipeline blocked; returns at commit, raises as `submit` does."""
        self._gate.refuse_from_inside(live.id)
        passage = Passage(event, Cascade(self._limits.cascade_budget), refused=reason, blocked_by=by)
        return passage.result(await self._enter(live, passage))

    def answered(
        self, live: LiveRoom, event: RoomEvent, channel: Channel, output: ChannelOutput, cascade: Cascade
    ) -> None:
        """Take in what a channel answered to an event, one step deeper in the chain; never waits."""
        if output.messages:
            cascade.begin()
            answers = self._take_answers(live, event, channel, output, cascade)
            if begin(self._parts.supervisor, answers, name=f"answers:{live.id}:{channel.channel_id}") is None:
                cascade.end()

    async def inject(self, live: LiveRoom, injected: InjectedEvent) -> None:
        """Take in what a hook added outside the pipeline (a voice or tool hook); returns at commit."""
        passage = Passage(injected.event, Cascade(self._limits.cascade_budget))
        async with self._gate.hold(live.id):
            if live.is_open:
                await self._inject(live, passage, None, injected)

    # --- the way in -------------------------------------------------------------------------------------------------

    async def _enter(self, live: LiveRoom, passage: Passage) -> str | None:
        """Bring a passage to its commit; ``"timeout"`` if time ran out before that."""
        limit = self._deadlines.within(self._limits.process_timeout_s)
        try:
            with limit:
                async with self._gate.hold(live.id):
                    await self._pass(live, passage)
        except TimeoutError:
            if not limit.is_expired:
                raise
            self._parts.framework.emit("process_timeout", room_id=live.id, channel_id=passage.event.source.channel_id)
            return None if passage.stored is not None else "timeout"
        return None

    async def _pass(self, live: LiveRoom, passage: Passage) -> None:
        """Under the room's lock: everything between a sender and the timeline, in the order of RFC 0005."""
        if not live.is_open:
            passage.refused = f"room_{live.room.status}"
            return
        if passage.key is not None:
            await self._parts.notes.flush()  # the first result is to be found as it is known
            passage.stored = await self._parts.store.event_by_key(live.id, passage.key)
            if passage.stored is not None:
                passage.is_repeat = True
                return
        sender = await self._identify(live, passage)
        if sender.is_stopped:
            await self._stop(live, passage, sender)
            return
        event = passage.event
        binding = live.bindings.get(event.source.channel_id)
        refusal = write_refusal(binding, event.source.direction)
        if passage.blocked_by is not None:
            event = _narrow(live, event)
            await self._committer.commit_blocked(live, passage, event, passage.blocked_by, passage.refused or "blocked")
        elif refusal is not None:
            await self._committer.commit_blocked(live, passage, event, refusal, refusal)
        elif event.chain_depth > self._limits.max_chain_depth:
            self._parts.framework.emit("chain_depth_exceeded", room_id=live.id, channel_id=event.source.channel_id)
            await self._committer.commit_blocked(live, passage, event, "chain_depth", "chain_depth")
        else:
            await self._ask_and_commit(live, passage, event)

    async def _identify(self, live: LiveRoom, passage: Passage) -> Sender:
        event, message = passage.event, passage.message
        sender = Sender(event.source.participant_id)
        if message is not None:
            sender = await self._identification.sender_of(live, message)
            if sender.participant_id != event.source.participant_id:
                source = event.source.model_copy(update={"participant_id": sender.participant_id})
                passage.event = event.model_copy(update={"source": source})
        name = sender.participant_id
        if name is not None and name not in live.participants and not sender.is_stopped:
            await self._participants.ensure_in(live, name, event.source.channel_id, sender.display_name)
        return sender

    async def _stop(self, live: LiveRoom, passage: Passage, sender: Sender) -> None:
        """Keep out what somebody unproved said (R-0009-5), or an answer to a challenge (R-0009-6)."""
        passage.refused = sender.refused
        if sender.blocked is not None:
            await self._committer.commit_blocked(live, passage, passage.event, BLOCKED_BY, sender.blocked)
        if sender.question is not None:
            await self._inject(live, passage, passage.stored, InjectedEvent(event=sender.question))

    async def _ask_and_commit(self, live: LiveRoom, passage: Passage, event: RoomEvent) -> None:
        event = _narrow(live, event)
        scope = Scope(live.id, event.source.channel_id, event.source.channel_type)
        outcome = await self._parts.hooks.ask(HookTrigger.BEFORE_BROADCAST, event, scope, live.context())
        verdict = outcome.verdict
        if verdict.blocked_by is not None:
            await self._committer.commit_blocked(live, passage, event, verdict.blocked_by, verdict.reason or "blocked")
        else:
            await self._committer.commit(live, passage, _decided(live, event, outcome))
        for injected in outcome.injected:
            await self._inject(live, passage, event, injected)

    async def _inject(self, live: LiveRoom, passage: Passage, cause: RoomEvent | None, injected: InjectedEvent) -> None:
        """Take in what a hook added: it asks no hook, but its source's permissions hold, and so does the depth."""
        event = injected.event.model_copy(update={"room_id": live.id})
        if cause is not None:
            event = event.model_copy(
                update={
                    "chain_depth": max(event.chain_depth, cause.chain_depth + 1),
                    "parent_event_id": event.parent_event_id or cause.id,
                    "correlation_id": event.correlation_id or cause.correlation_id or cause.id,
                }
            )
        binding = live.bindings.get(event.source.channel_id)
        refusal = write_refusal(binding, event.source.direction) if binding is not None else None
        if event.chain_depth > self._limits.max_chain_depth:
            refusal = "chain_depth"
        extra = Passage(event, passage.cascade)
        if refusal is not None:
            await self._committer.commit_blocked(live, extra, event, refusal, refusal)
        else:
            await self._committer.commit(live, extra, _narrow(live, event), injected.target_channel_ids)

    # --- afterwards ---

    async def _await_deliveries(self, cascade: Cascade) -> None:
        try:
            with self._deadlines.within(self._limits.process_timeout_s):
                await cascade.finished()
        except TimeoutError:  # the deliveries go on; the result tells which had ended
            return

    async def _take_answers(
        self, live: LiveRoom, event: RoomEvent, channel: Channel, output: ChannelOutput, cascade: Cascade
    ) -> None:
        try:
            for message in output.messages:
                if cascade.budget <= 0:
                    self._parts.framework.emit(
                        "cascade_budget_exceeded", room_id=live.id, channel_id=channel.channel_id, event_id=event.id
                    )
                    return
                cascade.budget -= 1
                await self._enter(live, Passage(answer(live, event, channel, message, self._parts.clock), cascade))
        except RoomKitError as error:
            self._parts.framework.emit(
                "answer_failed", room_id=live.id, channel_id=channel.channel_id, event_id=event.id, error=str(error)
            )
        finally:
            cascade.end()


def _scoped_key(event: RoomEvent) -> str | None:
    """Keys of different senders never meet: else one could read the other's event by guessing its key."""
    if event.idempotency_key is None:
        return None
    return "\x1f".join((event.source.channel_id, event.source.participant_id or "", event.idempotency_key))


def _narrow(live: LiveRoom, event: RoomEvent) -> RoomEvent:
    return narrowed_to_source(event, live.bindings.get(event.source.channel_id), live.categories)


def _decided(live: LiveRoom, event: RoomEvent, outcome: Outcome[RoomEvent]) -> RoomEvent:
    """The event as the hooks left it; what identifies it is not theirs to change."""
    changed = outcome.verdict.event
    if changed is event:
        return event
    kept = ("id", "room_id", "source", "status", "index", "chain_depth", "idempotency_key", "created_at")
    return _narrow(live, changed.model_copy(update={name: getattr(event, name) for name in kept}))

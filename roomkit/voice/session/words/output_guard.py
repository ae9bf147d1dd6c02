"""The output guard of one session: asks the hooks about what the agent is saying, and holds its audio meanwhile.

Not in here: which audio a verdict covers (`guard`, pure), how an answer is stopped (`events`). Invariants: audio is
delayed by ``output_guard_ms`` at most; texts of one session are asked one at a time, and the newest of an item wins.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from roomkit.core.ports import Verdict
from roomkit.models.voice import TranscriptionEvent
from roomkit.voice.audio.playback import PlayedItem
from roomkit.voice.realtime.provider_events import Transcript
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.inside import CURRENT_SESSION_ID
from roomkit.voice.session.media.lane import Media
from roomkit.voice.session.media.output import MAX_QUEUED_MS
from roomkit.voice.session.words.conversation import Conversation
from roomkit.voice.session.words.guard import Guard, Held, key_of
from roomkit.voice.session.words.transcripts import NO_VERDICT
from roomkit.voice.session.words.utterance import Blocked

logger = logging.getLogger(__name__)

TOO_LATE = "output_guard"
"""Who blocked an answer that ``output_guard_on_late="cut"`` stopped."""


class OutputGuard:
    """Holds the agent's audio back until its words are allowed.

    Args:
        context: The session's common ground; its settings say how long, and what follows when that was not enough.
        conversation: Where the words are judged, and their times known.
        media: Where the audio goes on.
        on_blocked: Called when an answer must be stopped; it clears the output, and so this guard.
        on_overflow: Audio beyond `MAX_QUEUED_MS` was dropped.
    """

    def __init__(
        self,
        context: SessionContext,
        conversation: Conversation,
        media: Media,
        *,
        on_blocked: Callable[[Blocked], None],
        on_overflow: Callable[[], None],
    ) -> None:
        self._context = context
        self._transcripts = conversation.transcripts
        self._output = media.output
        self._on_blocked = on_blocked
        self._on_overflow = on_overflow
        self._cuts_late = context.settings.output_guard_on_late == "cut"
        self._guard = Guard(context.settings.output_guard_ms, media.lead_ms, conversation.agent.times)
        self._unasked: dict[str, Transcript] = {}
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    # --- audio ------------------------------------------------------------------------------------------------------

    def keeps(self, pcm: bytes, duration_ms: float, item: PlayedItem) -> bool:
        """Take a piece of the agent's audio, to let it go later; False: nobody judges, it may go on at once."""
        if not self._transcripts.are_judged:
            self._let_go(self._guard.pop_all())
            return False
        if self._guard.held_ms + duration_ms > MAX_QUEUED_MS:
            item.received_ms -= duration_ms
            self._on_overflow()
            return True
        self._guard.hold(pcm, duration_ms, item, self._now_ms())
        self._look_again()
        return True

    def clear(self) -> None:
        """The answer was cut: what is held is never heard, and verdicts on it are nothing to us."""
        self._guard.clear()
        self._unasked.clear()
        asking, self._asking = self._asking, None
        if asking is not None and asking is not asyncio.current_task():
            asking.cancel()
        self._arm()

    # --- words ------------------------------------------------------------------------------------------------------

    def said(self, transcript: Transcript) -> None:
        """What the agent is saying. Partials are asked about here; the final is asked about as such, on the lane."""
        if self._context.is_over or self._output.is_dropped(transcript.response_id) or not self._transcripts.are_judged:
            return
        key = transcript.item_id or transcript.response_id
        self._guard.said(key, transcript.response_id, transcript.text, is_whole=transcript.is_final)
        if transcript.is_final:
            self._unasked.pop(key, None)
            self._look_again()
        elif transcript.text.strip():
            self._unasked[key] = transcript
            if self._asking is None:
                self._asking = self._context.start_task(self._ask(), "output_guard")

    def all_said(self, response_id: str) -> None:
        """The provider is done with the answer: words without a final are final as they are."""
        self._guard.all_said(response_id)
        self._look_again()

    def allowed(self, key: str, text: str) -> None:
        """The hooks let these words of an item pass."""
        self._guard.allow(key, text)
        self._look_again()

    async def _ask(self) -> None:
        CURRENT_SESSION_ID.set(self._context.view.id)  # the hook may end or reconfigure its own session
        while self._unasked:
            key = next(iter(self._unasked))
            transcript = self._unasked.pop(key)
            verdict = await self._transcripts.judge("assistant", transcript.text, transcript.item_id, is_final=False)
            if not self._guard.knows(key):
                continue
            if verdict.allowed:  # what a hook made of words so far is no word of the final
                self.allowed(key, transcript.text)
            elif verdict.blocked_by != NO_VERDICT:  # no verdict at all is late, and late has its own setting
                self._stop(key, transcript.response_id, transcript.item_id, verdict)
        self._asking = None

    # --- time -------------------------------------------------------------------------------------------------------

    def _look_again(self) -> None:
        self._let_go(self._guard.pop_covered())
        self._arm()

    def _let_go(self, pieces: list[Held]) -> None:
        for piece in pieces:
            self._output.release(piece.pcm, piece.duration_ms, piece.item)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (waiting := self._guard.next) is not None:
            self._timer = self._loop.call_at(waiting.due_ms / 1000.0, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        if (first := self._guard.next) is None:
            return
        now_ms = max(self._now_ms(), first.due_ms)  # timers may fire a nanosecond early
        self._let_go(self._guard.pop_due(now_ms, even_late=False))
        if (late := self._guard.next) is not None and late.due_ms <= now_ms:
            self._is_late(late, now_ms)
        self._look_again()

    def _is_late(self, late: Held, now_ms: float) -> None:
        item, key = late.item, key_of(late.item)
        if self._cuts_late:
            event = self._transcripts.event("assistant", self._guard.text(key), item.item_id, is_final=False)
            verdict = Verdict(False, event, "no verdict within output_guard_ms", blocked_by=TOO_LATE)
            self._stop(key, item.response_id, item.item_id, verdict)
            return
        if self._guard.first_late(key):
            self._count_late()
        self._let_go(self._guard.pop_due(now_ms, even_late=True))

    def _count_late(self) -> None:
        view = self._context.view
        view.late_verdicts += 1
        if view.late_verdicts == 1:
            logger.warning(
                "session %s: words of the agent were heard before a hook had judged them, "
                "for the verdict took longer than output_guard_ms; session.late_verdicts counts how often",
                view.id,
            )

    def _stop(self, key: str, response_id: str, item_id: str, verdict: Verdict[TranscriptionEvent]) -> None:
        self._on_blocked(Blocked(item_id, response_id, self._guard.allowed_text(key), verdict))

    def _now_ms(self) -> float:
        return self._loop.time() * 1000.0


def guard_of(
    context: SessionContext,
    conversation: Conversation,
    media: Media,
    *,
    on_blocked: Callable[[Blocked], None],
    on_overflow: Callable[[], None],
) -> OutputGuard | None:
    """The guard the session's settings ask for, in its place on the audio path; None if they ask for none."""
    if context.settings.output_guard_ms <= 0.0:
        return None
    guard = OutputGuard(context, conversation, media, on_blocked=on_blocked, on_overflow=on_overflow)
    media.output.guard = guard
    return guard

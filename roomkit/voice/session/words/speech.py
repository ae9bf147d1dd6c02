"""What RoomKit has said word for word: judged before it is spoken (BEFORE_TTS), told when heard or cut (AFTER_TTS).

Two ways lead here: a text the session gives its provider (`Speak`: a greeting, a farewell, an injected sentence), and
each sentence of a link that has its own synthesiser (`SpeechGate`). Not in here: what a speech-to-speech model says by
itself (ON_TRANSCRIPTION judges that). Invariants: with nobody to judge nothing is waited for; texts are spoken in the
order they came; what was blocked is not spoken and stands in the room as blocked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from roomkit.core.ports import Verdict
from roomkit.errors import RoomKitError
from roomkit.models.enums import EventType, HookTrigger
from roomkit.models.voice import SpokenTextEvent
from roomkit.voice.audio.playback import HeardItem
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.inside import CURRENT_SESSION_ID
from roomkit.voice.session.words.transcripts import Transcripts

PassOn = Callable[[str], None]
"""Gives a text to the provider."""

SAME_MS: Final = 1.0
"""Sums of frames differ from each other by less."""


@dataclass(frozen=True, slots=True)
class _Speech:
    """A text that was given to be spoken; ``item_id`` empty: all of its answer."""

    text: str
    voice: str | None
    item_id: str = ""
    start_ms: float = 0.0


class Speeches:
    """The texts of one session that are spoken word for word.

    Args:
        context: The session's common ground.
        transcripts: Makes the room event of what was blocked.
        heard: How much was heard of each item whose audio came.
    """

    def __init__(
        self, context: SessionContext, transcripts: Transcripts, *, heard: Callable[[], Iterable[HeardItem]]
    ) -> None:
        self._context = context
        self._transcripts = transcripts
        self._heard = heard
        self._waiting: list[tuple[str, PassOn]] = []
        self._asking: asyncio.Task[None] | None = None
        self._given: list[_Speech] = []
        self._answers: dict[str, list[_Speech]] = {}

    # --- before -----------------------------------------------------------------------------------------------------

    async def judged(self) -> None:
        """Return when no text waits for its verdict."""
        while self._asking is not None:
            await asyncio.wait({self._asking})

    @property
    def is_to_say(self) -> bool:
        """Whether a text was given to be spoken, and has not begun to be."""
        return bool(self._given)

    def say(self, text: str, pass_on: PassOn) -> None:
        """Have the provider say a text: at once, or when the hooks have allowed it."""
        if self._asking is None and not self._is_judged(text, self._context.settings.agent.voice):
            self._give(text, pass_on)
            return
        self._waiting.append((text, pass_on))
        self._start_asking()

    def before_speech(self, text: str, voice: str | None) -> Awaitable[str | None] | None:
        """See `SpeechGate.before_speech`."""
        return self._judge(text, voice) if self._is_judged(text, voice) else None

    def _is_judged(self, text: str, voice: str | None) -> bool:
        """Whether a hook decides; who only watches is told here."""
        port = self._context.port
        if port.listens(HookTrigger.BEFORE_TTS, deciding=True):
            return True
        if port.listens(HookTrigger.BEFORE_TTS):
            port.tell(HookTrigger.BEFORE_TTS, self._event(text, voice))
        return False

    def _start_asking(self) -> None:
        if self._asking is None and self._waiting and not self._context.is_over and self._context.tasks is not None:
            self._asking = self._context.start_task(self._ask_in_order(), "speech")
            self._asking.add_done_callback(self._asked)

    async def _ask_in_order(self) -> None:
        while self._waiting:
            text, pass_on = self._waiting.pop(0)
            try:
                allowed = await self._judge(text, self._context.settings.agent.voice)
                if allowed is not None and not self._context.is_over:
                    self._give(allowed, pass_on)
            except RoomKitError as error:  # the vendor cannot say it: nobody waits here to be told
                self._context.report("speech_failed", str(error))

    def _asked(self, _: asyncio.Task[None]) -> None:
        self._asking = None
        self._start_asking()

    async def _judge(self, text: str, voice: str | None) -> str | None:
        CURRENT_SESSION_ID.set(self._context.view.id)  # the hook may end or reconfigure its own session
        verdict = await self._context.port.ask(HookTrigger.BEFORE_TTS, self._event(text, voice))
        allowed: object = verdict.event.text
        if verdict.allowed and isinstance(allowed, str):
            return allowed if allowed.strip() else None
        await self._blocked(text, verdict)
        return None

    async def _blocked(self, text: str, verdict: Verdict[SpokenTextEvent]) -> None:
        context = self._context
        context.warn("speech_blocked", "a hook did not allow what the agent was to say")
        context.record("speech_blocked", by=verdict.blocked_by)
        if context.settings.emit_transcription_events:
            event = self._transcripts.event("assistant", _writable(text), "").to_room_event()
            by, reason = verdict.blocked_by or "hook", verdict.reason or "blocked: its answer is no text"
            await context.port.publish_blocked(
                event.model_copy(update={"type": EventType.MESSAGE}), by=by, reason=reason
            )

    # --- being spoken -----------------------------------------------------------------------------------------------

    def _give(self, text: str, pass_on: PassOn) -> None:
        self._given.append(_Speech(text, self._context.settings.agent.voice))
        pass_on(text)

    def not_spoken(self) -> None:
        """The text that was just given is shown instead: nobody speaks."""
        self._given.pop()

    def speech_begins(self, text: str, voice: str | None, response_id: str, item_id: str, start_ms: float) -> None:
        """See `SpeechGate.speech_begins`."""
        speeches = self._answers.setdefault(response_id, [])
        if speeches and not speeches[0].item_id:  # an answer of the link's own, not the `Speak` we took it for
            self._given.insert(0, speeches.pop())
        speeches.append(_Speech(text, voice, item_id, start_ms))

    def answer_began(self, response_id: str) -> None:
        """What was to be said first is being said."""
        if self._given:
            self._answers[response_id] = [self._given.pop(0)]

    def link_lost(self, unfinished: Iterable[str], *, is_heard: bool) -> None:
        """The link is gone. What it was saying is said again by the next, unless something of it was heard."""
        for response_id in () if is_heard else unfinished:
            speeches = self._answers.pop(response_id, ())
            self._given[:0] = [speech for speech in reversed(speeches) if not speech.item_id]

    # --- after ------------------------------------------------------------------------------------------------------

    def answer_was_heard(self, response_id: str, *, is_whole: bool = True) -> None:
        """All audio that came of an answer was heard; without ``is_whole`` more was to come."""
        self._after(response_id, self._heard(), is_whole=is_whole)

    def cut(self, response_ids: Iterable[str], heard: Iterable[HeardItem]) -> None:
        """Answers were interrupted; ``heard`` is how far the caller heard their items."""
        for response_id in response_ids:
            self._after(response_id, heard, is_whole=False)

    def _after(self, response_id: str, heard: Iterable[HeardItem], *, is_whole: bool) -> None:
        speeches = self._answers.pop(response_id, None)
        if not speeches or not self._context.port.listens(HookTrigger.AFTER_TTS):
            return
        items = [item for item in heard if item.response_id == response_id]
        for index, speech in enumerate(speeches):
            own = [item for item in items if speech.item_id in ("", item.item_id)]
            heard_ms, received_ms = sum(item.heard_ms for item in own), sum(item.received_ms for item in own)
            is_last = index + 1 == len(speeches)
            end_ms = received_ms if is_last else min(received_ms, speeches[index + 1].start_ms)
            duration_ms = max(0.0, min(heard_ms, end_ms) - speech.start_ms)
            is_cut = heard_ms < end_ms - SAME_MS or duration_ms <= 0.0 or (is_last and not is_whole)
            self._tell(self._event(speech.text, speech.voice, duration_ms=duration_ms, interrupted=is_cut))

    def _tell(self, event: SpokenTextEvent) -> None:
        context = self._context
        context.lane.put(lambda: context.port.tell(HookTrigger.AFTER_TTS, event))

    def _event(
        self, text: str, voice: str | None, *, duration_ms: float | None = None, interrupted: bool = False
    ) -> SpokenTextEvent:
        return SpokenTextEvent(
            session=self._context.view,
            text=_writable(text),
            voice=voice,
            duration_ms=duration_ms,
            interrupted=interrupted,
        )


def _writable(text: str) -> str:
    """Without lone surrogates (half an emoji out of broken JSON), which no UTF-8 can hold."""
    return text.encode(errors="replace").decode()

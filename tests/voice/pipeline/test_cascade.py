"""The cascade as a session sees it: commands in, events out, on engines that only pretend. Virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from roomkit.errors import ConfigError, ProviderError
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.pipeline.model import Conversation, Piece, Said, SpeechRate, ToolAnswered, ToolAsked, ToolRequest
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.pipeline.speaking import MOST_AHEAD_MS
from roomkit.voice.realtime.commands import (
    AskForResponse,
    BeginInput,
    CancelResponse,
    CommitInput,
    DeleteItem,
    InjectImage,
    InjectText,
    InputPaused,
    LinkConfig,
    RecallToolCall,
    SendAudio,
    Speak,
    ToolResult,
    ToolSpec,
    TruncateOutput,
    UpdateSession,
)
from roomkit.voice.realtime.provider import ProviderLink
from roomkit.voice.realtime.provider_events import (
    Audio,
    InputCommitted,
    LinkReady,
    ProviderEvent,
    ProviderFault,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    Transcript,
    TranscriptFailed,
)
from roomkit.voice.stt.base import NOTHING_HEARD, Recognition
from roomkit.voice.turn.endpointing import Completeness

pytestmark = pytest.mark.virtual_time

E = TypeVar("E")
BLOCK = 1_024
SPEECH, SILENCE = b"\x10\x27" * 512, bytes(BLOCK)  # 32 ms each
SPOKEN_BYTES_PER_CHARACTER = 2 * 16_000 // 20  # 50 ms


class FakeVad:
    rate_hz = 16_000
    block_bytes = BLOCK

    def speech_probability(self, block: bytes) -> float:
        return 1.0 if any(block) else 0.0

    def reset(self) -> None: ...


@dataclass
class FakeStt:
    """Hears `words` in any speech, a partial at once; `opened` minus `closed` are leaked utterances."""

    words: str | None = "what time is it"
    failure: ProviderError | None = None
    delay_s: float = 0.0
    rate_hz: int = 16_000
    heard_bytes: int = 0
    opened: int = 0
    closed: int = 0
    shows: bool = True

    async def warm(self) -> None: ...

    async def close(self) -> None: ...

    def open(self) -> FakeUtterance:
        self.opened += 1
        return FakeUtterance(self)


@dataclass
class FakeUtterance:
    stt: FakeStt
    is_over: bool = False

    def feed(self, pcm: bytes) -> None:
        self.stt.heard_bytes += len(pcm)

    def so_far(self) -> Recognition:
        return Recognition(self.stt.words, 1.0) if self.stt.shows else NOTHING_HEARD

    async def finish(self) -> Recognition:
        await asyncio.sleep(self.stt.delay_s)
        if self.stt.failure is not None:
            raise self.stt.failure
        return Recognition(self.stt.words)

    def abandon(self) -> None:
        self.stt.closed += not self.is_over
        self.is_over = True


@dataclass
class AheadStt(FakeStt):
    """One whose utterances work ahead; `told` is what they were told of pauses."""

    told: list[str] = field(default_factory=list)

    def open(self) -> FakeUtterance:
        self.opened += 1
        return AheadUtterance(self, told=self.told)


@dataclass
class AheadUtterance(FakeUtterance):
    told: list[str] = field(default_factory=list)

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


@dataclass
class FakeTts:
    rate_hz: int = 16_000
    said: list[tuple[str, str | None, float]] = field(default_factory=list)
    gap_s: float = 0.0

    async def warm(self) -> None: ...

    async def close(self) -> None: ...

    def knows_voice(self, voice: str) -> bool:
        return voice == "known"

    async def synthesize(
        self, text: str, *, voice: str | None = None, rate: float = 1.0
    ) -> AsyncGenerator[bytes, None]:
        self.said.append((text, voice, rate))
        for _ in text:
            await asyncio.sleep(self.gap_s)
            yield bytes(SPOKEN_BYTES_PER_CHARACTER)


@dataclass
class FakeModel:
    """Answers with the pieces its script makes of the conversation."""

    script: Callable[[Conversation], list[Piece]] = lambda _: ["It is noon."]
    asked: list[Conversation] = field(default_factory=list)

    async def reply(self, conversation: Conversation, *, tools: tuple[ToolSpec, ...]) -> AsyncGenerator[Piece, None]:
        self.asked.append(conversation)
        for piece in self.script(conversation):
            yield piece

    async def close(self) -> None: ...


@dataclass
class Call:
    stt: FakeStt
    tts: FakeTts
    model: FakeModel
    events: list[ProviderEvent] = field(default_factory=list)
    link: ProviderLink = field(init=False)

    def on_event(self, event: ProviderEvent) -> None:
        self.events.append(event)

    async def settled(self) -> None: ...

    async def says(self, *, speech_ms: int = 640, pause_ms: int = 960) -> None:
        for block in [SPEECH] * (speech_ms // 32) + [SILENCE] * (pause_ms // 32):
            self.link.send(SendAudio(block))
            await asyncio.sleep(0.032)

    def got(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def order(self) -> list[str]:
        """The kinds of events, partials and runs of audio told once."""
        kinds: list[str] = []
        for event in self.events:
            if isinstance(event, Transcript) and not event.is_final:
                continue
            kind = type(event).__name__ + (f"({event.role})" if isinstance(event, Transcript) else "")
            if kinds[-1:] != [kind]:
                kinds.append(kind)
        return kinds


@asynccontextmanager
async def calling(call: Call, **config: Any) -> AsyncIterator[Call]:
    def judge(words: str) -> Completeness:
        return Completeness.COMPLETE if words.endswith("it") else Completeness.UNKNOWN

    provider = CascadeProvider(
        stt=call.stt, tts=call.tts, model=call.model, vad=FakeVad, judge=judge, clock=VirtualClock()
    )
    call.link = await provider.open_link(LinkConfig("s", **config), call)
    try:
        yield call
    finally:
        await call.link.close()
        await provider.close()
        assert call.stt.opened == call.stt.closed


def a_call(**parts: Any) -> Call:
    return Call(parts.get("stt") or FakeStt(), parts.get("tts") or FakeTts(), parts.get("model") or FakeModel())


async def test_a_spoken_question_is_answered_aloud() -> None:
    async with calling(a_call()) as call:
        await call.says()

    assert call.order() == [
        "LinkReady", "SpeechStarted", "SpeechStopped", "InputCommitted", "Transcript(user)",
        "ResponseStarted", "Audio", "Transcript(assistant)", "ResponseDone",
    ]  # fmt: skip
    assert call.got(LinkReady) == [LinkReady(16_000, 16_000, "link_1")]
    item = call.got(SpeechStarted)[0].item_id
    assert call.got(InputCommitted) == [InputCommitted(item)]
    assert Transcript("user", "what time is it", True, item) in call.events
    assert {audio.response_id for audio in call.got(Audio)} == {call.got(ResponseStarted)[0].response_id}
    assert call.model.asked[0].entries == (Said("user", "what time is it", item),)


@pytest.mark.parametrize(("words", "pause_ms"), [("what time is it", 96), ("what time", 320)])
async def test_a_complete_phrase_is_answered_sooner(words: str, pause_ms: int) -> None:
    async with calling(a_call(stt=FakeStt(words))) as call:
        await call.says(pause_ms=pause_ms - 32)
        assert not call.got(SpeechStopped)

        await call.says(speech_ms=0, pause_ms=32)

        assert call.got(SpeechStopped)


async def test_the_recogniser_hears_what_was_said_before_speech_was_noticed() -> None:
    async with calling(a_call()) as call:
        await call.says(speech_ms=64, pause_ms=0)

    assert call.stt.heard_bytes == 2 * BLOCK


async def test_a_recogniser_that_works_ahead_is_told_once_of_each_pause_and_of_its_end() -> None:
    stt = AheadStt("what time")
    async with calling(a_call(stt=stt)) as call:
        await call.says(speech_ms=320, pause_ms=128)
        assert stt.told == ["pause"]

        await call.says(speech_ms=320, pause_ms=64)
        assert stt.told == ["pause", "resume", "pause"]

        await call.says(speech_ms=0, pause_ms=512)
        await call.says(speech_ms=320, pause_ms=32)

    assert stt.told == ["pause", "resume", "pause", "pause"]  # the last one is the next utterance's first


async def test_turns_by_hand_have_no_pauses_to_tell_of() -> None:
    stt = AheadStt()
    async with calling(a_call(stt=stt), provider_config={"turn_detection": None}) as call:
        call.link.send(BeginInput())
        await call.says(speech_ms=320, pause_ms=320)
        call.link.send(CommitInput())
        await asyncio.sleep(1)

        assert call.got(InputCommitted)
    assert stt.told == []


async def test_noise_is_taken_back_and_not_answered() -> None:
    async with calling(a_call(stt=FakeStt(None))) as call:
        await call.says()

    assert call.order() == ["LinkReady", "SpeechStarted", "SpeechStopped"]
    assert not call.got(SpeechStopped)[0].is_utterance


async def test_speech_that_is_not_understood_is_a_turn_without_a_transcript() -> None:
    async with calling(a_call(stt=FakeStt("", shows=False))) as call:
        await call.says()

    assert call.got(TranscriptFailed)
    assert call.got(SpeechStopped)[0].is_utterance
    assert call.model.asked[0].entries[-1] == Said("user", "", call.got(SpeechStarted)[0].item_id)


async def test_a_recogniser_that_fails_costs_one_turn_and_is_reported() -> None:
    async with calling(a_call(stt=FakeStt(failure=ProviderError("broken", code="stt_down")))) as call:
        await call.says()
        call.stt.failure = None
        await call.says()

    assert [fault.code for fault in call.got(ProviderFault)] == ["stt_down"]
    assert len(call.got(TranscriptFailed)) == 1
    assert call.got(ResponseDone)[-1].status == "completed"


async def test_the_caller_s_speech_stops_a_running_answer_at_once() -> None:
    async with calling(a_call(tts=FakeTts(gap_s=0.5))) as call:
        call.link.send(Speak("A very long story."))
        await asyncio.sleep(2)

        await call.says(speech_ms=96, pause_ms=0)
        heard = len(call.got(Audio))
        await call.says(speech_ms=960, pause_ms=0)

        assert len(call.got(Audio)) == heard
        assert [done.status for done in call.got(ResponseDone)] == ["cancelled"]
        assert call.got(Transcript)[-1].role == "user"


async def test_with_interrupt_response_off_the_answer_goes_on_and_the_next_waits_for_it() -> None:
    tts = FakeTts(gap_s=0.5)
    async with calling(a_call(tts=tts), provider_config={"interrupt_response": False}) as call:
        call.link.send(Speak("A story"))
        await call.says()
        assert not call.got(ResponseDone)

        await asyncio.sleep(20)

    assert [done.status for done in call.got(ResponseDone)] == ["completed", "completed"]
    assert [text for text, _, _ in tts.said] == ["A story", "It is noon."]


async def test_an_answer_never_starts_while_the_caller_speaks() -> None:
    async with calling(a_call()) as call:
        await call.says(speech_ms=320, pause_ms=0)

        call.link.send(InjectText("typed meanwhile"))
        await call.says(speech_ms=320, pause_ms=0)

        assert not call.got(ResponseStarted)
        await call.says(speech_ms=0)
    assert len(call.got(ResponseStarted)) == 1


async def test_cancelling_another_response_changes_nothing() -> None:
    async with calling(a_call(tts=FakeTts(gap_s=0.1))) as call:
        call.link.send(Speak("Hello"))
        await asyncio.sleep(0.2)

        call.link.send(CancelResponse("response_from_long_ago"))
        await asyncio.sleep(5)

    assert [done.status for done in call.got(ResponseDone)] == ["completed"]


async def test_a_tool_is_asked_for_and_its_result_becomes_the_answer() -> None:
    def script(conversation: Conversation) -> list[Piece]:
        match conversation.entries[-1]:
            case ToolAnswered(_, _, output):
                return [f"It is {output}."]
            case _:
                return ["One moment.", ToolRequest("clock", "{}")]

    async with calling(a_call(model=FakeModel(script)), tools=(ToolSpec("clock", "", {}),)) as call:
        call.link.send(InjectText("what time is it"))
        await asyncio.sleep(1)
        (asked,) = call.got(ToolCall)
        call.link.send(ToolResult(asked.call_id, "clock", "noon"))
        await asyncio.sleep(1)

    assert [text for text, _, _ in call.tts.said] == ["One moment.", "It is noon."]
    assert call.model.asked[-1].entries[-2:] == (
        ToolAsked(asked.call_id, "clock", "{}"),
        ToolAnswered(asked.call_id, "clock", "noon"),
    )


async def test_two_results_are_answered_once() -> None:
    async with calling(a_call()) as call:
        call.link.send(RecallToolCall("a", "one", "{}"))
        call.link.send(ToolResult("a", "one", "1", asks=False))
        call.link.send(ToolResult("b", "two", "2", asks=True))
        await asyncio.sleep(1)

    assert len(call.model.asked) == 1


async def test_what_the_caller_did_not_hear_was_not_said() -> None:
    async with calling(a_call()) as call:
        call.link.send(Speak("One two. Three four."))
        await asyncio.sleep(1)
        call.link.send(TruncateOutput(call.got(Audio)[0].item_id, 8 * 50))
        call.link.send(InjectText("repeat that"))
        await asyncio.sleep(1)

    assert call.model.asked[0].entries[0] == Said("assistant", "One two.", call.got(Audio)[0].item_id)


async def test_a_deleted_item_is_forgotten_and_silent_text_is_not_answered() -> None:
    async with calling(a_call()) as call:
        await call.says()
        call.link.send(DeleteItem(call.got(SpeechStarted)[0].item_id))
        call.link.send(InjectText("the caller is a member", role="system", silent=True))
        await asyncio.sleep(1)
        assert len(call.model.asked) == 1

        call.link.send(AskForResponse("be brief"))
        await asyncio.sleep(1)

    assert [(e.role, e.text) for e in call.model.asked[1].entries if isinstance(e, Said)] == [
        ("assistant", "It is noon."),
        ("system", "the caller is a member"),
    ]
    assert call.model.asked[1].instructions == "be brief"


async def test_manual_turns_begin_and_end_by_command_only() -> None:
    async with calling(a_call(), provider_config={"turn_detection": None}) as call:
        await call.says()
        assert call.order() == ["LinkReady"]

        call.link.send(BeginInput())
        await call.says()
        call.link.send(CommitInput())
        call.link.send(AskForResponse())
        await asyncio.sleep(1)

    assert call.order()[1:3] == ["InputCommitted", "Transcript(user)"]
    assert len(call.model.asked) == 1


async def test_a_pause_of_the_input_ends_an_open_utterance() -> None:
    async with calling(a_call()) as call:
        await call.says(pause_ms=0)

        call.link.send(InputPaused())
        await asyncio.sleep(0.1)

        assert call.got(InputCommitted)
        call.link.send(InputPaused())
        await asyncio.sleep(1)
    assert len(call.got(SpeechStopped)) == 1


async def test_turns_are_delivered_in_the_order_they_were_spoken() -> None:
    stt = FakeStt("first", delay_s=5)
    async with calling(a_call(stt=stt), provider_config={"create_response": False}) as call:
        await call.says()
        stt.delay_s = 0.0
        await call.says()
        await asyncio.sleep(10)

    assert [e.item_id for e in call.got(InputCommitted)] == [e.item_id for e in call.got(SpeechStarted)]
    assert not call.got(ResponseStarted)


async def test_voice_tools_and_instructions_change_in_place() -> None:
    async with calling(a_call()) as call:
        call.link.send(UpdateSession(LinkConfig("s", voice="known", instructions="be kind")))
        call.link.send(InjectText("hello"))
        await asyncio.sleep(1)

    assert call.tts.said == [("It is noon.", "known", 1.0)]
    assert call.model.asked[0].instructions == "be kind"


async def test_what_cannot_be_done_is_ignored_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with calling(a_call(), voice="alloy", temperature=0.5) as call:
        call.link.send(UpdateSession(LinkConfig("s", voice="alloy", temperature=0.7)))
        call.link.send(Speak("Hello"))
        await asyncio.sleep(1)

    assert call.tts.said == [("Hello", None, 1.0)]
    assert len(caplog.records) == 2


async def test_a_model_may_change_the_speed_within_bounds() -> None:
    async with calling(a_call(model=FakeModel(lambda _: [SpeechRate(0.1), "Slow."]))) as call:
        call.link.send(InjectText("slower"))
        await asyncio.sleep(1)

    assert call.tts.said == [("Slow.", None, 0.5)]


async def test_a_model_that_raises_costs_one_answer_not_the_call() -> None:
    def script(conversation: Conversation) -> list[Piece]:
        if len(conversation.entries) == 1:
            raise ZeroDivisionError
        return ["Fine."]

    async with calling(a_call(model=FakeModel(script))) as call:
        call.link.send(InjectText("one"))
        await asyncio.sleep(1)
        call.link.send(InjectText("two"))
        await asyncio.sleep(1)

    assert [done.status for done in call.got(ResponseDone)] == ["failed", "completed"]
    assert call.got(ProviderFault)[0].code == "model_failed"


async def test_pictures_fail_before_the_wire_and_say_what_can() -> None:
    async with calling(a_call()) as call:
        with pytest.raises(ConfigError, match="images=True"):
            call.link.send(InjectImage(b"", "image/png"))


async def test_an_endless_answer_is_made_only_a_little_ahead_of_real_time() -> None:
    async with calling(a_call()) as call:
        call.link.send(Speak("x" * 10_000))
        await asyncio.sleep(5)
        made_ms = len(call.got(Audio)) * 50

    assert pytest.approx(made_ms, abs=200) == 5_000 + MOST_AHEAD_MS


async def test_more_audio_than_is_live_is_heard_from_its_end_only() -> None:
    async with calling(a_call()) as call:
        call.link.send(SendAudio(SPEECH * 10_000))

    assert call.stt.heard_bytes <= 2_000 * 32


async def test_odd_bytes_and_nothing_at_all_do_no_harm() -> None:
    async with calling(a_call()) as call:
        for size in (0, 1, 3, 1_023, 4_097):
            call.link.send(SendAudio(b"\x01" * size))


async def test_after_the_close_nothing_happens_any_more() -> None:
    async with calling(a_call(tts=FakeTts(gap_s=0.1))) as call:
        call.link.send(Speak("A story"))
        await asyncio.sleep(0.2)
        await call.link.close()
        known = len(call.events)

        call.link.send(SendAudio(SPEECH * 10))
        call.link.send(InjectText("hello"))
        await asyncio.sleep(5)

        assert len(call.events) == known
        assert len(asyncio.all_tasks()) == 1

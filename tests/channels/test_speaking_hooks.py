"""What is said word for word, before and after it is spoken: a greeting, an injected text, a cascade's sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit import ChannelType, HookExecution, HookResult, HookTrigger, RoomKit, SpokenTextEvent
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import ConfigError
from roomkit.models.enums import EventStatus
from roomkit.models.session import SessionState, VoiceSession
from roomkit.testing.call import tone
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.pipeline.model import Conversation, Piece
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.realtime.commands import Command, LinkConfig, Speak, ToolSpec
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink, RealtimeVoiceProvider
from roomkit.voice.stt.base import NOTHING_HEARD, Recognition

pytestmark = pytest.mark.virtual_time

BEFORE, AFTER = HookTrigger.BEFORE_TTS, HookTrigger.AFTER_TTS
BYTES_PER_CHARACTER = 2 * 16_000 // 20  # 50 ms


@dataclass
class Engines:
    """Recogniser, synthesiser and VAD of a cascade that hears nothing; `said` is what was synthesised."""

    rate_hz: int = 16_000
    block_bytes: int = 1_024
    said: list[str] = field(default_factory=list)

    async def warm(self) -> None: ...

    async def close(self) -> None: ...

    def reset(self) -> None: ...

    def speech_probability(self, block: bytes) -> float:
        return 0.0

    def open(self) -> Engines:
        return self

    def feed(self, pcm: bytes) -> None: ...

    def so_far(self) -> Recognition:
        return NOTHING_HEARD

    async def finish(self) -> Recognition:
        return NOTHING_HEARD

    def abandon(self) -> None: ...

    def knows_voice(self, voice: str) -> bool:
        return True

    async def synthesize(
        self, text: str, *, voice: str | None = None, rate: float = 1.0
    ) -> AsyncGenerator[bytes, None]:
        self.said.append(text)
        yield bytes(BYTES_PER_CHARACTER * len(text))


@dataclass
class Model:
    """Says the same to everything."""

    answer: str = "It is noon. The sun is high."

    async def reply(self, conversation: Conversation, *, tools: tuple[ToolSpec, ...]) -> AsyncGenerator[Piece, None]:
        yield self.answer

    async def close(self) -> None: ...


@dataclass
class Here:
    """A room with one caller; what its hooks were told."""

    kit: RoomKit
    channel: RealtimeVoiceChannel
    session: VoiceSession
    provider: RealtimeVoiceProvider
    transport: MockRealtimeTransport
    engines: Engines
    after: list[SpokenTextEvent] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def mock(self) -> MockRealtimeProvider:
        assert isinstance(self.provider, MockRealtimeProvider)
        return self.provider

    def spoken(self) -> list[str]:
        """What the provider was told to say word for word."""
        return [call.args["text"] for call in self.mock.calls if call.method == "speak"]

    def told(self) -> list[Any]:
        return [(event.text, event.duration_ms, event.interrupted) for event in self.after]

    async def blocked(self) -> list[tuple[str, str | None]]:
        timeline = await self.kit.get_timeline("room")
        return [(event.text, event.blocked_by) for event in timeline if event.status is EventStatus.BLOCKED]


async def a_room(*, is_cascade: bool = False, before: Any = None, **channel: Any) -> Here:
    kit, engines = RoomKit(clock=VirtualClock()), Engines()
    provider: RealtimeVoiceProvider = channel.pop("provider", None) or MockRealtimeProvider()
    if is_cascade:
        provider = CascadeProvider(stt=engines, tts=engines, model=Model(), vad=lambda: engines, clock=VirtualClock())
    transport = MockRealtimeTransport(lead_ms=200)
    voice = RealtimeVoiceChannel(
        "voice", provider=provider, transport=transport, input_sample_rate=16_000, output_sample_rate=16_000, **channel
    )
    kit.register_channel(voice)
    after: list[SpokenTextEvent] = []
    errors: list[str] = []
    kit.hook(AFTER)(lambda event, context: after.append(event))
    kit.hook(HookTrigger.ON_ERROR)(lambda event, context: errors.append(event.code))
    if before is not None:
        kit.hook(BEFORE, name="judge", timeout=5.0)(before)
    session = await voice.start_session("room", "ada")
    return Here(kit, voice, session, provider, transport, engines, after, errors)


async def says(here: Here, text: str, *, seconds: float) -> None:
    """The mock's agent speaks as it was told."""
    await here.mock.simulate_response_start(here.session)
    await here.mock.simulate_audio(here.session, tone(seconds, 16_000))
    await here.mock.simulate_transcription(here.session, text)
    await here.mock.simulate_response_end(here.session)


# --- a text given to a speech-to-speech provider ----------------------------------------------


async def test_with_nobody_to_judge_a_text_is_passed_on_at_once() -> None:
    """R-0004-12."""
    here = await a_room(greeting="hello")

    await here.channel.inject_text(here.session, "we are closed", role="assistant")

    assert here.spoken() == ["hello", "we are closed"]
    await here.kit.close()


async def test_a_hook_may_stop_what_is_to_be_said_and_it_stands_in_the_room_as_blocked() -> None:
    here = await a_room(greeting="the code is 1234", before=lambda event, context: HookResult.block("a secret"))

    await asyncio.sleep(1)

    assert here.spoken() == []
    assert await here.blocked() == [("the code is 1234", "judge")]
    assert here.errors == ["speech_blocked"]
    assert here.told() == []
    await here.kit.close()


async def test_a_hook_may_change_what_is_to_be_said() -> None:
    def polite(event: SpokenTextEvent, context: object) -> HookResult:
        return HookResult.modify(event.model_copy(update={"text": f"{event.text}, please"}))

    here = await a_room(before=polite)

    await here.channel.inject_text(here.session, "wait", role="assistant")
    await asyncio.sleep(0.1)

    assert here.spoken() == ["wait, please"]
    await here.kit.close()


async def test_it_sees_whose_words_they_are() -> None:
    seen: list[SpokenTextEvent] = []
    here = await a_room(before=lambda event, context: seen.append(event), voice="cedar")

    await here.channel.inject_text(here.session, "hello", role="assistant")
    await asyncio.sleep(0.1)

    (event,) = seen
    assert (event.text, event.role, event.voice) == ("hello", "assistant", "cedar")
    assert (event.room_id, event.channel_id, event.session) == ("room", "voice", here.session)
    assert event.duration_ms is None
    await here.kit.close()


async def test_texts_are_said_in_the_order_they_came_however_long_each_verdict_takes() -> None:
    """R-0004-12."""
    delays = iter([1.0, 0.0, 0.5])

    async def slowly(event: SpokenTextEvent, context: object) -> None:
        await asyncio.sleep(next(delays))

    here = await a_room(before=slowly)
    for text in ("one", "two", "three"):
        await here.channel.inject_text(here.session, text, role="assistant")
    at_once = here.spoken()
    await here.mock.simulate_transcription(here.session, "hello?", role="user")  # words do not wait for it
    words = [event.text for event in await here.kit.get_timeline("room")]
    await asyncio.sleep(2)

    assert at_once == []
    assert words == ["hello?"]
    assert here.spoken() == ["one", "two", "three"]
    await here.kit.close()


def raises(event: object, context: object) -> None:
    raise RuntimeError("oops")


async def hangs(event: object, context: object) -> None:
    await asyncio.sleep(3_600)


@pytest.mark.parametrize(
    "hook",
    [
        raises,
        hangs,
        lambda event, context: "babble",
        lambda event, context: HookResult.modify(object()),
        lambda event, context: HookResult.modify(event.model_copy(update={"text": 42})),
        lambda event, context: HookResult.modify(event.model_copy(update={"text": None})),
    ],
    ids=["raises", "hangs", "babbles", "retypes", "number", "nothing"],
)
async def test_a_hook_that_fails_counts_as_a_block_and_the_call_goes_on(hook: Any) -> None:
    """R-0004-5, R-0004-12."""
    here = await a_room(before=hook)

    await here.channel.inject_text(here.session, "hello", role="assistant")
    await asyncio.sleep(10)

    assert here.spoken() == []
    assert here.session.state is SessionState.ACTIVE
    assert [text for text, _ in await here.blocked()] == ["hello"]
    await here.kit.close()


@pytest.mark.parametrize("answer", [None, "block"])
async def test_half_an_emoji_does_not_cost_the_call(answer: str | None) -> None:
    def hook(event: SpokenTextEvent, context: object) -> HookResult | None:
        return HookResult.block("no") if answer else None

    here = await a_room(before=hook)

    await here.channel.inject_text(here.session, "hello \ud83d", role="assistant")
    await asyncio.sleep(0.1)

    assert here.session.state is SessionState.ACTIVE
    assert here.spoken() == ([] if answer else ["hello ?"])
    assert [text for text, _ in await here.blocked()] == (["hello ?"] if answer else [])
    await here.kit.close()


async def test_a_vendor_that_cannot_say_it_is_reported_and_the_call_goes_on() -> None:
    class Speechless(MockRealtimeProvider):
        async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
            link = await super().open_link(config, sink)
            tell = link.send

            def send(command: Command) -> None:
                if isinstance(command, Speak):
                    raise ConfigError("this vendor says nothing word for word")
                tell(command)

            link.send = send  # type: ignore[method-assign]  # the smallest vendor that refuses
            return link

    here = await a_room(before=lambda event, context: None, provider=Speechless())

    await here.channel.inject_text(here.session, "hello", role="assistant")
    await asyncio.sleep(0.1)

    assert here.errors == ["speech_failed"]
    assert here.session.state is SessionState.ACTIVE
    await here.kit.close()


async def test_changed_to_nothing_it_is_not_said_and_nothing_was_blocked() -> None:
    here = await a_room(before=lambda event, context: HookResult.modify(event.model_copy(update={"text": " "})))

    await here.channel.inject_text(here.session, "hello", role="assistant")
    await asyncio.sleep(0.1)

    assert here.spoken() == []
    assert await here.blocked() == []
    await here.kit.close()


async def test_a_hook_may_hang_up_the_call_it_judges_for() -> None:
    async def hang_up(event: SpokenTextEvent, context: object) -> None:
        await here.channel.end_session(event.session)

    here = await a_room(before=hang_up)

    await here.channel.inject_text(here.session, "hello", role="assistant")
    await asyncio.sleep(1)

    assert here.session.state is SessionState.ENDED
    assert here.spoken() == []
    await here.kit.close()


async def test_filters_and_rooms_hold_for_it_and_an_observer_stops_nothing() -> None:
    here = await a_room()
    seen: list[str] = []

    def block(event: SpokenTextEvent, context: object) -> HookResult:
        seen.append("decided")
        return HookResult.block("no")

    here.kit.hook(BEFORE, channel_ids=["other"])(block)
    here.kit.hook(BEFORE, channel_types=[ChannelType.WEBSOCKET])(block)
    await here.kit.create_room("elsewhere")
    here.kit.add_room_hook("elsewhere", BEFORE, HookExecution.SYNC, block, name="elsewhere")
    here.kit.hook(BEFORE, HookExecution.ASYNC)(lambda event, context: seen.append(f"saw {event.text}"))
    await here.channel.inject_text(here.session, "hello", role="assistant")
    at_once = here.spoken()
    await asyncio.sleep(0.1)

    assert at_once == ["hello"]
    assert seen == ["saw hello"]
    await here.kit.close()


async def test_hanging_up_after_what_is_to_be_said_waits_for_its_verdict() -> None:
    async def slowly(event: object, context: object) -> None:
        await asyncio.sleep(1)

    here = await a_room(before=slowly)
    await here.channel.inject_text(here.session, "goodbye", role="assistant")

    await here.channel.end_session(here.session, drain=True)

    assert here.spoken() == ["goodbye"]
    await here.kit.close()


# --- when it was heard ------------------------------------------------------------------------


async def test_when_it_was_heard_the_observers_are_told() -> None:
    here = await a_room(greeting="welcome")

    await says(here, "welcome", seconds=2)
    await asyncio.sleep(1.5)
    while_speaking = here.told()
    await asyncio.sleep(1)

    assert while_speaking == []
    assert here.told() == [("welcome", pytest.approx(2_000), False)]
    await here.kit.close()


async def test_when_it_was_cut_they_are_told_how_much_was_heard() -> None:
    here = await a_room(greeting="welcome to a long story")

    await says(here, "welcome to a long story", seconds=5)
    await asyncio.sleep(1)
    await here.mock.simulate_speech_start(here.session)
    await asyncio.sleep(0.1)

    assert here.told() == [("welcome to a long story", pytest.approx(1_000), True)]
    await here.kit.close()


async def test_an_answer_of_the_model_is_nobodys_text() -> None:
    here = await a_room()

    await says(here, "six o'clock", seconds=1)
    await asyncio.sleep(2)

    assert here.told() == []
    await here.kit.close()


async def test_what_a_lost_link_did_not_say_is_told_once_when_the_next_one_has() -> None:
    here = await a_room(greeting="welcome")

    await here.mock.simulate_disconnect(here.session)
    await asyncio.sleep(5)
    await says(here, "welcome", seconds=1)
    await asyncio.sleep(2)

    assert here.told() == [("welcome", pytest.approx(1_000), False)]
    await here.kit.close()


@pytest.mark.parametrize("way", ["end", "lost"])
async def test_what_the_end_of_a_call_or_a_link_cuts_counts_as_cut(way: str) -> None:
    here = await a_room(greeting="welcome")
    await here.mock.simulate_response_start(here.session)
    await here.mock.simulate_audio(here.session, tone(3, 16_000))
    await asyncio.sleep(1)

    if way == "end":
        await here.channel.end_session(here.session)
    else:
        await here.mock.simulate_disconnect(here.session)
    await asyncio.sleep(5)

    assert here.told() == [("welcome", pytest.approx(1_000 if way == "end" else 3_000), True)]
    await here.kit.close()


# --- a cascade: each sentence before it is synthesised ----------------------------------------


async def test_each_sentence_of_a_cascade_is_judged_before_it_is_synthesised() -> None:
    """R-0004-12."""

    def no_sun(event: SpokenTextEvent, context: object) -> HookResult | None:
        return HookResult.block("weather") if "sun" in event.text else None

    here = await a_room(is_cascade=True, before=no_sun)

    await here.channel.request_response(here.session)
    await asyncio.sleep(5)

    assert here.engines.said == ["It is noon."]
    assert await here.blocked() == [("The sun is high.", "judge")]
    assert [e.text for e in await here.kit.get_timeline("room") if e.status is not EventStatus.BLOCKED] == [
        "It is noon."
    ]
    await here.kit.close()


async def test_a_cascade_says_what_the_hook_made_of_it() -> None:
    here = await a_room(
        is_cascade=True,
        before=lambda event, context: HookResult.modify(event.model_copy(update={"text": event.text.upper()})),
    )

    await here.channel.request_response(here.session)
    await asyncio.sleep(5)

    assert here.engines.said == ["IT IS NOON.", "THE SUN IS HIGH."]
    await here.kit.close()


async def test_a_cascade_tells_of_each_sentence_how_much_of_it_was_heard() -> None:
    here = await a_room(is_cascade=True)

    await here.channel.request_response(here.session)
    await asyncio.sleep(0.05 * 11 + 0.4)  # half of the second sentence
    here.transport.calls.clear()
    await here.transport.simulate_client_interrupt(here.session)
    await asyncio.sleep(0.1)

    assert here.told() == [
        ("It is noon.", pytest.approx(550), False),
        ("The sun is high.", pytest.approx(400, abs=60), True),
    ]
    await here.kit.close()


async def test_a_text_said_by_a_cascade_is_judged_once() -> None:
    seen: list[str] = []
    here = await a_room(
        is_cascade=True, before=lambda event, context: seen.append(event.text), greeting="Welcome. How are you?"
    )

    await asyncio.sleep(5)

    assert seen == ["Welcome. How are you?"]
    assert here.engines.said == ["Welcome.", "How are you?"]
    assert here.told() == [("Welcome. How are you?", pytest.approx(1_000), False)]
    await here.kit.close()


async def test_the_caller_may_interrupt_while_a_sentence_waits_for_its_verdict() -> None:
    judged: list[str] = []

    async def slowly(event: SpokenTextEvent, context: object) -> None:
        await asyncio.sleep(1)
        judged.append(event.text)

    here = await a_room(is_cascade=True, before=slowly)
    await here.channel.request_response(here.session)
    await asyncio.sleep(0.5)
    await here.transport.simulate_client_interrupt(here.session)
    await asyncio.sleep(2)
    await here.channel.request_response(here.session)
    await asyncio.sleep(5)

    assert judged == here.engines.said == ["It is noon.", "The sun is high."]
    await here.kit.close()


async def test_a_slow_verdict_can_be_interrupted_and_leaves_nothing() -> None:
    here = await a_room(is_cascade=True, before=hangs)

    await here.channel.request_response(here.session)
    await asyncio.sleep(0.5)
    await here.channel.end_session(here.session)
    await here.kit.close()

    assert here.engines.said == []
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

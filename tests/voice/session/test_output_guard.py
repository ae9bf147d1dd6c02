"""Words that are judged before they are heard (RFC 0006, R-0006-70..74)."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit.core.ports import Verdict
from roomkit.errors import ConfigError
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason
from roomkit.testing.call import Call, RecordingRoomPort, start_call, tone
from roomkit.testing.virtual_time import VirtualTimeLoop
from roomkit.voice.realtime.mock import MockRealtimeProvider
from roomkit.voice.realtime.provider_events import (
    Audio,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpokenWords,
    Transcript,
)
from roomkit.voice.realtime.reconnect import ReconnectPolicy
from roomkit.voice.session.reconfigure import AgentChanges, reconfigure
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time

OnLate = Literal["release", "cut"]

SECRET = b"\x37\x13"
"""The sample a forbidden phrase is spoken with; a tone has none of it."""

GUARD_MS = 500.0


def secret(seconds: float) -> bytes:
    return SECRET * int(24_000 * seconds)


def samples(pcm: bytes) -> int:
    """How many samples of the forbidden phrase there are."""
    return sum(pcm[at : at + 2] == SECRET for at in range(0, len(pcm), 2))


class Moderator:
    """Blocks what holds the word "swordfish", after thinking about it."""

    def __init__(self, thinks_s: float = 0.0) -> None:
        self.thinks_s = thinks_s
        self.asked: list[tuple[str, bool]] = []
        self.at_once = self.most_at_once = 0

    async def __call__(self, event: Any) -> Verdict[Any]:
        self.asked.append((event.text, event.is_final))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.thinks_s)
        finally:
            self.at_once -= 1
        return Verdict("swordfish" not in event.text, event, "a secret", blocked_by="moderation")


async def guarded_call(
    hook: Any, *, on_late: OnLate = "release", guard_ms: float = GUARD_MS, lead_ms: float = 200, **options: Any
) -> Call:
    return await start_call(
        port=RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: hook}),
        settings=SessionSettings(output_guard_ms=guard_ms, output_guard_on_late=on_late),
        lead_ms=lead_ms,
        **options,
    )


def says(call: Call, *events: ProviderEvent) -> None:
    for event in events:
        call.session.events.from_provider(event)


def words(text: str, *, is_final: bool = False, item: str = "i") -> Transcript:
    return Transcript("assistant", text, is_final, item, "r")


def audio(pcm: bytes, item: str = "i") -> Audio:
    return Audio(pcm, "r", item)


def heard(call: Call) -> bytes:
    return b"".join(pcm for _, pcm in call.transport.sent_audio)


# --- what is forbidden is never heard -----------------------------------------------------------------------------


TEXT_BEFORE = (words("the code is"), words("the code is swordfish"), audio(tone(0.2)), audio(secret(1)))
TEXT_WITH = (words("the code is"), audio(tone(0.2)), words("the code is swordfish"), audio(secret(1)))
TEXT_AFTER = (audio(tone(0.2)), audio(secret(1)), words("the code is"), words("the code is swordfish"))


@pytest.mark.parametrize("on_late", ["release", "cut"])
@pytest.mark.parametrize("thinks_s", [0.0, 0.4])
@pytest.mark.parametrize("script", [TEXT_BEFORE, TEXT_WITH, TEXT_AFTER])
async def test_a_forbidden_phrase_is_not_heard_whenever_its_words_come(
    script: tuple[ProviderEvent, ...], thinks_s: float, on_late: OnLate
) -> None:
    """R-0006-70, R-0006-71."""
    call = await guarded_call(Moderator(thinks_s / 2), on_late=on_late)

    says(call, ResponseStarted("r"), *script)
    await asyncio.sleep(5)
    says(call, audio(secret(1)), words("the code is swordfish, really", is_final=True), ResponseDone("r", "cancelled"))
    await asyncio.sleep(5)

    assert samples(heard(call)) == 0
    assert "cancel_response" in call.provider.methods()
    assert call.told("transcription_blocked")
    assert [(event.text, event.blocked_by) for event in call.port.blocked] == [("the code is swordfish", "moderation")]
    assert call.view.late_verdicts == 0


async def test_words_that_come_after_their_audio_hold_it_as_long_as_the_guard_allows() -> None:
    call = await guarded_call(Moderator())

    says(call, ResponseStarted("r"), audio(secret(1)))
    await asyncio.sleep(0.45)
    says(call, words("swordfish"))
    await asyncio.sleep(5)

    assert heard(call) == b""


async def test_what_was_allowed_before_the_forbidden_phrase_is_heard_and_on_record() -> None:
    call = await guarded_call(Moderator())
    greeting = "Good morning, what a nice day it is! "

    says(call, ResponseStarted("r"), words(greeting), audio(tone(2)))
    await asyncio.sleep(1.9)
    says(call, words(greeting + "The code is swordfish."), audio(secret(1)))
    await asyncio.sleep(1)
    says(call, ResponseDone("r", "cancelled"))
    await call.session.settled()

    assert samples(heard(call)) == 0
    assert 1_400 <= call.heard_ms() <= 2_000
    [said] = call.port.published
    assert greeting.startswith(said.text) and said.metadata["interrupted"] is True
    assert [event.text for event in call.port.blocked] == [greeting + "The code is swordfish."]
    kinds = [message["type"] for _, message in call.transport.sent_messages if "transcription" in message["type"]]
    assert kinds[-2:] == ["transcription_blocked", "transcription"]  # taken away, then what was heard of it
    assert "swordfish" not in str(call.session.events.conversation.history.replay())


async def test_an_item_whose_words_lag_waits_although_the_words_so_far_were_allowed() -> None:
    call = await guarded_call(Moderator(), on_late="cut")

    says(call, ResponseStarted("r"), words("the code is"), audio(tone(0.5)), audio(secret(2)))
    await asyncio.sleep(0.4)
    says(call, words("the code is swordfish"))
    await asyncio.sleep(5)

    assert samples(heard(call)) == 0


async def test_a_vendors_own_times_say_what_a_verdict_covers() -> None:
    call = await guarded_call(Moderator(), guard_ms=5_000)
    times = [
        SpokenWords(word, start_ms, "r", "i") for word, start_ms in (("so ", 0), ("the ", 1_000), ("code ", 2_000))
    ]

    says(call, ResponseStarted("r"), *times, words("so the "), *(audio(tone(0.02)) for _ in range(150)))
    await asyncio.sleep(4)

    assert call.heard_ms() == pytest.approx(2_000, abs=25)


# --- late verdicts ------------------------------------------------------------------------------------------------


async def test_a_late_verdict_lets_the_audio_go_counts_it_and_stops_what_is_left() -> None:
    """R-0006-72."""
    call = await guarded_call(Moderator(thinks_s=1.0))

    says(call, ResponseStarted("r"), words("swordfish"), audio(secret(5)))
    await asyncio.sleep(0.49)
    before = heard(call)
    await asyncio.sleep(10)

    assert before == b""
    assert 0 < call.heard_ms() <= (1_000 - GUARD_MS) + 200 + 60
    assert call.view.late_verdicts == 1
    assert [event.text for event in call.port.blocked] == ["swordfish"]


async def test_with_cut_a_late_verdict_stops_the_answer() -> None:
    """R-0006-72."""
    call = await guarded_call(Moderator(thinks_s=1.0), on_late="cut")

    says(call, ResponseStarted("r"), words("swordfish"), audio(secret(5)))
    await asyncio.sleep(10)

    assert heard(call) == b""
    assert "cancel_response" in call.provider.methods()
    [blocked] = call.port.blocked
    assert (blocked.text, blocked.blocked_by) == ("swordfish", "output_guard")
    assert blocked.block_reason == "no verdict within output_guard_ms"
    assert call.view.late_verdicts == 0


@pytest.mark.parametrize(("on_late", "heard_ms", "late"), [("release", 1_000, 1), ("cut", 0, 0)])
async def test_a_hook_that_hangs_delays_an_answer_by_the_guard_and_no_more(
    on_late: OnLate, heard_ms: float, late: int
) -> None:
    call = await guarded_call(Moderator(thinks_s=1e6), on_late=on_late, lead_ms=float("inf"))

    says(call, ResponseStarted("r"), words("good morning"), audio(tone(1)))
    await asyncio.sleep(GUARD_MS / 1_000 + 0.001)
    at_once = call.heard_ms()
    await asyncio.sleep(10)

    assert at_once == call.heard_ms() == heard_ms
    assert call.view.late_verdicts == late


@pytest.mark.parametrize("on_late", ["release", "cut"])
async def test_an_answer_in_real_time_is_heard_a_little_later_and_is_not_late(on_late: OnLate) -> None:
    call = await guarded_call(Moderator(thinks_s=0.05), on_late=on_late)
    text = ""

    says(call, ResponseStarted("r"))
    for word in ("good ", "morning ", "how ", "may ", "I ", "help ", "you ", "on ", "this ", "fine ", "day ") * 3:
        text += word
        says(call, words(text))
        for _ in range(15):
            says(call, audio(tone(0.02)))
            await asyncio.sleep(0.02)
    says(call, words(text, is_final=True), ResponseDone("r"))
    await asyncio.sleep(2)

    assert call.heard_ms() == 33 * 300
    assert (call.view.late_verdicts, call.port.blocked) == (0, [])


@pytest.mark.parametrize("on_late", ["release", "cut"])
async def test_long_words_before_the_forbidden_one_do_not_cover_it(on_late: OnLate) -> None:
    call = await guarded_call(Moderator(thinks_s=0.2), on_late=on_late)
    text = "unfortunately international transportation "

    says(call, ResponseStarted("r"), words(text))
    await asyncio.sleep(0.3)
    says(call, audio(tone(0.3)), words(text + "swordfish"), audio(secret(0.3)))
    await asyncio.sleep(2)

    assert samples(heard(call)) == 0


async def test_an_answer_without_words_is_late() -> None:
    released = await guarded_call(Moderator(), on_late="release")
    stopped = await guarded_call(Moderator(), on_late="cut")
    for call in (released, stopped):
        says(call, ResponseStarted("r"), audio(tone(1)), ResponseDone("r"))
    await asyncio.sleep(3)

    assert (released.heard_ms(), released.view.late_verdicts) == (1_000, 1)
    assert (stopped.heard_ms(), stopped.port.blocked) == (0, [])


# --- what is allowed ----------------------------------------------------------------------------------------------


async def test_allowed_words_let_their_audio_go_at_once() -> None:
    call = await guarded_call(Moderator(), guard_ms=5_000)

    says(call, ResponseStarted("r"), words("good morning to you", is_final=True), audio(tone(0.2)), ResponseDone("r"))
    await call.session.settled()

    assert call.heard_ms() == 200


async def test_a_final_allowed_covers_all_of_its_audio() -> None:
    call = await guarded_call(Moderator(), guard_ms=5_000)

    says(call, ResponseStarted("r"), audio(tone(30)), words("yes", is_final=True), ResponseDone("r"))
    await asyncio.sleep(31)

    assert call.heard_ms() == 30_000
    assert call.port.words == [("assistant", "yes")]
    assert call.view.late_verdicts == 0


async def test_an_answer_that_is_done_while_it_is_held_is_heard_when_it_is_allowed() -> None:
    call = await guarded_call(Moderator(thinks_s=0.3))

    says(call, ResponseStarted("r"), words("good morning"), audio(tone(1)), ResponseDone("r"))
    await asyncio.sleep(0.29)
    before = call.heard_ms()
    await asyncio.sleep(2)

    assert before == 0
    assert call.heard_ms() == 1_000
    assert call.port.words == [("assistant", "good morning")]


async def test_changing_words_so_far_changes_neither_the_audio_nor_the_words() -> None:
    """R-0006-73."""

    async def shout(event: Any) -> Verdict[Any]:
        return Verdict(True, event if event.is_final else event.with_text(event.text.upper()))

    call = await guarded_call(shout)

    says(call, ResponseStarted("r"), words("good morning"), audio(tone(0.5)), words("good morning", is_final=True))
    says(call, ResponseDone("r"))
    await asyncio.sleep(2)

    assert call.heard_ms() == 500
    assert call.port.words == [("assistant", "good morning")]


async def test_words_so_far_are_asked_one_at_a_time_and_the_newest_wins() -> None:
    moderator = Moderator(thinks_s=0.1)
    call = await guarded_call(moderator)

    says(call, ResponseStarted("r"), words("a"))
    await asyncio.sleep(0.05)
    says(call, words("a b"), words("a b c"), words("a b c d"))
    await asyncio.sleep(1)
    says(call, words("a b c d", is_final=True), ResponseDone("r"))
    await asyncio.sleep(1)

    assert moderator.asked == [("a", False), ("a b c d", False), ("a b c d", True)]
    assert moderator.most_at_once == 1


async def test_without_a_guard_a_hook_sees_finals_only() -> None:
    moderator = Moderator()
    call = await guarded_call(moderator, guard_ms=0)

    says(call, ResponseStarted("r"), words("good"), audio(tone(0.2)), words("good day", is_final=True))
    await call.session.settled()

    assert moderator.asked == [("good day", True)]
    assert call.heard_ms() == 200


async def test_a_guard_without_a_hook_delays_nothing() -> None:
    call = await start_call(settings=SessionSettings(output_guard_ms=GUARD_MS))

    says(call, ResponseStarted("r"), audio(tone(1)))

    assert call.heard_ms() == 1_000


async def test_a_hook_that_goes_away_frees_what_is_held() -> None:
    call = await guarded_call(Moderator())
    says(call, ResponseStarted("r"), audio(tone(0.1)))

    call.port.hooks.clear()
    says(call, audio(tone(0.1)))

    assert call.heard_ms() == 200


# --- what else may happen meanwhile -------------------------------------------------------------------------------


async def test_a_barge_in_while_an_answer_is_held_leaves_nothing_of_it() -> None:
    call = await guarded_call(Moderator(thinks_s=0.3))
    says(call, ResponseStarted("r"), words("good morning"), audio(tone(1)))

    await asyncio.sleep(0.1)
    says(call, SpeechStarted("u"), ResponseDone("r", "cancelled"))
    await asyncio.sleep(5)

    assert call.heard_ms() == 0
    assert call.port.words == []
    assert call.told("clear_audio")


async def test_a_block_of_an_answer_the_caller_cut_does_not_touch_the_next() -> None:
    call = await guarded_call(Moderator(thinks_s=0.3))
    says(call, ResponseStarted("r"), words("swordfish"), audio(secret(1)))
    await asyncio.sleep(0.1)
    says(call, SpeechStarted("u"), ResponseDone("r", "cancelled"))

    says(call, ResponseStarted("s"), Transcript("assistant", "good morning", True, "j", "s"), Audio(tone(1), "s", "j"))
    says(call, ResponseDone("s"))
    await asyncio.sleep(5)

    assert (call.heard_ms(), samples(heard(call))) == (1_000, 0)
    assert call.port.words == [("assistant", "good morning")]


async def test_a_provider_that_cannot_stop_is_not_asked_about_the_rest() -> None:
    moderator = Moderator()
    call = await guarded_call(moderator)
    says(call, ResponseStarted("r"), words("swordfish"), audio(secret(1)))
    await call.session.settled()
    asked = len(moderator.asked)

    says(call, words("swordfish, as"), audio(secret(1)), words("swordfish, as I said"))
    await asyncio.sleep(1)

    assert len(moderator.asked) == asked
    assert len(call.port.blocked) == 1
    assert heard(call) == b""


async def test_a_block_that_comes_when_all_was_heard_is_only_put_on_record() -> None:
    call = await guarded_call(Moderator(thinks_s=1.5), guard_ms=100)
    says(call, ResponseStarted("r"), words("swordfish"), audio(tone(0.5)), ResponseDone("r"))
    await asyncio.sleep(1)

    says(call, ResponseStarted("s"), Audio(tone(3), "s", "j"))
    await asyncio.sleep(5)

    assert call.heard_ms() == 3_500
    assert [event.text for event in call.port.blocked] == ["swordfish"]


async def test_a_link_lost_while_an_answer_is_held_changes_nothing_of_the_guard() -> None:
    call = await guarded_call(Moderator(thinks_s=0.2), on_late="cut", reconnect=ReconnectPolicy())
    says(call, ResponseStarted("r"), words("good morning"), audio(tone(0.5)), audio(secret(3)))

    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(5)

    assert 400 < call.heard_ms() <= 1_100  # eleven letters are that at the most: the rest has no words at all
    assert [event.blocked_by for event in call.port.blocked] == ["output_guard"]
    assert call.session.is_live


async def test_a_hook_may_hang_up_its_own_call_over_words_so_far() -> None:
    async def hang_up(event: Any) -> Verdict[Any]:
        if not event.is_final:
            call.session.end(EndReason.HANGUP)
            await call.session.ended()
        return Verdict(True, event)

    call = await guarded_call(hang_up)

    says(call, ResponseStarted("r"), words("good morning"), audio(tone(1)))
    async with asyncio.timeout(5):
        await call.over()

    assert call.view.end_reason is EndReason.HANGUP


async def test_new_settings_while_an_answer_is_held_do_not_let_it_go() -> None:
    call = await guarded_call(Moderator(thinks_s=0.3))
    says(call, ResponseStarted("r"), words("swordfish"), audio(secret(1)))

    settings = call.session.settings
    await call.session.hand_over(settings.with_agent(settings.agent), MockRealtimeProvider())
    await asyncio.sleep(5)

    assert heard(call) == b""


async def test_a_session_that_ends_while_an_answer_is_held_leaves_nothing_behind() -> None:
    call = await guarded_call(Moderator(thinks_s=1e6))
    says(call, ResponseStarted("r"), words("good morning"), audio(tone(1)))

    call.session.end(EndReason.HANGUP)
    await call.over()
    await asyncio.sleep(5)

    assert call.heard_ms() == 0


@pytest.mark.parametrize(("guard_ms", "on_late"), [(-1, "cut"), (float("nan"), "cut"), (1e6, "cut"), (100, "maybe")])
def test_a_guard_that_cannot_be_is_refused(guard_ms: float, on_late: Any) -> None:
    with pytest.raises(ConfigError, match="output_guard"):
        SessionSettings(output_guard_ms=guard_ms, output_guard_on_late=on_late)


# --- the delay ----------------------------------------------------------------------------------------------------

STEP = st.tuples(
    st.sampled_from(["words", "audio", "pause"]), st.integers(1, 60), st.sampled_from([0.0, 0.05, 0.4, 0.7, 3.0])
)


@given(steps=st.lists(STEP, min_size=1, max_size=12), thinks_s=st.sampled_from([0.0, 0.2, 0.6, 1e6]))
@settings(max_examples=60)
def test_the_guard_never_adds_more_than_it_was_given(steps: list[tuple[str, int, float]], thinks_s: float) -> None:
    async def leaving_ms(guard_ms: float) -> list[float]:
        call = await guarded_call(Moderator(thinks_s), guard_ms=guard_ms)
        loop, left = asyncio.get_running_loop(), Departures()
        began_s = loop.time()
        call.transport.sent_audio = left
        says(call, ResponseStarted("r"))
        text = ""
        for kind, size, pause_s in steps:
            if kind == "words":
                text += "x" * size
                says(call, words(text))
            elif kind == "audio":
                says(call, *(audio(tone(0.02)) for _ in range(size)), audio(tone(size * 0.02)))
            else:
                await asyncio.sleep(pause_s)
        await asyncio.sleep(60)
        return [at_ms - began_s * 1_000 for at_ms in left.at_ms]

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        unguarded, guarded = runner.run(leaving_ms(0)), runner.run(leaving_ms(GUARD_MS))

    assert len(unguarded) == len(guarded)
    # The pacer wakes for 60 ms at a time, with or without a guard: a piece may leave with the next of its burst.
    assert all(late <= early + GUARD_MS + 60 for early, late in zip(unguarded, guarded, strict=True))


class Departures(list[tuple[str, bytes]]):
    """When each 20 ms of audio left."""

    def __init__(self) -> None:
        super().__init__()
        self.at_ms: list[float] = []

    def append(self, sent: tuple[str, bytes]) -> None:
        self.at_ms += [asyncio.get_running_loop().time() * 1_000] * (len(sent[1]) // 960)
        super().append(sent)


async def test_an_agent_that_is_changed_in_place_while_its_audio_is_held_loses_none_of_it() -> None:
    call = await guarded_call(Moderator(0.3))
    says(call, ResponseStarted("r"), words("good morning"), audio(tone(0.4)))
    await asyncio.sleep(0.1)

    await reconfigure(call.session, AgentChanges(system_prompt="be brief"))
    held = heard(call)
    says(call, words("good morning to you", is_final=True), ResponseDone("r"))
    await asyncio.sleep(2)

    assert held == b""
    assert heard(call) == tone(0.4)
    assert call.provider.methods().count("update_session") == 1
    assert call.port.words == [("assistant", "good morning to you")]


async def test_what_comes_of_a_blocked_answer_is_not_heard_though_nobody_said_that_it_began() -> None:
    """R-0006-71."""
    call = await guarded_call(Moderator())
    says(call, words("swordfish"))
    await call.session.settled()
    await asyncio.sleep(0.1)

    says(call, audio(secret(1)), words("swordfish it is", is_final=True), ResponseDone("r"))
    await asyncio.sleep(3)

    assert samples(heard(call)) == 0

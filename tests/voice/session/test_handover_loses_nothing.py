"""What a call keeps when it changes links: the caller's audio, words to be said (RFC 0006, R-0006-12, -52, -57)."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.testing.call import start_call, tone
from roomkit.voice.audio.resample import Resampler
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink
from roomkit.voice.realtime.provider_events import InputCommitted, SpeechStopped
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time


class Vendor(MockRealtimeProvider):
    """A vendor that takes ``takes_s`` to answer the door."""

    def __init__(self, name: str = "old", *, takes_s: float = 0.0, rate_hz: int | None = None) -> None:
        super().__init__(profile=replace(MOCK_PROFILE, name=name), rate_hz=rate_hz)
        self.takes_s = takes_s

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        await asyncio.sleep(self.takes_s)
        return await super().open_link(config, sink)

    @property
    def heard(self) -> bytes:
        return b"".join(pcm for _, pcm in self.sent_audio)

    def told(self) -> list[str]:
        """What its newest link was told."""
        newest = max(n for n, call in enumerate(self.calls) if call.method == "connect")
        return [call.method for call in self.calls[newest + 1 :]]


def numbered(frame: int, count: int = 320) -> bytes:
    """20 ms of a counter at 16 kHz: a missing or repeated sample shows."""
    return struct.pack(f"<{count}h", *((frame * count + n) % 32_000 for n in range(count)))


class Handover:
    """A call of ten seconds of counted samples, handed from one vendor to another in the middle."""

    def __init__(self, old: Vendor, new: Vendor) -> None:
        self.old, self.new = old, new
        self.transport = MockRealtimeTransport()
        self.channel = RealtimeVoiceChannel("voice", provider=old, transport=self.transport)

    async def __aenter__(self) -> Handover:
        self.session = await self.channel.start_session("room-1", "caller")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()

    async def is_silent(self, frames: int) -> None:
        for _ in range(frames):
            await self.transport.simulate_client_audio(self.session, bytes(640))
            await asyncio.sleep(0.02)

    async def speaks(self, first: int, frames: int) -> None:
        for frame in range(first, first + frames):
            await self.transport.simulate_client_audio(self.session, numbered(frame))
            await asyncio.sleep(0.02)


async def test_every_sample_of_the_caller_reaches_exactly_one_of_two_links() -> None:
    async with Handover(Vendor(), Vendor("new", takes_s=2)) as call:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(call.speaks(0, 500))
            await asyncio.sleep(3)
            await call.channel.reconfigure_session(call.session, provider=call.new)

        assert call.old.heard + call.new.heard == b"".join(numbered(frame) for frame in range(500))
        assert len(call.old.heard) > 4.9 * 32_000  # the old link has it until the new one is up
        assert len(call.new.heard) > 4.9 * 32_000


async def test_a_vendor_at_another_rate_gets_the_stream_whole_too() -> None:
    async with Handover(Vendor(rate_hz=24_000), Vendor("new", rate_hz=8_000)) as call:
        await call.speaks(0, 50)
        await call.channel.reconfigure_session(call.session, provider=call.new)
        await call.speaks(50, 50)

        first, second = Resampler(16_000, 24_000), Resampler(16_000, 8_000)
        before = b"".join(first.feed(numbered(frame)) for frame in range(50)) + first.flush()
        after = b"".join(second.feed(numbered(frame)) for frame in range(50, 100))
        assert call.old.heard == before
        assert call.new.heard == after


async def test_an_odd_byte_crosses_the_switch() -> None:
    async with Handover(Vendor(), Vendor("new")) as call:
        stream = b"".join(numbered(frame) for frame in range(2))
        await call.transport.simulate_client_audio(call.session, stream[:333])
        await call.channel.reconfigure_session(call.session, provider=call.new)
        await call.transport.simulate_client_audio(call.session, stream[333:])

        assert call.old.heard + call.new.heard == stream


async def test_a_switch_waits_for_a_caller_in_the_middle_of_a_sentence() -> None:
    async with Handover(Vendor(), Vendor("new")) as call:
        await call.old.simulate_speech_start(call.session)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(call.channel.reconfigure_session(call.session, provider=call.new))
            await call.speaks(0, 100)
            heard_meanwhile = call.new.heard
            await call.old.simulate_speech_end(call.session)
            await call.old.simulate_transcription(call.session, "two seconds of numbers", role="user")

        await call.speaks(100, 10)
        assert heard_meanwhile == b""
        assert call.old.heard == b"".join(numbered(frame) for frame in range(100))
        assert call.new.heard == b"".join(numbered(frame) for frame in range(100, 110))
        assert call.new.injected_texts == [(call.session.id, "two seconds of numbers", "user")]


async def test_a_caller_who_never_stops_does_not_hold_up_a_hand_over_for_ever() -> None:
    async with Handover(Vendor(), Vendor("new")) as call:
        await call.old.simulate_speech_start(call.session)

        async with asyncio.timeout(61):
            await call.channel.reconfigure_session(call.session, provider=call.new)

        assert call.session.provider == "new"


# --- what a lost link had heard -----------------------------------------------------------------------------------


async def test_an_utterance_in_the_middle_of_which_the_link_drops_is_heard_anew_from_its_beginning() -> None:
    """The vendor noticed it when it had gone on for half a second."""
    async with Handover(Vendor(), Vendor("new")) as call:
        await call.is_silent(100)
        await call.speaks(100, 25)
        await call.old.simulate_speech_start(call.session)
        await call.speaks(125, 100)
        before = len(call.old.heard)

        await call.old.simulate_disconnect(call.session)
        await call.speaks(225, 50)

        silence, words = call.old.heard[before : before + 160 * 32], call.old.heard[before + 160 * 32 :]
        assert words == b"".join(numbered(frame) for frame in range(100, 275))
        assert set(silence) == {0}


async def test_an_utterance_that_was_not_written_down_is_heard_anew_and_the_answer_not_asked_for_as_well() -> None:
    async with Handover(Vendor(), Vendor("new")) as call:
        await call.old.simulate_speech_start(call.session)
        await call.speaks(0, 50)
        await call.old.simulate_speech_end(call.session)
        await call.old.simulate_event(call.session, InputCommitted("turn-0"))

        await call.old.simulate_disconnect(call.session)
        await asyncio.sleep(1)

        assert call.old.told() == ["send_audio"] * 50


@pytest.mark.parametrize("known_by", ["words", "noise", "answer"])
async def test_an_utterance_that_is_known_is_not_heard_twice(known_by: str) -> None:
    async with Handover(Vendor(), Vendor("new")) as call:
        await call.old.simulate_speech_start(call.session)
        await call.speaks(0, 50)
        match known_by:
            case "words":
                await call.old.simulate_speech_end(call.session)
                await call.old.simulate_transcription(call.session, "numbers", role="user")
            case "noise":
                await call.old.simulate_event(call.session, SpeechStopped("turn-0", is_utterance=False))
            case _:
                await call.old.simulate_speech_end(call.session)
                await call.old.simulate_response_start(call.session)
                await call.old.simulate_response_end(call.session)

        await call.old.simulate_disconnect(call.session)
        await asyncio.sleep(1)

        assert "send_audio" not in call.old.told()


async def test_of_a_very_long_utterance_the_last_ten_seconds_are_heard_anew() -> None:
    async with Handover(Vendor(), Vendor("new")) as call:
        await call.old.simulate_speech_start(call.session)
        await call.speaks(0, 1_000)
        before = len(call.old.heard)

        await call.old.simulate_disconnect(call.session)
        await asyncio.sleep(1)

        assert call.old.heard[before:] == b"".join(numbered(frame) for frame in range(500, 1_000))


# --- what is owed beside the conversation -----------------------------------------------------------------------------


async def test_a_greeting_is_owed_until_it_is_begun() -> None:
    provider = Vendor()
    call = await start_call(provider=provider, settings=SessionSettings(greeting="Hello."))

    await provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    assert provider.told() == ["speak"]


async def test_a_greeting_of_which_something_was_heard_is_not_said_again() -> None:
    provider = Vendor()
    call = await start_call(provider=provider, settings=SessionSettings(greeting="Hello."), lead_ms=200)
    await provider.simulate_response_start(call.view)
    await provider.simulate_audio(call.view, tone(2))
    await asyncio.sleep(0.5)

    await provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    assert "speak" not in provider.told()


async def test_words_to_be_said_while_no_link_is_up_are_said_by_the_next_one_once() -> None:
    provider = Vendor()
    call = await start_call(provider=provider)
    provider.takes_s = 2
    await provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    call.session.inject("One moment, please.", "assistant")
    await asyncio.sleep(2)
    await provider.simulate_response_start(call.view)
    await provider.simulate_response_end(call.view)
    await provider.simulate_disconnect(call.view)
    await asyncio.sleep(3)

    assert provider.methods().count("speak") == 1


async def test_pictures_shown_while_no_link_is_up_wait_for_the_next_one_four_at_most() -> None:
    async with Handover(Vendor(), Vendor("new")) as call:
        call.old.takes_s = 2
        await call.old.simulate_disconnect(call.session)
        await asyncio.sleep(1)
        for number in range(6):
            await call.channel.inject_image(call.session, b"\x89PNG\r\n\x1a\n" + bytes([number]))

        await asyncio.sleep(2)

        shown = [made.args["data"][-1] for made in call.old.calls if made.method == "inject_image"]
        assert shown == [2, 3, 4, 5]


async def test_a_turn_taken_by_hand_goes_on_over_a_lost_link() -> None:
    async with Handover(Vendor(), Vendor("new")) as call:
        await call.channel.begin_user_turn(call.session)
        await call.speaks(0, 5)
        call.old.takes_s = 1
        await call.old.simulate_disconnect(call.session)
        await call.speaks(5, 5)
        await call.channel.end_user_turn(call.session)

        await asyncio.sleep(2)

        told = call.old.told()
        assert [told[0], *told[-1:]] == ["begin_input", "commit_input"]
        assert set(told[1:-1]) == {"send_audio"}
        assert told.count("send_audio") == 10  # the first half too, which the lost link had heard
        assert call.old.heard[-10 * 640 :] == b"".join(numbered(frame) for frame in range(10))

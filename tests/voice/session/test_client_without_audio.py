"""A client that has no microphone or no speaker, for a while or for good (RFC 0006, R-0006-64 to 66)."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, SessionState
from roomkit.testing.call import Call, start_call, tone
from roomkit.voice.backends.base import ClientCapabilities, ClientSetup, ClientSink, TransportLink
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.session.client_audio import CANNOT_HEAR, HEARS_AGAIN
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time


class Early(MockRealtimeTransport):
    """Its client says what it has as soon as it is there."""

    async def open_link(self, connection: object, setup: ClientSetup, sink: ClientSink) -> TransportLink:
        link = await super().open_link(connection, setup, sink)
        sink.on_event(ClientCapabilities(microphone=False, speaker=False))
        return link


async def reading_call(**settings: float) -> Call:
    call = await start_call(lead_ms=200, settings=SessionSettings(**settings))  # type: ignore[arg-type]  # a shorthand
    await call.transport.simulate_client_capabilities(call.view, speaker=False)
    return call


def finals(call: Call) -> list[str]:
    return [message["text"] for message in call.told("transcription") if message["is_final"]]


async def hung_up(call: Call) -> None:
    await call.transport.simulate_client_disconnect(call.view)
    await call.over()


# --- no speaker -----------------------------------------------------------------------------------------------------


async def test_who_cannot_hear_gets_the_words_at_once_and_no_audio() -> None:
    """R-0006-65."""
    call = await reading_call()

    await call.agent_says("We are open until six.", seconds=5)

    assert finals(call) == ["We are open until six."]
    assert call.transport.sent_audio == []
    assert call.port.words == [("assistant", "We are open until six.")]
    await hung_up(call)


async def test_an_answer_that_is_read_is_a_turn_like_any_other() -> None:
    """R-0006-65."""
    call = await reading_call()
    await call.transport.simulate_client_text(call.view, "when do you close")

    await call.agent_says("At six.", seconds=5)

    assert [message["speaking"] for message in call.told("speaking")] == [True, False]
    assert len(call.port.of(HookTrigger.ON_TURN_COMPLETE)) == 1
    await hung_up(call)


async def test_what_was_shown_when_it_was_interrupted_is_what_was_said() -> None:
    """R-0006-65."""
    call = await reading_call()
    await call.agent_says("Well, first you have to", seconds=5, is_done=False)

    await call.transport.simulate_client_text(call.view, "stop")
    await call.provider.simulate_transcription(call.view, "Well, first you have to go there.")
    await call.provider.simulate_response_end(call.view)

    event = call.port.published[0]
    assert (event.text, event.metadata["heard_by"]) == ("Well, first you have to", "shown")
    assert finals(call) == ["Well, first you have to"]
    assert "truncate_output" not in call.provider.methods()
    await hung_up(call)


async def test_words_that_come_after_the_interruption_were_not_read() -> None:
    """R-0006-65."""
    call = await reading_call()
    await call.provider.simulate_response_start(call.view)
    await call.provider.simulate_audio(call.view, tone(2))

    await call.transport.simulate_client_interrupt(call.view)
    await call.provider.simulate_transcription(call.view, "Nobody has seen this.")
    await call.provider.simulate_response_end(call.view)

    assert finals(call) == []
    assert call.port.words == []
    await hung_up(call)


async def test_what_was_being_heard_is_read_to_its_end_when_the_speaker_goes() -> None:
    """R-0006-65."""
    call = await start_call(lead_ms=200)
    await call.agent_says("A long story with a long end.", seconds=10)
    await asyncio.sleep(2)
    sent = len(call.transport.sent_audio)

    await call.transport.simulate_client_capabilities(call.view, speaker=False)

    assert finals(call) == ["A long story with a long end."]
    assert "interrupted" not in call.port.published[0].metadata
    await asyncio.sleep(10)
    assert len(call.transport.sent_audio) == sent
    assert len(call.told("clear_audio")) == 1
    await hung_up(call)


async def test_the_next_answer_is_heard_when_the_speaker_is_back_but_not_the_rest_of_this_one() -> None:
    """R-0006-65."""
    call = await reading_call()
    await call.agent_says("This one is read", seconds=2, is_done=False)
    await call.transport.simulate_client_capabilities(call.view, speaker=True)
    await call.provider.simulate_audio(call.view, tone(2))
    await call.provider.simulate_transcription(call.view, "This one is read, all of it.")
    await call.provider.simulate_response_end(call.view)
    read = (finals(call), call.heard_ms())

    await call.agent_says("This one is heard.", seconds=2)
    at_once = finals(call)
    await asyncio.sleep(3)

    assert read == (["This one is read, all of it."], 0)
    assert at_once == ["This one is read, all of it."]
    assert finals(call) == ["This one is read, all of it.", "This one is heard."]
    assert call.heard_ms() == pytest.approx(2_000)
    await hung_up(call)


async def test_an_interruption_after_the_speaker_is_back_is_measured_from_there() -> None:
    """R-0006-65."""
    call = await reading_call()
    await call.agent_says("This is read.", seconds=7)
    await call.transport.simulate_client_capabilities(call.view, speaker=True)
    await call.agent_says("one two three four five six seven eight nine ten", seconds=10)
    await asyncio.sleep(5.0)

    await call.transport.simulate_client_interrupt(call.view)

    truncated = [each for each in call.provider.calls if each.method == "truncate_output"]
    assert truncated[0].args["audio_end_ms"] == pytest.approx(5_000, abs=25)
    assert [words for _, words in call.port.words][1].startswith("one two three four five")
    await hung_up(call)


async def test_a_link_that_is_lost_does_not_begin_again_what_was_read() -> None:
    """R-0006-65."""
    call = await reading_call()
    await call.agent_says("The beginning of it", seconds=2, is_done=False)

    await call.provider.simulate_disconnect(call.view)
    await asyncio.sleep(1)

    assert "ask_for_response" not in call.provider.methods()
    assert ("assistant", "The beginning of it") in call.port.words
    await hung_up(call)


async def test_the_agent_is_told_that_it_is_read_and_that_it_is_heard_again() -> None:
    """R-0006-66."""
    call = await reading_call()

    await call.transport.simulate_client_capabilities(call.view, speaker=True)

    assert [(text, role) for _, text, role in call.provider.injected_texts] == [
        (CANNOT_HEAR, "system"),
        (HEARS_AGAIN, "system"),
    ]
    assert "ask_for_response" not in call.provider.methods()
    await hung_up(call)


# --- no microphone --------------------------------------------------------------------------------------------------


async def test_without_a_microphone_the_provider_waits_for_no_end_of_speech() -> None:
    """R-0006-64."""
    call = await start_call()
    await call.transport.simulate_client_audio(call.view, tone(0.1))

    await call.transport.simulate_client_capabilities(call.view, microphone=False)
    await call.transport.simulate_client_audio(call.view, tone(0.1))

    assert call.provider.methods().count("input_paused") == 1
    assert len(call.provider.sent_audio) == 1
    await call.transport.simulate_client_capabilities(call.view, microphone=True)
    await call.transport.simulate_client_audio(call.view, tone(0.1))
    assert len(call.provider.sent_audio) == 2
    await hung_up(call)


async def test_without_a_microphone_the_agent_is_heard_all_the_same() -> None:
    """R-0006-64."""
    call = await start_call(lead_ms=200)
    await call.transport.simulate_client_capabilities(call.view, microphone=False)

    await call.transport.simulate_client_text(call.view, "hello")
    await call.agent_says("Hello there.", seconds=1)
    await asyncio.sleep(2)

    assert call.heard_ms() == pytest.approx(1_000)
    assert call.typed == ["hello"]
    assert [text for _, text, _ in call.provider.injected_texts] == ["hello"]
    await hung_up(call)


async def test_a_muted_microphone_that_comes_back_is_still_muted() -> None:
    """R-0006-64."""
    call = await start_call()
    call.session.permit(can_write=False, can_read=True)
    await call.transport.simulate_client_capabilities(call.view, microphone=False)

    await call.transport.simulate_client_capabilities(call.view, microphone=True)
    await call.transport.simulate_client_audio(call.view, tone(0.1))

    assert call.provider.sent_audio == []
    await hung_up(call)


# --- who is told ----------------------------------------------------------------------------------------------------


async def test_the_client_and_the_operators_are_told_of_changes_and_of_nothing_else() -> None:
    """R-0006-63, R-0006-66."""
    call = await start_call()
    say = call.transport.simulate_client_capabilities
    await say(call.view, microphone=True, speaker=True)
    await say(call.view, microphone=False)
    await say(call.view, microphone=False)
    await say(call.view, speaker=False)
    await say(call.view, microphone=True, speaker=True)

    told = [(message["microphone"], message["speaker"]) for message in call.told("capabilities")]
    assert told == [(False, True), (False, False), (True, True)]
    assert [kind for kind, _ in call.port.announced] == ["degraded", "degraded", "audio_restored"]
    assert call.port.announced[1][1] == {
        "session_id": call.view.id,
        "side": "client",
        "microphone": False,
        "speaker": False,
    }
    await hung_up(call)


async def test_what_a_client_says_before_the_session_begins_holds_from_its_beginning() -> None:
    """R-0006-66."""
    call = await start_call(transport=Early(lead_ms=200))
    await call.agent_says("Welcome.", seconds=1)

    kinds = [message["type"] for message in call.transport.messages(call.view)]
    assert kinds[:2] == ["session_started", "capabilities"]
    assert (call.view.state, call.view.has_microphone, call.view.has_speaker) == (SessionState.ACTIVE, False, False)
    assert finals(call) == ["Welcome."]
    assert call.transport.sent_audio == []
    assert [text for _, text, _ in call.provider.injected_texts] == [CANNOT_HEAR]
    await hung_up(call)


async def test_a_client_that_comes_back_on_another_link_has_both_until_it_says_otherwise() -> None:
    """R-0006-66."""
    call = await reading_call(client_grace_ms=5_000)
    await call.transport.simulate_client_disconnect(call.view)

    await call.session.resume(None)
    await call.agent_says("You can hear me.", seconds=1)
    await asyncio.sleep(2)

    assert call.view.has_speaker
    assert call.heard_ms() == pytest.approx(1_000)
    call.session.end(EndReason.HANGUP)
    await call.over()

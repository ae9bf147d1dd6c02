"""Words of one call on their way into the room (RFC 0006), on mocks and virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.core.ports import Verdict
from roomkit.models.enums import HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.testing.call import RecordingRoomPort, start_call, tone
from roomkit.voice.session.settings import SessionSettings

pytestmark = pytest.mark.virtual_time


def block(event: Any) -> Verdict[Any]:
    return Verdict(False, event, "forbidden")


async def test_both_sides_words_become_room_events_in_order() -> None:
    call = await start_call()

    await call.provider.simulate_transcription(call.view, "are you open", role="user")
    await call.provider.simulate_transcription(call.view, "yes, until six")

    assert call.port.words == [("user", "are you open"), ("assistant", "yes, until six")]
    assert call.port.published[0].metadata["voice_session_id"] == call.view.id
    assert call.port.published[0].metadata["source"] == "realtime_voice"


async def test_a_callers_transcript_that_comes_late_still_stands_before_the_answer() -> None:
    call = await start_call()

    await call.provider.simulate_speech_start(call.view)
    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_transcription(call.view, "yes, until six")
    before = list(call.port.words)
    await call.provider.simulate_transcription(call.view, "are you open", role="user")

    assert before == []
    assert call.port.words == [("user", "are you open"), ("assistant", "yes, until six")]


async def test_a_transcript_that_never_comes_holds_the_answer_for_three_seconds_at_most() -> None:
    call = await start_call()
    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_transcription(call.view, "yes, until six")

    await asyncio.sleep(3.1)
    in_time = list(call.port.words)
    await call.provider.simulate_transcription(call.view, "are you open", role="user")

    assert in_time == [("assistant", "yes, until six")]
    assert call.port.words[1] == ("user", "are you open")
    assert call.port.published[1].metadata["late"] is True


async def test_the_agents_words_are_final_when_they_were_heard() -> None:
    call = await start_call(lead_ms=200)

    await call.agent_says("we are open until six", seconds=4)
    while_speaking = [message["is_final"] for message in call.told("transcription")]
    words_while_speaking = list(call.port.words)
    await asyncio.sleep(4.1)

    assert while_speaking and not any(while_speaking)
    assert words_while_speaking == []
    assert call.port.words == [("assistant", "we are open until six")]
    assert call.told("transcription")[-1]["is_final"] is True


async def test_a_blocked_transcript_is_not_shown_and_its_answer_is_stopped() -> None:
    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: block})
    call = await start_call(port=port, lead_ms=200)
    await call.provider.simulate_response_start(call.view)
    await call.provider.simulate_audio(call.view, tone(5))

    await call.provider.simulate_transcription(call.view, "my card number is", role="user", item_id="item-u")

    assert port.words == []
    assert call.told("transcription") == []
    assert call.told("transcription_blocked")[0]["role"] == "user"
    assert call.told("clear_audio")
    assert {"cancel_response", "delete_item"} <= set(call.provider.methods())


async def test_partials_are_withheld_while_a_hook_could_stop_the_final() -> None:
    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: lambda event: Verdict(True, event)})
    call = await start_call(port=port)

    await call.provider.simulate_transcription(call.view, "my car", role="user", is_final=False)
    partials = list(call.told("transcription"))
    await call.provider.simulate_transcription(call.view, "my car is blue", role="user")

    assert partials == []
    assert [message["text"] for message in call.told("transcription")] == ["my car is blue"]


async def test_a_hook_may_change_the_words_before_anybody_sees_them() -> None:
    port = RecordingRoomPort(
        hooks={HookTrigger.ON_TRANSCRIPTION: lambda event: Verdict(True, event.with_text("my card is ****"))}
    )
    call = await start_call(port=port)

    await call.provider.simulate_transcription(call.view, "my card is 4711", role="user")

    assert port.words == [("user", "my card is ****")]
    assert call.told("transcription")[-1]["text"] == "my card is ****"


async def test_a_hook_without_a_verdict_in_time_blocks() -> None:
    async def sleepy(event: Any) -> Verdict[Any]:
        await asyncio.sleep(30)
        return Verdict(True, event)

    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: sleepy})
    call = await start_call(port=port)

    await call.provider.simulate_transcription(call.view, "hello", role="user")

    assert port.words == []
    assert [(event.text, event.blocked_by) for event in port.blocked] == [("hello", "transcription_timeout")]


async def test_blocked_words_keep_their_place_among_the_others() -> None:
    """R-0006-28."""
    verdicts: list[str] = []

    async def no_secrets(event: Any) -> Verdict[Any]:
        verdicts.append(event.text)
        return Verdict("secret" not in event.text, event, "a secret", blocked_by="moderation")

    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: no_secrets})
    call = await start_call(port=port)
    committed: list[str] = []
    publish, publish_blocked = port.publish, port.publish_blocked

    async def note(event: RoomEvent) -> bool:
        committed.append(event.text)
        return await publish(event)

    async def note_blocked(event: RoomEvent, *, by: str, reason: str) -> None:
        committed.append(f"{by}: {event.text}")
        await publish_blocked(event, by=by, reason=reason)

    port.publish, port.publish_blocked = note, note_blocked  # type: ignore[method-assign]  # to see both in one order

    await call.provider.simulate_speech_end(call.view)
    await call.provider.simulate_transcription(call.view, "good morning")
    await call.provider.simulate_transcription(call.view, "my secret", role="user")

    assert verdicts == ["good morning", "my secret"]
    assert committed == ["moderation: my secret", "good morning"]


async def test_without_transcription_events_a_blocked_transcript_is_not_stored_either() -> None:
    """R-0006-28."""
    port = RecordingRoomPort(hooks={HookTrigger.ON_TRANSCRIPTION: block})
    call = await start_call(port=port, settings=SessionSettings(emit_transcription_events=False))

    await call.provider.simulate_transcription(call.view, "my secret", role="user")
    await call.provider.simulate_transcription(call.view, "your secret")

    assert port.published == port.blocked == []


async def test_the_latency_of_a_turn_is_told_when_its_answer_was_heard() -> None:
    call = await start_call(lead_ms=200)
    await call.provider.simulate_speech_start(call.view)
    await call.provider.simulate_speech_end(call.view)
    await asyncio.sleep(0.25)
    await call.agent_says("yes", seconds=1)
    await asyncio.sleep(1.1)

    (turn,) = call.port.of(HookTrigger.ON_TURN_COMPLETE)
    assert turn.latency["first_audio_sent_ms"] == pytest.approx(250, abs=1)

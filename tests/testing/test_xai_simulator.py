"""The simulated xAI server against what is known of the real one, event by event."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit.testing import Script, VirtualClock, XAISimulator, call_tool, error, hear, raw, say, transcribe
from roomkit.testing.simulators.sound import tone
from roomkit.voice.audio.resample import Resampler
from roomkit.voice.wires.port import Endpoint, WireClosed, WireMessage, WirePort, WireRefused

pytestmark = pytest.mark.virtual_time

URL = "wss://api.x.ai/v1/realtime?model=grok-voice-latest"
KEY = {"Authorization": "Bearer xai-test"}
PCM = {"type": "audio/pcm", "rate": 24_000}
SAID = "conversation.item.input_audio_transcription"


@dataclass
class Client:
    """A client that knows nothing of our provider."""

    wire: WirePort
    heard: list[dict[str, Any]] = field(default_factory=list)
    closed: WireClosed | None = None

    @classmethod
    async def dial(cls, simulator: XAISimulator, url: str = URL) -> Client:
        client = cls(await simulator.dial(Endpoint(url, KEY)))
        client.wire.start(client._message, client._gone)
        await asyncio.sleep(0.001)
        return client

    def _message(self, message: WireMessage) -> None:
        self.heard.append(json.loads(message))

    def _gone(self, closed: WireClosed) -> None:
        self.closed = closed

    async def says(self, type_: str, **fields: Any) -> list[dict[str, Any]]:
        """What the server says to that, until it says nothing more."""
        return await self.sends(json.dumps({"type": type_, **fields}))

    async def sends(self, message: str | bytes) -> list[dict[str, Any]]:
        before = len(self.heard)
        self.wire.send(message)
        await asyncio.sleep(0.01)
        return self.heard[before:]

    async def speaks(self, pcm: bytes) -> list[dict[str, Any]]:
        return await self.says("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def sets_up(self, **session: Any) -> dict[str, Any]:
        (updated,) = (event for event in await self.says("session.update", session=session) if "session" in event)
        return dict(updated["session"])


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


LISTENING: dict[str, Any] = {
    "turn_detection": {"type": "server_vad"},
    "audio": {"input": {"transcription": {"model": "grok-transcribe"}}},
}


async def test_a_connection_begins_with_session_conversation_and_ping_and_nobody_listening() -> None:
    client = await Client.dial(XAISimulator())

    assert types(client.heard) == ["session.created", "conversation.created", "ping"]
    assert client.heard[0]["session"]["turn_detection"] == {"type": None}
    assert isinstance(client.heard[2]["timestamp"], int)


async def test_pings_come_by_themselves_and_want_no_answer() -> None:
    client = await Client.dial(XAISimulator())

    await asyncio.sleep(35)

    assert types(client.heard).count("ping") == 4
    assert client.closed is None


async def test_without_turn_detection_speech_is_not_noticed() -> None:
    client = await Client.dial(XAISimulator())

    assert await client.speaks(tone(600) + bytes(48 * 900)) == []


async def test_a_spoken_turn_is_shown_at_its_beginning_and_written_down_in_snapshots() -> None:
    client = await Client.dial(XAISimulator(Script(hear("speech"), transcribe("any slot"), say("Yes."))))
    await client.sets_up(**LISTENING)

    events = await client.speaks(tone(600) + bytes(48 * 900))

    shown = [event for event in events if event["type"].startswith(("input_", "conversation."))]
    assert types(shown)[:4] == [
        "input_audio_buffer.speech_started",
        "conversation.item.added",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    written = [(e["type"].rpartition(".")[2], e["transcript"], e.get("status")) for e in shown if SAID in e["type"]]
    assert written == [
        ("updated", "any", None),
        ("updated", "any slot", None),
        ("completed", "any slot", "in_progress"),
        ("completed", "any slot", "completed"),
    ]
    assert "conversation.item.done" not in types(events)


async def test_an_answer_differs_from_openais_where_xais_does() -> None:
    client = await Client.dial(XAISimulator(Script(say("Let me look."), call_tool("look", {}, together=True))))

    events = await client.says("response.create")

    by_type = {event["type"]: event for event in reversed(events)}
    assert by_type["response.created"]["response"]["status_details"] == "unimplemented"
    assert "content" not in by_type["response.output_item.added"]["item"]
    assert "part" not in by_type["response.content_part.done"]
    assert "output_index" not in by_type["response.function_call_arguments.delta"]
    assert by_type["response.output_audio_transcript.delta"]["start_time"] == 0.0
    assert by_type["response.output_audio.delta"].keys() >= {"rid", "latency", "audio_duration_ms", "ts"}
    done = by_type["response.done"]
    assert done["response"]["usage"] == {}
    assert done["usage"]["billable_audio_seconds"] >= 1
    message, call = done["response"]["output"]
    assert message["content"] == [{"type": "audio", "transcript": "Let me look."}]
    assert (call["type"], call["role"]) == ("function_call", "user")
    assert {event["previous_item_id"] for event in events} == {None}
    assert {event.get("output_index", 0) for event in events} == {0}


async def test_only_the_first_delta_of_an_item_tells_its_latency() -> None:
    client = await Client.dial(XAISimulator(Script(say("One.", seconds=1))))

    deltas = [event for event in await client.says("response.create") if event["type"] == "response.output_audio.delta"]

    assert ["latency" in delta for delta in deltas] == [True] + [False] * 9


async def test_functions_are_sent_flat_and_shown_wrapped() -> None:
    client = await Client.dial(XAISimulator())
    look = {"name": "look", "description": "", "parameters": {"type": "object"}}

    session = await client.sets_up(tools=[{"type": "function", **look}, {"type": "web_search"}])

    assert session["tools"] == [{"type": "function", "function": look}, {"type": "web_search"}]


async def test_a_voice_in_openais_place_changes_nothing_and_fails_nothing() -> None:
    client = await Client.dial(XAISimulator())

    session = await client.sets_up(
        type="realtime",
        temperature=1,
        audio={"output": {"voice": "rex"}, "input": {"turn_detection": {"type": "server_vad"}}},
    )

    assert (session["voice"], session["turn_detection"]) == ("ara", {"type": None})
    assert await client.speaks(tone(600) + bytes(48 * 900)) == []


@pytest.mark.parametrize(
    "session",
    [
        {"voice": 3},
        {"turn_detection": {"type": "semantic_vad"}},
        {"turn_detection": {"type": "server_vad", "threshold": 0.95}},
        {"turn_detection": {"type": "server_vad", "silence_duration_ms": 20_000}},
        {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 21_050}}}},
        {"audio": {"output": {"speed": 3}}},
        {"tools": [{"type": "code_interpreter"}]},
        {"reasoning": {"effort": "medium"}},
    ],
)
async def test_values_out_of_range_are_refused_without_a_code(session: dict[str, Any]) -> None:
    client = await Client.dial(XAISimulator())

    (refused,) = await client.says("session.update", session=session)

    assert (refused["error"]["type"], refused["error"]["code"]) == ("invalid_request_error", "")


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
async def test_it_hears_and_speaks_at_any_of_its_rates(rate_hz: int) -> None:
    client = await Client.dial(XAISimulator(Script(hear("speech"), say("Yes.", seconds=0.5)), keep_audio=True))
    at_rate = {"format": {"type": "audio/pcm", "rate": rate_hz}}
    await client.sets_up(turn_detection={"type": "server_vad"}, audio={"input": at_rate, "output": at_rate})

    events = await client.speaks(Resampler(24_000, rate_hz).feed(tone(600) + bytes(48 * 900)))

    heard = next(event for event in events if event["type"] == "input_audio_buffer.speech_stopped")
    assert 1_000 <= heard["audio_end_ms"] <= 1_200
    deltas = [base64.b64decode(e["delta"]) for e in events if e["type"] == "response.output_audio.delta"]
    assert len(b"".join(deltas)) // 2 == pytest.approx(rate_hz // 2, abs=8)


async def test_one_answer_at_a_time() -> None:
    client = await Client.dial(XAISimulator(Script(say("Long.", seconds=9, pace="realtime"))))
    await client.says("response.create")

    (refused,) = (event for event in await client.says("response.create") if event["type"] == "error")

    assert "active response" in refused["error"]["message"]


@pytest.mark.parametrize(("native", "name"), [("web_search", "browse_page"), ("x_search", "x_user_search")])
async def test_a_reserved_name_fails_the_first_answer_and_says_no_more(native: str, name: str) -> None:
    client = await Client.dial(XAISimulator())
    await client.sets_up(**LISTENING, tools=[{"type": native}, {"type": "function", "name": name, "parameters": {}}])

    asked = await client.says("response.create")
    spoken = await client.speaks(tone(600) + bytes(48 * 900))

    assert [event["error"]["type"] for event in asked] == ["server_error"]
    assert [event["error"]["type"] for event in spoken if "error" in event] == ["server_error"]
    assert "response.created" not in types(client.heard)


async def test_words_to_be_spoken_make_a_response_of_their_own() -> None:
    client = await Client.dial(XAISimulator(Script(hear("text"))))
    item = {"type": "force_message", "role": "assistant", "content": [{"type": "output_text", "text": "Recorded."}]}

    events = await client.says("conversation.item.create", item=item)

    assert types(events)[0] == "response.created"
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "audio", "transcript": "Recorded."}]


async def test_words_that_may_not_be_interrupted_make_the_server_deaf() -> None:
    client = await Client.dial(XAISimulator())
    await client.sets_up(**LISTENING)
    content = [{"type": "output_text", "text": "This call is recorded."}]
    await client.says(
        "conversation.item.create", item={"type": "force_message", "interruptible": False, "content": content}
    )

    during = await client.speaks(tone(600))
    await asyncio.sleep(2)
    after = await client.speaks(tone(600))

    assert "input_audio_buffer.speech_started" not in types(during)
    assert "input_audio_buffer.speech_started" in types(after)


async def test_a_truncation_is_taken_without_a_word() -> None:
    client = await Client.dial(XAISimulator())

    assert await client.says("conversation.item.truncate", item_id="nobody", content_index=0, audio_end_ms=1) == []


async def test_a_result_for_a_call_of_before_is_refused() -> None:
    client = await Client.dial(XAISimulator())
    item = {"type": "function_call_output", "call_id": "call-1", "output": "1"}

    assert types(await client.says("conversation.item.create", item=item)) == ["error"]


# --- coming back --------------------------------------------------------------------------------------------------


async def talked(simulator: XAISimulator, *, opted_in: bool = True) -> str:
    """A conversation of two items, left; its id."""
    client = await Client.dial(simulator)
    await client.sets_up(resumption={"enabled": opted_in})
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "I am Ada."}]}
    await client.says("conversation.item.create", item=item)
    await client.says("response.create")
    client.wire.close()
    return str(client.heard[1]["conversation"]["id"])


@pytest.mark.parametrize(
    ("opted_in", "opts_in", "away_s", "replayed"),
    [
        (True, True, 60, ["I am Ada.", "Hello Ada."]),
        (False, True, 60, []),
        (True, False, 60, []),
        (True, True, 1_860, []),
    ],
)
async def test_who_opts_in_twice_and_is_back_in_time_is_told_what_was_said(
    opted_in: bool, opts_in: bool, away_s: float, replayed: list[str]
) -> None:
    simulator = XAISimulator(Script(hear("text"), say("Hello Ada.")))
    conversation_id = await talked(simulator, opted_in=opted_in)
    await asyncio.sleep(away_s)

    client = await Client.dial(simulator, f"{URL}&conversation_id={conversation_id}")
    events = await client.says("session.update", session={"resumption": {"enabled": opts_in}})

    assert [event["item"]["content"][0]["text"] for event in events[:-1]] == replayed
    assert events[-1]["type"] == "session.updated"
    assert (client.heard[1]["conversation"]["id"] == conversation_id) == (opted_in and away_s < 1_800)


# --- the door, and trouble ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "status"),
    [
        (Endpoint(URL), 401),
        (Endpoint(URL, {"Authorization": "Bearer xai-other"}), 401),
        (Endpoint(URL, subprotocols=("openai-insecure-api-key.xai-test",)), 401),
        (Endpoint("wss://api.x.ai/v2/live", KEY), 404),
    ],
)
async def test_who_may_not_come_in_is_refused_before_the_upgrade(endpoint: Endpoint, status: int) -> None:
    with pytest.raises(WireRefused) as refused:
        await XAISimulator(api_key="xai-test").dial(endpoint)

    assert refused.value.status == status


async def test_a_browser_passes_its_secret_as_one_subprotocol_and_a_model_need_not_be_named() -> None:
    simulator = XAISimulator(api_key="token")

    await simulator.dial(Endpoint("wss://api.x.ai/v1/realtime", subprotocols=("xai-client-secret.token",)))

    assert simulator.sessions[0].session["model"] == "grok-voice-latest"


async def test_a_session_has_an_end() -> None:
    client = await Client.dial(XAISimulator(session_limit_ms=60_000))

    await asyncio.sleep(61)

    assert client.heard[-1]["type"] == "error"
    assert client.closed is not None and client.closed.code == 1001


async def test_a_script_may_say_anything_as_it_is() -> None:
    odd = {"type": "response.output_audio.delta", "delta": 3, "obfuscation": "kept"}
    client = await Client.dial(XAISimulator(Script(hear("text"), raw(odd), error("custom", "Sorry"))))
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}

    events = await client.says("conversation.item.create", item=item)

    assert odd in events
    assert events[-1]["error"]["code"] == "custom"


@pytest.mark.parametrize(
    "message", ["", "{", "[]", b"\x00", '{"type":"nonsense"}', '{"type":3}', '{"type":"session.update"}', "[" * 9_999]
)
async def test_rubbish_is_refused_and_the_conversation_goes_on(message: str | bytes) -> None:
    client = await Client.dial(XAISimulator())

    assert types(await client.sends(message)) == ["error"]
    assert "response.created" in types(await client.says("response.create"))


async def test_two_runs_give_the_same_log() -> None:
    async def run() -> list[str]:
        simulator = XAISimulator(Script(hear("speech"), transcribe("hi"), say("Hello.")), clock=VirtualClock())
        client = await Client.dial(simulator)
        await client.sets_up(**LISTENING)
        await client.speaks(tone(600) + bytes(48 * 900))
        simulator.assert_done()
        return [line.partition(" ")[2] for line in simulator.log]

    assert await run() == await run()

"""The WebSocket transport over wires in memory, in virtual time: what a session and its client see of each other."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import Any

import pytest

from roomkit.errors import AccessDeniedError, ClientGoneError, ConfigError
from roomkit.voice.backends.base import (
    ClientEvent,
    ClientGone,
    ClientGoodbye,
    ClientSetup,
    ClientText,
)
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.backends.websocket_link import WebSocketLink
from roomkit.voice.wires.memory import MemoryWire, memory_pair
from roomkit.voice.wires.port import WireClosed, WireMessage

pytestmark = pytest.mark.virtual_time

SETUP = ClientSetup("s1", "r1", "p1", input_rate_hz=16_000, output_rate_hz=24_000)
AUDIO = b"\x01\x00" * 320


class Heard:
    """The session's side: what a link delivered, in order."""

    def __init__(self) -> None:
        self.items: list[bytes | ClientEvent] = []

    def on_audio(self, pcm: bytes) -> None:
        self.items.append(pcm)

    def on_event(self, event: ClientEvent) -> None:
        self.items.append(event)

    async def settled(self) -> None:
        return None


class Client:
    """The far end of a wire in memory."""

    def __init__(self, wire: MemoryWire) -> None:
        self.wire = wire
        self.received: list[WireMessage] = []
        self.closed: WireClosed | None = None
        wire.start(self.received.append, self._on_close)

    def sends(self, message: dict[str, Any] | bytes | str) -> None:
        self.wire.send(json.dumps(message) if isinstance(message, dict) else message)

    def says(self, pcm: bytes = AUDIO) -> None:
        self.sends({"type": "audio", "data": base64.b64encode(pcm).decode()})

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.received if isinstance(message, str)]

    @property
    def error_codes(self) -> list[str]:
        return [message["code"] for message in self.messages if message["type"] == "error"]

    def _on_close(self, closed: WireClosed) -> None:
        self.closed = closed


async def delivered() -> None:
    """Let everything that is on its way arrive."""
    await asyncio.sleep(0.01)


async def call(**options: Any) -> tuple[Client, WebSocketLink, Heard]:
    far, near = memory_pair()
    client, heard = Client(far), Heard()
    link = await WebSocketRealtimeTransport(**options).open_link(near, SETUP, heard)
    return client, link, heard


async def test_the_callers_voice_reaches_the_session() -> None:
    client, _, heard = await call()

    client.says(b"\x01\x02\x03")
    await delivered()

    assert heard.items == [b"\x01\x02\x03"]


async def test_in_binary_format_audio_is_bare_bytes_both_ways() -> None:
    client, link, heard = await call(audio_format="binary")

    client.sends(AUDIO)
    link.send_audio(AUDIO)
    await delivered()

    assert heard.items == [AUDIO]
    assert client.received == [AUDIO]


async def test_in_json_format_the_agents_voice_is_base64() -> None:
    client, link, _ = await call()

    link.send_audio(AUDIO)
    await delivered()

    assert client.messages == [{"type": "audio", "data": base64.b64encode(AUDIO).decode()}]


async def test_the_client_is_told_the_rates_and_the_format() -> None:
    client, link, _ = await call(input_sample_rate=48_000)

    link.send_message({"type": "session_started", "session_id": "s1", "room_id": "r1"})
    await delivered()

    assert client.messages == [
        {
            "type": "session_started",
            "session_id": "s1",
            "room_id": "r1",
            "input_sample_rate": 48_000,
            "output_sample_rate": 24_000,
            "audio_format": "base64_json",
        }
    ]
    assert (link.input_rate_hz, link.output_rate_hz) == (48_000, 24_000)


async def test_a_clear_names_its_epoch() -> None:
    client, link, _ = await call()

    link.clear_audio(3)
    await delivered()

    assert client.messages == [{"type": "clear_audio", "epoch": 3}]


async def test_a_ping_is_answered_and_does_not_trouble_the_session() -> None:
    client, _, heard = await call()

    client.sends({"type": "ping"})
    await delivered()

    assert client.messages == [{"type": "pong"}]
    assert heard.items == []


async def test_a_goodbye_and_a_vanishing_are_told_apart() -> None:
    client, _, heard = await call()

    client.sends({"type": "end"})
    client.wire.drop()
    await delivered()

    assert heard.items == [ClientGoodbye(), ClientGone("1006")]


async def test_closing_says_why_and_no_event_follows() -> None:
    client, link, heard = await call()

    client.says()
    await link.close("hangup")
    await link.close("again")
    await delivered()

    assert client.closed == WireClosed(1000, "hangup")
    assert heard.items == []
    link.send_audio(AUDIO)
    link.send_message({"type": "late"})
    link.clear_audio(1)


async def test_audio_from_before_the_session_is_delivered_first_and_in_order() -> None:
    far, near = memory_pair()
    client, heard = Client(far), Heard()
    transport = WebSocketRealtimeTransport()
    connection = await transport.adopt(near)

    client.says(b"aa")
    client.sends({"type": "text", "text": "hi"})
    client.says(b"bb")
    await asyncio.sleep(3)
    await transport.open_link(connection, SETUP, heard)
    client.says(b"cc")
    await delivered()

    assert heard.items == [b"aa", ClientText("hi"), b"bb", b"cc"]


async def test_only_the_newest_audio_from_before_the_session_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    far, near = memory_pair()
    client, heard = Client(far), Heard()
    transport = WebSocketRealtimeTransport(input_sample_rate=8_000)
    connection = await transport.adopt(near)

    for second in range(12):
        client.says(bytes([second]) * 16_000)
        await asyncio.sleep(1)
    await transport.open_link(connection, SETUP, heard)

    assert [item[0] for item in heard.items if isinstance(item, bytes)] == list(range(2, 12))
    assert "32000 bytes of caller audio dropped" in caplog.text


async def test_a_client_that_left_before_its_session_is_gone() -> None:
    far, near = memory_pair()
    client = Client(far)
    transport = WebSocketRealtimeTransport()
    connection = await transport.adopt(near)

    client.wire.close()
    await delivered()

    with pytest.raises(ClientGoneError):
        await transport.open_link(connection, SETUP, Heard())


async def test_a_connection_has_one_session() -> None:
    far, near = memory_pair()
    Client(far)
    transport = WebSocketRealtimeTransport()
    await transport.open_link(near, SETUP, Heard())

    with pytest.raises(ConfigError, match="has a session already"):
        await transport.open_link(near, SETUP, Heard())


async def test_a_connection_nobody_gives_a_session_is_sent_away() -> None:
    far, near = memory_pair()
    client = Client(far)
    await WebSocketRealtimeTransport().adopt(near)

    await asyncio.sleep(16)

    assert client.error_codes == ["no_session"]
    assert client.closed is not None
    assert client.closed.code == 1013


# Doors


@pytest.mark.parametrize("answer", [None, False, 0])
async def test_who_is_not_authenticated_is_refused(answer: object) -> None:
    far, near = memory_pair()
    client = Client(far)
    transport = WebSocketRealtimeTransport(authenticate=lambda _: answer)

    with pytest.raises(AccessDeniedError):
        await transport.open_link(near, SETUP, Heard())

    await delivered()
    assert client.error_codes == ["unauthorized"]
    assert client.closed == WireClosed(4401, "authentication failed")


async def test_an_authentication_that_fails_or_hangs_refuses() -> None:
    async def hangs(_: object) -> bool:
        await asyncio.sleep(3600)
        return True

    def fails(_: object) -> bool:
        raise LookupError("the database is away")

    for authenticate in (hangs, fails):
        far, near = memory_pair()
        client = Client(far)
        with pytest.raises(AccessDeniedError):
            await WebSocketRealtimeTransport(authenticate=authenticate).open_link(near, SETUP, Heard())
        await delivered()
        assert client.closed is not None
        assert client.closed.code == 4401


async def test_what_authenticate_returns_becomes_metadata() -> None:
    async def authenticate(_: object) -> dict[str, str]:
        return {"user": "ada"}

    far, near = memory_pair()
    client = Client(far)
    transport = WebSocketRealtimeTransport(authenticate=authenticate)

    await transport.open_link(near, SETUP, Heard())

    assert transport.connection_metadata(near) == {"user": "ada"}
    client.wire.close()
    await delivered()
    assert transport.connection_metadata(near) == {}


async def test_a_connection_can_be_asked_at_the_door_before_its_session_and_is_asked_once() -> None:
    asked: list[object] = []

    def authenticate(request: object) -> dict[str, int]:
        asked.append(request)
        return {"visit": len(asked)}

    far, near = memory_pair()
    client, heard = Client(far), Heard()
    transport = WebSocketRealtimeTransport(authenticate=authenticate)

    metadata = await transport.admit(near)
    client.says()
    await delivered()
    await transport.open_link(near, SETUP, heard)

    assert metadata == {"visit": 1}
    assert len(asked) == 1
    assert heard.items == [AUDIO]


async def test_nobody_slips_in_while_the_door_is_still_being_asked() -> None:
    async def takes_its_time(_: object) -> None:
        await asyncio.sleep(5)

    far, near = memory_pair()
    client = Client(far)
    transport = WebSocketRealtimeTransport(authenticate=takes_its_time)

    async def asks_first() -> None:
        with pytest.raises(AccessDeniedError, match="authentication failed"):
            await transport.admit(near)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asks_first())
        await asyncio.sleep(1)
        with pytest.raises(AccessDeniedError, match="still being asked"):
            await transport.open_link(near, SETUP, Heard())

    assert client.closed is not None


async def test_there_is_room_for_so_many_and_no_more() -> None:
    transport = WebSocketRealtimeTransport(max_sessions=1)
    (far, near), (far2, near2) = memory_pair(), memory_pair()
    first, second = Client(far), Client(far2)
    await transport.open_link(near, SETUP, Heard())

    with pytest.raises(AccessDeniedError, match="too many sessions"):
        await transport.open_link(near2, SETUP, Heard())

    await delivered()
    assert second.error_codes == ["refused"]
    first.wire.close()
    await delivered()
    far3, near3 = memory_pair()
    Client(far3)
    await transport.open_link(near3, SETUP, Heard())


async def test_what_is_no_websocket_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="a str cannot carry a session"):
        await WebSocketRealtimeTransport().open_link("ws://", SETUP, Heard())


@pytest.mark.parametrize(
    "options",
    [
        {"audio_format": "mp3"},
        {"input_sample_rate": 0},
        {"output_sample_rate": 96_000},
        {"max_message_bytes": 0},
        {"max_sessions": -1},
        {"max_messages_per_s": 0},
        {"max_audio_realtime_factor": 0},
    ],
)
async def test_settings_that_cannot_work_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        WebSocketRealtimeTransport(**options)


# Bad input


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param("", "empty", id="empty text"),
        pytest.param("hello", "bad_json", id="not JSON"),
        pytest.param("\x00", "bad_json", id="a null byte"),
        pytest.param('{"type":"audio","data":7}', "bad_field", id="a wrong type"),
        pytest.param('{"type":"audio","data":""}', "bad_audio", id="no audio"),
        pytest.param('{"type":"dance"}', "unknown_type", id="an unknown type"),
        pytest.param(AUDIO, "wrong_format", id="binary where JSON was agreed"),
        pytest.param(b"", "wrong_format", id="empty binary"),
    ],
)
async def test_a_bad_message_gets_an_error_and_the_call_goes_on(message: str | bytes, code: str) -> None:
    client, _, heard = await call()

    client.sends(message)
    client.says()
    await delivered()

    assert client.error_codes == [code]
    assert heard.items == [AUDIO]


async def test_json_audio_where_binary_was_agreed_gets_an_error() -> None:
    client, _, heard = await call(audio_format="binary")

    client.says()
    await delivered()

    assert client.error_codes == ["wrong_format"]
    assert heard.items == []


async def test_ten_bad_messages_in_a_row_end_the_call_and_no_other() -> None:
    transport = WebSocketRealtimeTransport()
    (far, near), (far2, near2) = memory_pair(), memory_pair()
    bad, good = Client(far), Client(far2)
    heard_of_bad, heard_of_good = Heard(), Heard()
    await transport.open_link(near, SETUP, heard_of_bad)
    await transport.open_link(near2, SETUP, heard_of_good)

    for _ in range(20):
        bad.sends("garbage")
    await delivered()
    good.says()
    await delivered()

    assert bad.closed == WireClosed(1008, "too many bad messages")
    assert bad.error_codes == ["bad_json"] * 10
    assert heard_of_bad.items == [ClientGone("1008 too many bad messages")]
    assert heard_of_good.items == [AUDIO]
    assert good.closed is None


async def test_fifty_bad_messages_between_good_ones_end_the_call() -> None:
    client, _, heard = await call()

    for _ in range(60):
        client.sends("garbage")
        client.says()
    await delivered()

    assert client.closed is not None
    assert client.closed.code == 1008
    assert heard.items.count(AUDIO) == 49


async def test_a_hundred_times_real_time_is_refused_and_ended() -> None:
    client, _, heard = await call(audio_format="binary")
    second_of_audio = bytes(32_000)

    for _ in range(100):
        client.sends(second_of_audio)
    await delivered()

    assert set(client.error_codes) == {"too_fast"}
    assert client.closed is not None
    assert client.closed.code == 1008
    assert heard.items.count(second_of_audio) == 40  # ten seconds' worth of four times real time


async def test_real_time_is_never_refused() -> None:
    client, _, heard = await call(audio_format="binary", max_audio_realtime_factor=1.0)

    for _ in range(60 * 50):
        client.sends(AUDIO)
        await asyncio.sleep(0.02)

    assert client.error_codes == []
    assert len(heard.items) == 60 * 50


async def test_too_many_small_messages_are_refused() -> None:
    client, _, _ = await call(max_messages_per_s=10)

    for _ in range(105):
        client.sends({"type": "interrupt"})
    await delivered()

    assert client.error_codes == ["too_many_messages"] * 5


# A client that comes by itself is tested on sockets, in test_websocket_ways_in.py


async def test_closing_the_transport_ends_every_call(caplog: pytest.LogCaptureFixture) -> None:
    far, near = memory_pair()
    client, heard = Client(far), Heard()
    transport = WebSocketRealtimeTransport()
    await transport.open_link(near, SETUP, heard)

    with caplog.at_level(logging.ERROR):
        await transport.close()
        await transport.close()
        await delivered()

    assert client.closed == WireClosed(1001, "server shutting down")
    assert heard.items == [ClientGone("1001 server shutting down")]
    assert caplog.text == ""

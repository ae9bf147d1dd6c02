"""The WebSocket transport over wires in memory, in virtual time: what a session and its client see of each other."""

from __future__ import annotations

import asyncio
import base64
import logging

import pytest

from roomkit.errors import ClientGoneError, ConfigError
from roomkit.voice.backends.base import ClientGone, ClientGoodbye, ClientText
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.wires.memory import memory_pair
from roomkit.voice.wires.port import WireClosed
from tests.voice.backends.websocket_call import AUDIO, SETUP, Client, Heard, call, delivered

pytestmark = pytest.mark.virtual_time


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

"""What a client may do wrong, and that it costs nobody but itself."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.voice.backends.base import ClientGone
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.wires.memory import memory_pair
from roomkit.voice.wires.port import WireClosed
from tests.voice.backends.websocket_call import AUDIO, SETUP, Client, Heard, call, delivered

pytestmark = pytest.mark.virtual_time


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

"""Who may open a voice session over a WebSocket, over wires in memory: ``authenticate``, limits, settings."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.errors import AccessDeniedError, ConfigError
from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
from roomkit.voice.wires.memory import memory_pair
from roomkit.voice.wires.port import WireClosed
from tests.voice.backends.websocket_call import AUDIO, SETUP, Client, Heard, delivered

pytestmark = pytest.mark.virtual_time


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

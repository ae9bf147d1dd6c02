"""How clients get into any vendor's simulator: what an upgrade says, and what a damaged one is answered."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.testing import ElevenLabsSimulator, Script, drop, hear
from roomkit.testing.simulators.door import Upgrade
from roomkit.voice.realtime.commands import InjectText, LinkConfig
from roomkit.voice.realtime.provider_events import LinkLost
from roomkit.voice.wires.port import Endpoint, WireClosed, WireMessage, WireRefused
from tests.testing.vendors import EACH_VENDOR, linked, simulator_of


def test_an_upgrade_is_the_same_over_a_socket_and_in_memory() -> None:
    on_a_socket = Upgrade.read(
        "ws://host:9/path?model=m&model=other&empty=", [("X-Key", "k"), ("Sec-WebSocket-Protocol", "realtime, key.k")]
    )
    in_memory = Upgrade.read("ws://host:9/path?model=m", {"x-key": "k"}.items(), subprotocols=("realtime", "key.k"))

    assert (on_a_socket.origin, on_a_socket.path, on_a_socket.query["model"]) == ("ws://host:9", "/path", "m")
    assert on_a_socket.headers["x-key"] == in_memory.headers["x-key"] == "k"
    assert on_a_socket.subprotocols == in_memory.subprotocols == ("realtime", "key.k")


@given(url=st.text(), headers=st.lists(st.tuples(st.text(), st.text())))
def test_any_text_can_be_read_as_an_upgrade(url: str, headers: list[tuple[str, str]]) -> None:
    upgrade = Upgrade.read(url, headers)

    assert all(name == name.lower() for name in upgrade.headers)
    assert all(upgrade.subprotocols)


@EACH_VENDOR
@pytest.mark.parametrize("url", ["ws://host/elsewhere", "ws://[", "", "\0"])
async def test_another_address_is_nobodys(vendor: str, url: str) -> None:
    simulator = simulator_of(vendor)

    with pytest.raises(WireRefused) as caught:
        await simulator.dial(Endpoint(url))

    assert caught.value.status == 404
    assert simulator.sessions == []


@EACH_VENDOR
@pytest.mark.parametrize("host", ["[", "a, b", "\xff"])
async def test_a_host_that_is_none_gets_an_answer_all_the_same(vendor: str, host: str) -> None:
    async with simulator_of(vendor).serve() as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        status = await _status_of(port, f"Host: {host}\r\nHost: {host}")

    assert status in (400, 404)


async def _status_of(port: int, headers: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    writer.write(f"GET /x HTTP/1.1\r\n{headers}\r\n{upgrade}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode("latin-1"))
    async with asyncio.timeout(5):
        line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(line.split()[1])


@pytest.mark.parametrize("body", [5, "text", [], None, {"audio_base_64": 5}])
async def test_the_record_survives_what_only_looks_like_audio(body: object) -> None:
    simulator = ElevenLabsSimulator()
    wire = await simulator.dial(Endpoint("wss://host/v1/convai/conversation?agent_id=any"))
    closed: asyncio.Future[WireClosed] = asyncio.get_running_loop().create_future()
    wire.start(_ignored, closed.set_result)

    wire.send(json.dumps({"type": "pong", "event_id": 1, "audio_event": body}))

    assert (await closed).code == 1002  # the first message must begin the conversation
    assert [event["type"] for event in simulator.received] == ["pong"]


@EACH_VENDOR
@pytest.mark.parametrize("reason", ["x" * 200, "é" * 200, "\ud800" * 200])
async def test_a_reason_too_long_for_a_closing_frame_is_cut(vendor: str, reason: str) -> None:
    simulator = simulator_of(vendor, Script(hear("text"), drop(4_001, reason)))
    async with linked(simulator, LinkConfig("s"), "socket") as (link, sink):
        link.send(InjectText("Hi"))
        lost = await sink.next(LinkLost)

    assert lost.code == "4001"


def _ignored(message: WireMessage) -> None:
    """What the server says is not what this is about."""

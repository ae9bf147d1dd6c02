"""The simulated ElevenLabs server on a real port: signed URLs by HTTP, refusals by status, its subprotocol, the CLI."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from roomkit.testing import ElevenLabsSimulator, Script, drop, wait
from roomkit.testing.simulators.elevenlabs.server import PATH

BEGIN = json.dumps({"type": "conversation_initiation_client_data"})


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?agent_id=agent_1", {"xi-api-key": "xi-right"}, 200),
        ("?agent_id=agent_1", {"xi-api-key": "xi-wrong"}, 401),
        ("?agent_id=agent_1", {}, 401),
        ("", {"xi-api-key": "xi-right"}, 422),
        ("?agent_id=other", {"xi-api-key": "xi-right"}, 404),
    ],
)
async def test_signed_urls_are_given_out_on_the_same_port(query: str, headers: dict[str, str], status: int) -> None:
    simulator = ElevenLabsSimulator(agent_id="agent_1", api_key="xi-right")

    async with simulator.serve() as server, httpx.AsyncClient() as client:
        answer = await client.get(f"{server.base_url}{PATH}/get-signed-url{query}", headers=headers)

    assert answer.status_code == status
    assert ("signed_url" in answer.json()) is (status == 200)


async def test_a_wrong_key_is_refused_before_the_upgrade() -> None:
    async with ElevenLabsSimulator(api_key="xi-right").serve() as server:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{server.url}?agent_id=a", additional_headers={"xi-api-key": "xi-wrong"})

    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(("offered", "taken"), [([], None), (["convai"], "convai"), (["other", "convai"], "convai")])
async def test_the_browsers_subprotocol_is_taken_and_none_is_fine(offered: list[str], taken: str | None) -> None:
    subprotocols = [Subprotocol(name) for name in offered] or None

    async with (
        ElevenLabsSimulator().serve() as server,
        connect(f"{server.url}?agent_id=a", subprotocols=subprotocols) as client,
    ):
        assert client.subprotocol == taken


async def test_a_line_that_drops_has_no_closing_frame() -> None:
    async with (
        ElevenLabsSimulator(Script(wait(10), drop())).serve() as server,
        connect(f"{server.url}?agent_id=a") as client,
    ):
        await client.send(BEGIN)
        async with asyncio.timeout(5):
            await client.wait_closed()

    assert client.close_code == 1006


async def test_binary_messages_are_refused() -> None:
    async with ElevenLabsSimulator().serve() as server, connect(f"{server.url}?agent_id=a") as client:
        await client.send(b"\x00")
        async with asyncio.timeout(5):
            await client.wait_closed()

    assert client.close_code == 1002

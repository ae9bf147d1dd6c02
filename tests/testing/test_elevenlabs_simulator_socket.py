"""The simulated ElevenLabs server on a real port: signed URLs by HTTP, refusals by status, its subprotocol, the CLI."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from roomkit.cli.simulate import simulate
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


async def test_an_agent_that_is_not_there_is_refused_before_the_upgrade() -> None:
    async with ElevenLabsSimulator(agent_id="agent_1").serve() as server:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{server.url}?agent_id=other")

    assert refused.value.response.status_code == 404


async def test_a_wrong_key_is_told_by_a_close_after_it() -> None:
    async with (
        ElevenLabsSimulator(api_key="xi-right").serve() as server,
        connect(f"{server.url}?agent_id=a", additional_headers={"xi-api-key": "xi-wrong"}) as client,
    ):
        await client.wait_closed()

    assert client.close_code == 1008


@pytest.mark.parametrize(("asked", "times"), [("&include_conversation_id=true", 1), ("", 2)])
async def test_a_signed_url_opens_as_many_conversations_as_it_was_asked_for(asked: str, times: int) -> None:
    begun = []
    async with ElevenLabsSimulator().serve() as server, httpx.AsyncClient() as http:
        answer = await http.get(
            f"{server.base_url}{PATH}/get-signed-url?agent_id=a{asked}", headers={"xi-api-key": "xi-any"}
        )
        for _ in range(2):
            with contextlib.suppress(ConnectionClosed):
                async with connect(answer.json()["signed_url"]) as client:
                    await client.send(BEGIN)
                    begun.append(json.loads(await client.recv())["type"])

    assert begun == ["conversation_initiation_metadata"] * times


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


def test_the_command_says_what_is_wrong_with_a_script_before_anyone_dials(tmp_path: Path) -> None:
    script = tmp_path / "demo.json"
    script.write_text('["sing"]', encoding="utf-8")

    done = CliRunner().invoke(simulate, ["elevenlabs", "--script", str(script)])

    assert done.exit_code == 1
    assert "no step is called 'sing'" in done.output


async def test_the_command_serves_the_script_until_it_is_stopped(tmp_path: Path) -> None:
    script = tmp_path / "demo.json"
    script.write_text('[{"hear": "text"}, {"say": "Hello."}]', encoding="utf-8")
    program = [sys.executable, "-c", "from roomkit.cli import main; main()"]
    options = ["simulate", "elevenlabs", "--port", "0", "--script", str(script)]
    process = await asyncio.create_subprocess_exec(*program, *options, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            url = (await process.stdout.readline()).decode().split(": ", 1)[1].strip()
            async with connect(url) as client:
                await client.send(BEGIN)
                await client.send('{"type": "user_message", "text": "Hi"}')
                types = [json.loads(await client.recv())["type"] for _ in range(3)]
    finally:
        process.terminate()
        await process.communicate()

    assert types == ["conversation_initiation_metadata", "ping", "agent_response"]

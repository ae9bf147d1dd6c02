"""The simulator on a real socket: who gets in, what rubbish does, how connections end. And the command that runs it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roomkit.cli.simulate import simulate
from roomkit.testing import OpenAISimulator, Script, drop, hear, say

KEY = {"Authorization": "Bearer sk-test"}


async def hears(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        event: dict[str, Any] = json.loads(await connection.recv())
    return event


async def closed(connection: ClientConnection) -> ConnectionClosed:
    """How the connection ended; what came before is read away."""
    try:
        async with asyncio.timeout(10):
            while True:
                await connection.recv()
    except ConnectionClosed as end:
        return end


@pytest.mark.parametrize(("headers", "path", "status"), [({}, "", 401), (KEY, "/elsewhere", 404)])
async def test_an_upgrade_without_a_key_or_to_another_path_is_refused(
    headers: dict[str, str], path: str, status: int
) -> None:
    async with OpenAISimulator().serve() as server:
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url + path, additional_headers=headers)

    assert refused.value.response.status_code == status


async def test_rubbish_over_the_socket_is_answered_and_the_connection_lives_on() -> None:
    simulator = OpenAISimulator()
    async with simulator.serve() as server, connect(f"{server.url}?model=m", additional_headers=KEY) as connection:
        await hears(connection)
        answers = []
        for rubbish in ("not json", b"\x00\x01", '{"type": "nonsense"}', append_of(20 * 1024 * 1024)):
            await connection.send(rubbish)
            answers.append((await hears(connection))["type"])
        await connection.send('{"type": "input_audio_buffer.clear"}')
        last = await hears(connection)

    assert answers == ["error"] * 4
    assert last["type"] == "input_audio_buffer.cleared"
    assert any("rubbish, 8 long" in line for line in simulator.log)


@pytest.mark.parametrize("code", [1006, 1012])
async def test_a_drop_ends_the_socket_as_the_script_says(code: int) -> None:
    simulator = OpenAISimulator(Script(hear("text"), say("Going."), drop(code)))
    async with simulator.serve() as server, connect(f"{server.url}?model=m", additional_headers=KEY) as connection:
        await connection.send(user_text("Hello"))
        await connection.send('{"type": "response.create"}')
        end = await closed(connection)

    assert (end.rcvd.code if end.rcvd else 1006) == code


async def test_the_beta_is_switched_off() -> None:
    headers = {**KEY, "OpenAI-Beta": "realtime=v1"}
    async with OpenAISimulator().serve() as server, connect(server.url, additional_headers=headers) as connection:
        first = await hears(connection)
        end = await closed(connection)

    assert first["error"]["code"] == "beta_api_shape_disabled"
    assert end.rcvd is not None
    assert end.rcvd.code == 4000


async def test_a_client_that_vanishes_leaves_nothing_behind() -> None:
    simulator = OpenAISimulator(lambda: Script(hear("text"), say(seconds=60, pace="realtime")))
    before = len(asyncio.all_tasks())
    async with simulator.serve() as server:
        connection = await connect(f"{server.url}?model=m", additional_headers=KEY)
        await connection.send(user_text("Hello"))
        await connection.send('{"type": "response.create"}')
        while (await hears(connection))["type"] != "response.output_audio.delta":
            pass
        connection.transport.abort()
        await connection.wait_closed()
    await asyncio.sleep(0)

    assert len(asyncio.all_tasks()) == before
    assert simulator.sessions[0].is_over


async def test_several_callers_at_once_have_sessions_of_their_own() -> None:
    simulator = OpenAISimulator(Script)
    async with simulator.serve() as server:
        url = f"{server.url}?model=m"
        async with connect(url, additional_headers=KEY) as one, connect(url, additional_headers=KEY) as other:
            ids = {(await hears(each))["session"]["id"] for each in (one, other)}

    assert ids == {session.id for session in simulator.sessions}
    assert len(ids) == 2


def test_the_command_refuses_a_file_that_is_no_script(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('["sing"]')

    result = CliRunner().invoke(simulate, ["openai", "--port", "0", "--script", str(path)])

    assert result.exit_code == 1
    assert "no step is called 'sing'" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("vendor", "model"), [("openai", "gpt-realtime-2.1"), ("xai", "grok-voice-latest")])
async def test_the_command_serves_until_it_is_interrupted(vendor: str, model: str) -> None:
    command = "from roomkit.cli.simulate import simulate; simulate()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, vendor, "--port", "0", stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        line = (await process.stdout.readline()).decode()
        url = line.split()[-1]
        async with connect(url, additional_headers=KEY) as connection:
            created = await hears(connection)
        process.send_signal(signal.SIGINT)
        await process.stdout.read()
        status = await process.wait()

    assert created["session"]["model"] == model
    assert status == 0


def append_of(size_bytes: int) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": "A" * (size_bytes * 4 // 3 // 4 * 4)})


def user_text(text: str) -> str:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return json.dumps({"type": "conversation.item.create", "item": item})

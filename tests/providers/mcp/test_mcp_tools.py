"""The tools of MCP servers made with the official SDK: over stdio and HTTP, while they live and after they died."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.channels.websocket import WebSocketChannel
from roomkit.core.ports import ModelReply, ModelToolCall
from roomkit.core.tools import ToolArgumentsError, ToolCatalog
from roomkit.errors import ConfigError, ProviderError, ProviderLostError, SessionStateError
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.providers.ai.mock import MockAIProvider
from roomkit.providers.mcp import connection
from roomkit.providers.mcp.tools import MCPTools
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.reconnect import ReconnectPolicy

HERE = Path(__file__).parent
PEER = str(HERE / "peer.py")
SOON = ReconnectPolicy(first_delay_ms=10, max_delay_ms=50, max_attempts=100, budget_ms=20_000)


def peer(**options: Any) -> MCPTools:
    return MCPTools.stdio(sys.executable, [PEER], {"PEER_NAME": "Peer"}, name="peer", reconnect=SOON, **options)


def rubbish(kind: str, **options: Any) -> MCPTools:
    return MCPTools.stdio(sys.executable, [str(HERE / "rubbish.py"), kind], name="rubbish", **options)


@pytest.fixture
async def tools() -> AsyncIterator[MCPTools]:
    """The peer's over stdio. The connection has a task of its own, so a fixture may open it and a test use it."""
    async with peer() as tools:
        yield tools


async def call(tools: MCPTools, tool: str, /, **arguments: Any) -> Any:
    """As a channel calls a tool: checked against its schema first."""
    catalog = ToolCatalog(tools)
    return await catalog.run(tool, catalog.check(tool, arguments))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 -- another process is waited for, it sets no event
            await asyncio.sleep(0.02)


async def test_a_servers_tools_are_tools_like_any_other(tools: MCPTools) -> None:
    add = next(tool for tool in tools if tool.name == "add")

    assert add.description == "Add two numbers."
    assert add.parameters["properties"]["a"]["type"] == "integer"
    assert len(tools) == 8
    assert tools[0].name == "add"
    assert [tool.name for tool in tools[:2]] == ["add", "greet"]


async def test_words_come_as_text_and_structured_content_as_json(tools: MCPTools) -> None:
    assert await call(tools, "greet", name="Ada") == "Hello Ada, I am Peer."
    assert await call(tools, "add", a=1, b=2) == 3
    assert await call(tools, "order", number=7) == {"number": 7, "status": "sent"}


async def test_a_picture_is_named_not_passed_on(tools: MCPTools) -> None:
    assert await call(tools, "picture") == "[image: image/png, 108 bytes, not shown]"


async def test_a_tool_that_fails_gives_an_error_as_its_result(tools: MCPTools) -> None:
    assert "fail" in (await call(tools, "fail"))["error"]


async def test_arguments_are_checked_here_before_the_server_sees_them(tools: MCPTools) -> None:
    with pytest.raises(ToolArgumentsError, match="add"):
        await call(tools, "add", a="one", b=2)


async def test_a_tool_that_takes_too_long_gives_an_error_and_the_next_one_works() -> None:
    async with peer(timeout_s=0.3) as tools:
        assert await call(tools, "slow") == {"error": "peer gave no answer within 0.3 s"}
        assert await call(tools, "add", a=1, b=2) == 3


async def test_calls_run_at_the_same_time(tools: MCPTools) -> None:
    assert await asyncio.gather(*(call(tools, "add", a=n, b=n) for n in range(20))) == [2 * n for n in range(20)]


async def test_a_call_that_is_cancelled_leaves_the_connection_usable(tools: MCPTools) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await call(tools, "slow")

    assert await call(tools, "add", a=1, b=2) == 3


async def test_only_allowed_tools_are_taken_and_a_prefix_is_put_before_their_names() -> None:
    async with peer(prefix="shop_", allow=["add", "greet"]) as tools:
        assert [tool.name for tool in tools] == ["shop_add", "shop_greet"]
        assert await call(tools, "shop_greet", name="Ada") == "Hello Ada, I am Peer."


async def test_a_server_that_died_in_a_call_is_started_again_and_calls_meanwhile_get_an_error(tools: MCPTools) -> None:
    died = await call(tools, "die")
    await until(lambda: not tools.is_up)
    meanwhile = await call(tools, "add", a=1, b=2)
    await until(lambda: tools.is_up)

    assert died == {"error": "the server peer went away during the call; it may have been carried out"}
    assert meanwhile == {"error": "the server peer is away; try again later"}
    assert await call(tools, "add", a=1, b=2) == 3


async def test_a_server_that_is_killed_while_nobody_calls_is_started_again_unasked(tools: MCPTools) -> None:
    (process_id,) = _children()

    os.kill(int(process_id), signal.SIGKILL)
    await until(lambda: not tools.is_up)
    await until(lambda: tools.is_up)

    assert await call(tools, "add", a=1, b=2) == 3
    assert _children() != [process_id]


async def test_a_change_of_the_servers_list_is_a_change_of_this_one(tools: MCPTools) -> None:
    seen: list[list[str]] = []
    tools.on_change(lambda tools: seen.append([tool.name for tool in tools]))
    tools.on_change(lambda tools: 1 // 0)

    await call(tools, "grow")
    await until(lambda: bool(seen))

    assert "late" in seen[0]
    assert tools.is_up, "a callback that fails is the user's own business"
    assert await call(tools, "late") == "hi"


async def test_a_server_that_dies_at_once_is_not_started_without_end() -> None:
    async with peer() as tools:
        tools._connection._policy = ReconnectPolicy(first_delay_ms=1, max_attempts=2)
        tools._connection._enter = rubbish("exits")._connection._enter
        await call(tools, "die")
        await until(lambda: not tools.is_up)
        await asyncio.sleep(0.05)

        assert "away" in (await call(tools, "add", a=1, b=2))["error"]


async def test_outside_of_async_with_there_are_no_tools() -> None:
    with pytest.raises(ConfigError, match="async with"):
        list(peer())


async def test_it_serves_one_async_with() -> None:
    tools = peer()
    async with tools:
        assert len(tools) == 8

    with pytest.raises(SessionStateError, match="make them again"):
        await tools.__aenter__()
    assert "away" in (await call(tools, "add", a=1, b=2))["error"]


async def test_when_it_is_closed_neither_task_nor_server_is_left() -> None:
    before = asyncio.all_tasks()
    async with peer() as tools:
        await call(tools, "add", a=1, b=2)

    assert asyncio.all_tasks() == before
    assert _children() == []


def _children() -> list[str]:
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    return [pid for pid in listed.split() if b"peer.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


# --- agents ---------------------------------------------------------------------------------------------------------


async def test_a_voice_agent_calls_them(tools: MCPTools) -> None:
    provider = MockRealtimeProvider()
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport(), tools=[*tools])
    session = await channel.start_session("room", "ada")

    await provider.simulate_tool_call(session, "c1", "order", {"number": 7})
    await provider.simulate_tool_call(session, "c2", "order", {"number": "seven"})

    assert provider.tool_results[0][2] == '{"number": 7, "status": "sent"}'
    assert "do not fit" in provider.tool_results[1][2]
    await channel.close()


async def test_a_text_agent_takes_the_list_as_it_is(tools: MCPTools) -> None:
    wanted = ModelToolCall("c1", "order", {"number": 7})
    model = MockAIProvider([ModelReply(tool_calls=(wanted,)), "Your order was sent."])
    async with RoomKit() as kit:
        kit.register_channel(AIChannel("agent", model, tools=tools))
        kit.register_channel(WebSocketChannel("chat"))
        await kit.create_room("room")
        await kit.attach_channel("room", "chat")
        await kit.attach_channel("room", "agent")

        await kit.send_event("room", "chat", TextContent(body="Where is order 7?"), participant_id="ada")

        assert [event.text for event in await kit.get_timeline("room")][-1] == "Your order was sent."
    assert '"status": "sent"' in model.calls[-1].messages[-1].text


async def test_two_servers_with_one_name_for_a_tool_need_a_prefix(tools: MCPTools) -> None:
    async with peer() as same:
        with pytest.raises(ConfigError, match="'add' is declared twice"):
            ToolCatalog([*tools, *same])
    async with peer(prefix="other_") as other:
        assert len(ToolCatalog([*tools, *other]).definitions) == 16


# --- HTTP -----------------------------------------------------------------------------------------------------------


@contextmanager
def http_peer(port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, PEER, str(port)], env={**os.environ, "PEER_NAME": "Web"})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def answers(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return await writer.wait_closed()


async def test_a_server_over_http_is_killed_in_the_middle_and_reached_again_when_it_is_back() -> None:
    port = free_port()
    options: dict[str, Any] = {"headers": {"X-Shop": "1"}, "reconnect": SOON, "timeout_s": 5}
    with http_peer(port) as process:
        await answers(port)
        async with MCPTools.http(f"http://127.0.0.1:{port}/mcp", **options) as tools:
            before = await call(tools, "greet", name="Ada")
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            gone = await call(tools, "greet", name="Ada")
            with http_peer(port):
                await answers(port)
                await call(tools, "greet", name="Ada")  # wakes who has given up
                await until(lambda: tools.is_up)
                after = await call(tools, "greet", name="Bob")

                assert before == "Hello Ada, I am Web."
                assert "error" in gone
                assert after == "Hello Bob, I am Web."


async def test_a_server_nobody_runs_is_an_error_at_once() -> None:
    with pytest.raises(ProviderLostError, match="could not be reached"):
        async with MCPTools.http(f"http://127.0.0.1:{free_port()}/mcp"):
            pass


@pytest.mark.parametrize("url", ["", "ftp://x", "file:///etc/passwd", "http://", "x"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="http"):
        MCPTools.http(url)


# --- rubbish --------------------------------------------------------------------------------------------------------


async def test_a_program_there_is_none_of_is_an_error_at_once() -> None:
    with pytest.raises(ProviderLostError, match="could not be reached"):
        async with MCPTools.stdio("no-such-program-anywhere"):
            pass


async def test_a_program_that_says_something_else_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 0.3)

    with pytest.raises(ProviderLostError, match="rubbish was not ready within"):
        async with rubbish("noise"):
            pass


async def test_a_program_that_ends_at_once_is_an_error() -> None:
    with pytest.raises(ProviderError):
        async with rubbish("exits"):
            pass


async def test_tools_whose_schema_cannot_be_used_are_left_out_and_nothing_is_fetched() -> None:
    async with rubbish("schemas") as tools:
        assert [tool.name for tool in tools] == ["fine", "odd_name__"]
        assert len(ToolCatalog(tools).definitions) == 2


async def test_two_tools_that_would_have_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'a_b'"):
        async with rubbish("twins"):
            pass


async def test_an_answer_that_is_none_is_an_error_as_the_result() -> None:
    async with rubbish("answers") as tools:
        assert await call(tools, "call") == {"error": "rubbish answered what cannot be read"}


async def test_a_server_without_tools_gives_none() -> None:
    async with rubbish("no_tools") as tools:
        assert list(tools) == []


async def test_an_allowed_tool_there_is_none_of_is_refused_naming_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no tool refund: there are call"):
        async with rubbish("answers", allow=["call", "refund"]):
            pass


@pytest.mark.parametrize("options", [{"prefix": "a b"}, {"prefix": "x" * 40}, {"allow": "add"}])
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        rubbish("answers", **options)

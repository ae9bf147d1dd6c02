"""What the agent calls while the call goes on (RFC 0006), on mocks and virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.core.ports import Verdict
from roomkit.core.tools import ToolCatalog
from roomkit.models.enums import HookTrigger
from roomkit.models.session import SessionState
from roomkit.models.tool_call import Tool
from roomkit.testing.call import RecordingRoomPort, start_call, tone
from roomkit.voice.session.settings import AgentSettings, SessionSettings

pytestmark = pytest.mark.virtual_time

FRAME = tone(0.02, 16_000)


def block(event: Any) -> Verdict[Any]:
    return Verdict(False, event, "forbidden")


def settings_with(*tools: Tool, **fields: Any) -> SessionSettings:
    return SessionSettings(agent=AgentSettings(catalog=ToolCatalog(tools)), **fields)


async def test_a_tools_result_goes_to_the_provider() -> None:
    async def weather(city: str) -> dict[str, str]:
        return {"city": city, "sky": "clear"}

    call = await start_call(settings=settings_with(Tool("weather", handler=weather)))

    await call.provider.simulate_tool_call(call.view, "c1", "weather", {"city": "Rome"})

    assert call.provider.tool_results == [(call.view.id, "c1", '{"city": "Rome", "sky": "clear"}')]


async def test_tools_run_side_by_side_and_only_the_last_result_asks_for_an_answer() -> None:
    async def wait(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return str(seconds)

    call = await start_call(settings=settings_with(Tool("wait", handler=wait)))
    began = asyncio.get_running_loop().time()

    async with asyncio.TaskGroup() as both:
        both.create_task(call.provider.simulate_tool_call(call.view, "slow", "wait", {"seconds": 2}))
        both.create_task(call.provider.simulate_tool_call(call.view, "fast", "wait", {"seconds": 1}))

    assert asyncio.get_running_loop().time() - began == pytest.approx(2, abs=0.1)
    results = [call_ for call_ in call.provider.calls if call_.method == "tool_result"]
    assert [(r.args["call_id"], r.args["asks"]) for r in results] == [("fast", False), ("slow", True)]


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("nothing", "{}", "there is no tool"),
        ("weather", "{not json", "not JSON"),
        ("weather", "[1]", "not a JSON object"),
        ("weather", '{"city": 7}', "do not fit"),
        ("weather", "{}", "do not fit"),
    ],
)
async def test_a_call_that_cannot_be_run_gets_an_error_and_runs_nothing(name: str, arguments: str, error: str) -> None:
    ran: list[str] = []
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    call = await start_call(settings=settings_with(Tool("weather", parameters=schema, handler=ran.append)))

    await call.provider.simulate_tool_call(call.view, "c1", name, arguments)

    assert error in call.provider.tool_results[0][2]
    assert ran == []


async def test_a_tool_that_raises_hangs_or_talks_too_much_does_not_end_the_call() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    def fail() -> None:
        raise ZeroDivisionError("secret detail")

    tools = [Tool("hang", handler=hang), Tool("fail", handler=fail), Tool("huge", handler=lambda: "x" * 5_000_000)]
    call = await start_call(settings=settings_with(*tools, tool_result_max_length=1_000))

    for tool in ("hang", "fail", "huge"):
        await call.provider.simulate_tool_call(call.view, tool, tool)

    hung, failed, huge = (output for _, _, output in call.provider.tool_results)
    assert "within 30 s" in hung
    assert "ZeroDivisionError" in failed and "secret" not in failed
    assert len(huge) == 1_000 and "5000000 characters" in huge
    assert call.view.state is SessionState.ACTIVE


async def test_a_blocked_tool_is_not_run_and_the_agent_is_told_why() -> None:
    ran: list[str] = []
    port = RecordingRoomPort(hooks={HookTrigger.BEFORE_TOOL_USE: block})
    call = await start_call(port=port, settings=settings_with(Tool("pay", handler=lambda: ran.append("paid"))))

    await call.provider.simulate_tool_call(call.view, "c1", "pay")

    assert ran == []
    assert call.provider.tool_results[0][2] == '{"error": "forbidden"}'


async def test_the_microphone_is_muted_until_the_last_tool_is_done() -> None:
    async def wait(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    call = await start_call(settings=settings_with(Tool("wait", handler=wait), mute_on_tool_call=True))
    async with asyncio.TaskGroup() as both:
        both.create_task(call.provider.simulate_tool_call(call.view, "a", "wait", {"seconds": 1}))
        both.create_task(call.provider.simulate_tool_call(call.view, "b", "wait", {"seconds": 2}))
        await asyncio.sleep(1.5)
        both.create_task(call.transport.simulate_client_audio(call.view, FRAME))
    await call.transport.simulate_client_audio(call.view, FRAME)

    assert len(call.provider.sent_audio) == 1


async def test_a_cancelled_tool_sends_no_result() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    call = await start_call(settings=settings_with(Tool("hang", handler=hang)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call.provider.simulate_tool_call(call.view, "c1", "hang"))
        await asyncio.sleep(1)
        tasks.create_task(call.provider.simulate_tool_cancelled(call.view, "c1"))

    assert call.provider.tool_results == []
    assert call.view.state is SessionState.ACTIVE

"""Tool calls when everything goes wrong at the wrong moment (RFC 0006, R-0006-42, 43)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit.core.ports import Verdict
from roomkit.core.tools import ToolCatalog
from roomkit.models.enums import HookTrigger
from roomkit.models.session import EndReason, SessionState
from roomkit.models.tool_call import Tool
from roomkit.testing.call import RecordingRoomPort, start_call
from roomkit.voice.realtime.provider_events import ToolCall, ToolCallCancelled
from roomkit.voice.session.settings import AgentSettings, SessionSettings

pytestmark = pytest.mark.virtual_time


def settings_with(*tools: Tool, **fields: Any) -> SessionSettings:
    return SessionSettings(agent=AgentSettings(catalog=ToolCatalog(tools)), **fields)


async def hang() -> None:
    await asyncio.Event().wait()


async def test_a_call_taken_back_in_the_same_instant_never_ran_and_leaves_the_microphone_open() -> None:
    ran: list[str] = []
    tool = Tool("note", handler=lambda: ran.append("noted"))
    call = await start_call(settings=settings_with(tool, mute_on_tool_call=True))

    call.session.events.from_provider(ToolCall("c1", "note", "{}"))
    call.session.events.from_provider(ToolCallCancelled(("c1",)))
    async with asyncio.timeout(1):
        await call.session.settled()

    assert ran == []
    assert not call.session.events.tools.is_busy
    assert call.session.events.media.input.is_open


class Sour:
    """A result that cannot be written down."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def circle() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize("result", [Sour(), circle(), {1, 2}, {("a", "b"): 1}, float("nan"), b"\xff", "\ud800"])
async def test_a_result_that_is_nonsense_does_not_end_the_call(result: Any) -> None:
    call = await start_call(settings=settings_with(Tool("odd", handler=lambda: result)))

    await call.provider.simulate_tool_call(call.view, "c1", "odd")

    assert call.view.state is SessionState.ACTIVE
    ((_, call_id, output),) = call.provider.tool_results
    assert call_id == "c1"
    output.encode()  # what the model is told can be written on a wire


async def test_a_port_that_breaks_while_a_tool_runs_does_not_end_the_call() -> None:
    def broken(event: Any) -> Verdict[Any]:
        raise RuntimeError("the room is on fire")

    port = RecordingRoomPort(hooks={HookTrigger.ON_TOOL_CALL: broken})
    call = await start_call(port=port, settings=settings_with(Tool("note", handler=lambda: "noted")))

    await call.provider.simulate_tool_call(call.view, "c1", "note")

    assert call.view.state is SessionState.ACTIVE
    assert "error" in call.provider.tool_results[0][2]


async def test_a_tool_called_while_the_session_ends_is_not_run() -> None:
    ran: list[str] = []
    call = await start_call(settings=settings_with(Tool("pay", handler=lambda: ran.append("paid"))))

    call.session.end(EndReason.HANGUP)
    call.session.events.from_provider(ToolCall("c1", "pay", "{}"))
    await call.over()

    assert ran == []
    assert call.port.of(HookTrigger.ON_ERROR) == []

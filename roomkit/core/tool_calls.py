"""One tool call from the model's wish to its result, the same for text and voice.

In this order: arguments checked, BEFORE_TOOL_USE (may block or change), the function within its time, ON_TOOL_CALL
(may replace the result). Not in here: what a tool is (`tools`), when calls run, and where results go. Invariant:
nothing a model, a hook or a function does wrong is raised; the model is told instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from roomkit.core.ports import RoomPort
from roomkit.core.tools import ToolArgumentsError, ToolCatalog
from roomkit.models.enums import HookTrigger
from roomkit.models.tool_call import ToolCallEvent

logger = logging.getLogger(__name__)

TOOL_TIMEOUT_S = 30.0
"""Longest run of one tool unless its channel says otherwise."""


async def carry_out(
    catalog: ToolCatalog,
    name: str,
    arguments: str | Mapping[str, Any],
    event_of: Callable[[dict[str, Any]], ToolCallEvent],
    port: RoomPort,
    *,
    timeout_s: float,
) -> Any:
    """What the model is told a call came to; ``{"error": ...}`` for whatever went wrong or was blocked.

    Args:
        catalog: What the agent may call.
        name: As the model wrote it.
        arguments: As the model wrote them.
        event_of: Makes the event for the hooks from checked arguments.
        port: The agent's door to its room.
        timeout_s: Longest run of the function.
    """
    try:
        event = event_of(catalog.check(name, arguments))
        before = await port.ask(HookTrigger.BEFORE_TOOL_USE, event)
        if not before.allowed:
            return {"error": before.reason or "blocked"}
        if before.event is not event:  # a hook may change a call, but not into one that could not be made
            catalog.check(before.event.name, before.event.arguments)
        event = before.event
    except ToolArgumentsError as error:
        return {"error": str(error)}
    result = await _run(catalog, event, timeout_s)
    after = await port.ask(HookTrigger.ON_TOOL_CALL, event.model_copy(update={"result": result}))
    if not after.allowed:
        return {"error": after.reason or "blocked"}
    return after.metadata.get("result", after.event.result)


async def _run(catalog: ToolCatalog, event: ToolCallEvent, timeout_s: float) -> Any:
    limit = asyncio.timeout(timeout_s)
    try:
        async with limit:
            return await catalog.run(event.name, dict(event.arguments))
    except Exception as error:  # a user's function: the model is told, the conversation goes on
        if limit.expired():
            logger.warning("tool %s gave no answer within %s s", event.name, timeout_s)
            return {"error": f"{event.name} gave no answer within {timeout_s:g} s"}
        logger.warning("tool %s failed: %s", event.name, type(error).__name__, exc_info=error)
        return {"error": f"{event.name} failed: {type(error).__name__}"}

"""Tool calls of one session: each in its own task, concurrent with speech, timed out, cancelled with its call.

Order of a call: arguments checked, BEFORE_TOOL_USE (may block), the function, ON_TOOL_CALL (may replace the result),
the result to the provider. Nothing a tool does or fails to do ends the session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from roomkit.core.ports import RoomPort
from roomkit.core.tools import ToolArgumentsError, ToolCatalog, as_text, cut_to
from roomkit.models.enums import ChannelType, HookTrigger
from roomkit.models.session import VoiceSession
from roomkit.models.tool_call import ToolCallEvent
from roomkit.voice.realtime.dialect import ToolCall, ToolResult
from roomkit.voice.session.settings import SessionSettings

logger = logging.getLogger(__name__)


class StartTask(Protocol):
    """Starts a task of the session."""

    def __call__(self, coro: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]: ...


class ToolCalls:
    """The open tool calls of one session.

    Args:
        start_task: Starts a task of the session.
        settings: Read at each call, so that a reconfigured catalog holds at once.
        on_result: Takes the result for the provider, in the order the tools finish.
        on_busy: Told True when the first call opens and False when the last one closes.
    """

    def __init__(
        self,
        session: VoiceSession,
        port: RoomPort,
        *,
        start_task: StartTask,
        settings: Callable[[], SessionSettings],
        on_result: Callable[[ToolResult], None],
        on_busy: Callable[[bool], None],
    ) -> None:
        self._session = session
        self._port = port
        self._start_task = start_task
        self._settings = settings
        self._on_result = on_result
        self._on_busy = on_busy
        self._open: dict[str, asyncio.Task[None]] = {}
        self._seen: set[str] = set()

    def start(self, call: ToolCall, after: Awaitable[None] | None) -> bool:
        """Run a call; returns False for one that was seen before (a provider repeats itself after a reconnect).

        Args:
            call: As the provider made it; checked here.
            after: Waited for first: the verdict on what the caller said, where a hook may block it.
        """
        if call.call_id in self._seen:
            return False
        self._seen.add(call.call_id)
        if not self._open:
            self._on_busy(True)
        self._open[call.call_id] = self._start_task(self._run(call, after), f"tool:{call.name}")
        return True

    def cancel(self, call_ids: tuple[str, ...]) -> None:
        """The agent does not want these any more."""
        for call_id in call_ids:
            if (task := self._open.get(call_id)) is not None:
                task.cancel()

    @property
    def is_busy(self) -> bool:
        """Whether a call is open."""
        return bool(self._open)

    async def settled(self) -> None:
        """Return when no call is open."""
        while self._open:
            await asyncio.wait(list(self._open.values()))

    async def _run(self, call: ToolCall, after: Awaitable[None] | None) -> None:
        settings = self._settings()
        try:
            if after is not None:
                await after
            output = cut_to(await self._result(call, settings), settings.tool_result_max_length)
        except asyncio.CancelledError:
            self._close(call.call_id)
            raise
        self._close(call.call_id)
        self._on_result(ToolResult(call.call_id, call.name, output, asks=not self._open))

    def _close(self, call_id: str) -> None:
        del self._open[call_id]
        if not self._open:
            self._on_busy(False)

    async def _result(self, call: ToolCall, settings: SessionSettings) -> str:
        catalog: ToolCatalog = settings.agent.catalog
        try:
            event = self._event(call, catalog.check(call.name, call.arguments))
        except ToolArgumentsError as error:
            return _error(str(error))
        before = await self._port.ask(HookTrigger.BEFORE_TOOL_USE, event)
        if not before.allowed:
            return _error(before.reason or "blocked")
        event = before.event
        result = await self._run_function(catalog, event, settings.tool_timeout_s)
        after = await self._port.ask(HookTrigger.ON_TOOL_CALL, event.model_copy(update={"result": result}))
        if not after.allowed:
            return _error(after.reason or "blocked")
        return as_text(after.metadata.get("result", after.event.result))

    async def _run_function(self, catalog: ToolCatalog, event: ToolCallEvent, timeout_s: float) -> Any:
        try:
            async with asyncio.timeout(timeout_s):
                return await catalog.run(event.name, dict(event.arguments))
        except TimeoutError:
            logger.warning("tool %s gave no answer within %s s", event.name, timeout_s)
            return {"error": f"{event.name} gave no answer within {timeout_s:g} s"}
        except Exception as error:  # a user's function: the model is told, the call goes on
            logger.warning("tool %s failed: %s", event.name, type(error).__name__, exc_info=error)
            return {"error": f"{event.name} failed: {type(error).__name__}"}

    def _event(self, call: ToolCall, arguments: Mapping[str, Any]) -> ToolCallEvent:
        session = self._session
        return ToolCallEvent(
            name=call.name,
            arguments=dict(arguments),
            tool_call_id=call.call_id,
            channel_id=session.channel_id,
            channel_type=ChannelType.REALTIME_VOICE,
            room_id=session.room_id,
            participant_id=session.participant_id,
            session=session,
        )


def _error(message: str) -> str:
    return as_text({"error": message})

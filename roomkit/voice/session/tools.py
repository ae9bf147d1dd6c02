"""Tool calls of one session: each in its own task, concurrent with speech, timed out, cancelled with its call.

What a call and its hooks are is in `core.tool_calls`, shared with text. Nothing a tool does or fails to do ends the
session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from roomkit.core.ports import RoomPort
from roomkit.core.tool_calls import carry_out
from roomkit.core.tools import as_text, cut_to
from roomkit.models.enums import ChannelType
from roomkit.models.session import VoiceSession
from roomkit.models.tool_call import ToolCallEvent
from roomkit.voice.realtime.commands import ToolResult
from roomkit.voice.realtime.provider_events import ToolCall
from roomkit.voice.session.recent import Recent
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
        self._seen = Recent()

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
        task = self._open[call.call_id] = self._start_task(self._run(call, after), f"tool:{call.name}")
        task.add_done_callback(lambda _: self._close(call.call_id))  # a task cancelled unstarted never enters `_run`
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
        if after is not None:
            await after
        output = cut_to(await self._told(call, settings), settings.tool_result_max_length)
        self._close(call.call_id)
        self._on_result(ToolResult(call.call_id, call.name, output, asks=not self._open))

    def _close(self, call_id: str) -> None:
        if self._open.pop(call_id, None) is not None and not self._open:
            self._on_busy(False)

    async def _told(self, call: ToolCall, settings: SessionSettings) -> str:
        """What the model is told of the call, as text that any wire can carry."""
        try:
            text = await self._result(call, settings)
        except Exception as error:  # a result that cannot be written, a room that breaks: the call goes on
            logger.warning("the result of tool %s is of no use: %s", call.name, type(error).__name__, exc_info=error)
            text = _error(f"{call.name} failed: {type(error).__name__}")
        return text.encode(errors="replace").decode()  # lone surrogates are no UTF-8

    async def _result(self, call: ToolCall, settings: SessionSettings) -> str:
        result = await carry_out(
            settings.agent.catalog,
            call.name,
            call.arguments,
            lambda arguments: self._event(call, arguments),
            self._port,
            timeout_s=settings.tool_timeout_s,
        )
        return as_text(result)

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

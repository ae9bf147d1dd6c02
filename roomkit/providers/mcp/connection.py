"""One MCP server's connection: opened, kept and opened again by one task, used by all.

The SDK's cancel scopes must be left in the task that entered them; so one task owns the connection for its life, and
calls come from anywhere. Not in here: what the tools are (`tools`), what their answers mean (`results`). Invariant: a
call ends within its time, whatever became of the server, and is never made twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

from roomkit._aio import StoppedError, Supervisor, unless
from roomkit.errors import ProviderError, ProviderLostError, SessionStateError
from roomkit.voice.realtime.reconnect import ReconnectPolicy, redacted

if TYPE_CHECKING:
    from mcp.client import Client
    from mcp_types import CallToolResult
    from mcp_types import Tool as ServerTool

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 20.0
"""From starting the server to its list of tools; interpreters that load a lot take several seconds."""
STABLE_S: Final = 5.0
"""A connection lost sooner counts as a failed attempt: a server that dies at once is not started without end."""
MAX_PAGES: Final = 50
"""Of a list of tools; a server that never ends its list is not read for ever."""

Enter = Callable[[AsyncExitStack, Callable[[Any], Awaitable[None]]], Awaitable["Client"]]
"""Enters an SDK client and all it needs on a stack; gives it the handler for notifications."""


class MCPConnection:
    """A connection that comes back.

    Args:
        name: The server's, for errors and logs.
        enter: Opens it.
        on_tools: Told of the list of tools, at first and whenever it changed. Raises only at first.
        timeout_s: Longest wait for the answer of a tool.
        policy: When to open it again.
    """

    def __init__(
        self,
        name: str,
        enter: Enter,
        *,
        on_tools: Callable[[list[ServerTool]], None],
        timeout_s: float,
        policy: ReconnectPolicy | None = None,
    ) -> None:
        self.name = name
        self._enter = enter
        self._on_tools = on_tools
        self._timeout_s = timeout_s
        self._policy = policy or ReconnectPolicy()
        self._supervisor = Supervisor(f"mcp:{name}")
        self._client: Client | None = None
        self._was_opened = False
        self._broken = asyncio.Event()
        self._wanted = asyncio.Event()
        self._stale = asyncio.Event()

    async def open(self) -> None:
        """Connect, and return when the tools are known. One attempt.

        Raises:
            ProviderError: The server could not be started or reached, or speaks no MCP.
            SessionStateError: It was opened before.
            Exception: What ``on_tools`` raised.
        """
        if self._was_opened:
            raise SessionStateError(f"the tools of MCP server {self.name} serve one `async with`: make them again")
        self._was_opened = True
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._supervisor.start(self._own(ready), name="own")
        try:
            await ready
        except BaseException:  # cancelled too: nobody else would close it
            await self._supervisor.close()
            raise

    async def close(self) -> None:
        """Hang up, and end a server that was started for it. Idempotent."""
        await self._supervisor.close()

    @property
    def is_up(self) -> bool:
        """Whether calls can be made now."""
        return self._client is not None

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool, once.

        Raises:
            ProviderLostError: The server is away; it is being reached for.
            ProviderError: It refused, took too long, or answered what cannot be read.
        """
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        if self._client is None:
            self._wanted.set()
            raise ProviderLostError(f"the server {self.name} is away; try again later")
        try:
            async with asyncio.timeout(self._timeout_s + 1.0):  # the SDK's own comes first, and tells the server
                return await self._client.call_tool(tool, arguments, read_timeout_seconds=self._timeout_s)
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise ProviderError(f"{self.name} gave no answer within {self._timeout_s:g} s") from error
            if error.code == CONNECTION_CLOSED:
                raise self._lost() from error
            raise ProviderError(f"{self.name} refused: {redacted(error.message)}") from error
        except TimeoutError as error:
            raise ProviderError(f"{self.name} gave no answer within {self._timeout_s:g} s") from error
        except ValueError as error:  # pydantic's, of an answer that is none
            raise ProviderError(f"{self.name} answered what cannot be read") from error
        except Exception as error:  # the SDK lets its transports' own errors through: whatever it was, the link is bad
            raise self._lost() from error

    # --- the owner's task -------------------------------------------------------------------------------------------

    async def _own(self, ready: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        failures, lost_at = 0, loop.time()
        while True:
            up_at: float | None = None
            try:
                async with AsyncExitStack() as stack:
                    client = await self._connect(stack)
                    up_at = loop.time()
                    await self._serve(client, ready)
            except Exception as error:  # noqa: BLE001 -- an SDK and its transports: whatever it is, there is no connection
                if not ready.done():
                    ready.set_exception(self._as_ours(error))
                    return
                logger.warning("MCP server %s: %s", self.name, type(_first(error)).__name__)
            finally:
                self._client = None
            if up_at is not None and loop.time() - up_at >= STABLE_S:
                failures, lost_at = 0, loop.time()
            else:
                failures += 1
            if not await self._may_retry(failures, (loop.time() - lost_at) * 1000):
                failures, lost_at = 0, loop.time()

    async def _may_retry(self, failures: int, elapsed_ms: float) -> bool:
        """Wait until the next attempt; False: it was given up, until somebody wanted a tool."""
        delay_ms = self._policy.delay_ms(failures, elapsed_ms, random.random())
        if delay_ms is not None:
            await asyncio.sleep(delay_ms / 1000)
            return True
        logger.warning("MCP server %s was given up; the next call reaches for it again", self.name)
        self._wanted.clear()
        await self._wanted.wait()
        return False

    async def _connect(self, stack: AsyncExitStack) -> Client:
        self._broken.clear()
        self._stale.clear()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            client = await self._enter(stack, self._notified)
            self._on_tools(await _tools_of(client))
        return client

    async def _serve(self, client: Client, ready: asyncio.Future[None]) -> None:
        self._client = client
        if not ready.done():
            ready.set_result(None)
        with suppress(StoppedError):
            await unless(self._broken, self._watch(client))

    async def _watch(self, client: Client) -> None:
        """Follow the list of tools for as long as the connection lasts."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(client), name=f"mcp:{self.name}:listen")
            tasks.create_task(self._relist(client), name=f"mcp:{self.name}:relist")

    async def _listen(self, client: Client) -> None:
        """Ask for news where they must be asked for (2026-07-28); they come to `_notified` either way."""
        from mcp import MCPError
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
        from mcp_types import CONNECTION_CLOSED

        try:
            async with client.listen(tools_list_changed=True) as news:
                async for _ in news:
                    self._stale.set()
        except ListenNotSupportedError:
            return
        except SubscriptionLost:
            self._broken.set()
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                self._broken.set()

    async def _relist(self, client: Client) -> None:
        while True:
            await self._stale.wait()
            self._stale.clear()
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                tools = await _tools_of(client)
            self._on_tools(tools)

    async def _notified(self, message: Any) -> None:
        from mcp_types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._stale.set()

    def _lost(self) -> ProviderLostError:
        self._broken.set()
        return ProviderLostError(f"the server {self.name} went away during the call; it may have been carried out")

    def _as_ours(self, error: Exception) -> Exception:
        cause = _first(error)
        if isinstance(cause, ProviderError | ValueError) and type(cause).__module__.startswith("roomkit"):
            return cause
        if isinstance(cause, TimeoutError):
            return ProviderLostError(f"MCP server {self.name} was not ready within {CONNECT_TIMEOUT_S:g} s")
        return ProviderLostError(
            f"MCP server {self.name} could not be reached: {type(cause).__name__}: {redacted(str(cause))}"
        )


async def _tools_of(client: Client) -> list[ServerTool]:
    tools: list[ServerTool] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return tools


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

"""`MCPTools`: the tools of one MCP server, as a list any agent takes.

Not in here: the connection (`connection`) and what goes over it (`results`). Invariant: no two tools of a list have
one name, each can be checked against its schema, and calling one never raises: what went wrong is its result.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, overload
from urllib.parse import urlsplit

from roomkit._extras import require
from roomkit.errors import ConfigError, ProviderError
from roomkit.models.tool_call import Tool
from roomkit.providers.mcp.connection import Enter, MCPConnection
from roomkit.providers.mcp.results import MAX_TOOL_NAME_CHARS, schema_problem, told, tool_name
from roomkit.voice.realtime.reconnect import ReconnectPolicy

if TYPE_CHECKING:
    from mcp.client import Client
    from mcp_types import Tool as ServerTool

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S: Final = 20.0
"""Below the 30 s a voice session gives a tool, so that the model learns which server was slow."""


class MCPTools(Sequence[Tool]):
    """The tools of one server, for as long as the ``async with`` lasts. Made by `stdio` or `http`.

    It is a sequence of `Tool`: pass it where tools go, or ``[*tools, own_tool]`` with others. When the server changes
    its list so does this one; agents made before keep the tools they were made with, `on_change` is for those who want
    to give them the new ones. A server that dies is reached for again; calls meanwhile get an error as their result.

    Args:
        name: The server's, in errors.
        enter: Opens the connection.
        prefix: Put before every tool's name, so that two servers do not clash.
        allow: The tools to take, by the server's names; ``None``: all.
        timeout_s: Longest wait for a tool's answer.
        reconnect: When to reach for a server that died.
    """

    def __init__(
        self,
        name: str,
        enter: Enter,
        *,
        prefix: str = "",
        allow: Sequence[str] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        reconnect: ReconnectPolicy | None = None,
    ) -> None:
        if isinstance(allow, str):
            raise ConfigError(f"allow is a list of tool names, not {allow!r:.80}")
        if len(prefix) >= MAX_TOOL_NAME_CHARS // 2 or tool_name("", prefix) != prefix:
            raise ConfigError("a prefix is letters, digits, _ and -, 31 at most")
        self._prefix = prefix
        self._allow = None if allow is None else frozenset(allow)
        self._tools: tuple[Tool, ...] | None = None
        self._on_change: list[Callable[[MCPTools], object]] = []
        self._connection = MCPConnection(name, enter, on_tools=self._take, timeout_s=timeout_s, policy=reconnect)

    @classmethod
    def stdio(
        cls,
        command: str,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        *,
        cwd: str | None = None,
        **options: Any,
    ) -> Self:
        """A server that is started as a program and talks over its standard streams.

        Args:
            command: The program.
            args: Its arguments.
            env: Variables for it, beside the few harmless ones it inherits (``PATH``, ``HOME`` ...).
            cwd: Where it runs.
            options: As of the class: ``prefix``, ``allow``, ``timeout_s``, ``reconnect``, ``name``.

        Raises:
            MissingExtraError: The package ``mcp`` is not installed.
        """
        client, stdio = _sdk("mcp.client.client"), _sdk("mcp.client.stdio")
        server = stdio.StdioServerParameters(command=command, args=list(args), env=dict(env or {}), cwd=cwd)

        async def enter(stack: AsyncExitStack, notified: Callable[[Any], Awaitable[None]]) -> Client:
            opened: Client = await stack.enter_async_context(client.Client(server, message_handler=notified))
            return opened

        return cls(options.pop("name", Path(command).name), enter, **options)

    @classmethod
    def http(cls, url: str, headers: Mapping[str, str] | None = None, **options: Any) -> Self:
        """A server that is reached by streamable HTTP.

        Args:
            url: Of its MCP endpoint.
            headers: Sent with every request (``Authorization`` ...).
            options: As of the class: ``prefix``, ``allow``, ``timeout_s``, ``reconnect``, ``name``.

        Raises:
            ConfigError: No http URL.
            MissingExtraError: The package ``mcp`` is not installed.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("an MCP server's url is http or https")
        client, transport = _sdk("mcp.client.client"), _sdk("mcp.client.streamable_http")
        httpx2 = _sdk("httpx2")

        async def enter(stack: AsyncExitStack, notified: Callable[[Any], Awaitable[None]]) -> Client:
            timeout = httpx2.Timeout(30.0, read=300.0)  # an answer may stream for long; a call has its own limit
            http_client = await stack.enter_async_context(
                httpx2.AsyncClient(headers=dict(headers or {}), timeout=timeout)
            )
            streams = transport.streamable_http_client(url, http_client=http_client)
            opened: Client = await stack.enter_async_context(client.Client(streams, message_handler=notified))
            return opened

        return cls(options.pop("name", parts.hostname), enter, **options)

    # --- life -------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect, and know the tools.

        Raises:
            ConfigError: Two tools have one name, or ``allow`` names one there is none of.
            ProviderError: The server could not be started or reached.
            SessionStateError: It was entered before.
        """
        await self._connection.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    @property
    def is_up(self) -> bool:
        """Whether the server is there."""
        return self._connection.is_up

    def on_change(self, callback: Callable[[MCPTools], object]) -> None:
        """Have ``callback`` called when the server's list has changed."""
        self._on_change.append(callback)

    # --- the sequence -----------------------------------------------------------------------------------------------

    @overload
    def __getitem__(self, index: int) -> Tool: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tool]: ...
    def __getitem__(self, index: int | slice) -> Tool | Sequence[Tool]:
        return self._known[index]

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._known)

    @property
    def _known(self) -> tuple[Tool, ...]:
        if self._tools is None:
            raise ConfigError(f"the tools of MCP server {self._connection.name} are known inside its `async with`")
        return self._tools

    # --- details ----------------------------------------------------------------------------------------------------

    def _take(self, listed: list[ServerTool]) -> None:
        """The server's list, as it is now.

        Raises:
            ConfigError: At first: two tools have one name, or ``allow`` names one there is none of.
        """
        is_first = self._tools is None
        tools: dict[str, Tool] = {}
        for each in listed:
            if self._allow is not None and each.name not in self._allow:
                continue
            tool = self._tool(each)
            if tool is None:
                continue
            if tool.name in tools:
                if is_first:
                    raise ConfigError(f"MCP server {self._connection.name} has two tools that are called {tool.name!r}")
                logger.warning("MCP server %s: a second tool %s is left out", self._connection.name, tool.name)
                continue
            tools[tool.name] = tool
        if is_first and self._allow is not None and (missing := self._allow - {each.name for each in listed}):
            there_are = ", ".join(sorted(each.name for each in listed)) or "none"
            raise ConfigError(
                f"MCP server {self._connection.name} has no tool {', '.join(sorted(missing))}: there are {there_are}"
            )
        before, self._tools = self._tools, tuple(tools.values())
        if before is not None and [each.definition for each in before] != [each.definition for each in self._tools]:
            for callback in self._on_change:
                self._tell(callback)

    def _tell(self, callback: Callable[[MCPTools], object]) -> None:
        try:
            callback(self)
        except Exception:  # a user's function: the connection goes on
            logger.exception("MCP server %s: on_change failed", self._connection.name)

    def _tool(self, listed: ServerTool) -> Tool | None:
        if problem := schema_problem(listed.input_schema):
            logger.warning("MCP server %s: tool %.80s is left out: %s", self._connection.name, listed.name, problem)
            return None
        name = tool_name(self._prefix, listed.name)

        async def call(**arguments: Any) -> Any:
            try:
                return told(await self._connection.call(listed.name, arguments))
            except ProviderError as error:
                return {"error": str(error)}

        return Tool(name, listed.description or listed.title or "", dict(listed.input_schema), call)


def _sdk(module: str) -> Any:
    return require(module, extra="mcp", why="MCP tools")

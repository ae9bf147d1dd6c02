"""The tools of one agent: what the model is told of them, and how a call of one is checked and run.

Shared by text and voice. Not in here: hooks around a call and sending results anywhere.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fastjsonschema

from roomkit.errors import ConfigError, RoomKitError
from roomkit.models.tool_call import Tool

ToolHandler = Callable[[str, dict[str, Any]], Awaitable[Any] | Any]
"""Called with a tool's name and its arguments, for tools that have no function of their own."""

Runner = Callable[[dict[str, Any]], Awaitable[Any] | Any]


class ToolArgumentsError(RoomKitError):
    """A call the model got wrong: no such tool, arguments that are not JSON or do not fit. Said back to the model."""


@dataclass(frozen=True, slots=True)
class _Entry:
    definition: Mapping[str, Any]
    validate: Callable[[Any], Any]
    run: Runner | None


class ToolCatalog:
    """What one agent may call.

    Args:
        tools: `Tool` objects, function dicts (``{"type": "function", "name": …}``, also with a nested
            ``"function"``), objects with ``definition`` and ``handler(name, arguments)``, and vendor-native dicts
            (any other ``type``), mixed.
        handler: Runs calls of tools that have no function of their own; of any tool when none is declared.

    Raises:
        ConfigError: Something that is no tool, a name twice, or a schema that is not one.
    """

    def __init__(self, tools: Sequence[Any] | None = None, handler: ToolHandler | None = None) -> None:
        self._handler = handler
        self._entries: dict[str, _Entry] = {}
        self.vendor_tools: tuple[Mapping[str, Any], ...] = ()
        for tool in tools or ():
            self._add(tool)

    @property
    def definitions(self) -> list[Mapping[str, Any]]:
        """``name``, ``description`` and ``parameters`` of every function tool, in the order given."""
        return [entry.definition for entry in self._entries.values()]

    def extended(self, tools: Sequence[Any]) -> ToolCatalog:
        """The same catalogue with more tools at its end.

        Raises:
            ConfigError: A name twice, or something that is no tool.
        """
        catalog = ToolCatalog(handler=self._handler)
        catalog._entries, catalog.vendor_tools = dict(self._entries), self.vendor_tools
        for tool in tools:
            catalog._add(tool)
        return catalog

    def check(self, name: str, arguments: str | Mapping[str, Any]) -> dict[str, Any]:
        """Parse and validate the arguments of a call.

        Raises:
            ToolArgumentsError: The call cannot be run; the message is for the model.
        """
        if self._entries and name not in self._entries:
            raise ToolArgumentsError(f"there is no tool {name!r}; there are: {', '.join(sorted(self._entries))}")
        parsed = _parse(name, arguments)
        if (entry := self._entries.get(name)) is not None:
            try:
                entry.validate(parsed)
            except fastjsonschema.JsonSchemaValueException as error:
                raise ToolArgumentsError(f"arguments of {name} do not fit its schema: {error.message}") from error
        return parsed

    async def run(self, name: str, arguments: dict[str, Any]) -> Any:
        """Run a checked call.

        A declared tool that nobody runs gives ``{"status": "ok"}``, an undeclared one ``{"error": …}``: a hook may
        still answer for either.

        Plain functions run in a thread: they may block, and cannot be stopped half-way.

        Raises:
            Exception: Whatever the function raises.
        """
        entry = self._entries.get(name)
        if entry is not None and entry.run is not None:
            return await _call(entry.run, arguments)
        if self._handler is not None:
            return await _call(self._handler, name, arguments)
        return {"status": "ok"} if entry is not None else {"error": f"nobody runs {name}"}

    # --- reading what users pass ----------------------------------------------------------------------------------

    def _add(self, tool: Any) -> None:
        match tool:
            case Tool():
                self._enter(_function_of(tool.definition), None if tool.handler is None else _by_name(tool.handler))
            case Mapping():
                self._add_dict(tool)
            case _ if hasattr(tool, "definition") and hasattr(tool, "handler"):
                definition = tool.definition() if callable(tool.definition) else tool.definition
                handler = tool.handler
                self._enter(_function_of(definition), lambda arguments: handler(definition_name(definition), arguments))
            case _:
                raise ConfigError(f"{type(tool).__name__} is no tool: pass Tool objects or function dicts")

    def _add_dict(self, tool: Mapping[str, Any]) -> None:
        if _is_vendors_own(tool):
            self.vendor_tools += (dict(tool),)
        else:
            self._enter(_function_of(tool), None)

    def _enter(self, definition: Mapping[str, Any], run: Runner | None) -> None:
        name = definition["name"]
        if name in self._entries:
            raise ConfigError(f"tool {name!r} is declared twice")
        try:
            validate = fastjsonschema.compile(dict(definition["parameters"]), use_default=False)
        except fastjsonschema.JsonSchemaDefinitionException as error:
            raise ConfigError(f"parameters of tool {name!r} are not a JSON Schema: {error}") from error
        self._entries[name] = _Entry(definition, validate, run)


def definition_name(definition: Mapping[str, Any]) -> str:
    """The tool's name in a function dict, nested or flat."""
    return str(_function_of(definition)["name"])


def as_text(result: Any) -> str:
    """A result as the string a model gets: strings as they are, anything else as JSON (``str`` of what JSON lacks).

    Whatever a function returned, this is text that any wire and any store can carry.
    """
    if isinstance(result, str):
        text = result
    else:
        try:
            text = json.dumps(result, default=str, ensure_ascii=False)
        except Exception as error:  # noqa: BLE001 -- a user's value: circular, too deep, or with a broken ``__str__``
            text = json.dumps({"error": f"the result cannot be written as JSON: {type(error).__name__}"})
    return text.encode(errors="replace").decode()  # lone surrogates are no UTF-8


def cut_to(text: str, limit_chars: int) -> str:
    """At most ``limit_chars`` of a result; a cut one ends in a notice that says so."""
    if len(text) <= limit_chars:
        return text
    notice = f"… [cut: {len(text)} characters, {limit_chars} allowed]"
    return text[: max(0, limit_chars - len(notice))] + notice


def _function_of(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function", tool)
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
        raise ConfigError("a function tool needs a name")
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(parameters, Mapping):
        raise ConfigError(f"parameters of tool {function['name']!r} are not a JSON Schema object")
    return {"name": function["name"], "description": str(function.get("description", "")), "parameters": parameters}


def _is_vendors_own(tool: Mapping[str, Any]) -> bool:
    """Whether the vendor runs it: another type than a function, or one bare name as Gemini has it."""
    if "type" in tool:
        return bool(tool["type"] != "function")
    is_bare = len(tool) == 1 and not tool.keys() & {"function", "parameters"}
    return is_bare and isinstance(next(iter(tool.values())), Mapping)


def _by_name(function: Callable[..., Any]) -> Runner:
    async def run(arguments: dict[str, Any]) -> Any:
        return await _call(function, **arguments)

    return run


async def _call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004 -- a callable object may be async
        return await function(*args, **kwargs)
    result = await asyncio.to_thread(function, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def _parse(name: str, arguments: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(arguments, Mapping):
        return dict(arguments)
    try:
        parsed = json.loads(arguments) if arguments.strip() else {}
    except ValueError as error:
        raise ToolArgumentsError(f"arguments of {name} are not JSON") from error
    if not isinstance(parsed, dict):
        raise ToolArgumentsError(f"arguments of {name} are not a JSON object")
    return parsed

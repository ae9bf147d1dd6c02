"""The tools xAI runs itself, and the names they take away from ours. Pure.

A function with a reserved name makes the first answer fail with a bare ``server_error``, which nobody could read back
to its cause: so it is refused here, before the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from roomkit.errors import ConfigError

_WEB: Final = frozenset({"web_search", "browse_page"})
_X: Final = frozenset({"x_keyword_search", "x_semantic_search", "x_user_search", "x_thread_fetch"})
_FILES: Final = frozenset({"collections_search", "file_search"})

RESERVED_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "web_search": _WEB,
    "x_search": _X,
    "file_search": _FILES,
    "mcp": frozenset(),
}
"""By type of tool: the function names it reserves while it is on (measured by others on the service, 2026)."""

NATIVE_TOOLS: Final = frozenset(RESERVED_NAMES)


def checked_tools(native: Iterable[Mapping[str, Any]], function_names: Iterable[str]) -> list[dict[str, Any]]:
    """The native tools as they are sent.

    Raises:
        ConfigError: A type xAI does not run, or a function whose name one of them reserves; names both.
    """
    checked = [dict(tool) for tool in native]
    names = set(function_names)
    for tool in checked:
        kind = tool.get("type")
        if not isinstance(kind, str) or kind not in RESERVED_NAMES:
            raise ConfigError(f"xAI runs no tool of type {kind!r}; it runs {', '.join(sorted(NATIVE_TOOLS))}")
        if clash := sorted(names & RESERVED_NAMES[kind]):
            raise ConfigError(
                f"with {kind} on, xAI reserves the function name {', '.join(clash)}: rename that tool of yours, or "
                f"leave {kind} out"
            )
    return checked

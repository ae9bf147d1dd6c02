"""Public names: they are where the documentation says, load when first used, and type checkers see the same ones."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import roomkit

PACKAGE = Path(roomkit.__file__).parent

DOCUMENTED = {
    "roomkit": "RoomKit Tool HookTrigger HookResult InboundMessage TextContent ChannelCategory WebSocketChannel",
    "roomkit.models.hook": "HookResult",
    "roomkit.channels": "RealtimeVoiceChannel",
    "roomkit.channels.ai": "AIChannel",
    "roomkit.providers.ai.mock": "MockAIProvider",
    "roomkit.voice.backends.mock": "MockVoiceBackend",
    "roomkit.voice.realtime": "WebSocketRealtimeTransport",
    "roomkit.voice.realtime.mock": "MockRealtimeProvider MockRealtimeTransport",
    "roomkit.voice.realtime.providers.gemini": "GeminiLiveProvider",
    "roomkit.voice.realtime.providers.openai": "OpenAIRealtimeProvider",
    "roomkit.testing": "OpenAISimulator Script VirtualTimeLoop VirtualClock",
}
"""What user guide and design promise, as far as it is built."""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def shown_to_type_checkers(tree: ast.Module) -> set[str]:
    """The names a module imports for type checkers only."""
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in ast.walk(node)
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def lazy_modules() -> dict[str, set[str]]:
    """Each module with a ``__getattr__`` of its own, and what it shows to type checkers."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body):
            found[module_name(path)] = shown_to_type_checkers(tree) - {"Any"}
    return found


LAZY = lazy_modules()


@pytest.mark.parametrize(("module", "names"), DOCUMENTED.items())
def test_documented_names_can_be_imported_from_where_they_are_documented(module: str, names: str) -> None:
    home = importlib.import_module(module)

    assert [name for name in names.split() if not hasattr(home, name)] == []


@pytest.mark.parametrize("module", LAZY)
def test_type_checkers_are_shown_the_names_that_exist(module: str) -> None:
    home = importlib.import_module(module)
    eager = {name for name in home.__all__ if name in vars(home) and name not in LAZY[module]}

    assert LAZY[module] == set(home.__all__) - eager


@pytest.mark.parametrize("module", LAZY)
def test_each_lazy_name_loads_and_is_listed(module: str) -> None:
    home = importlib.import_module(module)

    assert [name for name in home.__all__ if getattr(home, name, None) is None] == []
    assert set(home.__all__) <= set(dir(home))
    assert len(set(home.__all__)) == len(home.__all__)


@pytest.mark.parametrize("module", LAZY)
def test_a_name_that_does_not_exist_is_an_attribute_error_that_names_it(module: str) -> None:
    home = importlib.import_module(module)

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = home.no_such_name


def test_every_error_of_the_tree_can_be_caught_by_its_name_at_the_top() -> None:
    errors = importlib.import_module("roomkit.errors")
    tree = [name for name, value in vars(errors).items() if isinstance(value, type)]

    assert [name for name in tree if getattr(roomkit, name, None) is not getattr(errors, name)] == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()

"""Runs the code a reader would paste: the Python blocks of a page, and snippets kept as files.

Blocks of one page share a namespace, as they do for a reader who follows it top to bottom. A block may hold its own
``asyncio.run`` or, as in ``python -m asyncio``, a bare `await`. Nothing is skipped or rewritten.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

BLOCK = re.compile(r"^```python[^\n]*\n(?P<source>.*?)^```", re.MULTILINE | re.DOTALL)

Namespace = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of Python and where it stands, so that a traceback points into the page."""

    path: Path
    line: int
    source: str

    def compile(self) -> CodeType:
        """The code of it; may be a coroutine's.

        Raises:
            SyntaxError: It is not Python.
        """
        padding = "\n" * (self.line - 1)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code: CodeType = compile(padding + self.source, str(self.path), "exec", flags=flags, dont_inherit=True)
        return code


def blocks(page: Path) -> list[Snippet]:
    """Every ``python`` block of a Markdown page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Snippet(page, text.count("\n", 0, match.start("source")) + 1, match["source"]) for match in BLOCK.finditer(text)
    ]


def whole(path: Path) -> Snippet:
    """A file that is one snippet."""
    return Snippet(path, 1, path.read_text(encoding="utf-8"))


def _start(snippet: Snippet, namespace: Namespace) -> Coroutine[Any, Any, None] | None:
    """Run a snippet in ``namespace``; one that awaits is returned, to be awaited."""
    code = snippet.compile()
    outcome = FunctionType(code, namespace)()
    return outcome if code.co_flags & inspect.CO_COROUTINE else None


async def run(*snippets: Snippet, **given: Any) -> Namespace:
    """Run snippets one after the other on this loop, in one namespace that starts with ``given``; return it."""
    namespace: Namespace = {"__name__": "__main__", **given}
    for snippet in snippets:
        if (awaited := _start(snippet, namespace)) is not None:
            await awaited
    return namespace


def run_page(page: Path) -> set[str]:
    """Run a page's blocks as a reader would, outside any loop; the names of the tasks still alive after them.

    A kit the page made is closed first, as the end of the reader's program would.
    """
    namespace: Namespace = {"__name__": "__main__"}
    with asyncio.Runner() as runner:
        for block in blocks(page):
            if (awaited := _start(block, namespace)) is not None:
                runner.run(awaited)
        runner.run(close(namespace))
        return runner.run(_other_tasks())


async def _other_tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def close(namespace: Namespace) -> None:
    """Close what the snippets left open: kits, and channels in no kit."""
    from roomkit import RoomKit
    from roomkit.channels import RealtimeVoiceChannel

    for kind in (RoomKit, RealtimeVoiceChannel):
        for value in list(namespace.values()):
            if isinstance(value, kind):
                await value.close()

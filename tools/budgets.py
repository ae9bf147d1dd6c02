"""Checks the size budgets of the code: files, functions and the public face of classes.

A file over budget holds two ideas. This says which files, functions and classes are; it does not judge what is in
them (ruff does, and people). A docstring counts in its file's length but not in its function's, for explaining must
never cost. Invariant: exit status 1 if and only if something is over a hard limit.

    python tools/budgets.py [folder or file ...]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_WARN, FILE_STOP = 300, 400
FUNCTION_WARN, FUNCTION_STOP = 40, 60
CLASS_STOP = 15
"""Lines, lines and public methods."""

TESTS_FILE_WARN, TESTS_FILE_STOP = 400, 600
"""A test file is a list of sentences that do not depend on each other: it may be longer before it is unreadable."""

FACADE_FILE, FACADE_FILE_STOP = "roomkit/kit.py", 800
"""The one file of many one-line methods."""

FACES = {
    (FACADE_FILE, "RoomKit"),
    # A store is four small contracts (rooms, bindings, timeline, participants) in one object, so that they share a file
    # or a database; `ConversationStore` is where they stay apart.
    ("roomkit/store/memory.py", "MemoryStore"),
    ("roomkit/store/sqlite.py", "SQLiteStore"),
    ("roomkit/store/postgresql.py", "PostgreSQLStore"),
}
"""Classes that are the face of several contracts: their public methods are not counted."""

DEFAULT_ROOTS = ("roomkit", "tests", "tools", "bench", "examples", "fuzz")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing over a budget."""

    where: str
    text: str
    is_stop: bool

    def __str__(self) -> str:
        return f"{'STOP' if self.is_stop else 'warn'}  {self.where}: {self.text}"


def check_source(path: str, source: str) -> list[Finding]:
    """Everything in one file that is over a budget.

    Args:
        path: As shown in the findings, relative to the repository, with forward slashes.
        source: The text of the file.

    Raises:
        SyntaxError: The text is not Python.
    """
    tree = ast.parse(source, filename=path)
    findings = list(_file_length(path, len(source.splitlines())))
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            findings += _function_length(path, node)
        elif isinstance(node, ast.ClassDef):
            findings += _class_face(path, node)
    return findings


def _file_length(path: str, lines: int) -> Iterator[Finding]:
    warn, stop = FILE_WARN, FILE_STOP
    if path == FACADE_FILE:
        warn, stop = FACADE_FILE_STOP, FACADE_FILE_STOP
    elif path.startswith("tests/"):
        warn, stop = TESTS_FILE_WARN, TESTS_FILE_STOP
    if lines > warn:
        yield Finding(path, f"{lines} lines (split by idea at {warn}, never over {stop})", lines > stop)


def _function_length(path: str, node: FunctionNode) -> Iterator[Finding]:
    last = node.end_lineno or node.lineno
    lines = last - node.lineno + 1 - _docstring_lines(node)
    if lines > FUNCTION_WARN:
        text = f"{node.name}() has {lines} lines (at most {FUNCTION_WARN}, never over {FUNCTION_STOP})"
        yield Finding(f"{path}:{node.lineno}", text, lines > FUNCTION_STOP)


def _docstring_lines(node: FunctionNode) -> int:
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is None:
        return 0
    return (first.end_lineno or first.lineno) - first.lineno + 1


def _class_face(path: str, node: ast.ClassDef) -> Iterator[Finding]:
    if (path, node.name) in FACES:
        return
    names = {
        child.name
        for child in node.body
        if isinstance(child, FunctionNode) and not child.name.startswith("_") and not _is_property(child)
    }
    if len(names) > CLASS_STOP:
        text = f"class {node.name} has {len(names)} public methods (at most {CLASS_STOP}): it is two classes"
        yield Finding(f"{path}:{node.lineno}", text, is_stop=True)


def _is_property(node: FunctionNode) -> bool:
    """A property is a value to its reader, and so is not counted as something the class can do."""
    names = {ast.unparse(decorator).rsplit(".", 1)[-1] for decorator in node.decorator_list}
    return not names.isdisjoint({"property", "cached_property", "setter"})


def check_tree(root: Path, folders: Iterable[str] = DEFAULT_ROOTS) -> list[Finding]:
    """Everything over a budget in the Python files of these folders (or single files) under ``root``."""
    findings: list[Finding] = []
    for folder in folders:
        start = root / folder
        for path in [start] if start.is_file() else sorted(start.rglob("*.py")):
            findings += check_source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    return findings


def main(arguments: list[str]) -> int:
    """Print what is over a budget; 1 if something is over a hard limit."""
    findings = check_tree(Path(__file__).resolve().parent.parent, arguments or DEFAULT_ROOTS)
    for finding in sorted(findings, key=lambda each: (not each.is_stop, each.where)):
        print(finding)
    stops = sum(finding.is_stop for finding in findings)
    print(f"budgets: {stops} over a hard limit, {len(findings) - stops} to split soon")
    return 1 if stops else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The check of the size budgets: what it stops, what it only warns of, what it lets pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import budgets


def function_of(lines: int, *, docstring_lines: int = 0) -> str:
    """A function ``lines`` long, its docstring not counted."""
    docstring = ['    """' + "\n    more\n" * (docstring_lines // 2) + '    """'] if docstring_lines else []
    return "\n".join(["def long() -> None:", *docstring, *["    pass"] * (lines - 1)]) + "\n"


def class_of(public: int, *, name: str = "Big", decorator: str = "") -> str:
    head = f"    {decorator}\n" if decorator else ""
    methods = "".join(f"{head}    def m{index}(self) -> None: ...\n" for index in range(public))
    return f"class {name}:\n{methods}    def _private(self) -> None: ...\n"


@pytest.mark.parametrize(("lines", "stops"), [(300, []), (301, [False]), (400, [False]), (401, [True])])
def test_a_file_warns_over_300_lines_and_stops_over_400(lines: int, stops: list[bool]) -> None:
    findings = budgets.check_source("roomkit/a.py", "pass\n" * lines)

    assert [finding.is_stop for finding in findings] == stops


@pytest.mark.parametrize(("lines", "stops"), [(401, []), (800, []), (801, [True])])
def test_only_the_facade_file_may_reach_800_lines(lines: int, stops: list[bool]) -> None:
    findings = budgets.check_source("roomkit/kit.py", "pass\n" * lines)

    assert [finding.is_stop for finding in findings] == stops


@pytest.mark.parametrize(("lines", "stops"), [(400, []), (401, [False]), (600, [False]), (601, [True])])
def test_a_file_of_tests_may_be_half_as_long_again(lines: int, stops: list[bool]) -> None:
    findings = budgets.check_source("tests/test_a.py", "pass\n" * lines)

    assert [finding.is_stop for finding in findings] == stops


@pytest.mark.parametrize(("lines", "stops"), [(40, []), (41, [False]), (60, [False]), (61, [True])])
def test_a_function_warns_over_40_lines_and_stops_over_60(lines: int, stops: list[bool]) -> None:
    findings = budgets.check_source("roomkit/a.py", function_of(lines))

    assert [finding.is_stop for finding in findings] == stops


def test_a_docstring_does_not_count_against_its_function() -> None:
    source = function_of(40, docstring_lines=30)

    assert budgets.check_source("roomkit/a.py", source) == []


def test_an_async_method_is_counted_like_a_function() -> None:
    source = "class A:\n    async def long(self) -> None:\n" + "        pass\n" * 60

    assert [finding.where for finding in budgets.check_source("roomkit/a.py", source)] == ["roomkit/a.py:2"]


@pytest.mark.parametrize(("public", "stops"), [(15, []), (16, [True])])
def test_a_class_stops_over_15_public_methods(public: int, stops: list[bool]) -> None:
    findings = budgets.check_source("roomkit/a.py", class_of(public))

    assert [finding.is_stop for finding in findings] == stops


def test_properties_are_values_not_methods() -> None:
    assert budgets.check_source("roomkit/a.py", class_of(20, decorator="@property")) == []


@pytest.mark.parametrize(
    ("path", "name", "stops"),
    [
        ("roomkit/kit.py", "RoomKit", []),
        ("roomkit/store/memory.py", "MemoryStore", []),
        ("roomkit/other.py", "RoomKit", [True]),
        ("roomkit/kit.py", "Other", [True]),
    ],
)
def test_only_the_faces_of_several_contracts_may_have_more(path: str, name: str, stops: list[bool]) -> None:
    findings = budgets.check_source(path, class_of(30, name=name))

    assert [finding.is_stop for finding in findings] == stops


def test_a_tree_is_searched_through_and_single_files_are_taken(tmp_path: Path) -> None:
    deep = tmp_path / "roomkit" / "voice" / "long.py"
    deep.parent.mkdir(parents=True)
    deep.write_text("pass\n" * 401, encoding="utf-8")
    (tmp_path / "one.py").write_text("pass\n" * 302, encoding="utf-8")

    findings = budgets.check_tree(tmp_path, ["roomkit", "one.py"])

    assert [finding.where for finding in findings] == ["roomkit/voice/long.py", "one.py"]


def test_the_exit_status_is_1_only_for_what_stops(capsys: pytest.CaptureFixture[str]) -> None:
    assert budgets.main(["tools/budgets.py"]) == 0
    assert "0 over a hard limit" in capsys.readouterr().out


def test_a_file_that_is_not_python_is_an_error_not_a_pass() -> None:
    with pytest.raises(SyntaxError):
        budgets.check_source("roomkit/a.py", "def :")

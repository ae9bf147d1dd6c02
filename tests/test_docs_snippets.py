"""What the documentation shows, runs: each Python block of each page, and each file in ``examples/``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import snippets

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
EXAMPLE_TIMEOUT_S = 60.0
SERVERS = frozenset({"fastapi_providers.py", "support_desk.py"})
"""They go on until they are stopped; `tests/examples` starts, uses and stops them."""


@pytest.mark.parametrize("page", [page for page in PAGES if snippets.blocks(page)], ids=lambda page: page.name)
def test_the_code_of_a_page_runs_from_top_to_bottom_and_leaves_no_task(page: Path) -> None:
    assert snippets.run_page(page) == set()


@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if each.name not in SERVERS], ids=lambda example: example.name
)
def test_an_example_runs_as_a_program_without_keys_or_a_microphone(example: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}

    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=EXAMPLE_TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "an example shows something"


def test_the_readme_is_among_the_pages_and_has_code() -> None:
    assert snippets.blocks(ROOT / "README.md")


def test_every_example_is_mentioned_in_the_documentation() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert [example.name for example in EXAMPLES if example.name not in text] == []

"""Scripts as files, for the command line: JSON and TOML, and what is wrong with a file that is no script."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from roomkit.errors import ConfigError
from roomkit.testing import Script, call_tool, hear, loop, say

DOCS = Path(__file__).resolve().parents[2] / "docs" / "simulators.md"


@pytest.mark.parametrize("name", ["script.json", "script.toml"])
def test_a_script_can_be_read_from_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if path.suffix == ".json":
        steps = ["hear", {"say": {"text": "Hi.", "seconds": 2}}, {"call_tool": {"name": "a", "args": {"b": 1}}}, "loop"]
        path.write_text(json.dumps(steps))
    else:
        path.write_text(
            '[[steps]]\nhear = "any"\n[[steps]]\nsay = {text = "Hi.", seconds = 2}\n'
            '[[steps]]\ncall_tool = {name = "a", args = {b = 1}}\n[[steps]]\nloop = {}\n'
        )

    script = Script.load(path)

    performed = []
    for _ in range(4):
        performed.append(script.current)
        script.advance()
    assert performed == [hear(), say("Hi.", seconds=2), call_tool("a", {"b": 1}), loop()]
    assert script.current == hear()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "cannot be read"),
        ("5", "a list of steps"),
        ('["sing"]', "step 1: no step is called 'sing'"),
        ('["hear", {"say": {"loud": true}}]', r"step 2 \(say\)"),
        ('[{"say": "a", "hear": "b"}]', "step 1: a step is a name or one pair"),
        ('[{"hear": "voices"}]', "a turn is"),
        ('["loop"]', "cannot begin with loop"),
    ],
)
def test_a_file_that_is_no_script_is_refused_with_the_step_at_fault(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(text)

    with pytest.raises(ConfigError, match=complaint):
        Script.load(path)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read"):
        Script.load("nowhere.json")


def test_the_script_shown_in_the_documentation_is_one(tmp_path: Path) -> None:
    block = re.search(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert block is not None
    path = tmp_path / "demo.toml"
    path.write_text(block[1])

    assert Script.load(path).current == hear("speech")

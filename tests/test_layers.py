"""The exceptions to the layers, and no others: public names that live above the package that shows them.

The layers themselves are checked by ``lint-imports``; this reads what its configuration lets pass.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONFIG: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
IGNORED: list[str] = [edge for contract in CONFIG["contracts"] for edge in contract.get("ignore_imports", [])]
EDGES = [tuple(edge.split(" -> ")) for edge in IGNORED]

SHOWS_NAMES_FROM_ABOVE = "roomkit.voice.realtime"


def is_a_house_of_public_names(module: str) -> bool:
    return module == SHOWS_NAMES_FROM_ABOVE or module.startswith(f"{SHOWS_NAMES_FROM_ABOVE}.providers.")


def test_only_the_packages_of_public_names_reach_up() -> None:
    assert [edge for edge in IGNORED if not is_a_house_of_public_names(edge.split(" -> ")[0])] == []


def test_no_exception_is_a_pattern_that_could_let_more_pass() -> None:
    assert [edge for edge in IGNORED if "*" in edge] == []


@pytest.mark.parametrize(("importer", "imported"), EDGES)
def test_what_lies_above_is_loaded_only_when_a_name_is_used(importer: str, imported: str) -> None:
    script = f"import sys, {importer}; sys.exit({imported!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_every_layer_contract_covers_its_whole_package() -> None:
    layers = [contract for contract in CONFIG["contracts"] if contract["type"] == "layers"]

    assert [contract["name"] for contract in layers if not contract.get("exhaustive")] == []

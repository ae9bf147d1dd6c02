"""The table of providers says what their profiles say."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from roomkit.voice.realtime.profile import Profile
from tools import provider_table

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    page = provider_table.PAGE.read_text(encoding="utf-8")

    assert page == provider_table.renewed(page), "run python tools/provider_table.py"


def test_every_field_of_a_profile_has_a_row() -> None:
    assert list(provider_table.ROWS) == [field.name for field in fields(Profile)]


def test_every_vendor_there_is_has_a_column() -> None:
    public = ROOT / "roomkit" / "voice" / "realtime" / "providers"
    vendors = {path.stem for path in public.glob("*.py")} - {"__init__"}

    assert {profile.name for profile in provider_table.VENDORS.values()} == vendors


def test_a_page_behind_the_profiles_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "index.md"
    page.write_text(f"# Providers\n{provider_table.BEGIN}\n| old |\n{provider_table.END}\nmore\n", encoding="utf-8")
    monkeypatch.setattr(provider_table, "PAGE", page)

    before = provider_table.main(["--check"])
    provider_table.main([])

    assert before == 1
    assert provider_table.main(["--check"]) == 0
    assert page.read_text(encoding="utf-8").endswith("\nmore\n")


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        provider_table.renewed("# Providers\n")

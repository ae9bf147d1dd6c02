"""The measure of an installation: what counts, and what every environment has anyway."""

from __future__ import annotations

from pathlib import Path

from tools import footprint


def install(site: Path, name: str, size_bytes: int) -> None:
    """What pip leaves behind of a package with one module."""
    about = site / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (site / f"{name}.py").write_bytes(b"#" * size_bytes)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (about / "RECORD").write_text(f"{name}.py,,{size_bytes}\n{name}_gone.py,,9\n", encoding="utf-8")


def test_packages_are_weighed_by_their_files_heaviest_first(tmp_path: Path) -> None:
    install(tmp_path, "light", 10)
    install(tmp_path, "heavy", 2_000)

    assert footprint.weigh(tmp_path) == [("heavy", 2_000), ("light", 10)]


def test_what_every_environment_has_is_not_counted(tmp_path: Path) -> None:
    install(tmp_path, "pip", 5_000)

    assert footprint.weigh(tmp_path) == []

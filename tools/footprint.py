"""Measures what a plain ``pip install`` of this package brings: how many packages, how many megabytes.

It installs the working tree into a virtual environment of its own, without any extra, and counts what is there beside
what every new environment has. Exit status 1 over the promise of the README. Nothing is kept.

    python tools/footprint.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from importlib.metadata import distributions
from pathlib import Path

PACKAGES_AT_MOST = 12
SIZE_AT_MOST_MB = 100
"""With one provider and the WebSocket transport, which need no extra (issue "First light")."""

ALWAYS_THERE = {"pip", "setuptools", "wheel"}


def install(target: Path) -> Path:
    """Install this project into a new environment at ``target``; its site-packages folder."""
    venv.create(target, with_pip=True)
    project = Path(__file__).resolve().parent.parent
    command = [target / "bin" / "python", "-m", "pip", "install", "-q", "--no-compile", project]
    subprocess.run([str(part) for part in command], check=True)
    return next((target / "lib").glob("python3.*")) / "site-packages"


def weigh(site: Path) -> list[tuple[str, int]]:
    """Name and ``size_bytes`` of each installed package, the heaviest first."""
    sizes = []
    for package in distributions(path=[str(site)]):
        name = package.metadata["Name"]
        files = [Path(str(file.locate())) for file in package.files or []]
        if name.lower() not in ALWAYS_THERE:
            sizes.append((name, sum(file.stat().st_size for file in files if file.is_file())))
    return sorted(sizes, key=lambda each: -each[1])


def main() -> int:
    """Print the table; 1 if it is more than promised."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = weigh(install(Path(folder) / "venv"))
    for name, size_bytes in sizes:
        print(f"{size_bytes / 1e6:7.1f} MB  {name}")
    total_mb = sum(size_bytes for _, size_bytes in sizes) / 1e6
    print(f"{total_mb:7.1f} MB in {len(sizes)} packages (at most {SIZE_AT_MOST_MB} MB in {PACKAGES_AT_MOST})")
    return int(len(sizes) > PACKAGES_AT_MOST or total_mb > SIZE_AT_MOST_MB)


if __name__ == "__main__":
    sys.exit(main())

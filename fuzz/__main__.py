"""``python -m fuzz``: runs the targets, or what one of them failed on once more.

An input that raises, takes longer than `INPUT_S` or needs more than `MEMORY_MB` ends the run; it is kept in a file and
the command that plays it again is printed. Invariant: exit status 0 if and only if nothing was found.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from fuzz.targets import TARGETS

KEPT: Final = Path(".fuzz")
"""Conversations that reached new code, to begin with the next time; and those that failed."""

INPUT_S: Final = 5
MEMORY_MB: Final = 1_024
MAX_INPUT_BYTES: Final = 65_536


@click.command(context_settings={"show_default": True})
@click.argument("target", type=click.Choice(["all", *TARGETS]), default="all", metavar="TARGET")
@click.option("--seconds", default=60, help="How long, each target.")
@click.option("--replay", type=click.Path(exists=True, path_type=Path), help="Play this input and nothing else.")
def main(target: str, seconds: int, replay: Path | None) -> None:
    """Look for conversations that TARGET (one of those in `targets`, or all) cannot take."""
    if replay is not None:
        if target == "all":
            raise click.UsageError("--replay needs the target that the input is for")
        TARGETS[target].play(replay.read_bytes())
        click.echo("nothing wrong with it")
        return
    names = [*TARGETS] if target == "all" else [target]
    found = [failed for name in names for failed in run(name, seconds)]
    for name, failed in found:
        click.echo(f"found: {failed}\n  again: .venv/bin/python -m fuzz {name} --replay {failed}")
    sys.exit(bool(found))


def run(name: str, seconds: int) -> list[tuple[str, Path]]:
    """Run one target; what it failed on."""
    corpus, failures = KEPT / name, KEPT / "found" / name
    for folder in (corpus, failures):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[name].seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    before = set(failures.iterdir())
    click.echo(f"--- {name}, {seconds} s")
    limits = [f"-max_total_time={seconds}", f"-timeout={INPUT_S}", f"-rss_limit_mb={MEMORY_MB}"]
    options = [
        *limits,
        f"-max_len={MAX_INPUT_BYTES}",
        "-verbosity=0",
        "-print_final_stats=1",
        f"-artifact_prefix={failures}/",
    ]
    done = subprocess.run([sys.executable, "-m", "fuzz.engine", name, *options, str(corpus)], check=False)
    new = sorted(set(failures.iterdir()) - before)
    if done.returncode and not new:
        raise click.ClickException(f"{name}: the fuzzer ended with status {done.returncode}")
    return [(name, each) for each in new]


if __name__ == "__main__":
    main()

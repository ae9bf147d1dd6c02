"""The scripts that set a machine up: what they say and do where something is missing. They run on a made-up PATH."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
EVERY_MACHINE_HAS = ("bash", "dirname", "env", "rm", "touch", "cat")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The folder of a project on a machine with a handful of commands: ``bin`` holds them, ``tools`` our scripts."""
    shutil.copytree(TOOLS, tmp_path / "tools")
    (tmp_path / "bin").mkdir()
    for name in EVERY_MACHINE_HAS:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


def add_command(machine: Path, name: str, script: str) -> None:
    """Install a command on the made-up machine."""
    path = machine / "bin" / name
    path.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def add_environment(machine: Path, script: str) -> None:
    """Make ``.venv`` with a Python that does this."""
    python = machine / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8")
    python.chmod(0o755)


def run(machine: Path, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables: Mapping[str, str] = {"PATH": str(machine / "bin"), **environment}
    return subprocess.run(
        [str(machine / "tools" / script), *arguments],
        env=dict(variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_a_machine_without_python_is_told_which_ones_serve(machine: Path) -> None:
    done = run(machine, "setup.sh", "demo")

    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (machine / ".venv").exists()


def test_a_python_of_your_choice_that_is_too_old_is_named(machine: Path) -> None:
    add_command(machine, "python2", "exit 1")

    done = run(machine, "setup.sh", "demo", PYTHON="python2")

    assert done.returncode == 1
    assert "python2" in done.stderr


def test_a_python_without_venv_that_may_not_be_completed_says_what_to_install(machine: Path) -> None:
    add_command(
        machine,
        "python3.11",
        'case "$*" in *ensurepip*) exit 1 ;; *-venv*) echo python3.11-venv ;; *) echo Python 3.11.2 ;; esac',
    )

    done = run(machine, "setup.sh", "demo")

    assert done.returncode == 1
    assert "sudo apt install python3.11-venv" in done.stderr


def test_the_stamp_is_left_only_when_everything_was_installed(machine: Path) -> None:
    add_environment(machine, 'case "$*" in *install*) exit 7 ;; esac')

    done = run(machine, "setup.sh", "demo")

    assert done.returncode == 7
    assert not (machine / ".venv" / ".installed-demo").exists()


def test_installing_for_development_also_serves_the_demo(machine: Path) -> None:
    add_environment(machine, "exit 0")

    done = run(machine, "setup.sh", "dev")

    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (machine / ".venv").glob(".installed-*")) == [
        ".installed-demo",
        ".installed-dev",
    ]


def test_a_browser_that_can_be_driven_is_left_alone(machine: Path) -> None:
    add_command(machine, "chromium", "exit 0")
    add_environment(machine, "exit 0")

    done = run(machine, "browser.sh")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_browser_whose_driver_does_not_start_gets_what_it_lacks(machine: Path) -> None:
    add_command(machine, "chromium", "exit 0")
    add_environment(machine, "exit 127")
    add_command(machine, "id", "echo 0")
    add_command(machine, "apt-get", f'echo "$*" >> {machine}/asked')

    run(machine, "browser.sh")

    assert "libatomic1" in (machine / "asked").read_text(encoding="utf-8")


def test_a_browser_that_cannot_be_installed_is_said_and_fails_nothing(machine: Path) -> None:
    done = run(machine, "browser.sh")

    assert done.returncode == 0
    assert "sudo apt install chromium libatomic1" in done.stderr


def test_root_installs_a_missing_browser_from_debian(machine: Path) -> None:
    add_command(machine, "id", "echo 0")
    add_command(machine, "apt-get", f'echo "$*" >> {machine}/asked')

    done = run(machine, "browser.sh")

    assert done.returncode == 0
    assert "Could not" not in done.stderr
    assert (machine / "asked").read_text(encoding="utf-8").splitlines() == [
        "update -qq",
        "install -y -qq --no-install-recommends chromium libatomic1",
    ]


def test_who_is_not_root_asks_sudo_but_never_for_a_password(machine: Path) -> None:
    add_command(machine, "id", "echo 1000")
    add_command(machine, "apt-get", "exit 1")
    add_command(machine, "sudo", f'printf "%s\\n" "$*" >> {machine}/asked; exit 1')

    run(machine, "browser.sh")

    assert (machine / "asked").read_text(encoding="utf-8").splitlines() == ["-n apt-get update -qq"]

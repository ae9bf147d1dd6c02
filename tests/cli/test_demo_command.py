from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from roomkit.app.caller import Line
from roomkit.app.demo import bundled_sample
from roomkit.app.server import bind
from roomkit.cli import COMMANDS, main
from roomkit.cli.demo import Printer
from roomkit.voice.audio.wav import read_wav, write_wav


def roomkit(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_bundled_sample_gets_its_answers(tmp_path: Path) -> None:
    out = tmp_path / "answer.wav"

    result = roomkit("demo", "--sample", "--out", out, "--store", tmp_path / "demo.sqlite3")

    assert result.exit_code == 0, result.output
    assert "you    What is the weather in Paris?" in result.output
    assert "agent  In Paris it is 17 degrees" in result.output
    assert "get_weather(" in result.output
    assert "ms after the last sound of speech" in result.output
    assert len(read_wav(out)[0]) > 2 * 24_000
    assert (tmp_path / "demo.sqlite3").exists()


def test_a_file_that_is_no_audio_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("buy milk")

    result = roomkit("demo", "--caller", tmp_path / "notes.wav")

    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path / 'notes.wav'}: not a WAV file\n"


def test_a_file_that_is_not_there_gets_one_line(tmp_path: Path) -> None:
    result = roomkit("demo", "--caller", tmp_path / "nothing.wav")

    assert result.exit_code == 1
    assert result.output.endswith("cannot be read (No such file or directory)\n")


def test_nobody_at_the_given_address_gets_one_line(tmp_path: Path) -> None:
    write_wav(tmp_path / "me.wav", bytes(320), 16_000)

    result = roomkit("demo", "--caller", tmp_path / "me.wav", "--url", "ws://127.0.0.1:1/voice")

    assert result.exit_code == 1
    assert result.output.startswith("Error: no voice server answers at ws://127.0.0.1:1/voice")


def test_an_address_without_a_caller_is_refused() -> None:
    result = roomkit("demo", "--url", "ws://127.0.0.1:1/voice")

    assert result.exit_code == 1
    assert "it needs --caller FILE.wav or --sample" in result.output


def test_a_taken_port_gets_one_line(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        result = roomkit("demo", "--no-browser", "--port", port, "--store", tmp_path / "demo.sqlite3")

    assert result.exit_code == 1
    assert result.output == f"Error: port {port} is taken; choose another with --port, or --port 0 for a free one\n"


def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)

    result = roomkit("demo", "--no-browser", "--store", tmp_path / "demo.sqlite3")

    assert result.exit_code == 1
    assert "pip install 'roomkit[" in result.output
    assert result.output.count("\n") == 1


def test_a_store_that_cannot_be_made_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = roomkit("demo", "--no-browser", "--store", tmp_path / "file" / "demo.sqlite3")

    assert result.exit_code == 1
    assert "choose another with --store" in result.output


def test_the_sample_is_speech_of_a_length_one_waits_for() -> None:
    sample = bundled_sample()

    assert sample is not None
    pcm, rate_hz = read_wav(sample)
    assert 2.0 < len(pcm) / 2 / rate_hz < 20.0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = roomkit(command, "--help")

    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {command}")


def test_the_list_of_commands_loads_none_of_them() -> None:
    probe = (
        "import sys; from click.testing import CliRunner; from roomkit.cli import main;"
        "assert 'demo' in CliRunner().invoke(main, ['--help']).output;"
        "assert not {'roomkit.cli.demo', 'numpy', 'pydantic'} & set(sys.modules), sys.modules"
    )

    subprocess.run([sys.executable, "-c", probe], check=True)


def test_an_unknown_command_says_so() -> None:
    result = roomkit("fly")

    assert result.exit_code == 2
    assert "No such command 'fly'" in result.output


def test_partials_are_shown_on_a_terminal_only_and_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [Line(1_000.0, "you", "Where is my", is_final=False), Line(1_200.0, "you", "Where?", is_final=True)]

    for line in lines:
        Printer(is_terminal=False).line(line)
    plain = capsys.readouterr().out
    terminal = Printer(is_terminal=True)
    for line in lines:
        terminal.line(line)
    overwritten = capsys.readouterr().out

    assert plain == "   1.20 s  you    Where?\n"
    assert "Where is my" in overwritten
    assert overwritten.split("\r")[-1] == plain

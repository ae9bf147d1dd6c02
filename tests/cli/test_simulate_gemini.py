"""`roomkit simulate gemini` as a program: it says where it listens, answers there, and plays a script file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from roomkit.cli.simulate import simulate
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.voice.realtime.commands import InjectText, LinkConfig
from roomkit.voice.realtime.provider_events import ProviderEvent, ResponseDone, Transcript

ANSWER_TIMEOUT_S = 20.0


class Sink:
    def __init__(self) -> None:
        self.words = ""
        self.is_done = asyncio.Event()

    def on_event(self, event: ProviderEvent) -> None:
        if isinstance(event, Transcript):
            self.words = event.text
        if isinstance(event, ResponseDone):
            self.is_done.set()

    async def settled(self) -> None: ...


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the program says that it listens, with a script to play."""
    script = tmp_path / "desk.toml"
    script.write_text('[[steps]]\nhear = "text"\n[[steps]]\nsay = { text = "Until six.", seconds = 0.1 }\n')
    program = [str(Path(sys.executable).with_name("roomkit")), "simulate", "gemini", "--port=0", f"--script={script}"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.kill()


async def test_it_plays_a_script_to_whoever_dials_the_address_it_prints(address: str) -> None:
    sink = Sink()
    link = await GeminiLiveProvider("any", base_url=address).open_link(LinkConfig("s"), sink)

    link.send(InjectText("How long are you open?"))
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        await sink.is_done.wait()
    await link.close()

    assert sink.words == "Until six."


def test_a_script_that_cannot_be_read_is_reported_before_anyone_dials(tmp_path: Path) -> None:
    result = CliRunner().invoke(simulate, ["gemini", "--script", str(tmp_path / "missing.toml")])

    assert result.exit_code == 1
    assert "missing.toml" in result.output

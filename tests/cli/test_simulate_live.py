"""`roomkit simulate --live` as a program: the local agent answers whoever dials the address it prints."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from roomkit.cli.simulate import simulate
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.voice.realtime.commands import LinkConfig, SendAudio
from roomkit.voice.realtime.provider_events import Audio, ProviderEvent, ResponseDone, Transcript
from tests.testing.live_speech import HOURS, is_audible, spoken

ANSWER_TIMEOUT_S = 20.0


class Sink:
    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.audio = b""
        self.is_done = asyncio.Event()

    def on_event(self, event: ProviderEvent) -> None:
        if isinstance(event, Transcript):
            self.words[event.role] = event.text
        if isinstance(event, Audio):
            self.audio += event.pcm
        if isinstance(event, ResponseDone):
            self.is_done.set()

    async def settled(self) -> None: ...


@pytest.fixture
def address() -> Iterator[str]:
    """Where the program says that it listens."""
    program = [str(Path(sys.executable).with_name("roomkit")), "simulate", "openai", "--live", "--port=0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1].partition("?")[0]
        process.kill()


async def test_a_spoken_question_is_understood_and_answered(address: str) -> None:
    sink = Sink()
    link = await OpenAIRealtimeProvider("any", base_url=address).open_link(LinkConfig("s"), sink)

    link.send(SendAudio(await spoken(HOURS)))
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        await sink.is_done.wait()
    await link.close()

    assert "opening hours" in sink.words["user"]
    assert "nine to six" in sink.words["assistant"]
    assert is_audible(sink.audio)


def test_an_agent_that_is_live_follows_no_script() -> None:
    result = CliRunner().invoke(simulate, ["openai", "--live", "--script", "demo.toml"])

    assert result.exit_code == 2
    assert "--live and --script" in result.output


@pytest.mark.parametrize("vendor", ["openai", "gemini", "xai", "elevenlabs"])
def test_what_is_missing_for_it_is_named_with_the_command_that_installs_it(
    vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)

    result = CliRunner().invoke(simulate, [vendor, "--live", "--port", "0"])

    assert result.exit_code == 1
    assert "pip install 'roomkit[local]'" in result.output

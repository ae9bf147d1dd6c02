"""`roomkit simulate` with the limits of an account: whoever dials the address it prints meets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from roomkit.cli.simulate import simulate
from roomkit.errors import ProviderLostError
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.provider_events import ProviderEvent


class Nobody:
    def on_event(self, event: ProviderEvent) -> None: ...
    async def settled(self) -> None: ...


async def test_a_caller_too_many_is_turned_away() -> None:
    command = [str(Path(sys.executable).with_name("roomkit")), "simulate", "gemini", "--port=0", "--max-connections=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220 -- it is asked for one line, once
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with pytest.raises(ProviderLostError) as refused:
            await GeminiLiveProvider("any", base_url=address).open_link(LinkConfig("s"), Nobody())
        process.kill()

    assert refused.value.code == "http_429"


@pytest.mark.parametrize("vendor", ["openai", "gemini", "xai", "elevenlabs"])
@pytest.mark.parametrize("option", ["--max-connections=-1", "--responses-per-minute=many"])
def test_what_cannot_be_a_limit_is_refused_before_anyone_dials(vendor: str, option: str) -> None:
    outcome = CliRunner().invoke(simulate, [vendor, option])

    assert outcome.exit_code == 2
    assert option.split("=", maxsplit=1)[0] in outcome.output

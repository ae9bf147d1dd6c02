"""`import roomkit` costs next to nothing: what is heavy or optional loads with the name that needs it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"numpy", "pydantic", "pydantic_core", "websockets", "picows", "uvloop", "click", "starlette", "sqlite3"}


def _loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(subprocess.check_output([sys.executable, "-W", "error", "-c", script], text=True).split())


def test_importing_roomkit_loads_nothing_heavy() -> None:
    loaded = _loaded_by("import roomkit")

    assert "roomkit" in loaded
    assert not loaded & HEAVY


def test_a_server_whose_rates_agree_needs_no_numpy() -> None:
    loaded = _loaded_by(
        "from roomkit import RoomKit\n"
        "from roomkit.channels.realtime_voice import RealtimeVoiceChannel\n"
        "from roomkit.voice.realtime import WebSocketRealtimeTransport\n"
        "from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider\n"
        "from roomkit.voice.audio.rates import resampler\n"
        "assert resampler(24_000, 24_000) is None"
    )

    assert "roomkit" in loaded
    assert "numpy" not in loaded


def test_the_test_sees_what_is_heavy() -> None:
    assert "numpy" in _loaded_by("import roomkit.voice.audio.resample")

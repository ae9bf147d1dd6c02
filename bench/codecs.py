"""What a dialect costs for the two messages that are nearly all of its wire, beside the least one can do for them.

The least: base64 by pybase64 and JSON by orjson, with nothing around them. It knows no answer, no item and no turn, and
takes whatever it is given; ours does. Messages come in the vendor's own shape, with another id and other audio every
time, for that is where a reader that remembers the last one has to look again.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import pybase64

from bench.table import Part
from roomkit.providers.elevenlabs.dialect import ElevenLabsDialect
from roomkit.providers.gemini.dialect import GeminiDialect
from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.providers.xai.dialect import XAIDialect
from roomkit.voice.realtime.commands import LinkConfig, SendAudio
from roomkit.voice.realtime.dialect import Dialect
from roomkit.voice.wires.port import WireMessage

MESSAGES: Final = 200
ROUNDS: Final = 41
DELTA_MS: Final = (20, 100)
"""As short as any vendor's, and nearer to what they usually send."""

_IDS: Final = '"response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0'
_METADATA: Final = (
    '{"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":{"conversation_id":"conv_1",'
    '"agent_output_audio_format":"pcm_16000","user_input_audio_format":"pcm_16000"}}'
)


CHARACTERS_A_SECOND: Final = 15
"""Of English speech."""

_WORDS: Final = "Half past ten is free, and so is noon. " * 100


class Codec(NamedTuple):
    """One vendor's dialect, and straight code for the same two messages.

    Attributes:
        ready: What the server says before audio may flow.
        delta: The message with a piece of the agent's voice, from its number and base64.
        audio_of: The base64 in it, parsed.
        append: The message with a piece of the caller's voice, as JSON would be made of it; ``None``: as above.
    """

    name: str
    dialect: Dialect
    input_hz: int
    output_hz: int
    ready: WireMessage
    delta: Callable[[int, str], WireMessage]
    audio_of: Callable[[Any], str]
    append: Callable[[str], dict[str, Any]] | None


def _openai_delta(number: int, coded: str) -> str:
    return f'{{"type":"response.output_audio.delta","event_id":"event_{number:08}",{_IDS},"delta":"{coded}"}}'


def _openai_append(coded: str) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": coded}


def _xai_delta(number: int, coded: str) -> str:
    tail = f'"rid":"x","audio_duration_ms":20,"ts":{1_780_000_000_000 + number},"previous_item_id":null'
    return f'{{"type":"response.output_audio.delta","event_id":"{number}",{_IDS},"delta":"{coded}",{tail}}}'


def _gemini_delta(_: int, coded: str) -> bytes:
    part = f'{{"inlineData":{{"mimeType":"audio/pcm;rate=24000","data":"{coded}"}}}}'
    return f'{{"serverContent":{{"modelTurn":{{"parts":[{part}]}}}}}}'.encode()


def _elevenlabs_delta(number: int, coded: str) -> str:
    return f'{{"audio_event":{{"audio_base_64":"{coded}","event_id":{number}}},"type":"audio"}}'


def _elevenlabs_timed_delta(number: int, coded: str) -> str:
    """With the characters that are spoken in it, as an agent may be set to say; most chunks of 20 ms have none."""
    duration_ms = len(coded) * 3 // 4 / 32
    first, end = (int(at * duration_ms * CHARACTERS_A_SECOND / 1000) for at in (number, number + 1))
    chars, step_ms = [*_WORDS[first % 1_000 : first % 1_000 + end - first]], 1000 // CHARACTERS_A_SECOND
    timing = {
        "chars": chars,
        "char_start_times_ms": [step_ms * at for at in range(len(chars))],
        "char_durations_ms": [step_ms] * len(chars),
    }
    aligned = json.dumps(timing, separators=(",", ":"))
    return f'{{"type":"audio","audio_event":{{"audio_base_64":"{coded}","event_id":{number},"alignment":{aligned}}}}}'


def codecs() -> Iterator[Codec]:
    """All four, fresh; ElevenLabs with and without the times of its words."""
    updated = '{"type":"session.updated","session":{"id":"sess_1"}}'
    yield Codec(
        "OpenAI", OpenAIDialect(), 24_000, 24_000, updated, _openai_delta, lambda event: event["delta"], _openai_append
    )
    yield Codec(
        "Gemini",
        GeminiDialect("gemini-2.5-flash-native-audio-preview-12-2025"),
        16_000,
        24_000,
        b'{"setupComplete":{}}',
        _gemini_delta,
        lambda event: event["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"],
        lambda coded: {"realtimeInput": {"audio": {"data": coded, "mimeType": "audio/pcm;rate=16000"}}},
    )
    yield Codec("xAI", XAIDialect(), 24_000, 24_000, updated, _xai_delta, lambda event: event["delta"], _openai_append)
    yield Codec(
        "ElevenLabs",
        ElevenLabsDialect(),
        16_000,
        16_000,
        _METADATA,
        _elevenlabs_delta,
        lambda event: event["audio_event"]["audio_base_64"],
        lambda coded: {"user_audio_chunk": coded},
    )
    yield Codec(
        "ElevenLabs with words' times",
        ElevenLabsDialect(),
        16_000,
        16_000,
        _METADATA,
        _elevenlabs_timed_delta,
        lambda event: event["audio_event"]["audio_base_64"],
        None,
    )


def rows() -> Iterator[Part]:
    """Two or three rows a codec, in microseconds a message."""
    for codec in codecs():
        codec.dialect.open(LinkConfig("bench", input_rate_hz=codec.input_hz, output_rate_hz=codec.output_hz))
        codec.dialect.decode(codec.ready)
        for duration_ms in DELTA_MS:
            yield f"{codec.name}: {duration_ms} ms of the agent decoded, us", *decoding(codec, duration_ms)
        if codec.append is not None:
            yield f"{codec.name}: 20 ms of the caller encoded, us", *encoding(codec, codec.append)


def decoding(codec: Codec, duration_ms: int) -> tuple[float, float]:
    """The agent's voice."""
    audio_of, parse, from_base64 = codec.audio_of, orjson.loads, pybase64.b64decode
    coded = map(pybase64.b64encode_as_string, _pieces(codec.output_hz, duration_ms))
    deltas = [codec.delta(number, each) for number, each in enumerate(coded, 1_000)]
    return beside(deltas, codec.dialect.decode, lambda message: from_base64(audio_of(parse(message)), None, True))


def encoding(codec: Codec, append: Callable[[str], dict[str, Any]]) -> tuple[float, float]:
    """The caller's voice."""
    dump, to_base64 = orjson.dumps, pybase64.b64encode_as_string
    commands = [SendAudio(pcm) for pcm in _pieces(codec.input_hz, 20)]
    return beside(commands, codec.dialect.encode, lambda command: dump(append(to_base64(command.pcm))))


def beside(inputs: Sequence[Any], ours: Callable[[Any], object], least: Callable[[Any], object]) -> tuple[float, float]:
    """Microseconds a call of each, the median of rounds that take turns: what slows the machine slows both."""
    rounds = [(_once(inputs, ours), _once(inputs, least)) for _ in range(ROUNDS)]
    return statistics.median(one for one, _ in rounds), statistics.median(other for _, other in rounds)


def _once(inputs: Sequence[Any], call: Callable[[Any], object]) -> float:
    began = time.perf_counter()
    for each in inputs:
        call(each)
    return (time.perf_counter() - began) / len(inputs) * 1e6


def _pieces(rate_hz: int, duration_ms: int) -> list[bytes]:
    noise, samples = np.random.default_rng(1), rate_hz * duration_ms // 1000
    return [noise.integers(-9_000, 9_000, samples).astype("<i2").tobytes() for _ in range(MESSAGES)]

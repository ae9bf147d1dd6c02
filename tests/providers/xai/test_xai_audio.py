"""xAI's audio deltas, which carry clocks and durations behind the audio: read as text, with the meaning JSON gives."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import WireError
from roomkit.providers.openai.audio import DeltaReader, audio_of
from roomkit.providers.xai.dialect import XAIDialect
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import Audio
from tests.wire.mutation import mutations

SAMPLES = st.binary(max_size=3).map(lambda half: half + half)
PLAIN = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | st.text(max_size=6)
KEYS = st.sampled_from(
    ["rid", "latency", "audio_duration_ms", "ts", "previous_item_id", "delta", "type", "item_id", "X"]
)


def delta(pcm: bytes = b"\x01\x02", **others: Any) -> dict[str, Any]:
    tail = {"rid": "x", "latency": "0.65", "audio_duration_ms": 489, "ts": 1_795_176_001_000, "previous_item_id": None}
    return {
        "type": "response.output_audio.delta", "event_id": "15", "response_id": "r1", "item_id": "a1",
        "output_index": 0, "content_index": 0, "delta": base64.b64encode(pcm).decode(), **tail, **others,
    }  # fmt: skip


def test_a_run_of_deltas_is_read_without_json_whatever_changes_behind_the_audio() -> None:
    reader = DeltaReader()
    deltas = [
        delta(b"\x01\x00"),
        delta(b"\x02\x00\x03\x00", ts=9, event_id="16"),
        delta(b"\x04\x00", rid="another", audio_duration_ms=20, latency=None),
        delta(b"\x05\x00" * 500, response_id="r2", item_id="a2"),
    ]

    heard = [reader.read(json.dumps(event, separators=(",", ":"))) for event in deltas]

    assert heard == [audio_of(event) for event in deltas]


@pytest.mark.parametrize(
    "changes",
    [
        {"previous_item_id": "0"},
        {"rid": 'a"b'},
        {"rid": {"id": 1}},
        {"rid": [1]},
        {"ts": "soon"},
        {"Ts": 1},
    ],
)
def test_other_shapes_are_left_to_json_and_heard_all_the_same(changes: dict[str, Any]) -> None:
    message = json.dumps(delta(**changes), separators=(",", ":"))

    assert DeltaReader().read(message) is None
    assert XAIDialect().decode(message) == Decoded((Audio(b"\x01\x02", "r1", "a1"),))


@pytest.mark.parametrize(
    "clock", ["0999", "\u0661\u0662\u0663\u0664", "12\u00b24", "+123", "1_23", "12e4", "    ", "9.00"]
)
def test_a_clock_is_read_without_json_only_where_json_would_read_it(clock: str) -> None:
    reader = DeltaReader()
    shape = json.dumps(delta(ts=1_000), separators=(",", ":"))
    assert reader.read(shape) is not None
    message = shape.replace('"ts":1000', f'"ts":{clock}')

    heard = reader.read(message)

    assert heard is None or heard == audio_of(json.loads(message))


@pytest.mark.parametrize("size", [1, 60, *range(-120, 0)])
def test_a_delta_that_was_cut_off_is_no_delta(size: int) -> None:
    reader = DeltaReader()
    message = json.dumps(delta(), separators=(",", ":"))
    assert reader.read(message) is not None

    assert reader.read(message[:size]) is None


@given(st.lists(st.tuples(SAMPLES, st.dictionaries(KEYS, PLAIN, max_size=4)), max_size=5))
def test_what_is_read_without_json_means_the_same_as_with_it(pieces: list[tuple[bytes, dict[str, Any]]]) -> None:
    reader = DeltaReader()

    for pcm, changes in pieces:
        # a repeated key: the last one counts, and it may be one that is read
        message = json.dumps(delta(pcm), separators=(",", ":"))[:-1] + "," + json.dumps(changes)[1:]
        heard = reader.read(message) if changes else None
        if heard is not None:
            assert heard == audio_of(json.loads(message))


def test_damaged_deltas_are_read_as_json_reads_them_or_not_at_all() -> None:
    frames = [json.dumps(delta(bytes([number, 0])), separators=(",", ":")) for number in range(8)]
    reader, parser, read_count = DeltaReader(), DeltaReader(), 0

    for message in mutations(frames, 5_000, seed=7):
        heard = reader.read(message) if isinstance(message, str) else None
        if heard is not None:
            read_count += 1
            try:
                assert heard == parser.parsed(json.loads(message))
            except (ValueError, WireError):  # broken behind the audio, where nothing is read
                continue

    assert read_count > 0

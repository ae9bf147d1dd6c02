"""The quick way to read a piece of audio means the same as the way through JSON, whatever the message looks like."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roomkit.providers.gemini.audio import ChunkReader, audio_message, audio_of


def message(pcm: bytes, kind: str = "audio/pcm;rate=24000", indent: int | None = 2) -> bytes:
    inline = {"mimeType": kind, "data": base64.b64encode(pcm).decode()}
    return json.dumps({"serverContent": {"modelTurn": {"parts": [{"inlineData": inline}]}}}, indent=indent).encode()


@given(pieces=st.lists(st.tuples(st.binary(max_size=100), st.sampled_from([None, 0, 2, 4])), max_size=6))
def test_pieces_are_read_however_they_are_indented(pieces: list[tuple[bytes, int | None]]) -> None:
    reader = ChunkReader()

    assert [reader.read(message(pcm, indent=indent)) for pcm, indent in pieces] == [pcm for pcm, _ in pieces]


@pytest.mark.parametrize(
    "odd",
    [
        message(b"ab").replace(b"YWI=", b"YWI\\u003d"),
        message(b"ab", "image/png"),
        message(b"ab", "audio/pcm;rate=16000"),
        message(b"ab").replace(b'"mimeType"', b'"kind"'),
        message(b"ab")[:-1],
        message(b"ab") + b"}",
        message(b"ab").replace(b"YWI=", b'YWI=", "more": "YWI='),
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"',
        b"",
    ],
)
def test_what_looks_different_goes_through_json(odd: bytes) -> None:
    reader = ChunkReader()
    usual = message(b"cd")
    assert reader.read(usual) == b"cd"

    assert reader.read(odd) is None
    assert reader.read(usual) == b"cd"


@given(pcm=st.binary(max_size=64), junk=st.binary(max_size=8), at=st.integers(0, 400))
@example(pcm=b"", junk=b"\x0b", at=1)
def test_a_damaged_piece_is_read_as_json_would_read_it_or_not_at_all(pcm: bytes, junk: bytes, at: int) -> None:
    whole = message(pcm)
    damaged = whole[:at] + junk + whole[at + len(junk) :]

    found = ChunkReader().read(damaged)

    if found is not None:
        part: dict[str, Any] = json.loads(damaged)["serverContent"]["modelTurn"]["parts"][0]["inlineData"]
        assert audio_of(part) == found


@pytest.mark.parametrize("indent", [None, 2])
def test_a_piece_that_was_cut_off_is_no_piece(indent: int | None) -> None:
    reader, whole = ChunkReader(), message(b"\1\2", indent=indent)
    assert reader.read(whole) == b"\1\2"
    head, tail = whole.partition(b"AQI=")[::2]

    assert [reader.read(cut) for cut in (head, tail, head[:-1] + tail, head + tail[1:])] == [None] * 4


def test_url_safe_base64_is_read_too() -> None:
    assert audio_of({"mimeType": "audio/pcm;rate=24000", "data": "-_-_"}) == base64.b64decode("+/+/")


@given(pcm=st.binary(max_size=200))
def test_a_frame_is_written_as_json_would_write_it(pcm: bytes) -> None:
    blob = {"mimeType": "audio/pcm;rate=16000", "data": base64.b64encode(pcm).decode()}

    assert json.loads(audio_message(pcm)) == {"realtimeInput": {"audio": blob}}

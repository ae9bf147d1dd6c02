"""The hot path: audio messages scanned and built as text mean what they would mean as JSON."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import WireError
from roomkit.providers.openai.audio import DeltaReader, append_message, audio_of
from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import Audio

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
SAMPLES = st.binary(max_size=4).map(lambda half: half + half)


def delta(pcm: bytes = b"\x01\x00", **fields: Any) -> dict[str, Any]:
    return {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(pcm).decode(),
        **fields,
    }


@given(pcm=st.binary(max_size=64))
def test_an_append_is_the_json_it_would_be(pcm: bytes) -> None:
    event = json.loads(append_message(pcm))

    assert event == {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("name", ["response.output_audio.delta", "response.audio.delta"])
def test_the_usual_shapes_are_read_without_json(name: str, separators: tuple[str, str]) -> None:
    message = json.dumps(delta(b"\x01\x02", type=name), separators=separators)

    assert DeltaReader().read(message) == Audio(b"\x01\x02", "resp_1", "item_1")


@pytest.mark.parametrize(
    "message",
    [
        "",
        '{"type":"response.output_audio.delta"}',
        '{"type":"response.output_audio.delta","event_id":"e"}',
        '{"type":"response.output_audio.delta","event_id":"e',
        json.dumps({"event_id": "e", **delta()}),
        json.dumps({**delta(), "obfuscation": "x"}, separators=(",", ":")),
        json.dumps(delta(response_id='a"b'), separators=(",", ":")),
        json.dumps(delta(), separators=(",", ":")).replace("=", "\\u003d"),
        json.dumps(delta(), separators=(",", ":"))[:-1],
    ],
)
def test_any_other_shape_is_left_to_json(message: str) -> None:
    assert DeltaReader().read(message) is None


@given(st.lists(st.tuples(IDS, IDS, IDS, SAMPLES, st.booleans()), max_size=5))
def test_what_is_read_without_json_means_the_same_as_with_it(pieces: list[tuple[str, str, str, bytes, bool]]) -> None:
    reader = DeltaReader()

    for event_id, response_id, item_id, pcm, is_compact in pieces:
        event = delta(pcm, event_id=event_id, response_id=response_id, item_id=item_id)
        message = json.dumps(event, separators=(",", ":") if is_compact else None, ensure_ascii=is_compact)
        assert reader.read(message) in (None, audio_of(event))


UNUSUAL_IDS = ["ev\\\\2", 'e\\"_2', '2","x":"', '"},"type":"', "ev\\q2", "ev_\\", "ev\n2", "\x00v_2"]


@pytest.mark.parametrize("event_id", ["ev_2", "\u00e9v_2", *UNUSUAL_IDS])
def test_an_event_id_is_plain_text_or_json_reads_it(event_id: str) -> None:
    shape = '{"type":"response.output_audio.delta","event_id":"%s","response_id":"r","item_id":"i","delta":"BwA="}'
    reader = DeltaReader()
    assert reader.read(shape % ("e" * len(event_id))) == Audio(b"\x07\x00", "r", "i")

    heard = reader.read(shape % event_id)

    assert heard == (None if event_id in UNUSUAL_IDS else Audio(b"\x07\x00", "r", "i"))


@pytest.mark.parametrize("index", ["\u0663", "007", "-1", "1.0", "00000"])
def test_an_index_is_a_number_as_json_writes_it_or_json_reads_it(index: str) -> None:
    message = json.dumps(delta(), separators=(",", ":")).replace('"output_index":0', f'"output_index":{index}')

    assert DeltaReader().read(message) is None


@pytest.mark.parametrize("message", ["nothing read yet", "nothing read yet" * 2, "nothing read yet" * 3])
def test_a_fresh_reader_takes_nothing_for_audio(message: str) -> None:
    assert DeltaReader().read(message) is None


def test_a_sample_cut_in_two_is_put_together_whoever_reads_its_halves() -> None:
    dialect = OpenAIDialect()
    usual = [json.dumps(delta(pcm), separators=(",", ":")) for pcm in (b"\1\2\3", b"\4\5\6\7", b"\10")]
    odd = json.dumps({"event_id": "e", **delta(b"\4\5\6\7")})

    heard = [event for message in (usual[0], odd, usual[2]) for event in dialect.decode(message).events]
    again = [event for message in usual for event in dialect.decode(message).events]

    pcm = [[event.pcm for event in events if isinstance(event, Audio)] for events in (heard, again)]
    assert pcm == [[b"\1\2", b"\3\4\5\6", b"\7\10"]] * 2


@pytest.mark.parametrize(
    "message", [json.dumps({"event_id": "e", **delta(b"\x07\x00")}), json.dumps(delta(b"\x07\x00")).encode()]
)
def test_audio_of_an_unusual_shape_is_heard_all_the_same(message: str | bytes) -> None:
    assert OpenAIDialect().decode(message) == Decoded((Audio(b"\x07\x00", "resp_1", "item_1"),))


@pytest.mark.parametrize("rubbish", ["A", "AA=A", "A\u00e9==", "AAAA\n", "*"])
def test_audio_that_is_not_base64_is_a_wire_error(rubbish: str) -> None:
    with pytest.raises(WireError):
        OpenAIDialect().decode(json.dumps(delta(delta=rubbish)))


@given(pcm=st.binary(max_size=40).filter(lambda pcm: len(pcm) % 2 == 0), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_samples_cut_by_the_server_are_put_together_again(pcm: bytes, cuts: list[int]) -> None:
    dialect = OpenAIDialect()
    edges = sorted({0, len(pcm), *(cut for cut in cuts if cut < len(pcm))})

    heard = [
        event.pcm
        for start, end in itertools.pairwise(edges)
        for event in dialect.decode(json.dumps(delta(pcm[start:end]))).events
        if isinstance(event, Audio)
    ]

    assert b"".join(heard) == pcm
    assert all(len(piece) % 2 == 0 for piece in heard)

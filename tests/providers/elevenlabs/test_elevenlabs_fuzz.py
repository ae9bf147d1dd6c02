"""Rubbish in the vendor's place: 10,000 damaged frames, and the dialect neither fails, hangs nor grows."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit.errors import WireError
from roomkit.providers.elevenlabs.alignment import NO_CHARS
from roomkit.providers.elevenlabs.audio import AudioReader, Chunk
from roomkit.providers.elevenlabs.dialect import ElevenLabsDialect
from roomkit.voice.realtime.commands import CancelResponse, InputPaused, LinkConfig, SendAudio, ToolResult
from roomkit.voice.realtime.dialect import Decoded
from tests.wire.elevenlabs_messages import check_client
from tests.wire.mutation import frames_of, mutations
from tests.wire.replay import recordings

FRAMES = frames_of([path for path in recordings("elevenlabs") if path.stem != "elevenlabs_refused"])
METADATA = (
    '{"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":{"conversation_id":"c",'
    '"agent_output_audio_format":"%s","user_input_audio_format":"%s"}}'
)

MAX_GROWTH_BYTES = 2_000_000
"""What a conversation may hold after 10,000 messages: open calls, one answer's text, one piece of a word."""


def opened(audio_format: str) -> ElevenLabsDialect:
    dialect = ElevenLabsDialect()
    dialect.open(LinkConfig("s"))
    dialect.decode(METADATA % (audio_format, audio_format))
    return dialect


@pytest.mark.parametrize(("audio_format", "seed"), [("pcm_16000", 1), ("ulaw_8000", 2)])
def test_ten_thousand_damaged_frames_raise_nothing_but_wire_errors(audio_format: str, seed: int) -> None:
    dialect = opened(audio_format)
    unreadable_count = event_count = 0
    tracemalloc.start()

    for number, message in enumerate(mutations(FRAMES, 10_000, seed)):
        try:
            decoded = dialect.decode(message)
        except WireError:
            unreadable_count += 1
            continue
        event_count += len(decoded.events)
        for reply in decoded.replies:
            check_client(reply)
        if number % 100 == 0:
            for command in (SendAudio(b"\1\0"), InputPaused(), CancelResponse(), ToolResult("tc_1", "x", "{")):
                for sent in dialect.encode(command):
                    check_client(sent)
    del message, decoded
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert unreadable_count > 500
    assert event_count > 1_000
    assert held_bytes < MAX_GROWTH_BYTES


@given(st.lists(st.sampled_from(FRAMES), max_size=60))
@settings(max_examples=150, deadline=None)
def test_in_any_order_answers_begin_and_end_in_turn(frames: list[str]) -> None:
    dialect = opened("pcm_16000")
    open_answer = ""

    for frame in frames:
        decoded: Decoded = dialect.decode(frame)
        for event in decoded.events:
            match type(event).__name__:
                case "ResponseStarted":
                    assert not open_answer
                    open_answer = event.response_id  # type: ignore[union-attr]  # its name says that it has one
                case "ResponseDone":
                    assert event.response_id == open_answer  # type: ignore[union-attr]  # as above
                    open_answer = ""
                case "Audio":
                    assert event.response_id == open_answer  # type: ignore[union-attr]  # as above


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_message_at_all_is_understood_or_unreadable(message: str | bytes) -> None:
    dialect = opened("pcm_16000")

    try:
        decoded = dialect.decode(message)
    except WireError as error:
        assert len(str(error)) < 100
    else:
        assert decoded == Decoded()


def test_the_short_cut_past_json_reads_what_json_would_read() -> None:
    texts = [frame for frame in FRAMES if isinstance(frame, str) and '"audio"' in frame]
    compact = [json.dumps(json.loads(frame), separators=(",", ":")) for frame in texts]
    reader = AudioReader()
    read_count = 0

    for message in mutations([*texts, *compact], 10_000, 3):
        if not isinstance(message, str) or (chunk := read(reader, message)) is None:
            continue
        read_count += 1
        assert chunk == reader.parsed(json.loads(message)["audio_event"])

    assert read_count > 1_000


@pytest.mark.parametrize(
    "number", ["12", "41", "42", "007", "07", "٣٣", "1_0", "-3", "+4", "", "0", "5.0", '"6"', "9,"]
)
def test_a_number_is_read_as_json_reads_it_or_not_at_all(number: str) -> None:
    shape = '{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":%s}}'
    reader = AudioReader()
    assert reader.read(shape % "41") == (b"\0\0\0", 41, ("", ()))

    chunk = read(reader, shape % number)

    try:
        expected = reader.parsed(json.loads(shape % number)["audio_event"])
    except ValueError:
        expected = None
    assert chunk == expected


@pytest.mark.parametrize(
    ("number", "is_more"), [("41", False), ("42", True), ("40", False), ("99", True), ("100", False), ("9", False)]
)
def test_more_of_an_answer_is_what_no_interruption_took_back_and_is_written_alike(number: str, is_more: bool) -> None:
    shape = '{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":%s}}'
    reader = AudioReader()
    reader.read(shape % "40")
    reader.interrupted(41)
    reader.interrupted(7)
    assert reader.more(shape % "42") is None  # what was learned before is not trusted
    reader.read(shape % "42")

    assert (reader.more(shape % number) is not None) is is_more


def test_chunks_without_characters_are_written_alike_whether_or_not_their_alignment_is_there() -> None:
    empty = '{"chars":[],"char_start_times_ms":[],"char_durations_ms":[]}'
    spoken = '{"chars":["a"],"char_start_times_ms":[0],"char_durations_ms":[9]}'
    shape = '{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":%s,"alignment":%s}}'
    reader = AudioReader()
    reader.read(shape % (40, empty))

    spoken_chunk = read(reader, shape % (41, spoken))

    assert spoken_chunk == (b"\0\0\0", 41, ("a", [0]))
    assert reader.more(shape % (42, empty)) == b"\0\0\0"
    assert reader.more(shape % (42, spoken)) is None


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"audio","audio_base_64":"AAAA","audio_event":{"audio_base_64":"","event_id":4}}',
        '{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":4,"audio_base_64":""}}',
        '{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":4,"audio_base_64":"BBBB"}}',
        '{"type":"audio","\ud800":0,"audio_event":{"audio_base_64":"AAAA","event_id":4}}',
    ],
)
def test_audio_that_json_would_not_find_there_is_left_to_json(message: str) -> None:
    assert AudioReader().read(message) is None


def test_a_chunk_that_was_taken_back_teaches_the_reader_nothing() -> None:
    shape = '{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":%s}}'
    reader = AudioReader()
    reader.interrupted(1_000)

    reader.read(shape % "999")

    assert reader.more(shape % "999") is None


def read(reader: AudioReader, message: str) -> Chunk | None:
    """As the dialect does."""
    pcm = reader.more(message)
    return reader.read(message) if pcm is None else (pcm, reader.number_of(message), NO_CHARS)

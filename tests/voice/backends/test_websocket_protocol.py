"""The messages of the WebSocket transport as values: what is understood, what is refused and in which words."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.backends.base import (
    ClientCapabilities,
    ClientDigit,
    ClientGoodbye,
    ClientInterrupt,
    ClientMuted,
    ClientPlayback,
    ClientText,
    ClientTurn,
)
from roomkit.voice.backends.websocket_protocol import (
    BadMessageError,
    ClientPing,
    decode_text,
    encode,
    encode_audio,
    encode_error,
)


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ('{"type":"text","text":"hello"}', ClientText("hello")),
        ('{"type":"playback","played_ms":120.5,"epoch":2}', ClientPlayback(120.5, 2)),
        ('{"type":"playback","played_ms":0}', ClientPlayback(0.0, 0)),
        ('{"type":"mute","muted":true}', ClientMuted(True)),
        ('{"type":"capabilities","microphone":false,"speaker":true}', ClientCapabilities(False, True)),
        ('{"type":"capabilities","speaker":false}', ClientCapabilities(speaker=False)),
        ('{"type":"interrupt"}', ClientInterrupt()),
        ('{"type":"turn","begins":false}', ClientTurn(False)),
        ('{"type":"dtmf","digit":"#"}', ClientDigit("#")),
        ('{"type":"end"}', ClientGoodbye()),
        ('{"type":"ping"}', ClientPing()),
        ('{"type":"ping","an":"unknown field is ignored"}', ClientPing()),
    ],
)
def test_every_client_message_is_understood(message: str, meaning: object) -> None:
    assert decode_text(message) == meaning


@given(pcm=st.binary(min_size=1, max_size=200), spaces=st.booleans())
def test_audio_is_understood_as_browsers_and_python_write_it(pcm: bytes, spaces: bool) -> None:
    message = {"type": "audio", "data": base64.b64encode(pcm).decode()}

    assert decode_text(json.dumps(message, separators=None if spaces else (",", ":"))) == pcm


def test_audio_with_fields_in_another_order_or_escapes_is_parsed() -> None:
    assert decode_text('{"data":"AAE=","type":"audio"}') == b"\x00\x01"
    assert decode_text('{"type":"audio","data":"\\u0041AE="}') == b"\x00\x01"
    assert decode_text('{"type":"audio","data":"AAE=","seq":"7"}') == b"\x00\x01"


@given(pcm=st.binary(max_size=200))
def test_our_audio_is_json_that_says_the_same(pcm: bytes) -> None:
    message = json.loads(encode_audio(pcm))

    assert message == {"type": "audio", "data": base64.b64encode(pcm).decode()}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "empty"),
        ("not json", "bad_json"),
        ("\x00\x00", "bad_json"),
        ("[" * 100_000, "bad_json"),
        ("[1, 2]", "bad_json"),
        ('"audio"', "bad_json"),
        ("null", "bad_json"),
        ('{"type":"aud', "bad_json"),
        ("{}", "bad_field"),
        ('{"type":7}', "bad_field"),
        ('{"type":"frobnicate"}', "unknown_type"),
        ('{"type":"AUDIO","data":""}', "unknown_type"),
        ('{"type":"audio"}', "bad_field"),
        ('{"type":"audio","data":[0,1]}', "bad_field"),
        ('{"type":"audio","data":"***"}', "bad_audio"),
        ('{"type":"audio","data":"AAA"}', "bad_audio"),
        ('{"type":"audio","data":"\u00e4\u00f6"}', "bad_audio"),
        ('{"type":"text"}', "bad_field"),
        ('{"type":"text","text":5}', "bad_field"),
        ('{"type":"text","text":"a\\u0000b"}', "bad_field"),
        ('{"type":"text","text":"a\\ud800b"}', "bad_field"),
        (json.dumps({"type": "text", "text": "x" * 20_000}), "text_too_long"),
        ('{"type":"playback"}', "bad_field"),
        ('{"type":"playback","played_ms":"12"}', "bad_field"),
        ('{"type":"playback","played_ms":true}', "bad_field"),
        ('{"type":"playback","played_ms":-1}', "bad_field"),
        ('{"type":"playback","played_ms":NaN}', "bad_field"),
        ('{"type":"playback","played_ms":1e999}', "bad_field"),
        ('{"type":"playback","played_ms":' + "9" * 1_000 + "}", "bad_field"),
        ('{"type":"playback","played_ms":1,"epoch":1.5}', "bad_field"),
        ('{"type":"playback","played_ms":1,"epoch":-1}', "bad_field"),
        ('{"type":"mute","muted":"yes"}', "bad_field"),
        ('{"type":"capabilities"}', "bad_field"),
        ('{"type":"capabilities","speaker":1}', "bad_field"),
        ('{"type":"capabilities","microphone":null}', "bad_field"),
        ('{"type":"turn","begins":1}', "bad_field"),
        ('{"type":"dtmf","digit":"12"}', "bad_field"),
        ('{"type":"dtmf","digit":""}', "bad_field"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_code_and_a_sentence(message: str, code: str) -> None:
    with pytest.raises(BadMessageError) as refused:
        decode_text(message)

    assert refused.value.code == code
    assert len(refused.value.detail) > 10


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
TYPES = st.sampled_from(
    ["audio", "text", "playback", "mute", "capabilities", "interrupt", "turn", "dtmf", "end", "ping", "x"]
)
FIELDS = st.sampled_from(["data", "text", "played_ms", "epoch", "muted", "begins", "digit"])


@given(kind=TYPES, fields=st.dictionaries(FIELDS, JSON_VALUES))
def test_no_message_of_any_shape_raises_anything_else(kind: str, fields: dict[str, object]) -> None:
    try:
        decode_text(json.dumps({"type": kind, **fields}))
    except BadMessageError as refused:
        assert json.loads(encode_error(refused.code, refused.detail))["code"] == refused.code


@given(garbage=st.text(max_size=200))
def test_no_text_at_all_raises_anything_else(garbage: str) -> None:
    try:
        decode_text(garbage)
    except BadMessageError as refused:
        assert refused.code in {"empty", "bad_json", "bad_field"}


def test_a_refusal_repeats_nothing_of_what_was_said() -> None:
    with pytest.raises(BadMessageError) as refused:
        decode_text('{"type":"text","text":{"my":"secret"}}')

    assert "secret" not in refused.value.detail


def test_server_messages_survive_what_utf8_cannot_hold() -> None:
    assert encode({"type": "transcription", "text": "\ud800"}).encode()

"""`LinkConfig` to session object: every documented key in each of its spellings, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import ConfigError
from roomkit.providers.openai.session import KNOWN_KEYS, session_object, turn_policy
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.realtime.profile import TurnPolicy

Check = Callable[[Any], None]


def config(provider_config: Mapping[str, Any] = MappingProxyType({}), **settings: Any) -> LinkConfig:
    return LinkConfig("s", provider_config=provider_config, **settings)


def session_for(**provider_config: Any) -> dict[str, Any]:
    return session_object(config(provider_config))


def detection_for(**provider_config: Any) -> Any:
    return session_for(**provider_config)["audio"]["input"]["turn_detection"]


def test_without_settings_the_caller_is_transcribed_and_the_server_detects_turns() -> None:
    session = session_for()

    assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert session["audio"]["input"]["turn_detection"] == {"type": "server_vad"}
    assert "voice" not in session["audio"]["output"]


@pytest.mark.parametrize(
    ("given_keys", "expected"),
    [
        (
            {"turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 800}},
            {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 800},
        ),
        ({"silence_duration_ms": 800}, {"type": "server_vad", "silence_duration_ms": 800}),
        ({"turn_detection_type": "server_vad", "threshold": 0.2}, {"type": "server_vad", "threshold": 0.2}),
        (
            {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
            {"type": "semantic_vad", "eagerness": "low"},
        ),
        ({"eagerness": "high"}, {"type": "semantic_vad", "eagerness": "high"}),
        ({"turn_detection": "semantic_vad"}, {"type": "semantic_vad"}),
        (
            {"turn_detection": {"type": "semantic_vad"}, "create_response": False},
            {"type": "semantic_vad", "create_response": False},
        ),
        ({"turn_detection": None}, None),
        ({"turn_detection_type": None}, None),
        ({"turn_detection_type": "none"}, None),
    ],
)
def test_turn_detection_may_be_nested_or_flat(given_keys: dict[str, Any], expected: object) -> None:
    assert detection_for(**given_keys) == expected


def test_a_flat_key_overrides_the_nested_one() -> None:
    detection = detection_for(turn_detection={"type": "server_vad", "threshold": 0.5}, threshold=0.9)

    assert detection == {"type": "server_vad", "threshold": 0.9}


@pytest.mark.parametrize(
    ("given_keys", "expected"),
    [
        ({"stt_model": "gpt-4o-transcribe"}, {"model": "gpt-4o-transcribe"}),
        ({"stt_model": None}, None),
        ({"transcription": None}, None),
        ({"language": "fr"}, {"model": "gpt-transcribe", "language": "fr"}),
        ({"language": "fr", "stt_model": None}, None),
        ({"transcription": {"prompt": "names"}}, {"model": "gpt-transcribe", "prompt": "names"}),
        ({"input_audio_transcription": {"model": "whisper-1"}}, {"model": "whisper-1"}),
    ],
)
def test_the_callers_transcript_is_chosen_or_stopped(given_keys: dict[str, Any], expected: object) -> None:
    assert session_for(**given_keys)["audio"]["input"]["transcription"] == expected


@pytest.mark.parametrize("spelling", ["noise_reduction", "input_audio_noise_reduction"])
@pytest.mark.parametrize("value", ["near_field", {"type": "near_field"}])
def test_noise_reduction_has_two_names_and_two_forms(spelling: str, value: object) -> None:
    assert session_for(**{spelling: value})["audio"]["input"]["noise_reduction"] == {"type": "near_field"}


def test_an_explicit_none_is_sent_as_null() -> None:
    assert session_for(noise_reduction=None)["audio"]["input"]["noise_reduction"] is None


@pytest.mark.parametrize("spelling", ["max_output_tokens", "max_response_output_tokens"])
def test_the_token_limit_has_two_names(spelling: str) -> None:
    assert session_for(**{spelling: 99})["max_output_tokens"] == 99


def test_the_betas_two_modalities_become_audio() -> None:
    assert session_for(modalities=["text", "audio"])["output_modalities"] == ["audio"]


def test_temperature_is_left_out_because_the_vendor_refuses_it() -> None:
    session = session_object(config({"temperature": 0.7}, temperature=0.7))

    assert "temperature" not in json.dumps(session)


def test_the_voice_can_be_left_out_once_it_is_frozen() -> None:
    assert session_object(config(voice="marin"))["audio"]["output"]["voice"] == "marin"
    assert "voice" not in session_object(config(voice="marin"), with_voice=False)["audio"]["output"]


def test_tools_of_the_vendor_follow_the_functions() -> None:
    mcp = {"type": "mcp", "server_label": "docs", "server_url": "https://example.com"}
    tool = ToolSpec("look", "Look it up", MappingProxyType({"type": "object"}))

    tools = session_object(config(tools=(tool,), vendor_tools=(mcp,)))["tools"]

    assert tools == [
        {"type": "function", "name": "look", "description": "Look it up", "parameters": {"type": "object"}},
        mcp,
    ]


def test_openai_would_take_a_session_with_everything_set(accepted_by_openai: Check) -> None:
    everything = config(
        {
            "turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000, "interrupt_response": True},
            "threshold": 0.4,
            "prefix_padding_ms": 200,
            "silence_duration_ms": 700,
            "create_response": True,
            "transcription": {"model": "gpt-transcribe", "prompt": "x"},
            "language": "en",
            "noise_reduction": "far_field",
            "speed": 1.2,
            "max_output_tokens": "inf",
            "tool_choice": {"type": "function", "name": "look"},
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
            "reasoning": "low",
            "parallel_tool_calls": True,
            "tracing": "auto",
            "prompt": "pmpt_1",
            "output_modalities": ["audio"],
            "include": ["item.input_audio_transcription.logprobs"],
        },
        instructions="Be brief.",
        voice="voice_12",
        tools=(ToolSpec("look", "Look it up", {"type": "object"}),),
    )

    accepted_by_openai(json.dumps({"type": "session.update", "session": session_object(everything)}))


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"silence_ms": 3}, "silence_duration_ms"),
        ({"turn_detection": {"type": "server_vad", "eagerness": "low"}}, "silence_duration_ms"),
        ({"turn_detection": {"type": "magic"}}, "semantic_vad"),
        ({"turn_detection": {"type": [1]}}, "semantic_vad"),
        ({"turn_detection": 7}, "turn_detection"),
        ({"eagerness": "wild"}, "medium"),
        ({"eagerness": []}, "medium"),
        ({"threshold": 2}, "threshold"),
        ({"threshold": "0.5"}, "threshold"),
        ({"silence_duration_ms": -1}, "silence_duration_ms"),
        ({"speed": 9}, "1.5"),
        ({"speed": True}, "1.5"),
        ({"output_modalities": ["video"]}, "audio"),
        ({"output_modalities": [[]]}, "audio"),
        ({"transcription": "whisper-1"}, "transcription"),
        ({"prompt": object()}, "JSON"),
        ({"tracing": {"metadata": float("nan")}}, "JSON"),
        ({"noise_reduction": None, "input_audio_noise_reduction": None}, "twice"),
    ],
)
def test_what_cannot_work_is_refused_before_the_wire_with_what_can(bad: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        session_for(**bad)


@given(
    st.dictionaries(
        st.sampled_from(sorted(KNOWN_KEYS)) | st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
        ),
        max_size=4,
    )
)
def test_settings_make_a_session_or_a_clear_error_and_nothing_else(provider_config: dict[str, Any]) -> None:
    try:
        session = session_object(config(provider_config))
    except ConfigError as error:
        assert str(error)
    else:
        assert json.loads(json.dumps(session))["type"] == "realtime"


@pytest.mark.parametrize(
    ("provider_config", "expected"),
    [
        ({}, TurnPolicy(silence_ms=500)),
        ({"silence_duration_ms": 800}, TurnPolicy(silence_ms=800)),
        ({"turn_detection": None}, TurnPolicy(manual=True, answers_by_itself=False)),
        ({"interrupt_response": False}, TurnPolicy(interrupts=False)),
        ({"turn_detection": {"create_response": False}}, TurnPolicy(answers_by_itself=False)),
        ({"eagerness": "high"}, TurnPolicy(silence_ms=2000)),
    ],
)
def test_turns_follow_the_settings(provider_config: dict[str, Any], expected: TurnPolicy) -> None:
    assert turn_policy(config(provider_config)) == expected

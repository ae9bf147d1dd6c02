"""`LinkConfig` to xAI's session object: every key in each of its spellings, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import ConfigError
from roomkit.providers.xai.names import todays_model, todays_transcriber, todays_voice
from roomkit.providers.xai.session import (
    RATES_HZ,
    Defaults,
    Rates,
    rates_of,
    session_object,
    turn_policy,
    wants_resumption,
)
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.realtime.profile import TurnPolicy

RATES = Rates(16_000, 24_000)
DETECTION = {"type": "server_vad", "create_response": True, "interrupt_response": True}


def config(provider_config: Mapping[str, Any] = MappingProxyType({}), **settings: Any) -> LinkConfig:
    return LinkConfig("s", provider_config=provider_config, **settings)


def session_for(**provider_config: Any) -> dict[str, Any]:
    return session_object(config(provider_config), RATES)


def tool(name: str) -> ToolSpec:
    return ToolSpec(name, "", {"type": "object", "properties": {}})


def test_without_settings_turns_are_detected_and_written_down_because_the_service_starts_with_neither() -> None:
    session = session_for()

    assert session["turn_detection"] == DETECTION
    assert session["audio"]["input"]["transcription"] == {"model": "grok-transcribe"}
    assert session["resumption"] == {"enabled": True}
    assert "voice" not in session


def test_voice_turns_and_tools_stand_at_the_top_where_they_have_an_effect() -> None:
    session = session_object(config(voice="Rex", instructions="Be brief.", tools=(tool("look"),)), RATES)

    assert (session["voice"], session["instructions"]) == ("rex", "Be brief.")
    assert session["tools"][0]["name"] == "look"
    assert session["audio"] == {
        "input": {"format": {"type": "audio/pcm", "rate": 16_000}, "transcription": {"model": "grok-transcribe"}},
        "output": {"format": {"type": "audio/pcm", "rate": 24_000}},
    }


def test_the_keys_of_the_guide_are_understood() -> None:
    session = session_for(
        turn_detection_type="server_vad",
        threshold=0.5,
        silence_duration_ms=800,
        prefix_padding_ms=300,
        transcription_model="grok-2-audio",
    )

    assert session["turn_detection"] == {
        **DETECTION, "threshold": 0.5, "silence_duration_ms": 800, "prefix_padding_ms": 300,
    }  # fmt: skip
    assert session["audio"]["input"]["transcription"] == {"model": "grok-transcribe"}


def test_todays_keys_are_understood() -> None:
    session = session_for(
        turn_detection={"type": "server_vad", "threshold": 0.2, "idle_timeout_ms": 5_000},
        audio={"input": {"transcription": {"model": "own"}, "transport": "json"}, "output": {"speed": 1.2}},
        reasoning="none",
        replace={"SQL": "sequel"},
        resumption={"enabled": False},
        language_hint="de",
        keyterms=["RoomKit"],
    )

    assert session["turn_detection"] == {**DETECTION, "threshold": 0.2, "idle_timeout_ms": 5_000}
    assert session["audio"]["input"]["transcription"] == {
        "model": "own",
        "language_hint": "de",
        "keyterms": ["RoomKit"],
    }
    assert session["audio"]["output"]["speed"] == 1.2
    assert session["reasoning"] == {"effort": "none"}
    assert session["replace"] == {"SQL": "sequel"}
    assert session["resumption"] == {"enabled": False}


@pytest.mark.parametrize(
    "provider_config",
    [
        {"turn_detection": None},
        {"turn_detection_type": None},
        {"turn_detection_type": "none"},
        {"turn_detection": {"type": None}},
    ],
)
def test_turns_are_manual_where_that_is_said(provider_config: dict[str, Any]) -> None:
    assert session_for(**provider_config)["turn_detection"] is None
    assert turn_policy(config(provider_config)) == TurnPolicy(manual=True, answers_by_itself=False)


@pytest.mark.parametrize(
    ("provider_config", "policy"),
    [
        ({}, TurnPolicy(silence_ms=1_000)),
        ({"silence_duration_ms": 0}, TurnPolicy(silence_ms=0)),
        ({"interrupt_response": False}, TurnPolicy(silence_ms=1_000, interrupts=False)),
        ({"turn_detection": {"create_response": False}}, TurnPolicy(silence_ms=1_000, answers_by_itself=False)),
    ],
)
def test_turns_go_as_the_settings_say(provider_config: dict[str, Any], policy: TurnPolicy) -> None:
    assert turn_policy(config(provider_config)) == policy


def test_held_answers_turn_the_servers_own_off() -> None:
    session = session_object(config(hold_answers=True), RATES)

    assert session["turn_detection"]["create_response"] is False


@pytest.mark.parametrize("key", ["transcription_model", "audio"])
def test_without_a_transcriber_nothing_is_written_down(key: str) -> None:
    value: Any = {"input": {"transcription": None}} if key == "audio" else None

    assert session_for(**{key: value})["audio"]["input"]["transcription"] is None


def test_what_the_provider_was_made_with_holds_where_the_channel_does_not_say() -> None:
    defaults = Defaults("Aria", "grok-2-audio")

    assert session_object(config(), RATES, defaults)["voice"] == "ara"
    assert session_object(config(voice="rex"), RATES, defaults)["voice"] == "rex"


@pytest.mark.parametrize(
    ("provider_config", "said"),
    [
        ({"tempo": 1}, "tempo.*known: .*speed"),
        ({"turn_detection": {"eagerness": "low"}}, "eagerness.*silence_duration_ms"),
        ({"turn_detection": "semantic_vad"}, "semantic_vad.*server_vad, None"),
        ({"turn_detection": 3}, "turn_detection must be"),
        ({"threshold": 0.95}, "threshold must be a number from 0.1 to 0.9"),
        ({"threshold": True}, "threshold"),
        ({"silence_duration_ms": 20_000}, "silence_duration_ms.*10000"),
        ({"speed": 2}, "speed must be a number from 0.7 to 1.5"),
        ({"audio": {"output": {"voice": "eve"}}}, "audio.output has voice.*known: format, speed"),
        ({"audio": {"turn_detection": None}}, "audio has turn_detection"),
        ({"audio": 3}, "audio must be"),
        ({"audio": {"input": 3}}, "audio.input must be"),
        ({"audio": {"output": {"transport": "binary"}}}, "transport must be 'json'"),
        ({"audio": {"input": {"transcription": "grok"}}}, "transcription must be an object"),
        ({"transcription_model": 3}, "transcription model must be a name"),
        ({"keyterms": "one"}, "keyterms must be a list"),
        ({"keyterms": ["x" * 51]}, "at most 50 characters"),
        ({"keyterms": ["x"] * 101}, "at most 100 words"),
        ({"resumption": "yes"}, "resumption must be"),
        ({"resumption": {"on": True}}, "resumption has on"),
        ({"replace": {"a": object()}}, "plain JSON"),
    ],
)
def test_what_cannot_work_is_refused_before_the_wire_and_says_what_can(
    provider_config: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        session_for(**provider_config)


def test_a_temperature_is_no_reason_to_fail() -> None:
    assert "temperature" not in session_for(temperature=0.7)


# --- tools ------------------------------------------------------------------------------------------------------


def test_native_tools_are_passed_on_as_given_beside_functions() -> None:
    native = ({"type": "web_search"}, {"type": "x_search", "allowed_x_handles": ["xai"]})

    tools = session_object(config(tools=(tool("look"),), vendor_tools=native), RATES)["tools"]

    assert [one.get("name", one["type"]) for one in tools] == ["look", "web_search", "x_search"]
    assert tools[2] == native[1]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("web_search", "web_search"),
        ("web_search", "browse_page"),
        ("x_search", "x_thread_fetch"),
        ("file_search", "collections_search"),
    ],
)
def test_a_reserved_name_is_refused_naming_the_clash(kind: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"with {kind} on, xAI reserves the function name {name}"):
        session_object(config(tools=(tool(name),), vendor_tools=({"type": kind},)), RATES)


def test_the_same_name_is_free_without_the_native_tool() -> None:
    session = session_object(config(tools=(tool("browse_page"),), vendor_tools=({"type": "x_search"},)), RATES)

    assert session["tools"][0]["name"] == "browse_page"


@pytest.mark.parametrize("native", [{"type": "code_interpreter"}, {}, {"type": 3}])
def test_a_tool_xai_does_not_run_is_refused(native: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="it runs file_search, mcp, web_search, x_search"):
        session_object(config(vendor_tools=(native,)), RATES)


# --- rates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_rate_the_service_has_is_taken_so_that_nobody_resamples(rate_hz: int) -> None:
    assert rates_of(config(input_rate_hz=rate_hz, output_rate_hz=rate_hz)) == (rate_hz, rate_hz)


@pytest.mark.parametrize(("wish_hz", "rate_hz"), [(1, 8_000), (12_000, 16_000), (44_000, 44_100), (96_000, 48_000)])
def test_another_rate_gets_the_next_above_it(wish_hz: int, rate_hz: int) -> None:
    assert rates_of(config(input_rate_hz=wish_hz)).input_hz == rate_hz


def test_the_users_own_format_goes_before_the_wish() -> None:
    given_format = {"input": {"format": {"type": "audio/pcm", "rate": 8_000}}}

    assert rates_of(config({"audio": given_format}, input_rate_hz=48_000)) == (8_000, 24_000)


@pytest.mark.parametrize(
    "given_format", [{"type": "audio/pcmu"}, {"type": "audio/pcm", "rate": 12_000}, "pcm16", {"rate": [1]}]
)
def test_a_format_that_is_no_pcm_of_the_service_is_refused(given_format: Any) -> None:
    with pytest.raises(ConfigError, match=r"audio\.output\.format must be"):
        rates_of(config({"audio": {"output": {"format": given_format}}}))


# --- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["grok-3-fast", "grok-4-voice", "grok-2-audio", "Grok-4-1-fast-non-reasoning"])
def test_retired_models_mean_todays(model: str) -> None:
    assert todays_model(model) == "grok-voice-latest"
    assert todays_transcriber(model) == "grok-transcribe"


@pytest.mark.parametrize("model", ["grok-voice-latest", "grok-voice-3.0", "grok-voice-think-fast-1.0", "my-own"])
def test_other_models_go_through_as_given(model: str) -> None:
    assert (todays_model(model), todays_transcriber(model)) == (model, model)


@pytest.mark.parametrize(
    ("voice", "meant"), [("Aria", "ara"), ("EVE", "eve"), ("Leo", "leo"), ("sal", "sal"), ("MyVoice_1", "MyVoice_1")]
)
def test_voices_are_todays_in_small_letters_and_custom_ones_stay(voice: str, meant: str) -> None:
    assert todays_voice(voice) == meant


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=4)))
def test_any_provider_config_is_a_session_or_a_config_error(provider_config: dict[str, Any]) -> None:
    # a dict's items would mostly have unknown names: the same values under known ones reach the checks of values
    known = dict(zip(("threshold", "audio", "resumption"), provider_config.values(), strict=False))
    for given_config in (provider_config, known):
        try:
            assert session_for(**{"turn_detection": {}, **given_config})["audio"]
            assert wants_resumption(config(given_config)) in (True, False)
        except ConfigError:
            continue

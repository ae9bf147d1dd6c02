"""What a `LinkConfig` becomes on the wire, and what is refused before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roomkit.errors import ConfigError
from roomkit.providers.elevenlabs.overrides import KNOWN_KEYS, initiation, is_text_only
from roomkit.voice.realtime.commands import LinkConfig
from tests.wire.elevenlabs_messages import check_client


def of(**settings: Any) -> dict[str, Any]:
    message = initiation(LinkConfig("s", **settings))
    check_client(json.dumps(message))
    return message


def overridden(**provider_config: Any) -> Any:
    return of(provider_config=provider_config).get("conversation_config_override")


def test_nothing_set_is_nothing_overridden() -> None:
    assert of() == {"type": "conversation_initiation_client_data"}


def test_prompt_and_voice_are_overrides() -> None:
    assert of(instructions="Be brief.", voice="v1")["conversation_config_override"] == {
        "agent": {"prompt": {"prompt": "Be brief."}},
        "tts": {"voice_id": "v1"},
    }


def test_an_empty_prompt_is_an_override_too() -> None:
    assert of(instructions="")["conversation_config_override"] == {"agent": {"prompt": {"prompt": ""}}}


def test_temperature_travels_to_a_custom_llm() -> None:
    assert of(temperature=0.7)["custom_llm_extra_body"] == {"temperature": 0.7}


def test_a_temperature_of_the_body_itself_wins() -> None:
    body = of(temperature=0.7, provider_config={"custom_llm_extra_body": {"temperature": 0.1, "top_p": 1}})

    assert body["custom_llm_extra_body"] == {"temperature": 0.1, "top_p": 1}


@pytest.mark.parametrize(
    ("key", "value", "override"),
    [
        ("language", "fr", {"agent": {"language": "fr"}}),
        ("first_message", "Bonjour!", {"agent": {"first_message": "Bonjour!"}}),
        ("llm", "gpt-5", {"agent": {"prompt": {"llm": "gpt-5"}}}),
        ("native_mcp_server_ids", ("m1",), {"agent": {"native_mcp_server_ids": ["m1"]}}),
        ("stability", 0.5, {"tts": {"stability": 0.5}}),
        ("speed", 1.1, {"tts": {"speed": 1.1}}),
        ("similarity_boost", 1.0, {"tts": {"similarity_boost": 1.0}}),
        ("keywords", ["RoomKit"], {"asr": {"keywords": ["RoomKit"]}}),
        ("text_only", True, {"conversation": {"text_only": True}}),
        ("client_events", ["audio"], {"conversation": {"client_events": ["audio"]}}),
        ("max_duration_seconds", 60, {"conversation": {"max_duration_seconds": 60}}),
        ("language", None, None),
    ],
)
def test_short_keys_go_where_the_vendor_wants_them(key: str, value: object, override: Any) -> None:
    assert overridden(**{key: value}) == override


def test_what_names_the_user_and_fills_the_prompt_goes_beside_the_overrides() -> None:
    message = of(provider_config={"user_id": "u-7", "dynamic_variables": {"name": "Ana", "age": 40, "vip": True}})

    assert message["user_id"] == "u-7"
    assert message["dynamic_variables"] == {"name": "Ana", "age": 40, "vip": True}


def test_raw_overrides_are_merged_and_short_keys_win() -> None:
    raw = {"agent": {"language": "de", "prompt": {"llm": "x"}}, "tts": {"speed": 1.0}}

    merged = of(instructions="Hi.", provider_config={"conversation_config_override": raw, "language": "fr"})

    assert merged["conversation_config_override"] == {
        "agent": {"language": "fr", "prompt": {"llm": "x", "prompt": "Hi."}},
        "tts": {"speed": 1.0},
    }
    assert raw["agent"] == {"language": "de", "prompt": {"llm": "x"}}


@pytest.mark.parametrize(
    "config", [{"text_only": True}, {"conversation_config_override": {"conversation": {"text_only": True}}}]
)
def test_it_knows_a_conversation_in_writing(config: dict[str, Any]) -> None:
    assert is_text_only(LinkConfig("s", provider_config=config))
    assert not is_text_only(LinkConfig("s", provider_config={"text_only": False}))


def test_an_unknown_key_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ConfigError) as refused:
        initiation(LinkConfig("s", provider_config={"turn_detection": None, "language": "fr"}))

    assert "turn_detection" in str(refused.value)
    assert all(key in str(refused.value) for key in KNOWN_KEYS)


@pytest.mark.parametrize(
    "provider_config",
    [
        {"stability": 1.5},
        {"stability": True},
        {"speed": 0.1},
        {"speed": float("nan")},
        {"similarity_boost": "high"},
        {"max_duration_seconds": 0},
        {"max_duration_seconds": 1.5},
        {"text_only": "yes"},
        {"language": 5},
        {"keywords": "RoomKit"},
        {"client_events": [1]},
        {"dynamic_variables": ["name"]},
        {"dynamic_variables": {"name": ["Ana"]}},
        {"dynamic_variables": {"name": None}},
        {"dynamic_variables": {"share": float("inf")}},
        {"custom_llm_extra_body": {"when": object()}},
        {"custom_llm_extra_body": "no"},
        {"conversation_config_override": [1]},
        {"conversation_config_override": {"agent": 1}, "language": "fr"},
    ],
)
def test_what_cannot_work_is_refused_before_the_wire(provider_config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        initiation(LinkConfig("s", provider_config=provider_config))


def test_a_variable_that_is_refused_is_named_and_its_value_is_not() -> None:
    with pytest.raises(ConfigError, match="account") as refused:
        initiation(LinkConfig("s", provider_config={"dynamic_variables": {"account": ["4711"]}}))

    assert "4711" not in str(refused.value)

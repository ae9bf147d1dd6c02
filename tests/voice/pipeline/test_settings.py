"""Reading the turn-taking keys of a link's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit.errors import ConfigError
from roomkit.voice.pipeline.settings import TurnSettings, turn_settings
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.turn.endpointing import EndpointingPolicy

POLICY = EndpointingPolicy(silence_ms=256, complete_ms=96, incomplete_ms=640)


def read(keys: dict[str, Any]) -> TurnSettings:
    return turn_settings(LinkConfig(session_id="s", provider_config=keys), POLICY)


def test_held_answers_leave_every_turn_to_be_asked_for() -> None:
    assert not turn_settings(LinkConfig(session_id="s", hold_answers=True), POLICY).answers


def settings_of(keys: dict[str, Any]) -> TurnSettings:
    return turn_settings(LinkConfig("s", provider_config=keys), POLICY)


def test_nothing_given_means_the_provider_s_own() -> None:
    assert read({}) == TurnSettings(POLICY)


def test_answers_that_are_held_are_not_given_unasked() -> None:
    assert not turn_settings(LinkConfig("s", hold_answers=True), POLICY).answers


@pytest.mark.parametrize("keys", [{"turn_detection": None}, {"turn_detection": {"type": "none"}}])
def test_no_turn_detection_means_manual_turns(keys: dict[str, Any]) -> None:
    assert read(keys).manual


@pytest.mark.parametrize("nested", [True, False])
def test_the_keys_of_openai_s_turn_detection_work_nested_and_flat(nested: bool) -> None:
    keys = {"silence_duration_ms": 800, "interrupt_response": False, "create_response": False, "threshold": 0.8}

    settings = read({"turn_detection": {"type": "server_vad", **keys}} if nested else keys)

    assert (settings.interrupts, settings.answers, settings.manual) == (False, False, False)
    assert (settings.policy.silence_ms, settings.policy.complete_ms, settings.policy.incomplete_ms) == (800, 96, 800)
    assert settings.policy.speech_at == 0.8


@pytest.mark.parametrize(
    "keys",
    [
        {"speed": 2},
        {"turn_detection": "server_vad"},
        {"silence_duration_ms": -1},
        {"silence_duration_ms": True},
        {"silence_duration_ms": float("nan")},
        {"threshold": "high"},
        {"interrupt_response": "no"},
    ],
)
def test_what_cannot_work_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        read(keys)

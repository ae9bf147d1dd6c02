"""How a link of the cascade takes turns, read from a `LinkConfig`. Pure; the one place that knows the keys.

The keys are those of OpenAI's ``turn_detection``, so that switching to the cascade changes nothing: nested as there, or
flat in ``provider_config``. Invariant: a key that means nothing here raises before a link is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from roomkit.errors import ConfigError
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.turn.endpointing import EndpointingPolicy

_FLAGS = ("interrupt_response", "create_response")
_NUMBERS = ("silence_duration_ms", "threshold")
KEYS = ("turn_detection", *_FLAGS, *_NUMBERS)
_IGNORED = ("type", "prefix_padding_ms", "eagerness", "idle_timeout_ms", "turn_detection_type")
"""Keys of OpenAI's that choose among things of which the cascade has one: accepted, without effect."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Turn-taking of one link.

    Attributes:
        manual: The application begins and commits the caller's turns.
        interrupts: The caller's speech stops a running answer.
        answers: A turn is answered without being asked for.
    """

    policy: EndpointingPolicy
    manual: bool = False
    interrupts: bool = True
    answers: bool = True


def turn_settings(config: LinkConfig, policy: EndpointingPolicy) -> TurnSettings:
    """Read the turn-taking keys.

    Args:
        config: Holds the user's keys.
        policy: What holds where they say nothing.

    Raises:
        ConfigError: An unknown key or a value out of range; names what can be set.
    """
    given = dict(config.provider_config)
    nested = given.pop("turn_detection", {})
    if nested is not None and not isinstance(nested, Mapping):
        raise ConfigError("turn_detection is a mapping, or None for manual turns")
    given |= dict(nested or {})
    if unknown := sorted(set(given) - {*KEYS, *_IGNORED}):
        raise ConfigError(f"provider_config has no {', '.join(unknown)} here; known: {', '.join(KEYS)}")
    for flag in _FLAGS:
        if not isinstance(given.get(flag, True), bool):
            raise ConfigError(f"{flag} is True or False")
    return TurnSettings(
        policy=_policy(given, policy),
        manual=nested is None or nested.get("type") == "none",
        interrupts=given.get("interrupt_response", True),
        answers=given.get("create_response", True) and not config.hold_answers,
    )


def _policy(given: Mapping[str, Any], policy: EndpointingPolicy) -> EndpointingPolicy:
    if (silence_ms := given.get("silence_duration_ms")) is not None:
        silence_ms = _number("silence_duration_ms", silence_ms, 50, 10_000)
        # One number given for every pause is a wish for at most that, and more only where words are clearly missing.
        policy = replace(
            policy,
            silence_ms=silence_ms,
            complete_ms=min(policy.complete_ms, silence_ms),
            incomplete_ms=max(policy.incomplete_ms, silence_ms),
        )
    if (threshold := given.get("threshold")) is not None:
        threshold = _number("threshold", threshold, 0.05, 0.99)
        policy = replace(policy, speech_at=threshold, silence_below=threshold * 0.7)
    return policy


def _number(key: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{key} is a number from {low:g} to {high:g}")
    return float(value)

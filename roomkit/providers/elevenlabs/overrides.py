"""A `LinkConfig` as the conversation's first message, ``conversation_initiation_client_data``. Pure.

The agent lives at the vendor; this says what is different for one conversation. Only what was set is sent, because
each override has to be enabled in the agent's security settings or the vendor closes the link. An unknown key is
refused here, before anything is dialled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from roomkit.errors import ConfigError
from roomkit.voice.realtime.commands import LinkConfig

Options = dict[str, Any]

PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "language": ("agent", "language"),
    "first_message": ("agent", "first_message"),
    "llm": ("agent", "prompt", "llm"),
    "native_mcp_server_ids": ("agent", "native_mcp_server_ids"),
    "stability": ("tts", "stability"),
    "speed": ("tts", "speed"),
    "similarity_boost": ("tts", "similarity_boost"),
    "keywords": ("asr", "keywords"),
    "text_only": ("conversation", "text_only"),
    "client_events": ("conversation", "client_events"),
    "max_duration_seconds": ("conversation", "max_duration_seconds"),
}
"""Where in ``conversation_config_override`` each short key goes."""

_OPENING: Final = "first_message"
_RAW: Final = "conversation_config_override"
_TOP_LEVEL: Final = ("dynamic_variables", "custom_llm_extra_body", "user_id")
KNOWN_KEYS: Final = frozenset({*PATHS, *_TOP_LEVEL, _RAW})

_NUMBERS: Final = {"stability": (0.0, 1.0), "similarity_boost": (0.0, 1.0), "speed": (0.7, 1.2)}
"""What the vendor's voices take; outside of it the conversation is refused."""
_TEXTS: Final = ("language", "first_message", "llm", "user_id")
_LISTS: Final = ("native_mcp_server_ids", "keywords", "client_events")


def initiation(config: LinkConfig) -> Options:
    """The first message of a conversation.

    Raises:
        ConfigError: A key or value of ``provider_config`` that cannot work; names what can.
    """
    given = _checked(config.provider_config)
    message: Options = {"type": "conversation_initiation_client_data"}
    if overrides := _overrides(config, given):
        message[_RAW] = overrides
    if variables := given.get("dynamic_variables"):
        message["dynamic_variables"] = dict(variables)
    if extra_body := _extra_body(config, given):
        message["custom_llm_extra_body"] = extra_body
    if "user_id" in given:
        message["user_id"] = given["user_id"]
    _check_json(message)
    return message


def is_text_only(config: LinkConfig) -> bool:
    """Whether the conversation is typed both ways, so that no audio follows the agent's words."""
    conversation = _overrides(config, _checked(config.provider_config)).get("conversation")
    return isinstance(conversation, dict) and conversation.get("text_only") is True


def is_opening_overridden(config: LinkConfig) -> bool:
    """Whether the agent's first message is the caller's to say, so that the vendor lets it be left out."""
    agent = _overrides(config, _checked(config.provider_config)).get("agent")
    return isinstance(agent, dict) and _OPENING in agent


def _overrides(config: LinkConfig, given: Options) -> Options:
    """The raw override first; short keys and the portable settings win over it."""
    overrides: Options = _copied(given.get(_RAW, {}))
    for key, path in PATHS.items():
        if key in given:
            _put(overrides, path, given[key])
    if config.instructions is not None:
        _put(overrides, ("agent", "prompt", "prompt"), config.instructions)
    if config.voice is not None:
        _put(overrides, ("tts", "voice_id"), config.voice)
    agent = overrides.get("agent")
    if config.continues and isinstance(agent, dict) and _OPENING in agent:
        agent[_OPENING] = ""  # only where it is overridden anyway: the vendor refuses what its settings do not allow
    return overrides


def _extra_body(config: LinkConfig, given: Options) -> Options:
    body = dict(given.get("custom_llm_extra_body") or {})
    if config.temperature is not None:
        # no override of the agent takes a temperature; this reaches the LLM where the agent has one of its own
        body.setdefault("temperature", config.temperature)
    return body


def _checked(provider_config: Mapping[str, Any]) -> Options:
    if unknown := sorted(map(str, set(provider_config) - KNOWN_KEYS)):
        raise ConfigError(
            f"provider_config has {', '.join(unknown)}, which ElevenLabs does not know; "
            f"known: {', '.join(sorted(KNOWN_KEYS))}"
        )
    given = {key: value for key, value in provider_config.items() if value is not None}
    for key in (_RAW, "dynamic_variables", "custom_llm_extra_body"):
        if not isinstance(given.get(key, {}), Mapping):
            raise ConfigError(f"{key} must be an object")
    for key in _TEXTS:
        if not isinstance(given.get(key, ""), str):
            raise ConfigError(f"{key} must be a string")
    for key in _LISTS:
        value = given.get(key, [])
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise ConfigError(f"{key} must be a list of strings")
    if not isinstance(given.get("text_only", False), bool):
        raise ConfigError("text_only must be true or false")
    _check_numbers(given)
    _check_variables(given.get("dynamic_variables", {}))
    return given


def _check_numbers(given: Options) -> None:
    for key, (lowest, highest) in _NUMBERS.items():
        if key in given and not (_is_number(given[key]) and lowest <= given[key] <= highest):
            raise ConfigError(f"{key} must be a number from {lowest:g} to {highest:g}")
    seconds = given.get("max_duration_seconds", 1)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 1:
        raise ConfigError("max_duration_seconds must be a whole number, at least 1")


def _check_variables(variables: Mapping[str, Any]) -> None:
    for name, value in variables.items():
        if not isinstance(name, str) or not isinstance(value, str | int | float | bool):
            raise ConfigError(f"dynamic variable {name} must be a string, a number, true or false")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _put(overrides: Options, path: tuple[str, ...], value: Any) -> None:
    *parents, last = path
    for name in parents:
        overrides = overrides.setdefault(name, {})
        if not isinstance(overrides, dict):
            raise ConfigError(f"{_RAW}: {name} must be an object")
    overrides[last] = list(value) if isinstance(value, tuple) else value


def _copied(value: Any) -> Any:
    """A copy all of whose mappings are ours to change."""
    return {key: _copied(each) for key, each in value.items()} if isinstance(value, Mapping) else value


def _check_json(message: Options) -> None:
    try:
        json.dumps(message, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError("the conversation's settings must be plain JSON values") from error

"""The user's ``provider_config`` as checked options under one name each. Pure.

The guide's flat names, the vendor's camelCase and the vendor's nesting (``{"thinkingConfig": {"thinkingBudget": 0}}``)
mean the same. The service closes the socket over an unknown field, so what it would not know is refused here, before
anything is dialled. Not in here: where an option goes on the wire (`setup`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from roomkit.errors import ConfigError

Options = dict[str, Any]
Check = Callable[[str, Any], Any]
"""The value as the wire wants it; `None`: nothing is to be sent. Raises `ConfigError`."""


def _number(lowest: float, highest: float, *, whole: bool = False) -> Check:
    def check(name: str, value: Any) -> Any:
        kind = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kind) or not lowest <= value <= highest:
            word = "a whole number" if whole else "a number"
            raise ConfigError(f"{name} must be {word} from {lowest:g} to {highest:g}")
        return value

    return check


def _flag(name: str, value: Any) -> Any:
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False")
    return value


def _word(prefix: str, *names: str, silent: str = "") -> Check:
    """One of ``names``, in any case, with or without the vendor's ``prefix``; ``silent`` is the vendor's default."""

    def check(name: str, value: Any) -> Any:
        word = value.upper().removeprefix(prefix) if isinstance(value, str) else ""
        if silent and word == silent:
            return None
        if word not in names:
            known = ", ".join(sorted({*names, silent} - {""}))
            raise ConfigError(f"{name} {value!r} is not known; known: {known}")
        return prefix + word

    return check


def _text(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{name} must be a text")
    return value


def _switch(name: str, value: Any) -> Any:
    """An object of the vendor's, or whether there is one at all."""
    if value is False or value is None:
        return False
    if value is True:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must be True, False or an object of the vendor's fields")
    return dict(value)


def _modalities(name: str, value: Any) -> Any:
    if not isinstance(value, list | tuple) or [str(each).upper() for each in value] != ["AUDIO"]:
        raise ConfigError(f'{name} can only be ["AUDIO"]; the words come as transcripts')


def _objects(name: str, value: Any) -> Any:
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        raise ConfigError(f"{name} must be a list of objects")
    return [dict(each) for each in value]


_SENSITIVITY: Final = ("LOW", "HIGH")
_MAX_TOKENS: Final = 2**31 - 1

CHECKS: Final[Mapping[str, Check]] = {
    "start_of_speech_sensitivity": _word("START_SENSITIVITY_", *_SENSITIVITY, silent="MEDIUM"),
    "end_of_speech_sensitivity": _word("END_SENSITIVITY_", *_SENSITIVITY, silent="MEDIUM"),
    "silence_duration_ms": _number(0, 60_000, whole=True),
    "prefix_padding_ms": _number(0, 60_000, whole=True),
    "automatic_activity_detection": _flag,
    "disabled": _flag,
    "activity_handling": _word("", "START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"),
    "turn_coverage": _word(
        "TURN_INCLUDES_", "ONLY_ACTIVITY", "ALL_INPUT", "AUDIO_ACTIVITY_AND_ALL_VIDEO"
    ),
    "proactive_audio": _flag,
    "enable_affective_dialog": _flag,
    "thinking_budget": _number(-1, _MAX_TOKENS, whole=True),
    "thinking_level": _word("", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"),
    "include_thoughts": _flag,
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "top_k": _number(1, 1_000),
    "max_output_tokens": _number(1, _MAX_TOKENS, whole=True),
    "seed": _number(-(2**31), _MAX_TOKENS, whole=True),
    "media_resolution": _word("MEDIA_RESOLUTION_", "LOW", "MEDIUM", "HIGH"),
    "language_code": _text,
    "response_modalities": _modalities,
    "input_audio_transcription": _switch,
    "output_audio_transcription": _switch,
    "context_window_compression": _switch,
    "session_resumption": _switch,
    "safety_settings": _objects,
    "tool_behavior": _word("", "BLOCKING", "NON_BLOCKING"),
    "tool_scheduling": _word("", "INTERRUPT", "WHEN_IDLE", "SILENT"),
}  # fmt: skip
"""Every key of ``provider_config`` and what it may be."""

_CONTAINERS: Final = frozenset(
    {"generation_config", "speech_config", "thinking_config", "proactivity", "realtime_input_config"}
)
"""Objects of the vendor's whose fields are options of ours."""

_OFF_IS_A_VALUE: Final = frozenset(
    {"input_audio_transcription", "output_audio_transcription", "context_window_compression", "session_resumption"}
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


def options_of(given: Mapping[str, Any]) -> Options:
    """The options in a ``provider_config``; those that mean the vendor's default are left out.

    Raises:
        ConfigError: A key or value that cannot work, or one option under two names; names what can.
    """
    options: Options = {}
    for name, value in _flat(given):
        if name not in CHECKS:
            raise ConfigError(f"provider_config has {name}, which Gemini Live does not know; known: {_known()}")
        if name in options:
            raise ConfigError(f"provider_config names {name} twice, in two spellings or places")
        options[name] = CHECKS[name](name, value) if value is not None or name in _OFF_IS_A_VALUE else None
    return {name: value for name, value in options.items() if value is not None}


def is_manual(options: Mapping[str, Any]) -> bool:
    """Whether the application says when the caller speaks."""
    return options.get("disabled") is True or options.get("automatic_activity_detection") is False


def _flat(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        name = _HUMP.sub(r"_\1", str(key)).lower()
        is_container = name in _CONTAINERS or (name == "automatic_activity_detection" and isinstance(value, Mapping))
        if name in _CONTAINERS and not isinstance(value, Mapping):
            raise ConfigError(f"{name} must be an object")
        if is_container:
            yield from _flat(value)
        elif name == "automatic_activity_detection":
            yield name, value is not None and value  # None, as with other vendors: turns are the application's
        else:
            yield name, value


def _known() -> str:
    return ", ".join(sorted(set(CHECKS) - {"disabled"}))

"""A `LinkConfig` as OpenAI's session object, and the turn-taking that follows from it. Pure.

The service refuses a whole ``session.update`` for one unknown key, so the user's ``provider_config`` is checked here,
before anything is dialled. Today's key names, the flat short forms of the guide and the names of the switched-off beta
mean the same. Invariant: `session_object` is always a complete description, so that it can replace what was before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from roomkit.errors import ConfigError
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.realtime.profile import TurnPolicy

RATE_HZ: Final = 24_000
"""The only PCM rate the service takes (16 kHz is refused)."""

DEFAULT_STT_MODEL: Final = "gpt-transcribe"
"""The recommended transcriber of 2026-11; ``gpt-4o-transcribe`` and ``whisper-1`` are announced to end 2027-02-26."""

DEFAULT_SILENCE_MS: Final = 500
"""The documented end-of-speech window; `session.created` has been seen to say 200."""

_SEMANTIC_WAIT_MS: Final = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
"""How long semantic detection waits at most before it ends a turn, by eagerness (vendor page)."""

_PCM: Final = {"type": "audio/pcm", "rate": RATE_HZ}
_VAD_KEYS: Final = {
    "server_vad": frozenset(
        {"threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "create_response"}
        | {"interrupt_response", "type"}
    ),
    "semantic_vad": frozenset({"eagerness", "create_response", "interrupt_response", "type"}),
}
_FLAT_VAD_KEYS: Final = frozenset().union(*_VAD_KEYS.values()) - {"type"}
_BETA_NAMES: Final = {
    "input_audio_noise_reduction": "noise_reduction",
    "input_audio_transcription": "transcription",
    "max_response_output_tokens": "max_output_tokens",
    "modalities": "output_modalities",
}
_AS_GIVEN: Final = ("max_output_tokens", "tool_choice", "truncation", "parallel_tool_calls", "tracing", "include")
_SHORT_FORMS: Final = {"prompt": "id", "reasoning": "effort"}
_IGNORED: Final = frozenset({"temperature"})
"""Removed by the vendor; the provider says so once."""

KNOWN_KEYS: Final = frozenset(
    {"turn_detection", "turn_detection_type", "stt_model", "language", "transcription", "noise_reduction", "speed"}
    | {"output_modalities", *_AS_GIVEN, *_SHORT_FORMS, *_FLAT_VAD_KEYS, *_IGNORED}
)
"""What ``provider_config`` may hold, beside the beta's names for some of it."""

Options = dict[str, Any]


def session_object(config: LinkConfig, *, with_voice: bool = True) -> Options:
    """The ``session`` of a ``session.update``.

    Args:
        config: What the link should be.
        with_voice: Whether the voice may still be named; it is frozen once the agent has spoken.

    Raises:
        ConfigError: A key or value of ``provider_config`` that cannot work; names what can.
    """
    options = _options(config)
    session: Options = {
        "type": "realtime",
        "output_modalities": _modalities(options),
        "audio": {"input": _audio_input(options), "output": _audio_output(config, options, with_voice=with_voice)},
        "tools": [*map(function_tool, config.tools), *map(dict, config.vendor_tools)],
    }
    if config.instructions is not None:
        session["instructions"] = config.instructions
    session |= {key: options[key] for key in _AS_GIVEN if key in options}
    session |= {key: long_form(options[key], field) for key, field in _SHORT_FORMS.items() if key in options}
    check_json(session)
    return session


def turn_policy(config: LinkConfig) -> TurnPolicy:
    """How turns go under ``config``.

    Raises:
        ConfigError: As `session_object`.
    """
    detection = _turn_detection(_options(config))
    if detection is None:
        return TurnPolicy(manual=True, answers_by_itself=False)
    if detection["type"] == "semantic_vad":
        silence_ms = _SEMANTIC_WAIT_MS[detection.get("eagerness") or "auto"]
    else:
        silence_ms = int(detection.get("silence_duration_ms") or DEFAULT_SILENCE_MS)
    return TurnPolicy(
        interrupts=detection.get("interrupt_response") is not False,
        silence_ms=silence_ms,
        answers_by_itself=detection.get("create_response") is not False,
    )


def _options(config: LinkConfig) -> Options:
    """The user's keys under today's names."""
    given = config.provider_config
    options = {_BETA_NAMES.get(key, key): value for key, value in given.items()}
    if len(options) < len(given):
        both = sorted(new for old, new in _BETA_NAMES.items() if old in given and new in given)
        raise ConfigError(f"provider_config names {', '.join(both)} twice, once by its old name")
    refuse_unknown(options, KNOWN_KEYS, "provider_config")
    if config.hold_answers:
        options["create_response"] = False
    return options


def refuse_unknown(options: Mapping[str, Any], known: Iterable[str], where: str, vendor: str = "OpenAI") -> None:
    """Check the names of settings before the wire.

    Raises:
        ConfigError: ``options`` has others than the ``known``; names both.
    """
    if unknown := sorted(map(str, set(options) - set(known))):
        raise ConfigError(
            f"{where} has {', '.join(unknown)}, which {vendor} does not know; known: {', '.join(sorted(known))}"
        )


def _modalities(options: Options) -> list[str]:
    wanted = options.get("output_modalities")
    if wanted is None:
        return ["audio"]
    if not isinstance(wanted, list | tuple) or not wanted or any(kind not in ("audio", "text") for kind in wanted):
        raise ConfigError('output_modalities must be ["audio"] or ["text"]')
    # the beta wanted both; today audio brings its transcript along and both together are refused
    return ["audio"] if "audio" in wanted else ["text"]


def _audio_input(options: Options) -> Options:
    audio: Options = {
        "format": dict(_PCM),
        "turn_detection": _turn_detection(options),
        "transcription": _transcription(options),
    }
    if "noise_reduction" in options:
        audio["noise_reduction"] = long_form(options["noise_reduction"], "type")
    return audio


def _audio_output(config: LinkConfig, options: Options, *, with_voice: bool) -> Options:
    audio: Options = {"format": dict(_PCM)}
    if config.voice is not None and with_voice:
        # custom voices are objects on the wire; the vendor's own are names
        audio["voice"] = {"id": config.voice} if config.voice.startswith("voice_") else config.voice
    speed = options.get("speed")
    if speed is not None:
        check_number("speed", speed, 0.25, 1.5)
        audio["speed"] = speed
    return audio


def _turn_detection(options: Options) -> Options | None:
    flat = {key: options[key] for key in _FLAT_VAD_KEYS if key in options}
    nested = options.get("turn_detection", {})
    kind = options.get("turn_detection_type", "")
    if nested is None or kind is None or kind == "none":
        return None
    if isinstance(nested, str):
        nested = {"type": nested}
    if not isinstance(nested, Mapping):
        raise ConfigError("turn_detection must be an object, a type name or None (manual turns)")
    detection: Options = {**nested, **flat}
    kind = kind or detection.get("type") or ("semantic_vad" if "eagerness" in detection else "server_vad")
    if not isinstance(kind, str) or kind not in _VAD_KEYS:
        raise ConfigError(f"turn_detection type {kind!r} is not known; known: {', '.join(_VAD_KEYS)}, None")
    refuse_unknown(detection, _VAD_KEYS[kind], f"turn_detection ({kind})")
    _check_detection(detection)
    return {**detection, "type": kind}


def _check_detection(detection: Options) -> None:
    if detection.get("threshold") is not None:
        check_number("threshold", detection["threshold"], 0.0, 1.0)
    for key in ("silence_duration_ms", "prefix_padding_ms"):
        if detection.get(key) is not None:
            check_number(key, detection[key], 0, 60_000)
    eagerness = detection.get("eagerness")
    if eagerness is not None and eagerness not in tuple(_SEMANTIC_WAIT_MS):
        raise ConfigError(f"eagerness {eagerness!r} is not known; known: {', '.join(_SEMANTIC_WAIT_MS)}")


def _transcription(options: Options) -> Options | None:
    given = options.get("transcription", {})
    model = options.get("stt_model", DEFAULT_STT_MODEL)
    if given is None or model is None:
        return None
    if not isinstance(given, Mapping):
        raise ConfigError("transcription must be an object such as {'model': 'gpt-transcribe'}, or None")
    transcription: Options = {"model": model, **given}
    if options.get("language") is not None:
        transcription["language"] = options["language"]
    return transcription


def long_form(value: Any, field: str) -> Any:
    """A setting that may be given as its one usual field alone: ``"high"`` for ``{"effort": "high"}``."""
    return {field: value} if isinstance(value, str) else value


def check_number(name: str, value: object, lowest: float, highest: float) -> None:
    """Check a number.

    Raises:
        ConfigError: It is none, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise ConfigError(f"{name} must be a number from {lowest:g} to {highest:g}")


def check_json(session: Options) -> None:
    """Check that a session object can be written.

    Raises:
        ConfigError: It holds something JSON has no form for.
    """
    try:
        json.dumps(session, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError("the session's settings and tools must be plain JSON values") from error


def function_tool(tool: ToolSpec) -> Options:
    """A function tool as this protocol describes it."""
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }

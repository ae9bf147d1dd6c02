"""A `LinkConfig` as xAI's session object, and the turn-taking that follows from it. Pure.

The service ignores what it does not know, a voice in OpenAI's place for one: a mistake would go unseen, so the user's
``provider_config`` is checked here, before anything is dialled. The flat keys of the guide and today's nested ones mean
the same. Invariant: `session_object` is always a complete description, so that it can replace what was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from roomkit.errors import ConfigError
from roomkit.providers.openai.session import check_json, check_number, function_tool, long_form, refuse_unknown
from roomkit.providers.xai.names import CURRENT_TRANSCRIBER, todays_transcriber, todays_voice
from roomkit.providers.xai.native_tools import checked_tools
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.profile import TurnPolicy

RATES_HZ: Final = (24_000, 8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)
"""PCM rates the service takes and speaks, its own default first."""

SILENCE_MS: Final = 1_000
"""The vendor documents no default for its end-of-speech window; a second is longer than any that was seen."""

_VAD_KEYS: Final = frozenset(
    {"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"}
    | {"create_response", "interrupt_response"}
)
_FLAT_VAD_KEYS: Final = _VAD_KEYS - {"type"}
_VAD_RANGES: Final = {
    "threshold": (0.1, 0.9),
    "prefix_padding_ms": (0, 10_000),
    "silence_duration_ms": (0, 10_000),
}
_FLAT_TRANSCRIPTION: Final = {"language": "language_hint", "language_hint": "language_hint", "keyterms": "keyterms"}
_IGNORED: Final = frozenset({"temperature"})
"""The service reports one and takes none; the provider says so once."""

KNOWN_KEYS: Final = frozenset(
    {"turn_detection", "turn_detection_type", "transcription_model", "audio", "reasoning", "replace", "resumption"}
    | {"speed", *_FLAT_VAD_KEYS, *_FLAT_TRANSCRIPTION, *_IGNORED}
)
"""What ``provider_config`` may hold."""

Options = dict[str, Any]


class Rates(NamedTuple):
    """PCM16 rates of a link: the caller's audio, the agent's."""

    input_hz: int
    output_hz: int


class Defaults(NamedTuple):
    """What a link has where its configuration does not say."""

    voice: str | None = None
    transcription_model: str = CURRENT_TRANSCRIBER


NO_DEFAULTS: Final = Defaults()
"""The vendor's own."""


def session_object(config: LinkConfig, rates: Rates, defaults: Defaults = NO_DEFAULTS) -> Options:
    """The ``session`` of a ``session.update``.

    Args:
        config: What the link should be.
        rates: Of `rates_of`, or what the server has granted since.
        defaults: The provider's own settings.

    Raises:
        ConfigError: A key or value of ``provider_config`` that cannot work, or tools that clash; names what can.
    """
    options = _options(config)
    output: Options = {"format": _pcm(rates.output_hz)}
    speed = options.get("speed", _audio_side(options, "output").get("speed"))
    if speed is not None:
        check_number("speed", speed, 0.7, 1.5)
        output["speed"] = speed
    functions = [function_tool(tool) for tool in config.tools]
    session: Options = {
        "turn_detection": _turn_detection(options),
        "audio": {
            "input": {"format": _pcm(rates.input_hz), "transcription": _transcription(options, defaults)},
            "output": output,
        },
        "tools": [*functions, *checked_tools(config.vendor_tools, (tool.name for tool in config.tools))],
        "resumption": {"enabled": wants_resumption(config)},
    }
    if config.instructions is not None:
        session["instructions"] = config.instructions
    if (voice := config.voice or defaults.voice) is not None:
        session["voice"] = todays_voice(voice)
    if "reasoning" in options:
        session["reasoning"] = long_form(options["reasoning"], "effort")
    if "replace" in options:
        session["replace"] = options["replace"]
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
    silence_ms = detection.get("silence_duration_ms")
    return TurnPolicy(
        interrupts=detection.get("interrupt_response") is not False,
        silence_ms=SILENCE_MS if silence_ms is None else int(silence_ms),
        answers_by_itself=detection.get("create_response") is not False,
    )


def rates_of(config: LinkConfig) -> Rates:
    """The rates to ask for: the session's own wishes where the service has them, so that nobody resamples.

    Raises:
        ConfigError: ``audio`` names a format that is no PCM16 of a rate the service has.
    """
    options = _options(config)
    wishes = {"input": config.input_rate_hz, "output": config.output_rate_hz}
    return Rates(*(_given_rate_hz(options, side) or _nearest_rate_hz(wish) for side, wish in wishes.items()))


def wants_resumption(config: LinkConfig) -> bool:
    """Whether the conversation may be taken up again on another link; on unless it is turned off."""
    given = config.provider_config.get("resumption", True)
    if isinstance(given, Mapping):
        refuse_unknown(given, ("enabled",), "resumption", "xAI")
        given = given.get("enabled", True)
    if not isinstance(given, bool):
        raise ConfigError("resumption must be True, False or {'enabled': True}")
    return given


def _options(config: LinkConfig) -> Options:
    options = dict(config.provider_config)
    refuse_unknown(options, KNOWN_KEYS, "provider_config", "xAI")
    if config.hold_answers:
        options["create_response"] = False
    return options


def _turn_detection(options: Options) -> Options | None:
    flat = {key: options[key] for key in _FLAT_VAD_KEYS if key in options}
    nested = options.get("turn_detection", {})
    kind = options.get("turn_detection_type", "")
    if nested is None or kind is None or "none" in (nested, kind):
        return None
    nested = long_form(nested, "type")
    if not isinstance(nested, Mapping):
        raise ConfigError("turn_detection must be an object, 'server_vad' or None (manual turns)")
    detection: Options = {**nested, **flat}
    kind = kind or detection.get("type", "server_vad")
    if kind is None:  # as the service itself writes it
        return None
    if kind != "server_vad":
        raise ConfigError(f"turn_detection type {kind!r} is not known to xAI; known: server_vad, None")
    refuse_unknown(detection, _VAD_KEYS, "turn_detection", "xAI")
    for key, (lowest, highest) in _VAD_RANGES.items():
        if detection.get(key) is not None:
            check_number(key, detection[key], lowest, highest)
    # sent in full: the service starts with none, and would leave the caller without an answer
    return {"create_response": True, "interrupt_response": True, **detection, "type": "server_vad"}


def _transcription(options: Options, defaults: Defaults) -> Options | None:
    nested = _audio_side(options, "input").get("transcription", {})
    model = options.get("transcription_model", defaults.transcription_model)
    if nested is None or model is None:
        return None
    if not isinstance(nested, Mapping):
        raise ConfigError("audio.input.transcription must be an object such as {'model': 'grok-transcribe'}, or None")
    flat = {name: options[key] for key, name in _FLAT_TRANSCRIPTION.items() if options.get(key) is not None}
    transcription: Options = {"model": model, **nested, **flat}
    refuse_unknown(transcription, ("model", "language_hint", "keyterms"), "audio.input.transcription", "xAI")
    if not isinstance(transcription["model"], str):
        raise ConfigError("the transcription model must be a name such as 'grok-transcribe', or None")
    _check_keyterms(transcription.get("keyterms", []))
    return {**transcription, "model": todays_transcriber(transcription["model"])}


def _check_keyterms(terms: object) -> None:
    is_list = isinstance(terms, list | tuple) and len(terms) <= 100
    if not is_list or any(not isinstance(term, str) or len(term) > 50 for term in terms):  # type: ignore[attr-defined]
        raise ConfigError("keyterms must be a list of at most 100 words of at most 50 characters")


def _audio_side(options: Options, side: str) -> Mapping[str, Any]:
    audio = options.get("audio", {})
    if not isinstance(audio, Mapping):
        raise ConfigError("audio must be an object with input and output")
    refuse_unknown(audio, ("input", "output"), "audio", "xAI")
    given = audio.get(side, {})
    if not isinstance(given, Mapping):
        raise ConfigError(f"audio.{side} must be an object")
    known = {"input": ("format", "transcription", "transport"), "output": ("format", "speed", "transport")}[side]
    refuse_unknown(given, known, f"audio.{side}", "xAI")
    if given.get("transport", "json") != "json":
        raise ConfigError(f"audio.{side}.transport must be 'json': binary audio does not say which answer it is of")
    return given


def _given_rate_hz(options: Options, side: str) -> int | None:
    given = _audio_side(options, side).get("format")
    if given is None:
        return None
    rate_hz = given.get("rate", RATES_HZ[0]) if isinstance(given, Mapping) else None
    if rate_hz not in RATES_HZ or given.get("type", "audio/pcm") != "audio/pcm":
        rates = ", ".join(map(str, sorted(RATES_HZ)))
        raise ConfigError(f"audio.{side}.format must be {{'type': 'audio/pcm', 'rate': one of {rates}}}")
    return int(rate_hz)


def _nearest_rate_hz(wish_hz: int) -> int:
    """The wish, or the next rate above it: nothing that could be heard is lost."""
    return min((rate for rate in RATES_HZ if rate >= wish_hz), default=max(RATES_HZ))


def _pcm(rate_hz: int) -> Options:
    return {"type": "audio/pcm", "rate": rate_hz}

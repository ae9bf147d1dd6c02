"""A `LinkConfig` as Gemini's ``setup``, what of it the model will not take, and the turn-taking that follows. Pure.

What the guide passes never fails: a setting that another family of models takes is left out, and `ignored` says so in
words. Invariant: `setup_of` holds no field that the model is known to refuse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from roomkit.errors import ConfigError
from roomkit.providers.gemini.models import ModelFamily, family_of, resource_name
from roomkit.providers.gemini.options import Options, is_manual, options_of
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.realtime.profile import TurnPolicy

Json = dict[str, Any]

INPUT_RATE_HZ: Final = 16_000
"""What the model hears at; the service resamples other declared rates, which only costs traffic."""

OUTPUT_RATE_HZ: Final = 24_000
"""The only rate it speaks at."""

USUAL_SILENCE_MS: Final = 800
"""The service does not say how much silence ends a turn where none is asked for; this is above what has been seen."""

LEAST_THINKING: Final = "LOW"
"""Sent to models that refuse a set-up without a level: a caller is waiting."""

_GENERATION: Final = {
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "seed": "seed",
    "media_resolution": "mediaResolution",
    "temperature": "temperature",
}
_DETECTION: Final = {
    "start_of_speech_sensitivity": "startOfSpeechSensitivity",
    "end_of_speech_sensitivity": "endOfSpeechSensitivity",
    "prefix_padding_ms": "prefixPaddingMs",
    "silence_duration_ms": "silenceDurationMs",
}
_REALTIME: Final = {"activity_handling": "activityHandling", "turn_coverage": "turnCoverage"}
_TRANSCRIPTIONS: Final = {
    "input_audio_transcription": "inputAudioTranscription",
    "output_audio_transcription": "outputAudioTranscription",
}


def setup_of(model: str, config: LinkConfig) -> Json:
    """The inside of the ``setup`` message.

    Raises:
        ConfigError: A key or value of ``provider_config`` that cannot work; names what can.
    """
    family, options = family_of(model), options_of(config.provider_config)
    setup: Json = {"model": resource_name(model), "generationConfig": _generation(family, config, options)}
    if words := instructions_of(model, config):
        setup["systemInstruction"] = content_of(words)
    if tools := tools_of(model, config):
        setup["tools"] = tools
    if realtime := _realtime(options):
        setup["realtimeInputConfig"] = realtime
    if family.proactive_audio and "proactive_audio" in options:
        setup["proactivity"] = {"proactiveAudio": options["proactive_audio"]}
    setup |= _continuity(config, options)
    for name, wire_name in _TRANSCRIPTIONS.items():
        if (wanted := options.get(name, {})) is not False:
            setup[wire_name] = wanted
    if not family.takes_turns and config.resume is None:
        setup["historyConfig"] = {"initialHistoryInClientContent": True}
    if "safety_settings" in options:
        setup["safetySettings"] = options["safety_settings"]
    _check_json(setup)
    return setup


def content_of(text: str) -> Json:
    """Words as a system instruction."""
    return {"parts": [{"text": text}]}


def instructions_of(model: str, config: LinkConfig) -> str:
    """The system prompt; where the model cannot be set to a language, it is told to speak it."""
    language = options_of(config.provider_config).get("language_code")
    words = [config.instructions] if config.instructions else []
    if language and not family_of(model).language_code:
        words.append(f"Speak the language with the BCP-47 code {language}, whatever language you are spoken to in.")
    return "\n\n".join(words)


def tools_of(model: str, config: LinkConfig) -> list[Json]:
    """Function declarations in one entry, the vendor's own tools in one each.

    Raises:
        ConfigError: As `setup_of`.
    """
    behavior = _behavior(family_of(model), options_of(config.provider_config))
    tools: list[Json] = [_vendor_tool(tool) for tool in config.vendor_tools]
    if config.tools:
        tools.insert(0, {"functionDeclarations": [_declaration(tool, behavior) for tool in config.tools]})
    return tools


def scheduling_of(model: str, config: LinkConfig) -> str:
    """When the model should take up a result that came beside the conversation; ``""``: it waits for it anyway."""
    family, options = family_of(model), options_of(config.provider_config)
    behavior = _behavior(family, options) or ("NON_BLOCKING" if family.is_async_by_default else "BLOCKING")
    return options.get("tool_scheduling", "WHEN_IDLE") if behavior == "NON_BLOCKING" else ""


def turn_policy(config: LinkConfig) -> TurnPolicy:
    """How turns go under ``config``; the vendor answers each by itself, manual ones too.

    Raises:
        ConfigError: As `setup_of`.
    """
    options = options_of(config.provider_config)
    return TurnPolicy(
        interrupts=options.get("activity_handling") != "NO_INTERRUPTION",
        manual=is_manual(options),
        silence_ms=options.get("silence_duration_ms", USUAL_SILENCE_MS),
    )


def needs_alpha(model: str, config: LinkConfig) -> bool:
    """Whether something is asked for that only the ``v1alpha`` service has."""
    family, options = family_of(model), options_of(config.provider_config)
    is_affective = family.affective_dialog and options.get("enable_affective_dialog") is True
    return is_affective or (family.proactive_audio and "proactive_audio" in options)


def ignored(model: str, config: LinkConfig) -> Iterator[str]:
    """What of ``config`` the model will not be told, each as a sentence that names the way out."""
    family, options = family_of(model), options_of(config.provider_config)
    if "thinking_budget" in options and family.thinking not in ("any", "budget"):
        way_out = "set thinking_level" if family.thinking == "level" else "gemini-3.8-live-extended-thinking thinks"
        yield f"{family.name} takes no thinking_budget; ignored. Instead: {way_out}"
    if "thinking_level" in options and family.thinking not in ("any", "level"):
        way_out = "set thinking_budget" if family.thinking == "budget" else "gemini-3.8-live-extended-thinking thinks"
        yield f"{family.name} takes no thinking_level; ignored. Instead: {way_out}"
    if options.get("enable_affective_dialog") and not family.affective_dialog:
        yield f"{family.name} has no affective dialog to enable; ignored. Describe the tone in the system prompt"
    if options.get("proactive_audio") is not None and not family.proactive_audio:
        yield f"{family.name} takes no proactive_audio; ignored. Say in the system prompt when to stay silent"
    if "language_code" in options and not family.language_code:
        yield f"{family.name} takes no language_code; the system prompt asks for the language instead"
    wanted = options.get("tool_behavior", "")
    if wanted and _behavior(family, options) != wanted:
        yield f"{family.name} cannot run functions {wanted}; ignored. Leave tool_behavior out"


def _generation(family: ModelFamily, config: LinkConfig, options: Options) -> Json:
    generation: Json = {"responseModalities": ["AUDIO"]}
    if config.temperature is not None:
        generation["temperature"] = config.temperature
    generation |= {wire: options[name] for name, wire in _GENERATION.items() if name in options}
    speech: Json = {}
    if config.voice is not None:
        speech["voiceConfig"] = {"prebuiltVoiceConfig": {"voiceName": config.voice}}
    if family.language_code and "language_code" in options:
        speech["languageCode"] = options["language_code"]
    if speech:
        generation["speechConfig"] = speech
    if thinking := _thinking(family, options):
        generation["thinkingConfig"] = thinking
    if family.affective_dialog and "enable_affective_dialog" in options:
        generation["enableAffectiveDialog"] = options["enable_affective_dialog"]
    return generation


def _thinking(family: ModelFamily, options: Options) -> Json:
    if family.thinking == "none":
        return {}
    thinking: Json = {}
    if "thinking_budget" in options and family.thinking != "level":
        thinking["thinkingBudget"] = options["thinking_budget"]
    level = options.get("thinking_level", LEAST_THINKING if family.needs_thinking_level else None)
    if level is not None and family.thinking != "budget":
        thinking["thinkingLevel"] = level
    if "include_thoughts" in options:
        thinking["includeThoughts"] = options["include_thoughts"]
    return thinking


def _realtime(options: Options) -> Json:
    detection: Json = {wire: options[name] for name, wire in _DETECTION.items() if name in options}
    if is_manual(options):
        detection = {"disabled": True}  # the rest would be about a detector that is off
    realtime: Json = {"automaticActivityDetection": detection} if detection else {}
    return realtime | {wire: options[name] for name, wire in _REALTIME.items() if name in options}


def _continuity(config: LinkConfig, options: Options) -> Json:
    """What lets a conversation outlast a context window and a link; both on unless they are switched off."""
    continuity: Json = {}
    resumption = options.get("session_resumption", {})
    if resumption is not False:
        continuity["sessionResumption"] = {**resumption, "handle": config.resume} if config.resume else resumption
    compression = options.get("context_window_compression", {})
    if compression is not False:
        continuity["contextWindowCompression"] = compression or {"slidingWindow": {}}
    return continuity


def _behavior(family: ModelFamily, options: Options) -> str:
    """What is declared of each function; ``""``: nothing, the model's default holds."""
    wanted: str = options.get("tool_behavior", "")
    if (family.async_tools, wanted) in (("never", "NON_BLOCKING"), ("always", "BLOCKING")):
        return ""
    return wanted


def _declaration(tool: ToolSpec, behavior: str) -> Json:
    declaration: Json = {
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": dict(tool.parameters),
    }
    return {**declaration, "behavior": behavior} if behavior else declaration


def _vendor_tool(tool: Mapping[str, Any]) -> Json:
    """As given; ``{"type": "google_search"}``, the form other vendors have, becomes ``{"google_search": {}}``."""
    kind = tool.get("type")
    if not isinstance(kind, str):
        return dict(tool)
    return {kind: {key: value for key, value in tool.items() if key != "type"}}


def _check_json(setup: Json) -> None:
    try:
        json.dumps(setup, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError("the session's settings and tools must be plain JSON values") from error

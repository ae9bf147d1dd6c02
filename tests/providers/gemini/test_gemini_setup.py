"""From the user's settings to ``setup``: every key of the guide, both spellings, what each family of models takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from roomkit.errors import ConfigError
from roomkit.providers.gemini.setup import ignored, needs_alpha, setup_of, turn_policy
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.realtime.profile import TurnPolicy

NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
CASCADED = "gemini-2.0-flash-live-001"
EARLY = "gemini-3.1-flash-live-preview"
NEWEST = "gemini-3.8-live"
THINKING = "gemini-3.8-live-extended-thinking"
UNKNOWN = "tuned-voice"
SLOT = ToolSpec("get_slot", "Find a slot", {"type": "object", "properties": {}})
Check = Callable[[Any], None]

GUIDE = {
    "start_of_speech_sensitivity": "HIGH",
    "end_of_speech_sensitivity": "MEDIUM",
    "silence_duration_ms": 500,
    "proactive_audio": True,
    "enable_affective_dialog": True,
    "thinking_budget": 1024,
    "top_p": 0.8,
    "top_k": 40,
    "max_output_tokens": 2048,
    "activity_handling": "NO_INTERRUPTION",
    "language_code": "en-US",
}


def setup(model: str = NATIVE, /, **provider_config: Any) -> dict[str, Any]:
    return setup_of(model, LinkConfig("s", provider_config=provider_config))


def test_without_settings_words_come_along_and_the_conversation_outlasts_its_link() -> None:
    assert setup_of(NATIVE, LinkConfig("s")) == {
        "model": f"models/{NATIVE}",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
    }


def test_everything_the_guide_passes_reaches_the_model_it_names() -> None:
    config = LinkConfig("s", instructions="Be brief.", voice="Aoede", temperature=0.5, provider_config=GUIDE)

    made = setup_of(NATIVE, config)

    assert made["generationConfig"] == {
        "responseModalities": ["AUDIO"], "temperature": 0.5, "topP": 0.8, "topK": 40, "maxOutputTokens": 2048,
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Aoede"}}},
        "thinkingConfig": {"thinkingBudget": 1024}, "enableAffectiveDialog": True,
    }  # fmt: skip
    assert made["realtimeInputConfig"] == {
        "automaticActivityDetection": {"startOfSpeechSensitivity": "START_SENSITIVITY_HIGH", "silenceDurationMs": 500},
        "activityHandling": "NO_INTERRUPTION",
    }
    assert made["proactivity"] == {"proactiveAudio": True}
    # this family hears for itself what to speak: it is asked in words
    assert "en-US" in made["systemInstruction"]["parts"][0]["text"]


@pytest.mark.parametrize("model", [NATIVE, CASCADED, EARLY, NEWEST, THINKING, UNKNOWN])
def test_what_the_guide_passes_is_taken_by_the_vendors_types_for_every_model(
    model: str, accepted_by_gemini: Check
) -> None:
    config = LinkConfig("s", "Be brief.", "Pax", (SLOT,), temperature=0.5, provider_config=GUIDE)

    accepted_by_gemini(json.dumps({"setup": setup_of(model, config)}))


def test_the_vendors_spelling_and_nesting_mean_the_same() -> None:
    nested = {
        "generationConfig": {"topP": 0.8, "topK": 40, "maxOutputTokens": 2048, "enableAffectiveDialog": True,
                             "thinkingConfig": {"thinkingBudget": 1024}, "speechConfig": {"languageCode": "en-US"}},
        "realtimeInputConfig": {
            "automaticActivityDetection": {
                "startOfSpeechSensitivity": "START_SENSITIVITY_HIGH", "silenceDurationMs": 500
            },
            "activityHandling": "NO_INTERRUPTION",
        },
        "proactivity": {"proactiveAudio": True},
    }  # fmt: skip

    assert setup(**nested) == setup(**GUIDE)


@pytest.mark.parametrize(
    ("given", "wire"),
    [("LOW", "START_SENSITIVITY_LOW"), ("high", "START_SENSITIVITY_HIGH"), ("MEDIUM", None), (None, None)],
)
def test_a_medium_sensitivity_is_the_services_own_and_is_not_sent(given: str | None, wire: str | None) -> None:
    made = setup(start_of_speech_sensitivity=given)

    found = made.get("realtimeInputConfig", {}).get("automaticActivityDetection", {})
    assert found.get("startOfSpeechSensitivity") == wire


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("seed", 7, "generationConfig.seed"),
        ("media_resolution", "LOW", "generationConfig.mediaResolution"),
        ("prefix_padding_ms", 20, "realtimeInputConfig.automaticActivityDetection.prefixPaddingMs"),
        ("turn_coverage", "ALL_INPUT", "realtimeInputConfig.turnCoverage"),
        ("include_thoughts", True, "generationConfig.thinkingConfig.includeThoughts"),
        ("context_window_compression", {"triggerTokens": 9_000}, "contextWindowCompression"),
        ("input_audio_transcription", {"languageCodes": ["en-US"]}, "inputAudioTranscription"),
        ("safety_settings", [{"category": "HARM_CATEGORY_HARASSMENT"}], "safetySettings"),
    ],
)
def test_each_further_key_has_its_place(key: str, value: Any, path: str) -> None:
    place: Any = setup(**{key: value})
    for name in path.split("."):
        place = place[name]

    assert place == value or place.endswith(f"_{value}")


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("input_audio_transcription", "inputAudioTranscription"),
        ("output_audio_transcription", "outputAudioTranscription"),
        ("context_window_compression", "contextWindowCompression"),
        ("session_resumption", "sessionResumption"),
    ],
)
@pytest.mark.parametrize("off", [False, None])
def test_what_is_on_can_be_switched_off(key: str, field: str, off: bool | None) -> None:
    assert field not in setup(**{key: off})
    assert field in setup(**{key: True})


@pytest.mark.parametrize(
    "provider_config",
    [
        {"silence_duration": 500},
        {"thinkingConfig": {"budget": 1}},
        {"thinking_budget": 1, "thinkingBudget": 1},
        {"thinking_config": 3},
        {"top_p": "high"}, {"top_p": 1.5}, {"top_k": True}, {"silence_duration_ms": -1}, {"seed": 1.5},
        {"start_of_speech_sensitivity": "EXTREME"}, {"activity_handling": "SOMETIMES"}, {"language_code": ""},
        {"proactive_audio": "yes"}, {"response_modalities": ["TEXT"]}, {"session_resumption": "always"},
        {"safety_settings": {}}, {"input_audio_transcription": {"languageCodes": {1, 2}}},
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_the_wire(provider_config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        setup(**provider_config)


def test_an_unknown_key_is_refused_with_the_names_of_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"silence_duration\b.*silence_duration_ms"):
        setup(silence_duration=500)


@pytest.mark.parametrize(
    ("provider_config", "policy"),
    [
        ({}, TurnPolicy(silence_ms=800)),
        ({"silence_duration_ms": 300}, TurnPolicy(silence_ms=300)),
        ({"activity_handling": "NO_INTERRUPTION"}, TurnPolicy(interrupts=False, silence_ms=800)),
        ({"automatic_activity_detection": {"disabled": True}}, TurnPolicy(manual=True, silence_ms=800)),
        ({"automaticActivityDetection": False}, TurnPolicy(manual=True, silence_ms=800)),
        ({"automatic_activity_detection": None}, TurnPolicy(manual=True, silence_ms=800)),
        ({"automatic_activity_detection": True}, TurnPolicy(silence_ms=800)),
    ],
)
def test_turn_taking_follows_from_the_settings(provider_config: dict[str, Any], policy: TurnPolicy) -> None:
    assert turn_policy(LinkConfig("s", provider_config=provider_config)) == policy


# --- what models take -------------------------------------------------------------------------------------------


def test_the_newest_model_is_spared_what_it_would_hang_up_over() -> None:
    made = setup(NEWEST, **GUIDE)

    assert not made["generationConfig"].keys() & {"thinkingConfig", "enableAffectiveDialog"}
    assert "proactivity" not in made


@pytest.mark.parametrize(
    ("model", "count"), [(NATIVE, 1), (CASCADED, 2), (EARLY, 4), (NEWEST, 4), (THINKING, 4), (UNKNOWN, 0)]
)
def test_each_setting_a_model_does_not_take_is_told_with_a_way_out(model: str, count: int) -> None:
    sentences = [*ignored(model, LinkConfig("s", provider_config=GUIDE))]

    assert len(sentences) == count
    assert all("instead" in sentence.lower() or "prompt" in sentence for sentence in sentences)


def test_a_model_that_must_think_is_told_how_much() -> None:
    assert setup(THINKING)["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "LOW"}
    assert setup(THINKING, thinking_level="HIGH")["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "HIGH"}


@pytest.mark.parametrize(
    ("model", "wanted", "declared"),
    [
        (NATIVE, "NON_BLOCKING", "NON_BLOCKING"), (NATIVE, None, None), (EARLY, "NON_BLOCKING", None),
        (THINKING, "BLOCKING", None), (NEWEST, "BLOCKING", "BLOCKING"),
    ],
)  # fmt: skip
def test_how_functions_run_is_declared_where_the_model_lets_us_choose(
    model: str, wanted: str | None, declared: str | None
) -> None:
    config = LinkConfig("s", tools=(SLOT,), provider_config={"tool_behavior": wanted})

    (function,) = setup_of(model, config)["tools"][0]["functionDeclarations"]

    assert function.get("behavior") == declared
    assert function["parametersJsonSchema"] == SLOT.parameters


def test_the_vendors_own_tools_pass_through_in_either_form() -> None:
    config = LinkConfig("s", vendor_tools=({"google_search": {}}, {"type": "code_execution"}))

    assert setup_of(NATIVE, config)["tools"] == [{"google_search": {}}, {"code_execution": {}}]


@pytest.mark.parametrize(
    ("model", "provider_config", "is_needed"),
    [
        (NATIVE, {}, False), (NATIVE, {"enable_affective_dialog": True}, True),
        (NATIVE, {"enable_affective_dialog": False}, False), (NATIVE, {"proactive_audio": True}, True),
        (NEWEST, GUIDE, False),
    ],
)  # fmt: skip
def test_the_alpha_service_is_dialled_only_for_what_it_alone_has(
    model: str, provider_config: dict[str, Any], is_needed: bool
) -> None:
    assert needs_alpha(model, LinkConfig("s", provider_config=provider_config)) is is_needed


@pytest.mark.parametrize(("model", "wire"), [(NATIVE, f"models/{NATIVE}"), ("models/x", "models/x"), ("a/b", "a/b")])
def test_a_bare_model_id_is_one_of_the_services_models(model: str, wire: str) -> None:
    assert setup(model)["model"] == wire

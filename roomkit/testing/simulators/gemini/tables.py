"""What Gemini Live takes, as tables in the language of `rules`. Fields of 2026-11, names in lowerCamel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from roomkit.testing.simulators.rules import Flag, Many, Number, Record, Rule, Text, choice

_TOKENS: Final = Number(-1, 2**31 - 1, whole=True)
_ANYTHING: Final = Record(others=True)
_BLOB: Final = Record({"mimeType": Text(), "data": Text(), "displayName": Text()}, required=("mimeType", "data"))
_CONTENT: Final = Record({"role": Text(), "parts": Many(_ANYTHING)})

_FUNCTION: Final = Record(
    {
        "name": Text(max_length=128),
        "description": Text(),
        "parameters": _ANYTHING,
        "parametersJsonSchema": _ANYTHING,
        "response": _ANYTHING,
        "behavior": choice("BLOCKING", "NON_BLOCKING", "UNSPECIFIED"),
    },
    required=("name",),
)
_TOOL: Final = Record(
    {
        "functionDeclarations": Many(_FUNCTION),
        "googleSearch": _ANYTHING,
        "googleMaps": _ANYTHING,
        "codeExecution": _ANYTHING,
        "urlContext": _ANYTHING,
    }
)
_GENERATION: Final = Record(
    {
        "responseModalities": Many(choice("AUDIO", "TEXT")),
        "temperature": Number(0, 2),
        "topP": Number(0, 1),
        "topK": Number(0, 1_000),
        "maxOutputTokens": _TOKENS,
        "seed": Number(-(2**31), 2**31 - 1, whole=True),
        "mediaResolution": choice(*(f"MEDIA_RESOLUTION_{size}" for size in ("UNSPECIFIED", "LOW", "MEDIUM", "HIGH"))),
        "enableAffectiveDialog": Flag(),
        "translationConfig": _ANYTHING,
        "speechConfig": Record(
            {
                "voiceConfig": Record({"prebuiltVoiceConfig": Record({"voiceName": Text()})}),
                "languageCode": Text(),
                "multiSpeakerVoiceConfig": _ANYTHING,
            }
        ),
        "thinkingConfig": Record(
            {
                "thinkingBudget": _TOKENS,
                "includeThoughts": Flag(),
                "thinkingLevel": choice("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"),
            }
        ),
    }
)
_REALTIME: Final = Record(
    {
        "automaticActivityDetection": Record(
            {
                "disabled": Flag(),
                "startOfSpeechSensitivity": choice("START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"),
                "endOfSpeechSensitivity": choice("END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"),
                "prefixPaddingMs": Number(0, 60_000, whole=True),
                "silenceDurationMs": Number(0, 60_000, whole=True),
            }
        ),
        "activityHandling": choice("START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"),
        "turnCoverage": choice(
            "TURN_INCLUDES_ONLY_ACTIVITY", "TURN_INCLUDES_ALL_INPUT", "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"
        ),
    }
)
_TRANSCRIPTION: Final = Record(
    {
        "languageCodes": Many(Text()),
        "customVocabulary": Many(Text()),
        "wordTimestamp": Flag(),
        "diarization": Flag(),
        "mode": choice("VERBATIM", "SMART"),
    }
)
_SETUP: Final = Record(
    {
        "model": Text(),
        "generationConfig": _GENERATION,
        "systemInstruction": _CONTENT,
        "tools": Many(_TOOL),
        "realtimeInputConfig": _REALTIME,
        "sessionResumption": Record({"handle": Text(), "transparent": Flag()}),
        "contextWindowCompression": Record(
            {"triggerTokens": _TOKENS, "slidingWindow": Record({"targetTokens": _TOKENS})}
        ),
        "inputAudioTranscription": _TRANSCRIPTION,
        "outputAudioTranscription": _TRANSCRIPTION,
        "proactivity": Record({"proactiveAudio": Flag(), "proactiveVideo": Flag()}),
        "explicitVadSignal": Flag(),
        "historyConfig": Record({"initialHistoryInClientContent": Flag()}),
        "avatarConfig": _ANYTHING,
        "safetySettings": Many(_ANYTHING),
        "labels": _ANYTHING,
    },
    required=("model",),
)
_RESPONSE: Final = Record(
    {
        "id": Text(),
        "name": Text(),
        "response": _ANYTHING,
        "scheduling": choice("SCHEDULING_UNSPECIFIED", "INTERRUPT", "WHEN_IDLE", "SILENT"),
        "willContinue": Flag(),
        "parts": Many(_ANYTHING),
    },
    required=("response",),
)

CLIENT_MESSAGES: Final[Mapping[str, Rule]] = {
    "setup": _SETUP,
    "clientContent": Record({"turns": Many(_CONTENT), "turnComplete": Flag()}),
    "realtimeInput": Record(
        {
            "audio": _BLOB,
            "video": _BLOB,
            "text": Text(),
            "activityStart": _ANYTHING,
            "activityEnd": _ANYTHING,
            "audioStreamEnd": Flag(),
            "mediaChunks": Many(_BLOB),
        }
    ),
    "toolResponse": Record({"functionResponses": Many(_RESPONSE)}, required=("functionResponses",)),
    "contextUpdate": Record({"systemInstruction": _CONTENT, "tools": Record({"tools": Many(_TOOL)})}),
}
"""The client's messages by their one member."""

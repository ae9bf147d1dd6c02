"""``usageMetadata`` under the portable names of `ResponseDone.usage`. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from roomkit.providers.openai.events import Json, objects_of, text_of

_MODALITIES: Final = {"TEXT": "text", "AUDIO": "audio", "IMAGE": "image", "VIDEO": "image", "DOCUMENT": "text"}
"""Video is single pictures to a Live model, and is charged as such."""

_DETAILS: Final = (
    ("promptTokensDetails", "promptTokenCount", "input_", "text"),
    ("toolUsePromptTokensDetails", "toolUsePromptTokenCount", "input_", "text"),
    ("responseTokensDetails", "responseTokenCount", "output_", "audio"),
    ("cacheTokensDetails", "cachedContentTokenCount", "cached_", "text"),
)
"""Where the counts by modality are, the sum they belong to, our prefix, and what a bare sum is taken for."""

_PORTABLE: Final = frozenset(
    {"input_text_tokens", "input_audio_tokens", "input_image_tokens", "cached_text_tokens", "cached_audio_tokens"}
    | {"output_text_tokens", "output_audio_tokens"}
)
_MAX_COUNT: Final = 1e15
"""No session counts that far; also keeps NaN, infinity and integers no float can hold out of our sums."""


def usage_of(metadata: Json) -> Mapping[str, float]:
    """What one answer cost; counts no portable name fits are left out."""
    usage: defaultdict[str, float] = defaultdict(float)
    for details, total, prefix, usual in _DETAILS:
        parts = [
            (_MODALITIES.get(text_of(part, "modality")), part.get("tokenCount"))
            for part in objects_of(metadata, details)
        ]
        for modality, value in parts or [(usual, metadata.get(total))]:
            name = f"{prefix}{modality}_tokens"
            if name in _PORTABLE and (count := _count(value)):
                usage[name] += count
    for key, name in (("thoughtsTokenCount", "output_reasoning_tokens"), ("totalTokenCount", "total_tokens")):
        if count := _count(metadata.get(key)):
            usage[name] = count
    return dict(usage)


def _count(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and 0 < value < _MAX_COUNT else 0

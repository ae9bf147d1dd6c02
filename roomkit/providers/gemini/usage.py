"""``usageMetadata`` under the portable names of `ResponseDone.usage`. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from roomkit.providers.shared.objects import Json, count_of, objects_of, text_of

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


def usage_of(metadata: Json) -> Mapping[str, float]:
    """What one answer cost; counts no portable name fits are left out."""
    usage: defaultdict[str, float] = defaultdict(float)
    for details, total, prefix, usual in _DETAILS:
        parts = [
            (_MODALITIES.get(text_of(part, "modality")), count_of(part, "tokenCount"))
            for part in objects_of(metadata, details)
        ]
        for modality, count in parts or [(usual, count_of(metadata, total))]:
            name = f"{prefix}{modality}_tokens"
            if name in _PORTABLE and count:
                usage[name] += count
    for key, name in (("thoughtsTokenCount", "output_reasoning_tokens"), ("totalTokenCount", "total_tokens")):
        if count := count_of(metadata, key):
            usage[name] = count
    return dict(usage)

"""How an answer ended and what it cost, in OpenAI's words and in ours. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from roomkit.providers.openai.rate_limits import RateLimits
from roomkit.providers.shared.objects import Json, count_of, object_of, text_of
from roomkit.voice.realtime.provider_events import ProviderEvent, ProviderFault, ResponseDone, ResponseStatus

_STATUSES: dict[str, ResponseStatus] = {
    "completed": "completed",
    "cancelled": "cancelled",
    "failed": "failed",
    "incomplete": "incomplete",
}
_USAGE_NAMES = {
    "input_token_details.text_tokens": "input_text_tokens",
    "input_token_details.audio_tokens": "input_audio_tokens",
    "input_token_details.image_tokens": "input_image_tokens",
    "input_token_details.cached_tokens_details.text_tokens": "cached_text_tokens",
    "input_token_details.cached_tokens_details.audio_tokens": "cached_audio_tokens",
    "output_token_details.text_tokens": "output_text_tokens",
    "output_token_details.audio_tokens": "output_audio_tokens",
    "total_tokens": "total_tokens",
}
"""Where a count stands in a response's usage, and its portable name. Cached image tokens have none."""


def status_of(response: Json) -> ResponseStatus:
    """How a finished response ended; whatever is not known counts as completed."""
    return _STATUSES.get(text_of(response, "status"), "completed")


def ending_of(
    response_id: str,
    response: Json,
    usage: Mapping[str, float],
    limits: RateLimits,
    fault_of: Callable[[Json], ProviderFault],
) -> tuple[ProviderEvent, ...]:
    """How a finished response ended, and the vendor's fault where it failed by one (as its own `fault_of` reads it)."""
    details = object_of(response, "status_details")
    error = object_of(details, "error")
    fault = fault_of(error) if error else None
    reason = text_of(details, "reason") if fault is None else fault.code
    if (status := status_of(response)) != "failed":
        return (ResponseDone(response_id, status, usage, reason),)
    done = ResponseDone(response_id, status, usage, reason, limits.retry_after_ms(error))
    return (done,) if fault is None else (done, fault)


def usage_of(response: Json) -> dict[str, float]:
    """The counts of a response by the names of `ResponseDone.usage`; what is no count is left out."""
    return dict(_counts(object_of(response, "usage")))


def _counts(usage: Json) -> Iterator[tuple[str, float]]:
    for path, name in _USAGE_NAMES.items():
        *groups, key = path.split(".")
        counts = usage
        for group in groups:
            counts = object_of(counts, group)
        if (count := count_of(counts, key)) is not None:
            yield name, count

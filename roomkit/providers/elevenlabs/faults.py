"""What ElevenLabs' errors, closes and HTTP refusals mean, as data and one pure function.

The vendor's sentences are not passed on: they quote what was sent. Its ``error_type`` and code say enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from roomkit.providers.elevenlabs.config import API_KEY_VARIABLE
from roomkit.providers.shared.keys import check_key
from roomkit.providers.shared.objects import Json, identifier, text_of
from roomkit.voice.realtime.provider_events import ProviderFault
from roomkit.voice.realtime.reconnect import QUOTA_EXCEEDED, RATE_LIMITED, REFUSING_CLOSES, CloseMap

_CHECK_KEY: Final = f"{check_key(API_KEY_VARIABLE)}; residency regions have own keys"
_CHECK_AGENT: Final = "no such agent: check agent_id, and base_url where the agent lives in another region"
_CHECK_SETUP: Final = f"{_CHECK_KEY}; or an override the agent does not allow, or a variable its prompt lacks"

ELEVENLABS_CLOSES: Final = CloseMap(
    refusing_closes={
        **REFUSING_CLOSES,
        1000: "conversation_ended",
        1002: "protocol_error",
        3000: "request_error",
    },
    goodbye_closes=frozenset({1000}),
    status_hints={401: _CHECK_KEY, 403: _CHECK_KEY, 404: _CHECK_AGENT, 422: _CHECK_AGENT},
    close_hints={1008: _CHECK_SETUP},
    rate_reasons=("rate limit", "too many requests"),
    quota_reasons=("quota",),
)
"""1000 is the agent hanging up (its ``end_call`` tool, its duration limit): dialling again would be a new call that
nobody asked for. 3000 is a branch of the agent that does not exist (elevenlabs/packages#626). A workspace that is used
up is hung up on in mid-call with 1002 and "exceeds your quota limit" (elevenlabs/packages#911)."""

_ENABLE_OVERRIDE: Final = "enable this override in the agent's security settings, or leave the setting out"
_SET_VARIABLE: Final = "the agent's prompt needs a variable: pass it in provider_config['dynamic_variables']"

FATAL_TYPES: Final[Mapping[str, str]] = {
    "override_error": _ENABLE_OVERRIDE,
    "missing_dynamic_variable": _SET_VARIABLE,
    "missing_dynamic_variable_transfer": _SET_VARIABLE,
    "max_duration_exceeded": "the call reached the duration set for the agent",
    "safety_violation": "the vendor's safety rules ended the conversation",
}
_OURS: Final = frozenset({"invalid_message", "value_error", "missing_fields", *FATAL_TYPES})
"""What was sent is at fault: sending it again changes nothing."""

_RETRYABLE_CODES: Final = frozenset({1011, 1012, 1013})

_OVER_LIMIT: Final = {
    RATE_LIMITED: "the account is over its rate limit",
    QUOTA_EXCEEDED: "the account's quota is used up: check its credits",
}

UNSUPPORTED_FORMAT: Final = "unsupported_audio_format"


def fault_of(error: Json, *, is_open: bool) -> ProviderFault:
    """An ``error_event`` as a fault.

    Args:
        error: ``{code, error_type?, message?, …}``, any of it missing or wrong.
        is_open: The conversation has begun; before that, every error refuses it.
    """
    if (limit := ELEVENLABS_CLOSES.limit_of(text_of(error, "message"))) is not None:
        return ProviderFault(limit, _OVER_LIMIT[limit], is_fatal=True, retryable=limit == RATE_LIMITED)
    kind = text_of(error, "error_type")
    name = identifier(error, "error_type")
    code = error.get("code")
    is_coded = type(code) is int and 0 <= code < 10_000
    shown = name or (f"error_{code}" if is_coded else "unknown_error")
    # a type we do not list is the service's own trouble; without one, the code says whose it is
    retryable = shown not in _OURS and (bool(kind) or not is_coded or code in _RETRYABLE_CODES)
    hint = FATAL_TYPES.get(shown)
    words = f"{shown}: {hint}" if hint else f"the vendor reports {shown}"
    return ProviderFault(shown, words, is_fatal=hint is not None or not is_open, retryable=retryable)

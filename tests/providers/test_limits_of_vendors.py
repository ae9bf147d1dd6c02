"""What each vendor says of an account that is over its rate or used up, and what we call it (R-0006-68, 77)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roomkit.providers.elevenlabs.dialect import ElevenLabsDialect
from roomkit.providers.elevenlabs.faults import ELEVENLABS_CLOSES
from roomkit.providers.gemini.faults import GEMINI_CLOSES
from roomkit.providers.openai.faults import OPENAI_CLOSES
from roomkit.providers.xai.faults import XAI_CLOSES, fault_of
from roomkit.voice.realtime.provider_events import ProviderFault
from roomkit.voice.realtime.reconnect import CloseMap
from roomkit.voice.wires.port import WireClosed

GEMINIS_WORDS = "You exceeded your current quota, please check your plan and billing details. For more information"


@pytest.mark.parametrize(
    ("closes", "closed", "code"),
    [
        (GEMINI_CLOSES, WireClosed(1011, GEMINIS_WORDS), "rate_limited"),
        (GEMINI_CLOSES, WireClosed(1011, "RESOURCE_EXHAUSTED"), "rate_limited"),
        (GEMINI_CLOSES, WireClosed(1011, "Internal error occurred."), "1011"),
        (GEMINI_CLOSES, WireClosed(1011, "Deadline expired before operation could complete."), "1011"),
        (ELEVENLABS_CLOSES, WireClosed(1011, "Rate limit reached"), "rate_limited"),
        (ELEVENLABS_CLOSES, WireClosed(1002, "This request exceeds your quota limit."), "quota_exceeded"),
        (ELEVENLABS_CLOSES, WireClosed(1002, "Protocol error"), "protocol_error"),
        (ELEVENLABS_CLOSES, WireClosed(1000, ""), "conversation_ended"),
        (OPENAI_CLOSES, WireClosed(1011, "Rate limit"), "1011"),
        (XAI_CLOSES, WireClosed(1011, "Rate limit"), "1011"),
    ],
)
def test_a_hang_up_has_the_name_of_its_reason_where_the_vendor_says_it(
    closes: CloseMap, closed: WireClosed, code: str
) -> None:
    assert closes.of_close(closed, was_up=True).code == code


def told_by_elevenlabs(event: dict[str, Any]) -> ProviderFault:
    dialect = ElevenLabsDialect()
    body = {"conversation_id": "c", "agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000"}
    dialect.decode(
        json.dumps({"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": body})
    )
    (fault,) = dialect.decode(json.dumps({"type": "error", **event})).events
    assert isinstance(fault, ProviderFault)
    return fault


FLAT = {"message": "received 1002 (protocol error) This request exceeds your quota limit."}


@pytest.mark.parametrize(
    ("event", "code", "retryable"),
    [
        (FLAT, "quota_exceeded", False),
        ({"error_event": {"code": 1002, **FLAT}}, "quota_exceeded", False),
        (
            {"error_event": {"code": 1011, "error_type": "llm_error", "message": "Rate limit reached"}},
            "rate_limited",
            True,
        ),
    ],
)
def test_elevenlabs_ends_the_link_over_a_limit_and_its_words_are_not_passed_on(
    event: dict[str, Any], code: str, retryable: bool
) -> None:
    fault = told_by_elevenlabs(event)

    assert (fault.code, fault.is_fatal, fault.retryable) == (code, True, retryable)
    assert "request" not in fault.message


@pytest.mark.parametrize(
    "event", [{}, {"message": 3}, {"message": None}, {"error_event": 3}, {"error_event": {"message": []}}]
)
def test_an_error_without_words_is_one_we_do_not_know(event: dict[str, Any]) -> None:
    fault = told_by_elevenlabs(event)

    assert (fault.code, fault.is_fatal) == ("unknown_error", False)


@pytest.mark.parametrize("field", ["code", "type"])
def test_xais_rate_limit_has_our_name_and_passes_also_at_the_door(field: str) -> None:
    fault, at_the_door = (
        fault_of({field: "rate_limit_exceeded"}, refuses_session=is_first) for is_first in (False, True)
    )

    assert (fault.code, fault.is_fatal, fault.retryable) == ("rate_limited", False, True)
    assert (at_the_door.code, at_the_door.is_fatal, at_the_door.retryable) == ("rate_limited", True, True)

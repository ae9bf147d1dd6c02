"""What goes wrong on OpenAI's wire: faults told without what they quote, and rubbish that is at worst a `WireError`."""

from __future__ import annotations

import contextlib
import json
import math
import random
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import WireError
from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.voice.realtime.commands import AskForResponse, InjectText, LinkConfig
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import LinkReady, ProviderFault, ResponseDone
from roomkit.voice.wires.port import WireMessage


def opened() -> OpenAIDialect:
    dialect = OpenAIDialect()
    dialect.open(LinkConfig("s"))
    hear(dialect, "session.updated", session={"id": "sess_1"})
    return dialect


def hear(dialect: OpenAIDialect, kind: str, **fields: Any) -> Decoded:
    return dialect.decode(json.dumps({"type": kind, **fields}))


def done(dialect: OpenAIDialect, response_id: str, status: str = "completed", **fields: Any) -> Decoded:
    return hear(dialect, "response.done", response={"id": response_id, "status": status, **fields})


# --- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["code", "type"])
@pytest.mark.parametrize(
    ("code", "retryable"), [("invalid_api_key", False), ("account_deactivated", False), ("session_expired", True)]
)
def test_fatal_errors_are_known_by_code_or_by_type(field: str, code: str, retryable: bool) -> None:
    (fault,) = hear(opened(), "error", error={field: code}).events

    assert isinstance(fault, ProviderFault)
    assert (fault.code, fault.is_fatal, fault.retryable) == (code, True, retryable)


@pytest.mark.parametrize("field", ["code", "type"])
@pytest.mark.parametrize(
    ("name", "code", "is_fatal"),
    [
        ("rate_limit_exceeded", "rate_limited", False),
        ("inference_rate_limit_exceeded", "rate_limited", False),
        ("insufficient_quota", "quota_exceeded", True),
        ("billing_hard_limit_reached", "quota_exceeded", True),
    ],
)
def test_the_limits_of_an_account_have_our_names_and_the_vendors_in_the_message(
    field: str, name: str, code: str, is_fatal: bool
) -> None:
    (fault,) = hear(opened(), "error", error={field: name}).events

    assert isinstance(fault, ProviderFault)
    assert (fault.code, fault.is_fatal, fault.retryable) == (code, is_fatal, not is_fatal)
    assert name in fault.message


@pytest.mark.parametrize(
    ("name", "retry_after_ms"), [("rate_limit_exceeded", 2_000.0), ("insufficient_quota", math.inf), ("other", None)]
)
def test_a_request_refused_for_a_limit_is_an_answer_that_failed(name: str, retry_after_ms: float | None) -> None:
    dialect = opened()
    dialect.encode(AskForResponse())

    failed = [each for each in hear(dialect, "error", error={"code": name}).events if isinstance(each, ResponseDone)]

    assert [each.retry_after_ms for each in failed] == ([] if retry_after_ms is None else [retry_after_ms])


@pytest.mark.parametrize("error", [{"code": "response_cancel_not_active"}, {"message": "Cancellation failed: none"}])
def test_a_lost_race_to_cancel_is_no_fault(error: dict[str, str]) -> None:
    assert hear(opened(), "error", error=error) == Decoded()


@pytest.mark.parametrize("field", ["type", "code", "message", "param"])
@pytest.mark.parametrize("secret", ["Incorrect API key provided: sk-abcdef123", "You are Bob, never say 'no'"])
def test_a_fault_repeats_nothing_the_vendor_quotes(field: str, secret: str) -> None:
    (fault,) = hear(opened(), "error", error={"type": "invalid_request_error", field: secret}).events

    assert isinstance(fault, ProviderFault)
    assert secret not in fault.message + fault.code


def test_an_out_of_credit_response_ends_the_link() -> None:
    details = {"type": "failed", "error": {"code": "insufficient_quota"}}

    last_event = done(opened(), "resp_1", "failed", status_details=details).events[-1]

    assert isinstance(last_event, ProviderFault)
    assert last_event.is_fatal


@pytest.mark.parametrize("text", ["\ud800", "Grüße 👋", '"\n\x00'])
def test_any_text_makes_a_message_that_can_be_sent(text: str) -> None:
    (message, _) = opened().encode(InjectText(text))

    assert isinstance(message, str)
    assert json.loads(message.encode())["item"]["content"][0]["text"] == text


# --- rubbish ----------------------------------------------------------------------------------------------------

GOT = [
    json.dumps(line["got"])
    for recording in sorted((Path(__file__).parents[2] / "wire").glob("openai_*.jsonl"))
    for line in map(json.loads, recording.read_text(encoding="utf-8").splitlines())
    if "got" in line
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@pytest.mark.parametrize("message", ["", "{", "[]", "null", "7", b"\xff\xfe\xfd", "[" * 100_000, "1" * 5_000, '"' * 99])
def test_a_message_that_is_no_json_object_is_a_wire_error_without_its_text(message: WireMessage) -> None:
    with pytest.raises(WireError) as caught:
        opened().decode(message)

    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("message", ["{}", '{"type":7}', '{"type":"unheard.of"}', '{"type":["response.done"]}'])
def test_a_message_of_no_known_type_means_nothing(message: str) -> None:
    assert opened().decode(message) == Decoded()


@given(st.sampled_from(GOT), st.integers(0, 10_000), st.text(max_size=4), st.integers(0, 6))
def test_a_garbled_message_is_at_worst_a_wire_error(message: str, at: int, inserted: str, dropped: int) -> None:
    at %= len(message)
    dialect = opened()

    for garbled in (message[:at] + inserted + message[at + dropped :], message[:at], message[at:].encode()):
        with contextlib.suppress(WireError):
            dialect.decode(garbled)


@given(st.sampled_from(GOT), JSON, st.randoms(use_true_random=False))
def test_a_value_of_a_wrong_type_is_at_worst_a_wire_error(message: str, value: object, chance: random.Random) -> None:
    event = json.loads(message)
    holder = event
    while (inner := [each for each in holder.values() if isinstance(each, dict) and each]) and chance.random() < 0.6:
        holder = chance.choice(inner)
    holder[chance.choice(sorted(holder))] = value

    try:
        decoded = opened().decode(json.dumps(event))
    except WireError:
        return

    for reported in decoded.events:
        for name in typing.get_type_hints(type(reported)):
            expected = {
                "pcm": bytes,
                "is_final": bool,
                "is_fatal": bool,
                "is_utterance": bool,
                "retryable": bool,
                "usage": dict,
                "retry_after_ms": float | None,
            }
            kind = int if name.endswith("_hz") else expected.get(name, str)
            found = getattr(reported, name)
            assert isinstance(found, kind) or (found is None and isinstance(reported, LinkReady))

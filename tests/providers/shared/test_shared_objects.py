"""Reading of what may be anything: every JSON value under every question, and what is no JSON at all."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.errors import WireError
from roomkit.providers.shared.objects import count_of, identifier, object_of, objects_of, parse, text_of

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(VALUES)
def test_each_question_has_an_answer_of_its_kind_whatever_is_there(value: Any) -> None:
    event = {"key": value}

    assert text_of(event, "key") == (value if isinstance(value, str) else "")
    assert object_of(event, "key") == (value if isinstance(value, dict) else {})
    assert all(isinstance(each, dict) for each in objects_of(event, "key"))
    assert count_of(event, "key") is None or 0 <= value < 1e15


def test_what_is_not_there_is_empty() -> None:
    assert (text_of({}, "key"), object_of({}, "key"), objects_of({}, "key"), count_of({}, "key")) == ("", {}, [], None)


@pytest.mark.parametrize("value", [True, "12", -1, 1e15, 10**400, math.nan, math.inf, None, [3]])
def test_what_cannot_be_a_count_is_none(value: Any) -> None:
    assert count_of({"tokens": value}, "tokens") is None


@pytest.mark.parametrize("value", [0, 12, 2.5])
def test_a_count_is_a_count(value: float) -> None:
    assert count_of({"tokens": value}, "tokens") == value


def test_a_code_word_passes_and_a_sentence_does_not() -> None:
    error = {
        "code": "rate_limit.exceeded",
        "param": "session.tools[0]",
        "message": "your prompt was: hello",
        "long": "x" * 101,
    }

    shown = [identifier(error, key) for key in ("code", "param", "message", "long", "missing")]

    assert shown == ["rate_limit.exceeded", "session.tools[0]", "", "", ""]


@pytest.mark.parametrize("message", ["", "{", "[1]", '"text"', "null", "7", b"\xff\xfe", "[" * 100_000])
def test_what_is_no_object_is_a_wire_error_that_quotes_nothing(message: str | bytes) -> None:
    with pytest.raises(WireError, match=r"a message of \d+ characters is no") as refused:
        parse(message)

    assert refused.value.code in ("not_json", "not_an_object")


@given(st.dictionaries(st.text(), SCALARS.filter(lambda value: value == value)))  # noqa: PLR0124 -- not NaN
def test_an_object_is_read_from_text_and_from_bytes(event: dict[str, Any]) -> None:
    assert parse(json.dumps(event)) == parse(json.dumps(event).encode()) == event

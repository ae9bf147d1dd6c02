"""What OpenAI counts of a response, under the portable names; rubbish is left out (R-0006-90)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.models.usage import COUNT_NAMES
from roomkit.providers.openai.events import usage_of

WHOLE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}


def test_every_count_of_a_response_has_its_portable_name() -> None:
    assert usage_of({"usage": WHOLE}) == {
        "input_text_tokens": 119,
        "input_audio_tokens": 13,
        "input_image_tokens": 0,
        "cached_text_tokens": 64,
        "cached_audio_tokens": 0,
        "output_text_tokens": 30,
        "output_audio_tokens": 91,
        "total_tokens": 253,
    }


@pytest.mark.parametrize("usage", [None, {}, [], "many", 3])
def test_a_response_without_usage_counts_nothing(usage: Any) -> None:
    assert usage_of({"usage": usage}) == {}


@pytest.mark.parametrize("rubbish", [-1, math.nan, math.inf, 1e16, 10**400, "12", None, True, [1], {"n": 1}])
def test_what_is_no_count_is_left_out_and_the_rest_is_kept(rubbish: Any) -> None:
    usage = {"total_tokens": 5, "output_token_details": {"audio_tokens": rubbish, "text_tokens": 5}}

    assert usage_of({"usage": usage}) == {"total_tokens": 5, "output_text_tokens": 5}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from([*WHOLE, "text_tokens", "audio_tokens", "else"]), inner),
    max_leaves=8,
)


@given(JSON)
def test_usage_of_any_shape_is_counts_under_portable_names(usage: Any) -> None:
    counts = usage_of({"usage": usage})

    assert counts.keys() <= COUNT_NAMES
    assert all(0 <= count < 1e15 for count in counts.values())

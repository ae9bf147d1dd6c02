"""What a resolver may say: one thing at a time."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from roomkit.models.identity import Address, Identity


@pytest.mark.parametrize(
    "nonsense",
    [
        {"status": "known"},
        {"status": "known", "participant_id": ""},
        {"status": "known", "participant_id": "ada", "candidates": ("ada", "bob")},
        {"status": "ambiguous", "candidates": ("ada",)},
        {"status": "ambiguous", "candidates": ("ada", "ada")},
        {"status": "unknown", "participant_id": "ada"},
        {"status": "maybe"},
    ],
)
def test_what_says_two_things_or_none_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Identity.model_validate(nonsense)


def test_the_three_answers() -> None:
    assert Identity.known("ada").participant_id == "ada"
    assert Identity.ambiguous(["ada", "bob"]).candidates == ("ada", "bob")
    assert Identity.unknown().participant_id is None


def test_an_address_is_a_key() -> None:
    assert len({Address(channel_id="sms", sender_id="+1"), Address(channel_id="sms", sender_id="+1")}) == 1

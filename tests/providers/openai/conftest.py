"""The vendor's own types as an oracle: is this an event OpenAI would take, or send?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

_CLIENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeClientEvent)
_SERVER: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)

Check = Callable[[Any], None]


def unknown_keys(value: object, path: str = "") -> list[str]:
    """Keys the vendor's models do not declare: they pass validation there, and the real server refuses them."""
    if isinstance(value, pydantic.BaseModel):
        extra = [f"{path}.{key}" for key in value.model_extra or {}]
        return extra + [
            each for name in value.model_fields_set for each in unknown_keys(getattr(value, name), f"{path}.{name}")
        ]
    if isinstance(value, list):
        return [each for item in value for each in unknown_keys(item, f"{path}[]")]
    return []


def _checks_client(message: Any) -> None:
    assert isinstance(message, str)
    validated = _CLIENT.validate_python(json.loads(message))
    # a union that matches nothing well keeps plain dicts: then nothing would have been checked
    assert isinstance(validated, pydantic.BaseModel)
    assert unknown_keys(validated) == []


@pytest.fixture(scope="session")
def accepted_by_openai() -> Check:
    """Fails on a message OpenAI would refuse."""
    return _checks_client


@pytest.fixture(scope="session")
def sendable_by_openai() -> Check:
    """Fails on an event OpenAI would not send."""

    def check(event: Any) -> None:
        _SERVER.validate_python(event)

    return check

"""The vendor's own types as an oracle: is this a message Gemini Live would take, or send?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.genai import types

Check = Callable[[Any], None]


def _checks_client(message: Any) -> None:
    assert isinstance(message, str)
    sent = json.loads(message)
    # the model of the set-up lacks this field, the vendor's own converter writes it
    realtime = sent.get("setup", {}).pop("realtimeInputConfig", {})
    types.RealtimeInputConfig.model_validate(realtime)
    types.LiveClientMessage.model_validate(sent)


@pytest.fixture(scope="session")
def accepted_by_gemini() -> Check:
    """Fails on a message Gemini would refuse."""
    return _checks_client


@pytest.fixture(scope="session")
def sendable_by_gemini() -> Check:
    """Fails on a message Gemini would not send."""

    def check(message: Any) -> None:
        types.LiveServerMessage.model_validate(message)

    return check

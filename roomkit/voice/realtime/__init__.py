"""The public names of realtime voice, loaded when first used; what they mean is in the modules they come from.

This is the one package that may name what lies above it, and only lazily (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roomkit.voice.backends.websocket import WebSocketRealtimeTransport as WebSocketRealtimeTransport

_HOME = {
    "WebSocketRealtimeTransport": "roomkit.voice.backends.websocket",
}

__all__ = ["WebSocketRealtimeTransport"]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})

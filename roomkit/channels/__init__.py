"""Ways into a room and out of it. Names load when first used (PEP 562)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roomkit.channels.ai import AIChannel
    from roomkit.channels.base import ChannelBase
    from roomkit.channels.cli import CLIChannel
    from roomkit.channels.realtime_voice import RealtimeVoiceChannel
    from roomkit.channels.webhook import WebhookChannel
    from roomkit.channels.websocket import WebSocketChannel
    from roomkit.channels.websocket_client import ChatIdentity

_SOURCES = {
    "AIChannel": "ai",
    "CLIChannel": "cli",
    "ChannelBase": "base",
    "ChatIdentity": "websocket_client",
    "RealtimeVoiceChannel": "realtime_voice",
    "WebSocketChannel": "websocket",
    "WebhookChannel": "webhook",
}

__all__ = [
    "AIChannel",
    "CLIChannel",
    "ChannelBase",
    "ChatIdentity",
    "RealtimeVoiceChannel",
    "WebSocketChannel",
    "WebhookChannel",
]


def __getattr__(name: str) -> Any:
    if name not in _SOURCES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_SOURCES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

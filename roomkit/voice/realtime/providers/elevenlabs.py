"""`ElevenLabsRealtimeProvider` under its public name, loaded at first use from where it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider

__all__ = ["ElevenLabsRealtimeProvider"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from roomkit.providers.elevenlabs import realtime

    return getattr(realtime, name)


def __dir__() -> list[str]:
    return __all__

"""`GeminiLiveProvider` under its public name; loaded from `roomkit.providers.gemini.realtime` at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roomkit.providers.gemini.realtime import GeminiLiveProvider

__all__ = ["GeminiLiveProvider"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from roomkit.providers.gemini import realtime

    return getattr(realtime, name)


def __dir__() -> list[str]:
    return __all__

"""From SIGTERM to a closed kit: the first signal begins the end, a second one ends the patience.

Not in here: what closing does (`engine`). Invariant: whichever way it ends, the kit is closed and the signals mean what
they meant before.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Protocol

from roomkit._aio import StoppedError, unless

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Close(Protocol):
    """As `roomkit.kit.RoomKit.close`."""

    async def __call__(self, *, grace_s: float = ...) -> None: ...


async def run_until_signal(close: Close, *, grace_s: float) -> None:
    """Wait for a signal, then close with ``grace_s``; at once when a second one comes, or the caller is cancelled."""
    loop = asyncio.get_running_loop()
    first, second = asyncio.Event(), asyncio.Event()

    def told() -> None:
        (second if first.is_set() else first).set()

    for each in SIGNALS:
        loop.add_signal_handler(each, told)
    try:
        await first.wait()
        await unless(second, close(grace_s=grace_s))
    except StoppedError:
        pass
    finally:
        for each in SIGNALS:
            loop.remove_signal_handler(each)
        await close()

"""A link that is up and waits for its moment to take over: a rollover's, or a hand-over's.

Not in here: opening it (`moving`), what taking over is (`provider_side`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from roomkit.errors import SessionStateError
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.links.between import POLL_S, BetweenTurns
from roomkit.voice.session.links.slot import OpenLink
from roomkit.voice.session.settings import SessionSettings


@dataclass(slots=True, eq=False)
class Standby:
    """A link that is to take over.

    Attributes:
        opened: The link.
        by_ms: Loop time of the latest moment.
        settings: How the session runs from then on; ``None``: as it does.
        when_adopted: Called when it has taken over, before anything it says is heard.
        is_handover: To another agent; see `BetweenTurns.is_now`.
        own_mark: Where the conversation stood when it was opened; see `History.since`.
        is_adopted: It has taken over.
    """

    opened: OpenLink
    by_ms: float
    settings: SessionSettings | None = None
    when_adopted: Callable[[], None] | None = None
    is_handover: bool = False
    own_mark: int = 0
    is_adopted: bool = False


async def stand_by(
    standby: Standby, context: SessionContext, between: BetweenTurns, *, is_up: Callable[[], bool]
) -> None:
    """Return when the moment has come, or another link was faster.

    Args:
        standby: Its ``by_ms`` may move meanwhile.
        context: The session's common ground.
        between: Knows the moment.
        is_up: Whether the link it is to replace is up still; without one there is nothing to wait for.

    Raises:
        SessionStateError: The session ended meanwhile.
    """
    while not (
        standby.is_adopted
        or not is_up()
        or between.is_now(is_handover=standby.is_handover)
        or context.clock.now_ms() >= standby.by_ms
    ):
        if context.is_over:
            break
        await asyncio.sleep(POLL_S)
    if context.is_over:
        raise SessionStateError("the session ended before it was handed over")

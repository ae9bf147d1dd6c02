"""Bringing requests out over HTTP: signed afresh for each attempt, tried again while that can help.

Not in here: what is in them (`webhook_format`), and the order of events: the room's queue keeps it by waiting for this.
Invariant: when `send` returns the other side answered 2xx; when it raises, nobody tries on in the background.
Needs the ``webhook`` extra (httpx, tenacity).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import httpx
import tenacity

from roomkit.channels.webhook_format import Outgoing
from roomkit.channels.webhook_signature import WebhookSignature
from roomkit.clock import Clock
from roomkit.errors import DeliveryError

logger = logging.getLogger(__name__)

RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same request may be taken a little later; any other is the other side's last word."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
JITTER_S = 0.25
"""Many rooms that lost one endpoint must not all come back in the same instant."""
LONGEST_RETRY_AFTER_S = 20.0
"""A longer ``Retry-After`` would outlive the delivery's own time; the next attempt is then made after this."""

MAX_ANSWER_BYTES = 65_536
"""Of an answer only the status counts: as much is read as keeps an ordinary connection in use, and no more."""


class _NotTakenError(Exception):
    """One attempt failed in a way that may pass."""

    def __init__(self, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Sender:
    """Makes the requests of one channel.

    Args:
        signature: Signs each attempt.
        client: The application's own, which it closes itself; ``None``: one of ours, made when first needed.
        timeout_s: For one attempt.
        attempts: In all; 1 never tries again.
        clock: For the timestamp of each attempt.
    """

    def __init__(
        self,
        signature: WebhookSignature,
        client: httpx.AsyncClient | None,
        *,
        timeout_s: float,
        attempts: int,
        clock: Callable[[], Clock],
    ) -> None:
        self._signature = signature
        self._given = client
        self._own: httpx.AsyncClient | None = None
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._clock = clock
        self._pause = tenacity.wait_exponential(FIRST_PAUSE_S, LONGEST_PAUSE_S) + tenacity.wait_random(0, JITTER_S)

    async def send(self, outgoing: Outgoing, url: str, may_go: Callable[[], bool]) -> None:
        """Bring one request out.

        Args:
            outgoing: What to send.
            url: Where to, unless it says so itself.
            may_go: Asked before each attempt: a permission taken away holds for those to come.

        Raises:
            DeliveryError: It was refused, or still not taken after the last attempt.
        """
        trying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=self._wait_s,
            retry=tenacity.retry_if_exception_type(_NotTakenError),
            reraise=True,
        )
        try:
            await trying(self._attempt, outgoing, outgoing.url or url, may_go)
        except _NotTakenError as error:
            raise DeliveryError(f"webhook not taken after {self._attempts} attempts: {error}") from error

    async def close(self) -> None:
        """Let the connections go. Idempotent."""
        own, self._own = self._own, None
        if own is not None:
            await own.aclose()

    async def _attempt(self, outgoing: Outgoing, url: str, may_go: Callable[[], bool]) -> None:
        if not may_go():
            raise DeliveryError("webhook not sent: the channel may not see the event any more")
        headers = {
            **outgoing.headers,
            **self._signature.sign(outgoing.id, outgoing.body, int(self._clock().wall().timestamp())),
        }
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._post(outgoing.body, url, headers)
        except (httpx.TransportError, TimeoutError) as error:
            raise _NotTakenError(type(error).__name__) from error
        logger.debug("webhook %s: status %s", outgoing.id, answer.status_code)
        if answer.status_code in RETRIED_STATUS:
            raise _NotTakenError(f"status {answer.status_code}", _retry_after_s(answer))
        if not answer.is_success:
            raise DeliveryError(f"webhook refused: status {answer.status_code}")

    async def _post(self, body: bytes, url: str, headers: dict[str, str]) -> httpx.Response:
        # A redirect is not followed: it would carry what was said in a room to an address nobody configured.
        async with self._client().stream(
            "POST", url, content=body, headers=headers, timeout=self._timeout_s, follow_redirects=False
        ) as answer:
            if not answer.is_closed:  # a transport without a network may hand over a whole answer
                await _skim(answer)
        return answer

    def _client(self) -> httpx.AsyncClient:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = httpx.AsyncClient()
        return self._own

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        """What the other side asked for, else twice as long as before."""
        error = state.outcome.exception() if state.outcome is not None else None
        asked_s = error.retry_after_s if isinstance(error, _NotTakenError) else None
        return self._pause(state) if asked_s is None else min(asked_s, LONGEST_RETRY_AFTER_S)


async def _skim(answer: httpx.Response) -> None:
    size_bytes = 0
    async for piece in answer.aiter_raw():
        size_bytes += len(piece)
        if size_bytes > MAX_ANSWER_BYTES:
            return


def _retry_after_s(answer: httpx.Response) -> float | None:
    """``Retry-After`` in seconds; its other form, a date, is rare and counts as none."""
    value = answer.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None

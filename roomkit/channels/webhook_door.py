"""The way in for webhooks: one ASGI application that checks, reads and hands over, in this order.

Plain ASGI and nothing else: one POST route needs no framework, so it mounts in Starlette, FastAPI, Litestar or bare
uvicorn alike, and the ``webhook`` extra stays without a server. Not in here: the schemes and formats themselves.

Invariants: a body is read only up to a bound and parsed only when its signature is good; an answer never tells
whether a room exists that this sender may not use; 2xx is answered only for what the room's store has, or has refused.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from roomkit.channels.webhook_format import Incoming, WebhookFormat
from roomkit.channels.webhook_signature import Verified, WebhookSignature
from roomkit.core.ports import ChannelHost
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError, StoreError
from roomkit.models.delivery import InboundResult

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_TIMEOUT_S = 10.0
"""For a whole body; a webhook's sender is a server and has it ready."""
MAX_REMEMBERED = 10_000
"""Attempts kept for refusing replays. They are good for minutes only, and beyond this bound the oldest goes; a message
then sent again still is not taken twice, for the room's store knows its id."""

MAX_WARNINGS = 20
"""A scheme has a handful of reasons to refuse; one that makes up new ones is not listened to for ever."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told."""

    status: int
    body: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):  # noqa: N818 -- an answer on its way out, not an error of ours
    """The request ends here with an answer."""

    def __init__(self, status: int, error: str, **headers: str) -> None:
        super().__init__(error)
        self.answer = Answer(
            status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()}
        )


class _ClientGoneError(Exception):
    """The sender hung up in the middle of its body."""


class WebhookDoor:
    """The ASGI application of one channel.

    Args:
        channel_id: Whose door it is.
        host: The channel's view of its kit now; ``None`` while it is not registered.
        max_body_bytes: Larger bodies are refused unread.
        max_requests: At work at a time; more are asked to come back.
    """

    def __init__(
        self,
        channel_id: str,
        signature: WebhookSignature,
        format: WebhookFormat,  # noqa: A002 -- the word users know it by
        host: Callable[[], ChannelHost | None],
        *,
        max_body_bytes: int,
        max_requests: int,
    ) -> None:
        self._channel_id = channel_id
        self._signature = signature
        self._format = format
        self._host = host
        self._max_body_bytes = max_body_bytes
        self._max_requests = max_requests
        self._at_work = 0
        self._warned: set[str] = set()
        self._attempts: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. What is not HTTP (a lifespan, a WebSocket) is none of this door's."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            # Not work left over: an ASGI server takes any exception here for "this application has no lifespan".
            raise NotImplementedError(f"a webhook serves http, not {scope['type']}")
        try:
            answer = await self._answer(scope, receive)
        except Refusal as refusal:
            answer = refusal.answer
        except _ClientGoneError:
            return
        body = json.dumps(answer.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            raise Refusal(405, "a webhook is a POST", allow="POST")
        host = self._host()
        if host is None:
            raise Refusal(503, "not in service", retry_after="30")
        if self._at_work >= self._max_requests:
            raise Refusal(503, "too many at a time", retry_after="1")
        self._at_work += 1
        try:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            body = await self._body(headers, receive)
            return await self._take(host, headers, body)
        finally:
            self._at_work -= 1

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or len(declared) > 18 or int(declared) > self._max_body_bytes:
            raise Refusal(413, f"a body is at most {self._max_body_bytes} bytes", connection="close")
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _ClientGoneError
                    body += message.get("body", b"")
                    if len(body) > self._max_body_bytes:
                        raise Refusal(413, f"a body is at most {self._max_body_bytes} bytes", connection="close")
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Refusal(408, "the body took too long", connection="close") from None
        return bytes(body)

    async def _take(self, host: ChannelHost, headers: dict[str, str], body: bytes) -> Answer:
        try:
            verified = self._signature.verify(headers, body, host.clock.wall().timestamp())
        except AccessDeniedError as error:
            self._warn_once(str(error))
            raise Refusal(401, str(error)) from None
        self._admit(verified)
        try:
            return await self._hand_over(host, verified, body)
        except BaseException as error:  # cancelled too: an attempt that did not end may be made again
            # What was refused for good stays remembered; what may be tried again, in the same second too, does not.
            if verified.attempt is not None and not (isinstance(error, Refusal) and error.answer.status < 500):
                self._attempts.pop(verified.attempt, None)
            raise

    def _warn_once(self, why: str) -> None:
        """Whoever guesses at the door must not fill the log; a secret that does not fit shows all the same."""
        if why not in self._warned and len(self._warned) < MAX_WARNINGS:
            self._warned.add(why)
            logger.warning("channel %s refuses a webhook, further ones unsaid: %s", self._channel_id, why)

    def _admit(self, verified: Verified) -> None:
        """Refuse an attempt that was here before."""
        if verified.attempt is None:
            return
        if verified.attempt in self._attempts:
            raise Refusal(409, "this very delivery was received before: a replay. Sign each attempt afresh")
        self._attempts[verified.attempt] = None
        if len(self._attempts) > MAX_REMEMBERED:
            self._attempts.popitem(last=False)

    async def _hand_over(self, host: ChannelHost, verified: Verified, body: bytes) -> Answer:
        try:
            incoming = self._format.read(body, self._channel_id)
        except ConfigError as error:
            raise Refusal(400, str(error)) from None
        except ValueError:  # a format of the application's own, and words that were not chosen for the sender
            raise Refusal(400, "the body cannot be read") from None
        if incoming is None:
            return Answer(200, {"status": "ignored"})
        try:
            result = await _receive(host, _keyed(incoming, verified))
        except (NotFoundError, AccessDeniedError):
            raise _no_room() from None
        except ConfigError:
            raise Refusal(400, "several rooms would do: name room_id") from None
        except StoreError:
            raise Refusal(503, "could not be stored: send it again", retry_after="5") from None
        return _answer_to(result)


async def _receive(host: ChannelHost, incoming: Incoming) -> InboundResult:
    """Returns at commit: the sender has its answer before an agent has thought about its own."""
    if incoming.opens_room and incoming.room_id is not None:
        await host.ensure_room(incoming.room_id)
        await host.ensure_attached(incoming.room_id)
    return await host.receive(incoming.message, room_id=incoming.room_id, waits=False)


def _keyed(incoming: Incoming, verified: Verified) -> Incoming:
    """The message under the delivery's id, so that it is taken once however often it is sent."""
    key = incoming.message.idempotency_key or verified.id
    external_id = incoming.message.external_id or key
    message = incoming.message.model_copy(update={"idempotency_key": key, "external_id": external_id})
    return Incoming(message, incoming.room_id, incoming.opens_room)


def _answer_to(result: InboundResult) -> Answer:
    if result.event is None:
        if result.error is not None:
            raise Refusal(503, "not stored in time: send it again", retry_after="5")
        raise _no_room()
    # Why a hook blocked it is between the room and its people; that it was is for the sender to know.
    return Answer(200, {"status": "blocked" if result.blocked else "accepted", "event_id": result.event.id})


def _no_room() -> Refusal:
    """One answer for a room that is not there, is closed, or is not this sender's to write in."""
    return Refusal(404, "no such room for this channel")

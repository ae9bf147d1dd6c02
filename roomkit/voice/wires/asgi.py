"""The host of the wire port inside somebody else's ASGI server: Starlette, FastAPI, or bare ``receive`` and ``send``.

Only messages of the ASGI WebSocket protocol (asgi.readthedocs.io, specs/www) are used, so no framework is imported.
The server owns the socket: there is no way to drop it from here, nor to see what it buffers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from roomkit._aio import Supervisor
from roomkit.voice.wires.limits import MAX_BUFFERED_BYTES
from roomkit.voice.wires.listener import Refusal, UpgradeRequest
from roomkit.voice.wires.port import MAX_MESSAGE_BYTES, WireClosed, WireMessage
from roomkit.voice.wires.queued import QueuedWire

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class AsgiHost:
    """An accepted WebSocket of an ASGI server as a `WireHost`."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def receive(self) -> WireMessage | WireClosed:
        """See `WireHost.receive`."""
        while True:
            event = await _connection_errors(self._receive())
            if event["type"] == "websocket.disconnect":
                return WireClosed(event.get("code") or 1005, event.get("reason") or "")
            text: str | None = event.get("text")
            message: bytes | None = event.get("bytes")
            if text is not None:
                return text
            if message is not None:
                return message

    async def send(self, message: WireMessage) -> None:
        """See `WireHost.send`."""
        key = "text" if isinstance(message, str) else "bytes"
        await _connection_errors(self._send({"type": "websocket.send", key: message}))

    async def close(self, code: int, reason: str) -> None:
        """See `WireHost.close`."""
        await _connection_errors(self._send({"type": "websocket.close", "code": code, "reason": reason}))

    def abort(self) -> None:
        """Not in our hands: the server drops the socket when the application returns."""

    @property
    def buffered_bytes(self) -> int:
        """Unknown here."""
        return 0


async def _connection_errors(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except ConnectionError:
        raise
    except Exception as error:  # each server and framework has its own exceptions for a client that has gone
        raise ConnectionError(f"{type(error).__name__}: {error}") from error


def wrap(receive: Receive, send: Send, tasks: Supervisor, max_message_bytes: int = MAX_MESSAGE_BYTES) -> QueuedWire:
    """A wire over an accepted ASGI WebSocket; the application call must outlive it."""
    return QueuedWire(
        AsgiHost(receive, send),
        tasks=tasks,
        max_message_bytes=max_message_bytes,
        max_buffered_bytes=MAX_BUFFERED_BYTES,
    )


def upgrade_request(scope: Scope) -> UpgradeRequest:
    """What the client asked for, out of an ASGI ``websocket`` scope."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers", ()):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    client = scope.get("client")
    return UpgradeRequest(
        path=scope.get("path", "/"),
        query_string=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        client=(str(client[0]), int(client[1])) if client else None,
    )


async def refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer an upgrade with an HTTP error; 403 with no words where the server cannot say more."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await respond(send, refusal, prefix="websocket.http.response")
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail})


async def respond(send: Send, refusal: Refusal, *, prefix: str = "http.response") -> None:
    """Answer with an HTTP status and a line of text."""
    body = refusal.detail.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{prefix}.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{prefix}.body", "body": body})

"""Who may come in: the Origin of a browser, and the application's own ``authenticate``."""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from roomkit.errors import AccessDeniedError
from roomkit.voice.wires.listener import UpgradeRequest

logger = logging.getLogger(__name__)

AUTHENTICATE_TIMEOUT_S = 10.0
"""A token check asks a database or another service; a caller who waits longer has hung up."""


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """What ``authenticate`` is given.

    Attributes:
        path: Path of the URL.
        query: The query's parameters; the last of a repeated one.
        headers: By lower-case name.
        client: ``(host, port)`` of the peer (a proxy's, behind a proxy), where known.
    """

    path: str
    query: dict[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    client: tuple[str, int] | None = None

    @classmethod
    def of(cls, request: UpgradeRequest) -> ConnectionRequest:
        """The same, from what the wire saw."""
        query = dict(parse_qsl(request.query_string, keep_blank_values=True))
        return cls(request.path, query, request.headers, request.client)


Authenticate = Callable[[ConnectionRequest], Awaitable[object] | object]
"""``None``, ``False`` or an exception refuses; a dict is merged into the session's metadata."""

AllowedOrigins = Sequence[str] | Literal["*"] | None


def is_origin_allowed(headers: Mapping[str, str], allowed: AllowedOrigins, *, is_local: bool = False) -> bool:
    """Whether a page of this ``Origin`` may talk to us.

    Browsers let any page open a WebSocket anywhere, with the user's cookies; this is the only thing that stops one.
    Clients that are no browsers send no ``Origin`` and may come.

    Args:
        headers: The upgrade request's, by lower-case name.
        allowed: Origins (``"https://example.com"``), ``"*"`` for all, ``None`` for the page's own host.
        is_local: We are bound to the loopback address. A page's own host must then be local by name too, or a page
            whose domain was pointed at 127.0.0.1 after it loaded (DNS rebinding) would pass for ours.
    """
    origin = headers.get("origin")
    if origin is None or allowed == "*":
        return True
    if allowed is not None:
        return origin in allowed
    page = _authority(origin)
    if page is None or (is_local and not is_loopback(page[0])):
        return False
    return page == _authority(f"//{headers.get('host', '')}")


def _authority(url: str) -> tuple[str, int | None] | None:
    """Host and port, a scheme's default port counting as none; ``None`` where there is no host."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    # Behind a TLS proxy the Host header may or may not name the port the browser left out.
    return (host, None if port in (80, 443) else port) if host else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address one binds to."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def authenticated(authenticate: Authenticate | None, request: ConnectionRequest) -> dict[str, Any]:
    """Ask the application; what it returned as a dict.

    Raises:
        AccessDeniedError: It refused, failed or took too long.
    """
    if authenticate is None:
        return {}
    try:
        async with asyncio.timeout(AUTHENTICATE_TIMEOUT_S):
            answer = authenticate(request)
            if inspect.isawaitable(answer):
                answer = await answer
    except Exception as error:  # the application's code: whatever it raises means no
        if not isinstance(error, AccessDeniedError):
            logger.warning("authenticate raised %s: the client was refused", type(error).__name__, exc_info=error)
        raise AccessDeniedError("authentication failed") from error
    if isinstance(answer, Mapping):
        return dict(answer)
    if not answer:
        raise AccessDeniedError("authentication failed")
    return {}

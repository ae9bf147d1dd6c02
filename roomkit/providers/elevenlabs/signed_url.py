"""The signed URL of a private agent: one HTTPS request before each dial, its failures mapped to our errors.

The signature opens one conversation within 15 minutes and the call may outlive it; it is asked for anew at every dial,
so a reconnect never uses a stale one. Invariant: neither key nor signature is in any message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from roomkit._extras import require
from roomkit.errors import RealtimeConnectionError
from roomkit.providers.elevenlabs.faults import ELEVENLABS_CLOSES
from roomkit.voice.realtime.reconnect import Failure
from roomkit.voice.wires.port import WireRefused

if TYPE_CHECKING:
    from roomkit.providers.elevenlabs.config import ElevenLabsRealtimeConfig

_WHAT: Final = "ElevenLabs' signed URL"

REQUEST_TIMEOUT_S: Final = 5.0
"""Half of a link's handshake: the socket has to come up in the rest."""


async def fetch_signed_url(config: ElevenLabsRealtimeConfig) -> str:
    """A fresh ``wss://`` URL for the agent.

    Raises:
        ConfigError: No key, no agent, or a ``base_url`` that cannot work.
        MissingExtraError: httpx is not installed.
        ProviderRefusedError: The vendor said no: the key, the agent.
        ProviderLostError: It could not be reached, is overloaded, or answered with something else.
    """
    httpx = require("httpx", extra="elevenlabs", why="a signed URL of ElevenLabs")
    url, key = config.signed_url_request()
    try:
        async with httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S) as client:
            response = await client.get(url, headers={"xi-api-key": key})
    except httpx.TimeoutException as late:
        raise _lost("timeout", f"no answer within {REQUEST_TIMEOUT_S:g} s") from late
    except httpx.HTTPError as error:  # its text may quote the URL; its kind says enough
        raise _lost("unreachable", f"could not be reached: {type(error).__name__}") from error
    if response.status_code != httpx.codes.OK:
        refused = WireRefused(response.status_code, "the vendor gave none")
        raise ELEVENLABS_CLOSES.of_refusal(refused).as_error(_WHAT)
    return _url_in(response)


def _url_in(response: object) -> str:
    """The URL of a good answer."""
    try:
        body = response.json()  # type: ignore[attr-defined]  # httpx is optional, so its types are not named here
    except ValueError:
        body = None
    url = body.get("signed_url") if isinstance(body, dict) else None
    if not isinstance(url, str) or urlsplit(url).scheme not in ("ws", "wss"):
        raise _lost("no_signed_url", "the answer holds no signed_url")
    return url


def _lost(code: str, reason: str) -> RealtimeConnectionError:
    return Failure(code, reason, retryable=True).as_error(_WHAT)

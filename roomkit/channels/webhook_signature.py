"""Who sent a webhook, and whether it is fresh: the Standard Webhooks scheme (v1, HMAC-SHA256), and the port for others.

Pure: bytes and a time in, headers or a verdict out. Not in here: whether the delivery came before (`webhook_door`).
Written out rather than taken from the ``standardwebhooks`` package, which asks the wall clock itself, knows one secret
at a time, and lets `ValueError` out for a malformed signature; the tests hold this against that package both ways.
Invariant: nothing of a body is parsed before its signature is known to be good.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from roomkit.errors import AccessDeniedError, ConfigError

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- says what follows is a secret; is none
MIN_KEY_BYTES: Final = 24
"""The specification's own bound; a shorter key could be guessed."""
MAX_ID_CHARS: Final = 256
MAX_TIMESTAMP_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Verified:
    """What a good signature vouches for.

    Attributes:
        id: The delivery's id, the same however often it is sent again; ``None`` if the scheme has none.
        attempt: Tells this attempt from every other, for refusing replays; ``None`` if the scheme cannot.
    """

    id: str | None = None
    attempt: str | None = None


class WebhookSignature(Protocol):
    """How a webhook proves where it comes from."""

    def sign(self, message_id: str, body: bytes, timestamp_s: int) -> Mapping[str, str]:
        """The headers that go with one attempt to deliver ``body`` at a time (Unix seconds)."""

    def verify(self, headers: Mapping[str, str], body: bytes, now_s: float) -> Verified:
        """What the headers (names in lower case) prove of ``body``; compares in constant time.

        Raises:
            AccessDeniedError: Nothing; the message is for the sender and tells no secret.
        """


class StandardSignature:
    """The Standard Webhooks scheme.

    Args:
        secrets: One, or several while they are being rotated: what leaves is signed with each, what comes in may be
            signed with any. Base64 of 24 bytes or more, ``whsec_`` before it or not; `new_secret` makes one.
        tolerance_s: How far an attempt's timestamp may be from now, either way.

    Raises:
        ConfigError: No secret, or one that cannot be used.
    """

    def __init__(self, secrets: str | Sequence[str], *, tolerance_s: int = 300) -> None:
        given = [secrets] if isinstance(secrets, str) else secrets
        if not given:
            raise ConfigError("a webhook needs a secret: StandardSignature.new_secret() makes one")
        if tolerance_s <= 0:
            raise ConfigError(f"the tolerance is a positive number of seconds, not {tolerance_s}")
        self._keys = tuple(_key(secret) for secret in given)
        self._tolerance_s = tolerance_s

    @staticmethod
    def new_secret() -> str:
        """A fresh secret to share with the other side: 32 random bytes."""
        return SECRET_PREFIX + base64.b64encode(random.token_bytes(32)).decode()

    def sign(self, message_id: str, body: bytes, timestamp_s: int) -> dict[str, str]:
        """The three headers of one attempt."""
        signatures = (f"v1,{base64.b64encode(mac).decode()}" for mac in self._macs(message_id, str(timestamp_s), body))
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": " ".join(signatures),
        }

    def verify(self, headers: Mapping[str, str], body: bytes, now_s: float) -> Verified:
        """See `WebhookSignature.verify`."""
        message_id, timestamp, signatures = (
            headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        )
        if not (message_id and timestamp and signatures):
            raise AccessDeniedError("webhook-id, webhook-timestamp and webhook-signature are required")
        # The parts are signed joined by full stops: one inside the id could shift where they are cut.
        if "." in message_id or len(message_id) > MAX_ID_CHARS or not message_id.isascii():
            raise AccessDeniedError(f"webhook-id is at most {MAX_ID_CHARS} ASCII characters, none of them a full stop")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= MAX_TIMESTAMP_DIGITS):
            raise AccessDeniedError("webhook-timestamp is a number of Unix seconds")
        if not self._is_signed(self._macs(message_id, timestamp, body), signatures):
            raise AccessDeniedError("no signature matches")
        if abs(now_s - int(timestamp)) > self._tolerance_s:
            raise AccessDeniedError(f"webhook-timestamp is more than {self._tolerance_s} s from now")
        return Verified(id=message_id, attempt=f"{message_id}.{timestamp}")

    def _macs(self, message_id: str, timestamp: str, body: bytes) -> list[bytes]:
        signed = f"{message_id}.{timestamp}.".encode() + body
        return [hmac.digest(key, signed, hashlib.sha256) for key in self._keys]

    def _is_signed(self, macs: list[bytes], signatures: str) -> bool:
        theirs = [mac for each in signatures.split(" ") if (mac := _mac(each)) is not None]
        return any(hmac.compare_digest(mine, given) for mine in macs for given in theirs)


def _mac(signature: str) -> bytes | None:
    """The bytes of one ``v1`` signature; ``None`` for other versions and for what is not base64."""
    version, _, encoded = signature.partition(",")
    if version != "v1":
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:  # not base64 (binascii.Error), or not even ASCII
        return None


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:  # as above
        raise ConfigError("a webhook secret is base64, as StandardSignature.new_secret() makes it") from None
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(f"a webhook secret holds at least {MIN_KEY_BYTES} bytes, not {len(key)}")
    return key

"""The whole exception tree: who is to act decides the branch.

Three parties can be at fault. *You* (`ConfigError`, `MissingExtraError`, `NotFoundError`, `AccessDeniedError`,
`SessionStateError`): the call was wrong, change it. *They* (`ProviderError`, `ClientGoneError`, `DeliveryError`): the
other side refused or left. *The wire* (`WireError`): a message came that we could not read.

    RoomKitError
    ├── ConfigError (ValueError)
    ├── MissingExtraError (ImportError)
    ├── NotFoundError (LookupError)
    ├── AccessDeniedError
    ├── SessionStateError
    ├── StoreError
    ├── DeliveryError
    └── RealtimeError                        message
        ├── ProviderError                    retryable, code
        │   ├── RealtimeConnectionError
        │   │   ├── ProviderRefusedError     auth, unknown model, bad config: never retried
        │   │   └── ProviderLostError        the link dropped
        │   └── WireError                    a message we could not read: its type and size, not its text
        └── ClientGoneError                  the participant hung up

A message says what happened, to what, and what to do. No speech, prompts, keys or raw messages in it.
"""

from __future__ import annotations


class RoomKitError(Exception):
    """Anything RoomKit raises on purpose."""


class ConfigError(RoomKitError, ValueError):
    """A setting or argument that cannot work; raised before anything was started."""


class MissingExtraError(RoomKitError, ImportError):
    """An optional package is not installed; the message holds the pip line."""


class NotFoundError(RoomKitError, LookupError):
    """A room, channel, participant or session that does not exist (any more)."""


class AccessDeniedError(RoomKitError):
    """A permission of the binding, or an authentication callback, said no."""


class SessionStateError(RoomKitError):
    """A step the session's state table does not allow."""


class StoreError(RoomKitError):
    """The conversation store could not do what was asked; nothing was stored."""


class DeliveryError(RoomKitError):
    """What a channel was to bring out of a room was not taken on the other side; the room has it, and goes on."""


class RealtimeError(RoomKitError):
    """Something went wrong in a live voice session."""

    @property
    def message(self) -> str:
        """What happened, as a sentence."""
        return str(self)


class ProviderError(RealtimeError):
    """The provider side failed.

    Args:
        message: What happened and what to do; never speech, prompts or keys.
        code: The vendor's own code, if it sent one (`"invalid_api_key"`).
        retryable: Whether the same call may succeed later.
        retry_after_ms: How long the vendor wants to be left alone, if it said so.
    """

    default_retryable = False

    def __init__(
        self, message: str, *, code: str = "", retryable: bool | None = None, retry_after_ms: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after_ms = retry_after_ms


class RealtimeConnectionError(ProviderError):
    """No link to the provider: it could not be opened, or it is gone."""


class ProviderRefusedError(RealtimeConnectionError):
    """The provider answered no: credentials, model, quota or configuration. Trying again changes nothing."""


class ProviderLostError(RealtimeConnectionError):
    """The link dropped, or could not be reached; a new one may work."""

    default_retryable = True


class WireError(ProviderError):
    """A message from the provider that could not be read."""


class ClientGoneError(RealtimeError):
    """The participant's side of the session is gone."""

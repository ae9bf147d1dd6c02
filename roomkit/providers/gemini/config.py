"""Where and as whom to reach Gemini Live, or a server that speaks its protocol."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from roomkit.providers.shared.address import socket_address
from roomkit.providers.shared.keys import key_of, missing_key
from roomkit.voice.wires.port import Endpoint

DEFAULT_MODEL: Final = "gemini-3.8-live"
DEFAULT_BASE_URL: Final = "wss://generativelanguage.googleapis.com"
DEFAULT_API_VERSION: Final = "v1beta"
ALPHA_API_VERSION: Final = "v1alpha"
API_KEY_VARIABLES: Final = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
TOKEN_PREFIX: Final = "auth_tokens/"  # noqa: S105 -- what ephemeral tokens begin with, not one of them
METHOD: Final = "BidiGenerateContent"


class GeminiLiveConfig(BaseModel):
    """Settings of `GeminiLiveProvider`.

    Attributes:
        api_key: A key, or an ephemeral token (``auth_tokens/…``). Default: the environment's ``GEMINI_API_KEY``, then
            ``GOOGLE_API_KEY``, read at each dial. A server of your own (``base_url``) may need none.
        model: Passed as given, ids the vendor has retired included.
        base_url: ``ws(s)://`` or ``http(s)://``, with or without the path; a path that ends in the method's name
            (``…BidiGenerateContent``) is dialled as it is.
        api_version: Default: ``v1beta``, or ``v1alpha`` where a setting or a token needs it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # it may be a key

    api_key: SecretStr | None = None
    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    base_url: str | None = None
    api_version: str | None = Field(default=None, pattern=r"^v\d+[a-z0-9]*$")

    def endpoint(self, *, needs_alpha: bool = False) -> Endpoint:
        """Where to dial now.

        Args:
            needs_alpha: Something is asked for that only ``v1alpha`` has.

        Raises:
            ConfigError: No key for the vendor's own address, or a ``base_url`` that cannot work.
        """
        key = key_of(self.api_key, *API_KEY_VARIABLES)
        if not key and self.base_url is None:
            raise missing_key("Gemini", API_KEY_VARIABLES[0])
        is_token = key.startswith(TOKEN_PREFIX)
        version = self.api_version or (ALPHA_API_VERSION if needs_alpha or is_token else DEFAULT_API_VERSION)
        method = f"{METHOD}Constrained" if is_token else METHOD
        headers = {"Authorization": f"Token {key}"} if is_token else {"x-goog-api-key": key}
        return Endpoint(live_url(self.base_url or DEFAULT_BASE_URL, version, method), headers if key else {})


def live_url(base_url: str, version: str, method: str = METHOD) -> str:
    """The socket's address for ``base_url`` in any of its forms; its query is kept.

    Raises:
        ConfigError: It has no ``ws``, ``wss``, ``http`` or ``https`` scheme, or no host.
    """
    parts = socket_address(base_url, "wss://host/path")
    if parts.path.endswith((METHOD, f"{METHOD}Constrained")):
        return urlunsplit(parts)
    return urlunsplit(
        parts._replace(path=f"{parts.path}/ws/google.ai.generativelanguage.{version}.GenerativeService.{method}")
    )

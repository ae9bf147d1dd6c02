"""Where and as whom to reach OpenAI Realtime, or a server that speaks its protocol."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from roomkit.providers.shared.address import socket_address, with_query
from roomkit.providers.shared.keys import key_of, missing_key
from roomkit.voice.wires.port import Endpoint

DEFAULT_MODEL: Final = "gpt-realtime-2.1"
DEFAULT_BASE_URL: Final = "wss://api.openai.com/v1/realtime"
API_KEY_VARIABLE: Final = "OPENAI_API_KEY"


class OpenAIRealtimeConfig(BaseModel):
    """Settings of `OpenAIRealtimeProvider`.

    Attributes:
        api_key: Default: the environment's ``OPENAI_API_KEY``, read at each dial. A server of your own
            (``base_url``) may need none.
        model: Passed as given, ids the vendor has retired included.
        base_url: ``ws(s)://`` or ``http(s)://``, with or without ``/v1`` and ``/v1/realtime``.
        organization: Sent as ``OpenAI-Organization``.
        project: Sent as ``OpenAI-Project``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # it may be a key

    api_key: SecretStr | None = None
    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    base_url: str | None = None
    organization: str | None = None
    project: str | None = None

    def endpoint(self) -> Endpoint:
        """Where to dial now.

        Raises:
            ConfigError: No key for the vendor's own address, or a ``base_url`` that cannot work.
        """
        key = key_of(self.api_key, API_KEY_VARIABLE)
        if not key and self.base_url is None:
            raise missing_key("OpenAI", API_KEY_VARIABLE)
        headers = {
            "Authorization": f"Bearer {key}" if key else "",
            "OpenAI-Organization": self.organization or "",
            "OpenAI-Project": self.project or "",
        }
        sent = {name: value for name, value in headers.items() if value}
        return Endpoint(realtime_url(self.base_url or DEFAULT_BASE_URL, self.model), sent)


def realtime_url(base_url: str, model: str) -> str:
    """The socket's address for ``base_url`` in any of its forms; its own query is kept.

    Raises:
        ConfigError: It has no ``ws``, ``wss``, ``http`` or ``https`` scheme, or no host.
    """
    parts = socket_address(base_url, "wss://host/v1/realtime")
    path = parts.path or "/v1"
    if not path.endswith("/realtime"):
        path += "/realtime"
    return with_query(parts._replace(path=path), {"model": model})

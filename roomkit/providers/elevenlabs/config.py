"""Which ElevenLabs agent to reach, where, and as whom. Not in here: the request for a signed URL (`signed_url`)."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import SplitResult

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from roomkit.errors import ConfigError
from roomkit.providers.shared.address import socket_address, with_query
from roomkit.providers.shared.keys import key_of, missing_key
from roomkit.voice.wires.port import Endpoint

DEFAULT_BASE_URL: Final = "wss://api.elevenlabs.io"
API_KEY_VARIABLE: Final = "ELEVENLABS_API_KEY"
AGENT_ID_VARIABLE: Final = "ELEVENLABS_AGENT_ID"

CONVERSATION_PATH: Final = "/v1/convai/conversation"
SIGNED_URL_PATH: Final = f"{CONVERSATION_PATH}/get-signed-url"


class ElevenLabsRealtimeConfig(BaseModel):
    """Settings of `ElevenLabsRealtimeProvider`.

    Attributes:
        api_key: Default: the environment's ``ELEVENLABS_API_KEY``, read at each dial. A public agent needs none.
        agent_id: The agent, from the vendor's dashboard. Default: the environment's ``ELEVENLABS_AGENT_ID``.
        requires_auth: False: the key travels as a header of the socket. True: it buys a signed URL by HTTPS first, at
            every dial, and the socket itself carries no key.
        base_url: A regional endpoint (``wss://api.eu.residency.elevenlabs.io``) or a server of your own:
            ``ws(s)://`` or ``http(s)://``, with or without ``/v1/convai/conversation``.
        environment: Which environment of the agent; the vendor's default is ``production``.
        branch_id: Which branch of the agent.
        max_duration_s: How long the agent's owner lets a conversation last, on the vendor's dashboard. Calls are then
            moved to a new conversation before. Default: not known, and a call ends when the vendor ends it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # it may be a key

    api_key: SecretStr | None = None
    agent_id: str | None = None
    requires_auth: bool = False
    base_url: str | None = None
    environment: str | None = None
    branch_id: str | None = None
    max_duration_s: int | None = Field(default=None, ge=10)

    @property
    def key(self) -> str:
        """The key to use now; ``""`` where there is none."""
        return key_of(self.api_key, API_KEY_VARIABLE)

    @property
    def query(self) -> dict[str, str]:
        """What names the agent in a URL.

        Raises:
            ConfigError: No agent is named.
        """
        agent_id = self.agent_id or os.environ.get(AGENT_ID_VARIABLE, "")
        if not agent_id:
            raise ConfigError(f"ElevenLabs needs an agent: set {AGENT_ID_VARIABLE}, or pass agent_id to the provider")
        chosen = {"agent_id": agent_id, "environment": self.environment, "branch_id": self.branch_id}
        return {name: value for name, value in chosen.items() if value}

    def endpoint(self) -> Endpoint:
        """Where to dial now without a signed URL; the key, if there is one, as a header.

        Raises:
            ConfigError: No agent, or a ``base_url`` that cannot work.
        """
        url = with_query(address(self.base_url, CONVERSATION_PATH), self.query)
        return Endpoint(url, {"xi-api-key": self.key} if self.key else {})

    def signed_url_request(self) -> tuple[str, str]:
        """The URL that gives a signed one, and the key to ask it with.

        Raises:
            ConfigError: No agent, no key, or a ``base_url`` that cannot work.
        """
        if not self.key:
            raise missing_key("a signed URL", API_KEY_VARIABLE)
        url = with_query(address(self.base_url, SIGNED_URL_PATH), self.query)
        return url.replace("ws", "http", 1), self.key


def address(base_url: str | None, path: str) -> SplitResult:
    """The socket scheme, host and ``path`` for ``base_url`` in any of its forms; its own query is kept.

    Raises:
        ConfigError: It has no ``ws``, ``wss``, ``http`` or ``https`` scheme, or no host.
    """
    parts = socket_address(base_url or DEFAULT_BASE_URL, "wss://host" + CONVERSATION_PATH)
    prefix = parts.path.removesuffix(CONVERSATION_PATH).removesuffix("/v1/convai").removesuffix("/v1")
    return parts._replace(path=prefix + path)

"""Where and as whom to reach xAI's voice agent, and what a link asks for where the session does not say."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from roomkit.providers.openai.config import realtime_url
from roomkit.providers.shared.keys import key_of, missing_key
from roomkit.providers.xai.names import todays_model
from roomkit.voice.wires.port import Endpoint

DEFAULT_MODEL: Final = "grok-3-fast"
DEFAULT_VOICE: Final = "eve"
DEFAULT_TRANSCRIPTION_MODEL: Final = "grok-2-audio"
DEFAULT_BASE_URL: Final = "wss://api.x.ai/v1/realtime"
API_KEY_VARIABLE: Final = "XAI_API_KEY"


class XAIRealtimeConfig(BaseModel):
    """Settings of `XAIRealtimeProvider`.

    Attributes:
        api_key: Default: the environment's ``XAI_API_KEY``, read at each dial. A server of your own (``base_url``)
            may need none.
        model: Retired ids (the default is one) are sent as today's; any other goes through as given.
        voice: Used where the channel names none; in any case of letters, or a custom voice's id.
        transcription_model: Writes down what the caller said; retired ids are sent as today's.
        base_url: ``ws(s)://`` or ``http(s)://``, with or without ``/v1`` and ``/v1/realtime``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # it may be a key

    api_key: SecretStr | None = None
    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    voice: str = Field(default=DEFAULT_VOICE, min_length=1)
    transcription_model: str = Field(default=DEFAULT_TRANSCRIPTION_MODEL, min_length=1)
    base_url: str | None = None

    def endpoint(self, conversation_id: str | None = None) -> Endpoint:
        """Where to dial now.

        Args:
            conversation_id: Of the conversation to take up again.

        Raises:
            ConfigError: No key for the vendor's own address, or a ``base_url`` that cannot work.
        """
        key = key_of(self.api_key, API_KEY_VARIABLE)
        if not key and self.base_url is None:
            raise missing_key("xAI", API_KEY_VARIABLE)
        url = realtime_url(self.base_url or DEFAULT_BASE_URL, todays_model(self.model))  # it always has a query
        if conversation_id is not None:
            url += "&" + urlencode({"conversation_id": conversation_id})
        return Endpoint(url, {"Authorization": f"Bearer {key}"} if key else {})

"""`OpenAIRealtimeProvider`: OpenAI Realtime, or any server that speaks its protocol, as a voice provider.

Configuration and dialect meet the wire engine here; nothing else happens in this file.
"""

from __future__ import annotations

import logging
from typing import Final

from pydantic import SecretStr

from roomkit.providers.openai.config import OpenAIRealtimeConfig
from roomkit.providers.openai.dialect import OpenAIDialect
from roomkit.providers.openai.faults import OPENAI_CLOSES
from roomkit.providers.openai.session import turn_policy
from roomkit.providers.shared.notices import Notices, wants_temperature
from roomkit.providers.shared.settings import config_of
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.profile import Profile, TurnPolicy
from roomkit.voice.realtime.provider import ProviderSink, RealtimeVoiceProvider
from roomkit.voice.realtime.wire import HANDSHAKE_TIMEOUT_S, WireLink
from roomkit.voice.wires.port import Dialler, Endpoint

logger = logging.getLogger(__name__)

OPENAI_PROFILE: Final = Profile(
    name="openai",
    # not the voice: it is frozen from the first audio on, so another voice takes another link
    reconfigures=frozenset({"instructions", "tools", "provider_config"}),
    truncates=True,
    deletes_items=True,
    manual_turns=True,
    images=True,
    image_types=frozenset({"image/png", "image/jpeg"}),
    temperature=False,
    tells_speech=True,
    holds_answers=True,
    max_session_ms=3_600_000,
)


class OpenAIRealtimeProvider(RealtimeVoiceProvider):
    """Speech to speech by OpenAI.

    Args:
        api_key: Default: the environment's ``OPENAI_API_KEY``, looked up when a link is opened.
        model: Default: today's. Passed as given.
        base_url: Another server of this protocol; then a key is optional.
        organization: For keys of several organizations.
        project: For keys of several projects.
        config: All of the above as one object, instead of them.
        dial: Opens the socket; default: the fastest adapter installed.
        handshake_timeout_s: How long a link may take to come up.

    Raises:
        ConfigError: Both ``config`` and settings of it.
    """

    def __init__(
        self,
        api_key: str | SecretStr | None = None,
        model: str | None = None,
        base_url: str | None = None,
        *,
        organization: str | None = None,
        project: str | None = None,
        config: OpenAIRealtimeConfig | None = None,
        dial: Dialler | None = None,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    ) -> None:
        self._config = config_of(
            OpenAIRealtimeConfig,
            config,
            api_key=api_key,
            model=model,
            base_url=base_url,
            organization=organization,
            project=project,
        )
        self._dial = dial
        self._handshake_timeout_s = handshake_timeout_s
        self._notices = Notices(logger)

    @property
    def profile(self) -> Profile:
        """See `RealtimeVoiceProvider.profile`."""
        return OPENAI_PROFILE

    @property
    def config(self) -> OpenAIRealtimeConfig:
        """The settings; the key prints as stars."""
        return self._config

    @property
    def model(self) -> str:
        """See `RealtimeVoiceProvider.model`."""
        return self._config.model

    def turn_policy(self, config: LinkConfig) -> TurnPolicy:
        """See `RealtimeVoiceProvider.turn_policy`."""
        return turn_policy(config)

    async def endpoint(self, config: LinkConfig) -> Endpoint:  # asked at every dial: keys may have been rotated
        """Where to dial for ``config``.

        Raises:
            ConfigError: No key, or a ``base_url`` that cannot work.
        """
        return self._config.endpoint()

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> WireLink:
        """See `RealtimeVoiceProvider.open_link`."""
        if wants_temperature(config):
            self._notices.tell("OpenAI Realtime takes no temperature any more; ignored. Steer it with instructions")
        return await WireLink.open(
            await self.endpoint(config),
            OpenAIDialect(),
            config,
            sink,
            self._dial,
            vendor="OpenAI",
            closes=OPENAI_CLOSES,
            handshake_timeout_s=self._handshake_timeout_s,
        )

"""`XAIRealtimeProvider`: xAI's Grok voice agent as a voice provider.

Configuration and dialect meet the wire engine here; nothing else happens in this file.
"""

from __future__ import annotations

import logging
from typing import Final

from pydantic import SecretStr

from roomkit.providers.shared.notices import Notices, wants_temperature
from roomkit.providers.shared.settings import config_of
from roomkit.providers.xai.config import XAIRealtimeConfig
from roomkit.providers.xai.dialect import XAIDialect
from roomkit.providers.xai.faults import XAI_CLOSES
from roomkit.providers.xai.names import todays_model
from roomkit.providers.xai.native_tools import NATIVE_TOOLS
from roomkit.providers.xai.session import RATES_HZ, Defaults, turn_policy
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.profile import Profile, TurnPolicy
from roomkit.voice.realtime.provider import ProviderSink, RealtimeVoiceProvider
from roomkit.voice.realtime.wire import HANDSHAKE_TIMEOUT_S, WireLink
from roomkit.voice.wires.port import Dialler, Endpoint

logger = logging.getLogger(__name__)

XAI_PROFILE: Final = Profile(
    name="xai",
    input_rates_hz=RATES_HZ,
    output_rates_hz=RATES_HZ,
    # not the voice: nothing says that a voice changes in the middle of a conversation, so another takes another link
    reconfigures=frozenset({"instructions", "tools", "provider_config"}),
    truncates=True,
    deletes_items=True,
    manual_turns=True,
    images=False,
    temperature=False,
    tells_speech=True,
    holds_answers=True,
    resumes=True,
    says_verbatim=True,
    vendor_tools=NATIVE_TOOLS,
    timed_words=True,
    # the shorter of the limits people report (30 and 60 minutes); the vendor states none
    max_session_ms=1_800_000,
)


class XAIRealtimeProvider(RealtimeVoiceProvider):
    """Speech to speech by xAI.

    Args:
        config: Every setting as one object; or give them one by one.
        api_key: Default: the environment's ``XAI_API_KEY``, looked up when a link is opened.
        model: See `XAIRealtimeConfig`, as for the next three.
        voice: Where the channel names none.
        transcription_model: Writes down what the caller said.
        base_url: Another server of this protocol; then a key is optional.
        dial: Opens the socket; default: the fastest adapter installed.
        handshake_timeout_s: How long a link may take to come up.

    Raises:
        ConfigError: Both ``config`` and settings of it.
    """

    def __init__(
        self,
        config: XAIRealtimeConfig | None = None,
        *,
        api_key: str | SecretStr | None = None,
        model: str | None = None,
        voice: str | None = None,
        transcription_model: str | None = None,
        base_url: str | None = None,
        dial: Dialler | None = None,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    ) -> None:
        self._config = config_of(
            XAIRealtimeConfig,
            config,
            api_key=api_key,
            model=model,
            voice=voice,
            transcription_model=transcription_model,
            base_url=base_url,
        )
        self._dial = dial
        self._handshake_timeout_s = handshake_timeout_s
        self._notices = Notices(logger)

    @property
    def profile(self) -> Profile:
        """See `RealtimeVoiceProvider.profile`."""
        return XAI_PROFILE

    @property
    def config(self) -> XAIRealtimeConfig:
        """The settings; the key prints as stars."""
        return self._config

    @property
    def model(self) -> str:
        """See `RealtimeVoiceProvider.model`; a retired id serves as today's."""
        return todays_model(self._config.model)

    def turn_policy(self, config: LinkConfig) -> TurnPolicy:
        """See `RealtimeVoiceProvider.turn_policy`."""
        return turn_policy(config)

    async def endpoint(self, config: LinkConfig) -> Endpoint:  # asked at every dial: keys may have been rotated
        """Where to dial for ``config``.

        Raises:
            ConfigError: No key, or a ``base_url`` that cannot work.
        """
        return self._config.endpoint(config.resume)

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> WireLink:
        """See `RealtimeVoiceProvider.open_link`."""
        if wants_temperature(config):
            self._notices.tell("xAI's voice agent takes no temperature; ignored. Steer it with instructions")
        return await WireLink.open(
            await self.endpoint(config),
            XAIDialect(Defaults(self._config.voice, self._config.transcription_model)),
            config,
            sink,
            self._dial,
            vendor="xAI",
            closes=XAI_CLOSES,
            handshake_timeout_s=self._handshake_timeout_s,
        )

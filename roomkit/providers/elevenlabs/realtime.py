"""`ElevenLabsRealtimeProvider`: an agent of ElevenLabs' Conversational AI as a voice provider.

Configuration, signed URL and dialect meet the wire engine here; nothing else happens in this file.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from pydantic import SecretStr

from roomkit.providers.elevenlabs.config import ElevenLabsRealtimeConfig
from roomkit.providers.elevenlabs.dialect import PAUSE_SILENCE_MS, ElevenLabsDialect
from roomkit.providers.elevenlabs.faults import ELEVENLABS_CLOSES
from roomkit.providers.elevenlabs.formats import RATES_HZ
from roomkit.providers.elevenlabs.overrides import initiation
from roomkit.providers.elevenlabs.signed_url import fetch_signed_url
from roomkit.providers.shared.notices import Notices
from roomkit.providers.shared.settings import config_of
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.profile import Profile, TurnPolicy
from roomkit.voice.realtime.provider import ProviderSink, RealtimeVoiceProvider
from roomkit.voice.realtime.wire import HANDSHAKE_TIMEOUT_S, WireLink
from roomkit.voice.wires.port import Dialler, Endpoint

logger = logging.getLogger(__name__)

ELEVENLABS_PROFILE: Final = Profile(
    name="elevenlabs",
    input_rates_hz=RATES_HZ,
    output_rates_hz=RATES_HZ,
    cancels=False,
    takes_tools=False,
    timed_words=True,
    reports_usage=False,
)
"""Nothing of a running conversation can be changed, so a reconfiguration opens a new one."""

_TURNS: Final = TurnPolicy(
    # what interrupts is set at the agent (some words may not), so we follow its verdict and have none of our own
    interrupts=False,
    silence_ms=PAUSE_SILENCE_MS,
)

_SET_TOOLS_UP: Final = "ElevenLabs is not told of tools: set them up as client tools of the agent; their calls run here"

SignUrl = Callable[[ElevenLabsRealtimeConfig], Awaitable[str]]


class ElevenLabsRealtimeProvider(RealtimeVoiceProvider):
    """Speech to speech by an agent that is set up at ElevenLabs.

    Args:
        config: Every setting as one object; or give them one by one.
        api_key: Default: the environment's ``ELEVENLABS_API_KEY``, looked up when a link is opened.
        agent_id: Default: the environment's ``ELEVENLABS_AGENT_ID``.
        requires_auth: Buy a signed URL at every dial instead of sending the key on the socket, as is done by default.
        base_url: A regional endpoint, or another server of this protocol.
        environment: Which environment of the agent.
        branch_id: Which branch of the agent.
        max_duration_s: The longest conversation its owner allows: a call moves to a new one before. Default: the
            vendor's limit ends the call.
        dial: Opens the socket; default: the fastest adapter installed.
        sign: Gets the signed URL; default: by HTTPS.
        handshake_timeout_s: How long a link may take to come up.

    Raises:
        ConfigError: Both ``config`` and settings of it.
    """

    def __init__(
        self,
        config: ElevenLabsRealtimeConfig | None = None,
        *,
        api_key: str | SecretStr | None = None,
        agent_id: str | None = None,
        requires_auth: bool | None = None,
        base_url: str | None = None,
        environment: str | None = None,
        branch_id: str | None = None,
        max_duration_s: int | None = None,
        dial: Dialler | None = None,
        sign: SignUrl = fetch_signed_url,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    ) -> None:
        self._config = config_of(
            ElevenLabsRealtimeConfig,
            config,
            api_key=api_key,
            agent_id=agent_id,
            requires_auth=requires_auth,
            base_url=base_url,
            environment=environment,
            branch_id=branch_id,
            max_duration_s=max_duration_s,
        )
        duration_s = self._config.max_duration_s
        self._profile = replace(ELEVENLABS_PROFILE, max_session_ms=None if duration_s is None else duration_s * 1000)
        self._dial = dial
        self._sign = sign
        self._handshake_timeout_s = handshake_timeout_s
        self._notices = Notices(logger)

    @property
    def profile(self) -> Profile:
        """See `RealtimeVoiceProvider.profile`."""
        return self._profile

    @property
    def config(self) -> ElevenLabsRealtimeConfig:
        """The settings; the key prints as stars."""
        return self._config

    def turn_policy(self, config: LinkConfig) -> TurnPolicy:
        """See `RealtimeVoiceProvider.turn_policy`."""
        return _TURNS

    async def endpoint(self, config: LinkConfig) -> Endpoint:  # asked at every dial: a signature opens one conversation
        """Where to dial for ``config``.

        Raises:
            ConfigError: No agent, no key for a signed URL, or a ``base_url`` that cannot work.
            ProviderRefusedError: No signed URL, for good.
            ProviderLostError: No signed URL, this time.
        """
        if self._config.requires_auth:
            return Endpoint(await self._sign(self._config))
        return self._config.endpoint()

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> WireLink:
        """See `RealtimeVoiceProvider.open_link`."""
        if config.tools or config.vendor_tools:
            self._notices.tell(_SET_TOOLS_UP)
        initiation(config)  # what cannot work is refused before a signed URL is bought
        return await WireLink.open(
            await self.endpoint(config),
            ElevenLabsDialect(),
            config,
            sink,
            self._dial,
            vendor="ElevenLabs",
            closes=ELEVENLABS_CLOSES,
            handshake_timeout_s=self._handshake_timeout_s,
        )

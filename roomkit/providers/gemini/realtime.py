"""`GeminiLiveProvider`: Gemini Live, or any server that speaks its protocol, as a voice provider.

Configuration and dialect meet the wire engine here; nothing else happens in this file.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Final

from pydantic import SecretStr

from roomkit.errors import ProviderLostError, ProviderRefusedError
from roomkit.providers.gemini.config import GeminiLiveConfig
from roomkit.providers.gemini.dialect import GeminiDialect
from roomkit.providers.gemini.faults import GEMINI_CLOSES, HANDLE_CODES, RESUME_REFUSED
from roomkit.providers.gemini.models import family_of
from roomkit.providers.gemini.setup import INPUT_RATE_HZ, OUTPUT_RATE_HZ, ignored, needs_alpha, turn_policy
from roomkit.providers.shared.notices import Notices
from roomkit.providers.shared.settings import config_of
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.profile import Profile, TurnPolicy
from roomkit.voice.realtime.provider import ProviderSink, RealtimeVoiceProvider
from roomkit.voice.realtime.wire import HANDSHAKE_TIMEOUT_S, WireLink
from roomkit.voice.wires.port import Dialler, Endpoint

logger = logging.getLogger(__name__)

GEMINI_PROFILE: Final = Profile(
    name="gemini",
    input_rates_hz=(INPUT_RATE_HZ,),
    output_rates_hz=(OUTPUT_RATE_HZ,),
    # of 3.8; older models change nothing in place. A new link takes the conversation along by its handle
    reconfigures=frozenset({"instructions", "tools"}),
    cancels=False,
    manual_turns=True,
    images=True,
    image_types=frozenset({"image/png", "image/jpeg"}),
    resumes=True,
    vendor_tools=frozenset({"google_search", "code_execution", "url_context"}),
    max_session_ms=600_000,
)
"""What Gemini Live can do with its default model."""


class GeminiLiveProvider(RealtimeVoiceProvider):
    """Speech to speech by Google.

    Args:
        api_key: Default: the environment's ``GEMINI_API_KEY`` or ``GOOGLE_API_KEY``, looked up when a link is opened.
        model: Default: today's. Passed as given.
        base_url: Another server of this protocol; then a key is optional.
        api_version: Default: what the settings need.
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
        api_version: str | None = None,
        config: GeminiLiveConfig | None = None,
        dial: Dialler | None = None,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    ) -> None:
        self._config = config_of(
            GeminiLiveConfig, config, api_key=api_key, model=model, base_url=base_url, api_version=api_version
        )
        self._dial = dial
        self._handshake_timeout_s = handshake_timeout_s
        self._notices = Notices(logger)
        updates = family_of(self._config.model).updates_context
        self._profile = GEMINI_PROFILE if updates else dataclasses.replace(GEMINI_PROFILE, reconfigures=frozenset())

    @property
    def profile(self) -> Profile:
        """See `RealtimeVoiceProvider.profile`; what can change in place depends on the model."""
        return self._profile

    @property
    def config(self) -> GeminiLiveConfig:
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
            ConfigError: No key, or a ``base_url`` or setting that cannot work.
        """
        return self._config.endpoint(needs_alpha=needs_alpha(self._config.model, config))

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> WireLink:
        """See `RealtimeVoiceProvider.open_link`.

        A refusal with ``config.resume`` set has the code ``resume_refused`` and is retryable: the handle may be all
        that was wrong.
        """
        for sentence in ignored(self._config.model, config):
            self._notices.tell(sentence)
        try:
            return await WireLink.open(
                await self.endpoint(config),
                GeminiDialect(self._config.model),
                config,
                sink,
                self._dial,
                vendor="Gemini",
                closes=GEMINI_CLOSES,
                handshake_timeout_s=self._handshake_timeout_s,
            )
        except ProviderRefusedError as refused:
            if config.resume is None or refused.code not in HANDLE_CODES:
                raise
            raise ProviderLostError(
                "Gemini: the conversation could not be taken up by its handle; dial without it", code=RESUME_REFUSED
            ) from refused

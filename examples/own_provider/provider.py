"""`ParrotProvider`: configuration and dialect meet the wire engine; nothing else happens here."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, SecretStr

from examples.own_provider.dialect import RATE_HZ, ParrotDialect
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider import ProviderSink, RealtimeVoiceProvider
from roomkit.voice.realtime.reconnect import CloseMap
from roomkit.voice.realtime.wire import WireLink
from roomkit.voice.wires.port import Endpoint

PARROT_PROFILE = Profile(
    name="parrot",
    input_rates_hz=(RATE_HZ,),
    output_rates_hz=(RATE_HZ,),
    reconfigures=frozenset({"instructions", "provider_config"}),
    cancels=False,
    temperature=False,
    says_verbatim=True,
    takes_tools=False,
)
PARROT_CLOSES = CloseMap(refusing_closes={4001: "bad_key"})


class ParrotConfig(BaseModel):
    """Where Parrot is, and who calls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    api_key: SecretStr = SecretStr("")


class ParrotProvider(RealtimeVoiceProvider):
    """Says back what it hears."""

    def __init__(self, config: ParrotConfig) -> None:
        self._config = config

    @property
    def profile(self) -> Profile:
        return PARROT_PROFILE

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> WireLink:
        endpoint = Endpoint(self._config.url, {"Authorization": self._config.api_key.get_secret_value()})
        return await WireLink.open(endpoint, ParrotDialect(), config, sink, vendor="Parrot", closes=PARROT_CLOSES)

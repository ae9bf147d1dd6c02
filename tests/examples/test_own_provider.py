"""The example vendor of docs/add-a-provider.md, through a real session over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from examples.own_provider import ParrotConfig, ParrotProvider, parrot_server
from examples.own_provider.dialect import RATE_HZ, ParrotDialect
from examples.own_provider.simulator import KEY
from roomkit import HookTrigger, Price, PriceTable, RealtimeVoiceChannel, RoomKit
from roomkit.errors import ConfigError, ProviderRefusedError, WireError
from roomkit.models.session import VoiceSession
from roomkit.testing.call import tone
from roomkit.voice.audio.pcm import silence
from roomkit.voice.realtime.commands import InjectImage, LinkConfig
from roomkit.voice.realtime.mock import MockRealtimeTransport

PRICES = PriceTable((Price("parrot", per_minute=Decimal("0.60"), minutes_of="billable_s"),))
TURN_TIMEOUT_S = 10.0


@dataclass
class Call:
    kit: RoomKit
    channel: RealtimeVoiceChannel
    transport: MockRealtimeTransport
    session: VoiceSession
    turns: asyncio.Queue[Any]

    async def says(self, seconds: float) -> None:
        await self.transport.simulate_client_audio(self.session, tone(seconds, RATE_HZ) + silence(250, RATE_HZ))

    async def is_answered(self) -> None:
        async with asyncio.timeout(TURN_TIMEOUT_S):
            await self.turns.get()

    async def words(self) -> list[tuple[str, str]]:
        events = await self.kit.get_timeline("room")
        return [(event.metadata["role"], event.text) for event in events if event.metadata.get("role") != "system"]

    def heard_s(self) -> float:
        return sum(len(pcm) for _, pcm in self.transport.sent_audio) / 2 / 24_000


@asynccontextmanager
async def calling(key: str = KEY, **options: Any) -> AsyncIterator[Call]:
    async with AsyncExitStack() as undo:
        url = await undo.enter_async_context(parrot_server())
        transport = MockRealtimeTransport()
        provider = ParrotProvider(ParrotConfig(url=url, api_key=SecretStr(key)))
        channel = RealtimeVoiceChannel("voice", provider=provider, transport=transport, prices=PRICES, **options)
        kit = await undo.enter_async_context(RoomKit())
        kit.register_channel(channel)
        turns: asyncio.Queue[Any] = asyncio.Queue()

        @kit.hook(HookTrigger.ON_TURN_COMPLETE)
        async def note(event: Any, context: Any) -> None:
            turns.put_nowait(event)

        session = await channel.start_session("room", "ada")
        yield Call(kit, channel, transport, session, turns)


async def test_the_parrot_says_back_what_the_caller_said() -> None:
    async with calling() as call:
        await call.says(0.6)
        await call.is_answered()

        assert await call.words() == [("user", "0.6 s of sound"), ("assistant", "You said: this.")]
        assert call.heard_s() == pytest.approx(0.6, abs=0.05)


async def test_typed_text_is_answered_and_the_vendors_own_setting_reaches_it() -> None:
    async with calling(provider_config={"times": 2}) as call:
        await call.channel.inject_text(call.session, "Hello, parrot.")
        await call.is_answered()

        assert (await call.words())[-1] == ("assistant", "Hello, parrot.")
        assert call.heard_s() == pytest.approx(1.0, abs=0.05)


async def test_what_the_vendor_bills_is_priced() -> None:
    async with calling() as call:
        await call.says(0.6)
        await call.is_answered()

        assert call.session.usage.cost == pytest.approx(Decimal("0.006"), abs=Decimal("0.0005"))


async def test_a_wrong_key_is_a_refusal_for_good() -> None:
    with pytest.raises(ProviderRefusedError, match="Parrot"):
        async with calling(key="wrong"):
            pass


def test_a_setting_the_vendor_does_not_know_fails_before_the_wire_and_names_what_it_knows() -> None:
    with pytest.raises(ConfigError, match="times"):
        ParrotDialect().open(LinkConfig("s", provider_config={"feathers": "green"}))


def test_what_it_cannot_do_names_the_way_out() -> None:
    with pytest.raises(ConfigError, match="inject_text"):
        ParrotDialect().encode(InjectImage(b"", "image/png"))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["is", "text", "seconds"]), inner),
    max_leaves=5,
)
KINDS = st.sampled_from(["ready", "listening", "heard", "answering", "answered", "sorry", "else"])


def event_of(kind: str, rest: Any) -> str:
    return json.dumps({"is": kind, "text": rest, "seconds": rest})


@given(st.binary(max_size=9) | st.text(max_size=9) | st.builds(event_of, KINDS, JSON))
def test_no_message_breaks_it(message: str | bytes) -> None:
    try:
        events = ParrotDialect().decode(message).events
    except WireError:
        return
    assert all(len(event.pcm) % 2 == 0 for event in events if hasattr(event, "pcm"))

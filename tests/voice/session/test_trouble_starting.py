"""Starting, replacing and coming back, cancelled or refused at the wrong moment (RFC 0006, R-0006-2, 5, 6)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from roomkit import InboundMessage, RoomKit, TextContent, WebSocketChannel
from roomkit._aio import Supervisor
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import ClientGoneError, RoomKitError
from roomkit.models.session import EndReason, SessionState
from roomkit.testing import VirtualClock
from roomkit.voice.backends.base import ClientGone, ClientSetup, ClientSink, TransportLink
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink

pytestmark = pytest.mark.virtual_time

DEADLINE_S = 30.0

T = TypeVar("T")


class SlowProvider(MockRealtimeProvider):
    """Takes a second to answer the door."""

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        await asyncio.sleep(1)
        return await super().open_link(config, sink)


class SlowTransport(MockRealtimeTransport):
    """Never gets a client through, unless ``takes_s`` says when; ``gone`` clients left meanwhile."""

    takes_s: float = 0.0
    is_gone = False

    async def open_link(self, connection: Any, setup: ClientSetup, sink: ClientSink) -> TransportLink:
        await asyncio.sleep(self.takes_s)
        if self.is_gone:
            raise ClientGoneError("left")
        return await super().open_link(connection, setup, sink)


def channel_on(
    provider: MockRealtimeProvider | None = None, transport: MockRealtimeTransport | None = None, **options: Any
) -> RealtimeVoiceChannel:
    return RealtimeVoiceChannel(
        "voice",
        provider=provider or MockRealtimeProvider(),
        transport=transport or MockRealtimeTransport(),
        **options,
    )


def begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return Supervisor("test", on_error=lambda *_: None).start(work, name="caller")


def tasks_left() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_a_start_cancelled_while_it_waits_for_the_one_it_replaces_leaves_nothing_in_the_way() -> None:
    channel = channel_on()
    first = await channel.start_session("room-1", "caller")
    second = begin(channel.start_session("room-1", "caller"))
    await asyncio.sleep(0)

    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    async with asyncio.timeout(DEADLINE_S):
        third = await channel.start_session("room-1", "caller")

    assert first.end_reason is EndReason.REPLACED
    assert channel.get_room_sessions("room-1") == [third]
    await channel.close()
    assert tasks_left() == set()


async def test_many_impatient_starts_leave_one_session() -> None:
    channel = channel_on(SlowProvider())
    starts = [begin(channel.start_session("room-1", "caller")) for _ in range(20)]
    async with asyncio.timeout(DEADLINE_S):
        results = await asyncio.gather(*starts, return_exceptions=True)

    started = [one for one in results if not isinstance(one, BaseException)]
    assert all(isinstance(one, RoomKitError) for one in results if isinstance(one, BaseException))
    assert [one.state for one in started].count(SessionState.ACTIVE) == 1
    assert len(channel.get_room_sessions("room-1")) == 1
    await channel.close()
    assert tasks_left() == set()


async def test_a_session_is_hung_up_even_while_its_client_is_still_coming_in() -> None:
    transport = SlowTransport()
    transport.takes_s = 3_600
    channel = channel_on(transport=transport)
    start = begin(channel.start_session("room-1", "caller"))
    await asyncio.sleep(1)

    (session,) = channel.get_room_sessions("room-1")
    async with asyncio.timeout(DEADLINE_S):
        await channel.end_session(session)
        with pytest.raises(RoomKitError):
            await start

    assert session.end_reason is EndReason.HANGUP
    assert tasks_left() == set()


async def test_a_channel_that_closes_takes_no_new_caller_and_says_so() -> None:
    channel = channel_on()
    await channel.start_session("room-1", "ann")
    closing = begin(channel.close())
    await asyncio.sleep(0)

    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(RoomKitError, match="closed"):
            await channel.start_session("room-1", "bob")
        await closing

    assert channel.get_room_sessions("room-1") == []
    assert tasks_left() == set()


@pytest.mark.parametrize("how", ["refused", "cancelled"])
async def test_a_client_that_comes_back_and_fails_again_still_has_its_grace_and_no_more(how: str) -> None:
    transport = SlowTransport()
    channel = channel_on(transport=transport, client_grace_ms=5_000)
    session = await channel.start_session("room-1", "caller")
    await transport.simulate_client_disconnect(session)

    transport.takes_s, transport.is_gone = 1.0, how == "refused"
    back = begin(channel.start_session("room-1", "caller"))
    await asyncio.sleep(0.5)
    if how == "cancelled":
        back.cancel()
    (error,) = await asyncio.gather(back, return_exceptions=True)
    await asyncio.sleep(6)

    assert isinstance(error, ClientGoneError | asyncio.CancelledError)
    assert session.end_reason is EndReason.CLIENT_GONE
    assert channel.get_room_sessions("room-1") == []
    assert tasks_left() == set()


async def test_a_client_that_comes_back_to_a_session_that_ends_meanwhile_is_hung_up_and_told() -> None:
    transport = SlowTransport()
    channel = channel_on(transport=transport, client_grace_ms=5_000)
    session = await channel.start_session("room-1", "caller")
    await transport.simulate_client_disconnect(session)

    transport.takes_s = 1.0
    back = begin(channel.start_session("room-1", "caller", "second"))
    await asyncio.sleep(0.5)
    await channel.end_session(session)
    (error,) = await asyncio.gather(back, return_exceptions=True)

    assert isinstance(error, RoomKitError)
    accepted = [call for call in transport.calls if call.method == "accept"]
    hung_up = [call for call in transport.calls if call.method == "disconnect"]
    assert len(accepted) == len(hung_up)
    assert tasks_left() == set()


@pytest.mark.parametrize("again", [False, True])
async def test_a_client_that_leaves_in_the_moment_it_comes_in_does_not_leave_a_session_behind(again: bool) -> None:
    class Fleeting(MockRealtimeTransport):
        is_fleeting = False

        async def open_link(self, connection: Any, setup: ClientSetup, sink: ClientSink) -> TransportLink:
            link = await super().open_link(connection, setup, sink)
            if self.is_fleeting:
                sink.on_event(ClientGone("already"))
            return link

    transport = Fleeting()
    channel = channel_on(SlowProvider(), transport, client_grace_ms=1_000)
    if again:
        session = await channel.start_session("room-1", "caller")
        await transport.simulate_client_disconnect(session)
    transport.is_fleeting = True

    await asyncio.gather(channel.start_session("room-1", "caller"), return_exceptions=True)
    await asyncio.sleep(2)

    assert channel.get_room_sessions("room-1") == []
    assert tasks_left() == set()


async def test_text_of_the_room_reaches_who_is_live_although_another_caller_is_still_coming_in() -> None:
    provider, transport = MockRealtimeProvider(), SlowTransport()
    kit = RoomKit(clock=VirtualClock())
    channel, chat = channel_on(provider, transport), WebSocketChannel("chat")
    kit.register_channel(channel)
    kit.register_channel(chat)
    transport.takes_s = 3_600
    coming = begin(channel.start_session("room-1", "ann"))
    await asyncio.sleep(1)
    transport.takes_s = 0
    session = await channel.start_session("room-1", "bob")
    await kit.attach_channel("room-1", "chat")

    message = InboundMessage(channel_id="chat", sender_id="eve", content=TextContent(body="hello both"))
    await kit.process_inbound(message, room_id="room-1")
    await asyncio.sleep(1)

    assert provider.injected_texts == [(session.id, "hello both", "user")]
    assert not coming.done()
    await kit.close()
    await asyncio.gather(coming, return_exceptions=True)
    assert tasks_left() == set()


async def test_words_given_while_the_provider_is_still_being_dialled_are_its_first_and_are_answered() -> None:
    provider = SlowProvider()
    channel = channel_on(provider)
    start = begin(channel.start_session("room-1", "caller"))
    await asyncio.sleep(0.5)
    (session,) = channel.get_room_sessions("room-1")

    await channel.inject_text(session, "I am calling about order 12")
    await start

    assert provider.injected_texts == [(session.id, "I am calling about order 12", "user")]
    assert provider.methods().count("ask_for_response") == 1
    await channel.close()

"""The client side of a session: its link, coming back on another one, and leaving.

Not in here: what the client says (`events`) and which audio goes to it (`media`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from roomkit.errors import ClientGoneError, SessionStateError
from roomkit.models.session import EndReason, LinkState, SessionState
from roomkit.voice.backends.base import ClientEvent, ClientSetup, TransportLink, VoiceBackend
from roomkit.voice.session import messages
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.events import SessionEvents


class ClientLinkSink:
    """Where one client link delivers; silenced when the client comes back on another.

    What comes while the link is still being opened waits its turn, in order.

    Attributes:
        on_audio: See `ClientSink.on_audio`; an attribute, so that a frame goes to the session without a step between.
        on_event: See `ClientSink.on_event`.
    """

    def __init__(self, settled: Callable[[], Awaitable[None]]) -> None:
        self._settled: Callable[[], Awaitable[None]] | None = settled
        self._early: list[bytes | ClientEvent] = []
        self.on_audio: Callable[[bytes], None] = self._early.append
        self.on_event: Callable[[ClientEvent], None] = self._early.append

    async def settled(self) -> None:
        """See `ClientSink.settled`."""
        if self._settled is not None:
            await self._settled()

    def go_live(self, events: SessionEvents) -> None:
        """The session takes what the client sends from now on."""
        self.on_audio, self.on_event = events.media.input.feed, events.from_client
        early, self._early = self._early, []
        for item in early:
            if isinstance(item, bytes):
                self.on_audio(item)
            else:
                self.on_event(item)

    def silence(self) -> None:
        """Whatever still comes from this link is dropped; nothing of the session is held any more."""
        self._settled = None
        self.on_audio = self.on_event = _drop
        self._early.clear()


class ClientSide:
    """The client's slot of one session.

    Args:
        context: The session's common ground.
        transport: Carries the client.
        settled: See `ClientSink.settled`.
    """

    def __init__(
        self, context: SessionContext, transport: VoiceBackend, *, settled: Callable[[], Awaitable[None]]
    ) -> None:
        self._context = context
        self._transport = transport
        self._settled = settled
        self._setup = _setup_of(context)
        self._events: SessionEvents | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._sink = ClientLinkSink(settled)
        self._link: TransportLink | None = None

    @property
    def link(self) -> TransportLink:
        """The current link.

        Raises:
            SessionStateError: There is none.
        """
        if self._link is None:
            raise SessionStateError("the session has no client")
        return self._link

    async def open(self, connection: Any) -> TransportLink:
        """Bind the connection; audio waits until `go_live`.

        Raises:
            ConfigError: ``connection`` is nothing this transport can carry.
            ClientGoneError: It left before it began.
        """
        self._link = await self._transport.open_link(connection, self._setup, self._sink)
        return self._link

    def go_live(self, events: SessionEvents) -> None:
        """The session takes what the client sends from now on, and ``events`` gets it."""
        self._events = events
        self._context.view.link_states["client"] = LinkState.UP
        self._sink.go_live(events)

    def send(self, message: messages.Message) -> None:
        """Tell the client; dropped when there is none."""
        if self._context.recorder is not None:
            self._context.recorder.told(message)
        if self._link is not None:
            self._link.send_message(message)

    def gone(self) -> None:
        """The link dropped: the end, unless the client comes back within the grace."""
        if self._context.is_over:
            return
        grace_ms = self._context.settings.client_grace_ms
        if grace_ms <= 0 or self._events is None or self._context.view.state is not SessionState.ACTIVE:
            self._context.end(EndReason.CLIENT_GONE)
            return
        self._context.view.link_states["client"] = LinkState.RECOVERING
        self._context.record("link_state", link="client", state=LinkState.RECOVERING)
        self._events.media.detach_client()
        self._grace = asyncio.get_running_loop().call_later(grace_ms / 1000.0, self._context.end, EndReason.CLIENT_GONE)

    async def resume(self, connection: Any, welcome: messages.Message) -> None:
        """The client is back on another connection; it holds no audio. ``welcome`` is the first it hears.

        Raises:
            ConfigError: ``connection`` is nothing this transport can carry.
            ClientGoneError: It left again at once, or the session ended meanwhile.
        """
        sink = ClientLinkSink(self._settled)
        link = await self._transport.open_link(connection, self._setup, sink)
        if self._context.is_over:
            sink.silence()
            await link.close("the session ended")
            raise ClientGoneError("the session ended before its client was back")
        if self._grace is not None:
            self._grace.cancel()
        self._sink.silence()
        self._sink, self._link = sink, link
        link.send_message(welcome)
        assert self._events is not None
        self._context.record("link_state", link="client", state=LinkState.UP)
        self._events.client_audio.client_is_new()
        self._events.media.attach_client(link)
        self.go_live(self._events)

    async def close(self, reason: str) -> None:
        """Hang up; nothing more comes in."""
        self._sink.silence()
        if self._grace is not None:
            self._grace.cancel()
        if self._link is not None:
            await self._link.close(reason)


def _setup_of(context: SessionContext) -> ClientSetup:
    view, settings = context.view, context.settings
    return ClientSetup(
        session_id=view.id,
        room_id=view.room_id,
        participant_id=view.participant_id,
        input_rate_hz=settings.transport_rate_hz or settings.input_rate_hz,
        output_rate_hz=settings.transport_rate_hz or settings.output_rate_hz,
    )


def _drop(_: object) -> None:
    """Where what a silenced link still says goes."""

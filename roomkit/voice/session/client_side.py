"""The client side of a session: its link, coming back on another one, and leaving.

Not in here: what the client says (`events`) and which audio goes to it (`media`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from roomkit.errors import ClientGoneError, SessionStateError
from roomkit.models.session import EndReason, LinkState
from roomkit.voice.backends.base import ClientEvent, ClientSetup, TransportLink, VoiceBackend
from roomkit.voice.session import messages
from roomkit.voice.session.events import SessionEvents


class ClientHost(Protocol):
    """What the client side needs of its session."""

    @property
    def is_over(self) -> bool: ...
    @property
    def events(self) -> SessionEvents: ...
    def from_client(self, event: ClientEvent) -> None: ...
    async def settled(self) -> None: ...
    def end(self, reason: EndReason) -> None: ...
    def client_is(self, state: LinkState) -> None: ...


class ClientLinkSink:
    """Where one client link delivers; silenced when the client comes back on another.

    What comes while the link is still being opened waits its turn, in order.
    """

    def __init__(self, host: ClientHost) -> None:
        self._host: ClientHost | None = host
        self._feed: Callable[[bytes], None] | None = None
        self._early: list[bytes | ClientEvent] = []

    def on_audio(self, pcm: bytes) -> None:
        """See `ClientSink.on_audio`."""
        if self._feed is not None:
            self._feed(pcm)
        elif self._host is not None:
            self._early.append(pcm)

    def on_event(self, event: ClientEvent) -> None:
        """See `ClientSink.on_event`."""
        if self._feed is not None and self._host is not None:
            self._host.from_client(event)
        elif self._host is not None:
            self._early.append(event)

    async def settled(self) -> None:
        """See `ClientSink.settled`."""
        if self._host is not None:
            await self._host.settled()

    def go_live(self, feed: Callable[[bytes], None]) -> None:
        """The session takes what the client sends from now on."""
        self._feed = feed
        early, self._early = self._early, []
        for item in early:
            if isinstance(item, bytes):
                self.on_audio(item)
            else:
                self.on_event(item)

    def silence(self) -> None:
        """Whatever still comes from this link is dropped."""
        self._host = self._feed = None
        self._early.clear()


class ClientSide:
    """The client's slot of one session.

    Args:
        grace_ms: How long a client that dropped may take to come back; 0: it is the end.
    """

    def __init__(self, host: ClientHost, transport: VoiceBackend, setup: ClientSetup, *, grace_ms: float) -> None:
        self._host = host
        self._transport = transport
        self._setup = setup
        self._grace_ms = grace_ms
        self._grace: asyncio.TimerHandle | None = None
        self._sink = ClientLinkSink(host)
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

    def go_live(self) -> None:
        """The session takes audio from now on."""
        self._host.client_is(LinkState.UP)
        self._sink.go_live(self._host.events.media.input.feed)

    def send(self, message: messages.Message) -> None:
        """Tell the client; dropped when there is none."""
        if self._link is not None:
            self._link.send_message(message)

    def gone(self, *, may_return: bool) -> None:
        """The link dropped: the end, unless the client comes back within the grace."""
        if self._host.is_over:
            return
        if self._grace_ms <= 0 or not may_return:
            self._host.end(EndReason.CLIENT_GONE)
            return
        self._host.client_is(LinkState.RECOVERING)
        self._host.events.media.detach_client()
        self._grace = asyncio.get_running_loop().call_later(
            self._grace_ms / 1000.0, self._host.end, EndReason.CLIENT_GONE
        )

    async def resume(self, connection: Any, welcome: messages.Message) -> None:
        """The client is back on another connection; it holds no audio. ``welcome`` is the first it hears.

        Raises:
            ConfigError: ``connection`` is nothing this transport can carry.
            ClientGoneError: It left again at once, or the session ended meanwhile.
        """
        sink = ClientLinkSink(self._host)
        link = await self._transport.open_link(connection, self._setup, sink)
        if self._host.is_over:
            sink.silence()
            await link.close("the session ended")
            raise ClientGoneError("the session ended before its client was back")
        if self._grace is not None:
            self._grace.cancel()
        self._sink.silence()
        self._sink, self._link = sink, link
        link.send_message(welcome)
        self._host.events.media.attach_client(link)
        self.go_live()

    async def close(self, reason: str) -> None:
        """Hang up; nothing more comes in."""
        self._sink.silence()
        if self._grace is not None:
            self._grace.cancel()
        if self._link is not None:
            await self._link.close(reason)

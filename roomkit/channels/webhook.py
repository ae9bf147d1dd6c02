"""Another system as a channel: a room's events go out as signed POSTs, and its signed POSTs come in as messages.

Not in here: signatures, formats, retries and the ASGI application, each in a file of its own. Invariant: a room's
events leave one after the other in index order, each until it was taken or given up; no attempt is made for an event
the binding may not see at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from roomkit._extras import require
from roomkit.channels.base import ChannelBase
from roomkit.channels.webhook_door import WebhookDoor
from roomkit.channels.webhook_format import EventFormat, WebhookFormat
from roomkit.channels.webhook_signature import StandardSignature, WebhookSignature
from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.core.access import may_receive
from roomkit.core.transcode import EVERYTHING, for_channel
from roomkit.errors import AccessDeniedError, ConfigError
from roomkit.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelType
from roomkit.models.event import RoomEvent

if TYPE_CHECKING:
    import httpx

    from roomkit.channels.webhook_sender import Sender
    from roomkit.core.ports import ChannelHost


class WebhookChannel(ChannelBase):
    """A channel to a system reached by webhooks. Mount `asgi` for the way in; give ``url`` for the way out.

    Args:
        channel_id: Unique in its kit.
        url: Where events are posted; ``None``: the channel only takes in.
        secret: The Standard Webhooks secret shared with the other side; several while they are rotated.
        signature: Another scheme, instead of ``secret``.
        format: What bodies look like; ours, unless the other side has its own.
        channel_type: What hooks filter on.
        capabilities: What the other side can show; it gets the rest as text, links and pieces.
        client: An ``httpx.AsyncClient`` to use, and not to close; nothing makes one.
        request_timeout: Seconds for one attempt.
        attempts: How often a request is tried in all. Pauses grow from half a second to eight; all of it happens
            within the delivery, so the kit's ``delivery_timeout`` ends it too.
        max_body_bytes: Larger bodies are refused.
        max_requests: Requests at work at a time; more are answered 503.

    Raises:
        ConfigError: Neither or both of ``secret`` and ``signature``, a secret or URL that cannot be used, or a bound
            that is not positive.
        MissingExtraError: There is a ``url``, and the ``webhook`` extra is not installed.
    """

    default_type = ChannelType.WEBHOOK

    def __init__(
        self,
        channel_id: str,
        *,
        url: str | None = None,
        secret: str | Sequence[str] | None = None,
        signature: WebhookSignature | None = None,
        format: WebhookFormat | None = None,  # noqa: A002 -- the word users know it by
        channel_type: ChannelType = ChannelType.WEBHOOK,
        capabilities: ChannelCapabilities = EVERYTHING,
        client: httpx.AsyncClient | None = None,
        request_timeout: float = 10.0,
        attempts: int = 5,
        max_body_bytes: int = 1_000_000,
        max_requests: int = 100,
    ) -> None:
        super().__init__(channel_id)
        self.channel_type = channel_type
        self.capabilities = capabilities
        if min(request_timeout, attempts, max_body_bytes, max_requests) <= 0:
            raise ConfigError("request_timeout, attempts, max_body_bytes and max_requests are positive")
        self._takes_in = False
        self._signature = _one_of(secret, signature)
        self._format = format or EventFormat()
        self._url = None if url is None else _checked(url)
        self._sender = None if url is None else self._make_sender(client, request_timeout, attempts)
        self._door = WebhookDoor(
            channel_id,
            self._signature,
            self._format,
            lambda: self.host if self._takes_in else None,
            max_body_bytes=max_body_bytes,
            max_requests=max_requests,
        )

    @property
    def asgi(self) -> WebhookDoor:
        """The way in, as an ASGI application: mount it where the other side posts to."""
        return self._door

    def attach(self, host: ChannelHost | None) -> None:
        """See `roomkit.core.ports.Channel.attach`."""
        super().attach(host)
        self._takes_in = host is not None

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        """Post an event to the other side, again and again while that may help and the binding may still see it.

        Raises:
            DeliveryError: It was not taken: the delivery is on record as failed, and the framework event
                ``delivery_failed`` names it.
        """
        await self._bring_out(event, binding)
        return None

    async def redeliver(self, event: RoomEvent) -> None:
        """Post an event of the timeline once more: a dead letter, when the other side is back.

        It has the same id as the first time, so a side that has it does not take it twice.

        Raises:
            NotFoundError: No such room.
            AccessDeniedError: The channel may not see it, or not any more.
            DeliveryError: It was not taken.
        """
        if self.host is not None:
            await self.host.history(event.room_id, limit=0)  # a room nobody used since the start is not in memory yet
        binding = self._binding_that_sees(event)
        if binding is None:
            raise AccessDeniedError(f"channel {self.channel_id!r} may not see event {event.id!r}")
        await self._bring_out(for_channel(event, binding.capabilities or self.capabilities), binding)

    async def drain(self) -> None:
        """Take nothing in any more; what goes out does so within the kit's grace."""
        self._takes_in = False

    async def close(self) -> None:
        """Let the connections go."""
        if self._sender is not None:
            await self._sender.close()

    async def _bring_out(self, event: RoomEvent, binding: ChannelBinding) -> None:
        if self._sender is None or self._url is None:
            return
        for outgoing in self._format.write(event, binding):
            await self._sender.send(outgoing, self._url, lambda: self._binding_that_sees(event) is not None)

    def _binding_that_sees(self, event: RoomEvent) -> ChannelBinding | None:
        """The live binding, if an event may still be shown to it."""
        binding = None if self.host is None else self.host.binding(event.room_id)
        return binding if binding is not None and may_receive(event, binding) else None

    def _make_sender(self, client: httpx.AsyncClient | None, timeout_s: float, attempts: int) -> Sender:
        for package in ("httpx", "tenacity"):
            require(package, extra="webhook", why="a webhook that sends")
        from roomkit.channels.webhook_sender import Sender

        return Sender(self._signature, client, timeout_s=timeout_s, attempts=attempts, clock=self._clock)

    def _clock(self) -> Clock:
        return SYSTEM_CLOCK if self.host is None else self.host.clock


def _one_of(secret: str | Sequence[str] | None, signature: WebhookSignature | None) -> WebhookSignature:
    if signature is not None and secret is None:
        return signature
    if secret is not None and signature is None:
        return StandardSignature(secret)
    raise ConfigError("a webhook has a secret or a signature scheme, one of them: without, anybody could post")


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("a webhook's url is http or https and names a host")
    return url

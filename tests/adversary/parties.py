"""The two ends of an adversary's call: a vendor that says whatever it is told to, and a client; both write one log.

Not in here: what they do and when (`acts`), what must be true of it (`checks`). Invariant: every piece of audio has a
number of its own, written into each of its samples, so that each sample can be told where it went.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from roomkit.errors import ConfigError, ProviderLostError, ProviderRefusedError
from roomkit.voice.backends.base import ClientEvent, ClientSetup, ClientSink, TransportLink, VoiceBackend
from roomkit.voice.realtime.commands import (
    BeginInput,
    Command,
    CommitInput,
    InjectImage,
    LinkConfig,
    SendAudio,
)
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider import ProviderLink, RealtimeVoiceProvider
from roomkit.voice.realtime.provider_events import (
    Audio,
    LinkLost,
    LinkReady,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    Transcript,
)
from roomkit.voice.session.links.slot import SlotSink

RATE_HZ = 8_000
"""Of everything, so that no sample is changed on its way."""


@dataclass(frozen=True)
class Entry:
    """Something that happened: ``kind``, and what it was about."""

    kind: str
    session_id: str
    about: Any = None
    count: int = 0


Log = list[Entry]


def numbered(number: int, duration_ms: int) -> bytes:
    """Audio of which every sample is ``number``."""
    return np.full(duration_ms * RATE_HZ // 1000, number, dtype="<i2").tobytes()


def runs(pcm: bytes) -> list[tuple[int, int]]:
    """``(number, samples)`` of each run of numbered audio."""
    samples = np.frombuffer(pcm, dtype="<i2")
    if not len(samples):
        return []
    ends = [*(np.flatnonzero(np.diff(samples)) + 1).tolist(), len(samples)]
    starts = [0, *ends[:-1]]
    return [(int(samples[start]), end - start) for start, end in zip(starts, ends, strict=True)]


class VendorLink:
    """One link: what it was told, and which answers it has open."""

    def __init__(self, vendor: Vendor, config: LinkConfig, sink: SlotSink, name: str) -> None:
        self.vendor = vendor
        self.config = config
        self.sink = sink
        self.name = name
        self.session_id = config.session_id
        self.is_closed = self.was_lost = False
        self.born = len(vendor.log)
        self.told: list[Command] = []
        self.heard: list[int] = []
        self.open: list[str] = []
        self.calls: list[str] = []
        self.caller_item = ""
        self.count = 0

    @property
    def buffered_bytes(self) -> int:
        return 0

    @property
    def serves(self) -> bool:
        """Whether the session listens to it now."""
        return not self.is_replaced and self.sink.on_event == self.sink._on_event

    @property
    def is_replaced(self) -> bool:
        """Whether the session has let go of it, or never took it."""
        return self.sink._on_event is None

    def send(self, command: Command) -> None:
        if self.is_closed:
            return
        profile = self.vendor.profile
        if (isinstance(command, InjectImage) and not profile.images) or (
            isinstance(command, BeginInput | CommitInput) and not profile.manual_turns
        ):
            raise ConfigError(f"{self.vendor.name} cannot do this")
        if isinstance(command, SendAudio):
            for number, _ in runs(command.pcm):
                if self.heard[-1:] != [number]:
                    self.heard.append(number)
        else:
            self.told.append(command)
            self.vendor.log.append(Entry("told", self.session_id, command))

    def says(self, event: ProviderEvent) -> bool:
        """Deliver an event; returns whether the session took it."""
        is_taken = self.serves and not self.vendor.is_over(self.session_id)
        match event:
            case ResponseStarted(response_id):
                self.open.append(response_id)
                self._log("started", response_id, is_taken=is_taken)
            case ResponseDone(response_id, usage=usage):
                if response_id in self.open:
                    self.open.remove(response_id)
                self._log("done", (response_id, usage), is_taken=is_taken)
            case Audio(pcm, response_id, item_id):
                for number, count in runs(pcm):
                    self._log("given", (number, response_id, item_id), count, is_taken=self.serves)
            case Transcript():
                self._log("words", event, is_taken=is_taken)
            case LinkLost():
                self.is_closed = self.was_lost = True
                self._log("lost", self.name, is_taken=is_taken)
            case _:
                pass
        self.sink.on_event(event)
        return is_taken

    def new_id(self, kind: str) -> str:
        """An id no vendor of the call has used."""
        self.count += 1
        return f"{self.name}-{kind}{self.count}"

    async def close(self) -> None:
        self.is_closed = True

    def _log(self, kind: str, about: Any, count: int = 0, *, is_taken: bool) -> None:
        self.vendor.log.append(Entry(kind if is_taken else f"stale_{kind}", self.session_id, about, count))


class Vendor(RealtimeVoiceProvider):
    """A provider whose dials go as the adversary likes.

    Attributes:
        trouble: What happens to the next dials, first to last.
        gives_ids: Whether its items have ids.
        is_over: Whether a session takes nothing more.
    """

    def __init__(
        self,
        profile: Profile,
        log: Log,
        chance: random.Random,
        *,
        gives_ids: bool,
        is_over: Callable[[str], bool],
    ) -> None:
        self._profile = profile
        self.is_over = is_over
        self.log = log
        self.chance = chance
        self.gives_ids = gives_ids
        self.links: list[VendorLink] = []
        self.trouble: list[str] = []

    @property
    def profile(self) -> Profile:
        return self._profile

    def link_of(self, session_id: str) -> VendorLink | None:
        """The one that serves a session."""
        return next((link for link in self.links if link.session_id == session_id and link.serves), None)

    async def open_link(self, config: LinkConfig, sink: Any) -> ProviderLink:
        match self.trouble.pop(0) if self.trouble else "":
            case "lost":
                raise ProviderLostError("not there")
            case "refused":
                raise ProviderRefusedError("go away")
            case "config":
                raise ConfigError("cannot be")
            case "hangs":
                await asyncio.sleep(1_000)
            case "slow":
                await asyncio.sleep(self.chance.choice((0.05, 0.7, 4.0)))
            case "crashes":
                raise RuntimeError("a vendor's SDK broke")
            case _:
                await asyncio.sleep(0)
        link = VendorLink(self, config, sink, f"{self.name}{len(self.links)}")
        self.links.append(link)
        is_resumed = config.resume is not None and self._profile.resumes
        sink.on_event(LinkReady(RATE_HZ, RATE_HZ, f"s-{link.name}", is_resumed))
        return link


@dataclass
class ClientLink:
    """One connection of the client."""

    client: Client
    setup: ClientSetup
    sink: ClientSink
    is_closed: bool = False
    sent_ms: float = 0.0
    epoch: int = 0
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    input_rate_hz: int = RATE_HZ
    output_rate_hz: int = RATE_HZ
    buffered_ms: float = 0.0

    @property
    def lead_ms(self) -> float | None:
        return self.client.lead_ms

    def send_audio(self, pcm: bytes) -> None:
        if not self.is_closed:
            self.sent_ms += len(pcm) * 500.0 / RATE_HZ
            for number, count in runs(pcm):
                self._log("heard", number, count)

    def clear_audio(self, epoch: int) -> None:
        self._log("cleared", len(self.messages) == 1 and self.epoch == 0)  # first after the welcome: it came back
        self.sent_ms, self.epoch = 0.0, epoch

    def send_message(self, message: Mapping[str, Any]) -> None:
        if not self.is_closed:
            self.messages.append(message)
            self._log("message", message)

    def says(self, event: ClientEvent) -> None:
        self.sink.on_event(event)

    async def close(self, reason: str) -> None:
        self.is_closed = True

    def _log(self, kind: str, about: Any, count: int = 0) -> None:
        self.client.log.append(Entry(kind, self.setup.session_id, about, count))


class Client(VoiceBackend):
    """The transport."""

    def __init__(self, log: Log, lead_ms: float | None) -> None:
        super().__init__()
        self.log = log
        self.lead_ms = lead_ms
        self.links: list[ClientLink] = []

    async def open_link(self, connection: Any, setup: ClientSetup, sink: ClientSink) -> TransportLink:
        await asyncio.sleep(0)
        self.links.append(link := ClientLink(self, setup, sink))
        return link

    def link_of(self, session_id: str) -> ClientLink | None:
        """The newest of a session that is open."""
        own = [link for link in self.links if link.setup.session_id == session_id and not link.is_closed]
        return own[-1] if own else None

"""The media lane of a session: both audio paths, their gates, and interruption. Synchronous throughout.

From the socket read to the hand-over nothing waits. What an interruption means for the conversation is queued by the
engine; what it means for the audio happens here, at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roomkit.voice.audio.playback import HeardItem, PlayedItem
from roomkit.voice.backends.base import TransportLink
from roomkit.voice.realtime.commands import CancelResponse, InputPaused, TruncateOutput
from roomkit.voice.realtime.provider_events import Audio
from roomkit.voice.session.links.slot import OpenLink
from roomkit.voice.session.media.input import InputPath
from roomkit.voice.session.media.output import OutputPath
from roomkit.voice.session.settings import SessionSettings

if TYPE_CHECKING:
    from roomkit.voice.session.recording.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Cut:
    """What an interruption threw away.

    Attributes:
        items: Those that were not heard to their end.
        response_ids: The answers that were cut.
        in_flight: Those of them that were still being made.
        ledger: All items of which audio is known, heard to their end or not.
        read: The answers that the caller read, for want of a speaker: heard is what was shown of them.
    """

    items: list[HeardItem]
    response_ids: set[str]
    in_flight: frozenset[str] = frozenset()
    ledger: tuple[HeardItem, ...] = ()
    read: frozenset[str] = frozenset()

    @property
    def heard_ms(self) -> float:
        """How much of the cut answer was heard."""
        return sum(item.heard_ms for item in self.items)


class Media:
    """The two audio paths of one session.

    Args:
        on_new_item: The first audio of an item came from the provider.
        on_first: The first piece of an item left for the client.
        on_overflow: The provider sent more audio ahead than is kept; the rest of it was dropped.
        on_input_level: Offered caller audio about 10 times a second.
        on_output_level: Offered agent audio about 10 times a second.
    """

    def __init__(
        self,
        client: TransportLink,
        settings: SessionSettings,
        *,
        on_new_item: Callable[[], None],
        on_first: Callable[[PlayedItem], None],
        on_overflow: Callable[[], None],
        on_input_level: Callable[[bytes], None],
        on_output_level: Callable[[bytes], None],
    ) -> None:
        self.lead_ms = lead_ms = settings.lead_ms if client.lead_ms is None else client.lead_ms
        self.input = InputPath(client.input_rate_hz, on_input_level)
        self.output = OutputPath(
            client,
            lead_ms,
            on_new_item=on_new_item,
            on_first=on_first,
            on_overflow=on_overflow,
            on_level=on_output_level,
        )
        self.in_flight: set[str] = set()
        self._input_stops: set[str] = set()
        self._provider: OpenLink | None = None
        self._items_of_older_links: frozenset[str] = frozenset()

    @property
    def is_busy(self) -> bool:
        """Whether an answer is being made or heard."""
        return bool(self.in_flight) or self.output.ledger.unheard_ms() > 0.0

    @property
    def highest_rate_hz(self) -> int:
        """Of the client's two."""
        return max(self.input.rate_hz, self.output.rate_hz)

    def tap(self, recorder: Recorder | None) -> None:
        """Let ``recorder`` have what the two sides hear of each other from now on, or nobody."""
        self.input.tap = self.output.tap = recorder

    def attach(self, opened: OpenLink, signs_of_life: Callable[[], float] | None) -> None:
        """A provider link is up: caller audio that waited goes first. ``signs_of_life``: see `Unsettled.link_up`."""
        self._provider = opened
        self._items_of_older_links = self.output.ledger.item_ids()
        self.output.attach_provider(opened.ready.output_rate_hz)
        self.input.attach(opened.link, opened.ready.input_rate_hz, signs_of_life)

    def detach_client(self) -> None:
        """The client is away and may come back: the agent's audio waits for it."""
        self.output.detach_client()

    def attach_client(self, client: TransportLink) -> None:
        """The client came back on another link."""
        self.input.resample_from(client.input_rate_hz)
        self.output.attach_client(client)

    def detach(self) -> None:
        """The provider link is gone; what it was saying will not be finished."""
        self._provider = None
        self.in_flight.clear()
        self.input.detach()
        self.output.detach_provider()

    def stop_input(self, reason: str, is_stopped: bool) -> None:
        """Shut the input gate for a reason, or take that reason back; open when none is left."""
        if is_stopped:
            self._input_stops.add(reason)
        else:
            self._input_stops.discard(reason)
        was_open = self.input.is_open
        is_open = not self._input_stops
        if is_open == was_open:
            return
        self.input.is_open = is_open
        if not is_open and self._provider is not None:
            self._provider.link.send(InputPaused())

    def stop_output(self, is_stopped: bool) -> Cut | None:
        """Shut or open the output gate; shutting silences what was already on its way."""
        if self.output.is_open is not is_stopped:
            return None
        cut = self.interrupt(by_provider=False) if is_stopped else None
        self.output.is_open = not is_stopped
        return cut

    def client_reads(self, reads: bool) -> None:
        """The client has no speaker: what is shown counts as heard; or it has one again, for the answers to come."""
        self.output.client_reads(reads)
        if not reads:  # an answer is not taken up aloud in the middle of a word
            for response_id in filter(self.output.ledger.is_read, self.in_flight):
                self.output.drop(response_id)

    def from_provider(self, audio: Audio) -> None:
        """A piece of the agent's voice."""
        self.output.feed(audio)

    def interrupt(self, *, by_provider: bool) -> Cut:
        """Silence the agent now: clear here and at the client, tell the provider what was heard.

        Args:
            by_provider: The provider cancels its running answer itself (its own VAD heard the caller).
        """
        ledger = self.output.ledger.items()
        items = self.output.cut()
        response_ids = {item.response_id for item in items} | self.in_flight
        for response_id in self.in_flight:
            self.output.drop(response_id)
        if self._provider is not None:
            if self.in_flight and not by_provider:
                self._provider.link.send(CancelResponse())
            if self._provider.provider.profile.truncates:
                self._truncate(items)
        for response_id in response_ids - self.in_flight:
            self.output.forget(response_id)
        read = frozenset(filter(self.output.ledger.is_read, response_ids))
        return Cut(items, response_ids, frozenset(self.in_flight), ledger, read)

    def _truncate(self, items: list[HeardItem]) -> None:
        assert self._provider is not None
        for item in items:
            if item.item_id and item.item_id not in self._items_of_older_links:
                # Never 0: vendors take that for "nothing was said" or refuse it; never beyond what was received.
                heard_ms = max(1, int(min(item.heard_ms, item.received_ms)))
                self._provider.link.send(TruncateOutput(item.item_id, heard_ms))

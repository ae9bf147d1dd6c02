"""The wire engine on a wire and a dialect of our own: order, the end, and all that goes wrong on the way."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from roomkit.errors import ConfigError, ProviderLostError, ProviderRefusedError, WireError
from roomkit.voice.realtime.commands import AskForResponse, Command, LinkConfig, SendAudio
from roomkit.voice.realtime.dialect import Decoded
from roomkit.voice.realtime.provider_events import LinkLost, LinkReady, ProviderEvent, ProviderFault, ResponseStarted
from roomkit.voice.realtime.reconnect import CloseMap
from roomkit.voice.realtime.wire import MAX_BUFFERED_BYTES, MAX_UNREADABLE_IN_A_ROW, SENDS_BETWEEN_LOOKS, WireLink
from roomkit.voice.wires.port import Endpoint, WireClosed, WireMessage, WireRefused

READY = LinkReady(24_000, 24_000, "sess_1")
FATAL = ProviderFault("invalid_api_key", "check the key", is_fatal=True)
SPOKEN: dict[str, ProviderEvent] = {
    "ready": READY,
    "started": ResponseStarted("r"),
    "fault": ProviderFault("odd", "odd"),
    "fatal": FATAL,
    "expired": ProviderFault("session_expired", "over", is_fatal=True, retryable=True),
}
pytestmark = pytest.mark.virtual_time


class FakeWire:
    """A wire whose peer is the test."""

    def __init__(self) -> None:
        self.sent: list[WireMessage] = []
        self.buffered_bytes = 0
        self.close_code: int | None = None
        self.finishes_close = True
        self.on_start: Callable[[], None] = lambda: None

    def start(self, on_message: Callable[[WireMessage], None], on_close: Callable[[WireClosed], None]) -> None:
        self.says = on_message
        self.peer_closes = on_close
        self.on_start()

    def send(self, message: WireMessage) -> None:
        self.sent.append(message)

    send_audio = send

    def clear_audio(self) -> None: ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.close_code is None:
            self.close_code = code
            if self.finishes_close:
                asyncio.get_running_loop().call_soon(self.peer_closes, WireClosed(code, reason, by_us=True))


class WordDialect:
    """Each message is a run of words: events of `SPOKEN`, replies (``>word``), or unreadable (``?``)."""

    def open(self, config: LinkConfig) -> list[WireMessage]:
        if config.voice == "impossible":
            raise ConfigError("no such voice")
        return ["hello"]

    def encode(self, command: Command) -> list[WireMessage]:
        if isinstance(command, AskForResponse):
            raise ConfigError("cannot answer")
        return [type(command).__name__]

    def decode(self, message: WireMessage) -> Decoded:
        words = str(message).split()
        if "?" in words:
            raise WireError("a message of 1 character is not a word")
        events = tuple(SPOKEN[word] for word in words if word in SPOKEN)
        return Decoded(events, tuple(word[1:] for word in words if word.startswith(">")))


@dataclass
class Sink:
    """What the session would see; raises on the event it is told to."""

    events: list[object] = field(default_factory=list)
    fails_on: object = None

    def on_event(self, event: ProviderEvent) -> None:
        self.events.append(event)
        if event == self.fails_on:
            raise ZeroDivisionError("a bug of the session")

    async def settled(self) -> None: ...


@dataclass
class Rig:
    """One link being opened over a fake wire."""

    wire: FakeWire = field(default_factory=FakeWire)
    refusal: WireRefused | None = None
    dial_takes_s: float = 0.0
    sink: Sink = field(default_factory=Sink)

    async def dial(self, endpoint: Endpoint) -> FakeWire:
        await asyncio.sleep(self.dial_takes_s)
        if self.refusal:
            raise self.refusal
        return self.wire

    async def open(self, *, voice: str | None = None) -> WireLink:
        return await WireLink.open(
            Endpoint("ws://peer", {"Authorization": "Bearer sk-secret"}),
            WordDialect(),
            LinkConfig("s", voice=voice),
            self.sink,
            self.dial,
            vendor="Acme",
            closes=CloseMap(refusing_closes={3000: "invalid_api_key"}, status_hints={401: "check the key"}),
        )

    async def up(self) -> WireLink:
        self.wire.on_start = lambda: self.wire.says("ready")
        return await self.open()


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_the_link_is_open_when_the_session_was_told_it_is_ready(rig: Rig) -> None:
    await rig.up()

    assert rig.sink.events == [READY]
    assert rig.wire.sent == ["hello"]


async def test_events_come_in_wire_order_and_replies_after_them(rig: Rig) -> None:
    await rig.up()
    rig.wire.says("started fault >pong >ask")

    assert rig.sink.events[1:] == [SPOKEN["started"], SPOKEN["fault"]]
    assert rig.wire.sent[1:] == ["pong", "ask"]


async def test_nothing_is_told_before_the_link_is_ready(rig: Rig) -> None:
    rig.wire.on_start = lambda: rig.wire.says("started fault ready started")

    await rig.open()

    assert rig.sink.events == [READY, SPOKEN["started"]]


async def test_commands_are_encoded_and_sent_at_once(rig: Rig) -> None:
    link = await rig.up()

    link.send(SendAudio(b"\0\0"))

    assert rig.wire.sent[-1] == "SendAudio"


async def test_what_the_vendor_cannot_do_is_the_callers_error_and_the_link_stays(rig: Rig) -> None:
    link = await rig.up()

    with pytest.raises(ConfigError):
        link.send(AskForResponse())

    assert rig.wire.close_code is None


# --- opening ----------------------------------------------------------------------------------------------------


async def test_a_configuration_that_cannot_work_is_refused_before_dialling(rig: Rig) -> None:
    rig.refusal = WireRefused(500, "must not be asked")

    with pytest.raises(ConfigError):
        await rig.open(voice="impossible")


@pytest.mark.parametrize(
    ("status", "kind"), [(401, ProviderRefusedError), (503, ProviderLostError), (0, ProviderLostError)]
)
async def test_a_refused_dial_raises_what_it_means(status: int, kind: type[Exception]) -> None:
    rig = Rig(refusal=WireRefused(status, "key sk-secret99 is wrong"))

    with pytest.raises(kind, match="Acme: ") as caught:
        await rig.open()

    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [("fatal", ProviderRefusedError, "invalid_api_key"), ("expired", ProviderLostError, "session_expired")],
)
async def test_a_fatal_fault_during_set_up_is_raised_and_closes_the_wire(
    rig: Rig, words: str, kind: type[ProviderLostError], code: str
) -> None:
    rig.wire.on_start = lambda: rig.wire.says(words)

    with pytest.raises(kind) as caught:
        await rig.open()

    assert caught.value.code == code
    assert rig.wire.close_code is not None
    assert rig.sink.events == []


@pytest.mark.parametrize(
    ("close_code", "kind"), [(3000, ProviderRefusedError), (1006, ProviderLostError), (1000, ProviderLostError)]
)
async def test_a_close_during_set_up_is_raised(rig: Rig, close_code: int, kind: type[Exception]) -> None:
    rig.wire.on_start = lambda: rig.wire.peer_closes(WireClosed(close_code))

    with pytest.raises(kind):
        await rig.open()

    assert rig.sink.events == []


async def test_a_peer_that_never_answers_is_given_up_and_hung_up_on(rig: Rig) -> None:
    with pytest.raises(ProviderLostError, match="10 s") as caught:
        await rig.open()

    assert caught.value.code == "handshake_timeout"
    assert rig.wire.close_code is not None
    rig.wire.says("ready")
    assert rig.sink.events == []


async def test_a_dial_that_never_ends_is_given_up() -> None:
    rig = Rig(dial_takes_s=3600.0)

    with pytest.raises(ProviderLostError, match="10 s"):
        await rig.open()

    assert rig.wire.sent == []


async def test_garbage_during_set_up_is_given_up_after_some(rig: Rig) -> None:
    def babble() -> None:
        for _ in range(MAX_UNREADABLE_IN_A_ROW):
            rig.wire.says("?")

    rig.wire.on_start = babble

    with pytest.raises(ProviderLostError) as caught:
        await rig.open()

    assert caught.value.code == "wire_error"


async def test_a_cancelled_opening_leaves_nothing_open(rig: Rig) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await rig.open()

    assert rig.wire.close_code is not None
    rig.wire.says("ready")
    assert rig.sink.events == []


async def test_an_opening_cancelled_in_the_very_tick_it_succeeds_leaves_nothing_open(rig: Rig) -> None:
    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(rig.open())
        await asyncio.sleep(1)

        rig.wire.says("ready")
        opening.cancel()

    assert opening.cancelled()
    assert rig.wire.close_code is not None


# --- the end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        (
            WireClosed(1001, "60 minutes"),
            LinkLost("1001", "the connection was closed (1001): 60 minutes", retryable=True),
        ),
        (WireClosed(3000), LinkLost("invalid_api_key", "the connection was closed (3000)", retryable=False)),
    ],
)
async def test_a_close_by_the_peer_is_told_once_and_is_the_last_word(
    rig: Rig, closed: WireClosed, expected: LinkLost
) -> None:
    link = await rig.up()

    rig.wire.peer_closes(closed)
    rig.wire.says("started")
    link.send(SendAudio(b"\0\0"))

    assert rig.sink.events == [READY, expected]
    assert rig.wire.sent == ["hello"]


async def test_a_fatal_fault_is_told_as_the_loss_it_is_and_nothing_after_it(rig: Rig) -> None:
    await rig.up()

    rig.wire.says("started fatal started >late")
    await asyncio.sleep(0.01)

    assert rig.sink.events == [READY, SPOKEN["started"], LinkLost("invalid_api_key", "check the key", retryable=False)]
    assert rig.wire.close_code is not None
    assert "late" not in rig.wire.sent


async def test_nothing_is_told_after_close_not_even_the_loss(rig: Rig) -> None:
    link = await rig.up()

    await link.close()
    await link.close()
    rig.wire.says("started")

    assert rig.sink.events == [READY]
    assert rig.wire.close_code == 1000


async def test_a_peer_that_does_not_finish_the_close_is_left_after_two_seconds(rig: Rig) -> None:
    link = await rig.up()
    rig.wire.finishes_close = False
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    await link.close()

    assert loop.time() - began_s == pytest.approx(2.0)


async def test_a_closed_link_holds_no_reference_to_the_session(rig: Rig) -> None:
    link = await rig.up()
    await link.close()
    sink = rig.sink
    gc.collect()

    assert not any(referrer is link.__dict__ for referrer in gc.get_referrers(sink))
    assert all(value is not sink and getattr(value, "__self__", None) is not sink for value in vars(link).values())


async def test_a_provider_that_does_not_take_our_audio_is_lost_on_the_next_tick(rig: Rig) -> None:
    link = await rig.up()
    rig.wire.buffered_bytes = MAX_BUFFERED_BYTES + 1

    for _ in range(SENDS_BETWEEN_LOOKS):
        link.send(SendAudio(b"\0\0"))
    assert rig.sink.events == [READY]
    await asyncio.sleep(0.01)

    assert [type(event) for event in rig.sink.events] == [LinkReady, LinkLost]
    assert rig.wire.close_code is not None


async def test_a_link_closed_while_its_loss_is_on_the_way_stays_silent(rig: Rig) -> None:
    link = await rig.up()
    rig.wire.buffered_bytes = MAX_BUFFERED_BYTES + 1
    for _ in range(SENDS_BETWEEN_LOOKS):
        link.send(SendAudio(b"\0\0"))

    await link.close()

    assert rig.sink.events == [READY]


# --- trouble ----------------------------------------------------------------------------------------------------


async def test_an_unreadable_message_is_reported_and_counted_and_the_link_lives(rig: Rig) -> None:
    link = await rig.up()

    for _ in range(3 * MAX_UNREADABLE_IN_A_ROW):
        rig.wire.says("?")
        rig.wire.says("started")

    assert rig.sink.events[1] == ProviderFault("wire_error", "a message of 1 character is not a word")
    assert link.unreadable_count == 3 * MAX_UNREADABLE_IN_A_ROW
    assert rig.wire.close_code is None


async def test_ten_unreadable_messages_in_a_row_are_reported_once_and_lose_the_link(rig: Rig) -> None:
    await rig.up()

    for _ in range(MAX_UNREADABLE_IN_A_ROW + 5):
        rig.wire.says("?")

    assert [type(event) for event in rig.sink.events[1:]] == [ProviderFault, LinkLost]


async def test_a_bug_of_the_session_ends_its_link_loudly(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.up()
    rig.sink.fails_on = SPOKEN["started"]

    with caplog.at_level(logging.ERROR):
        rig.wire.says("started fault")

    assert rig.sink.events[-1] == LinkLost("session_failed", "the session could not take an event", retryable=False)
    assert SPOKEN["fault"] not in rig.sink.events
    assert rig.wire.close_code == 1011
    assert "ZeroDivisionError" in caplog.text


async def test_a_session_that_fails_even_on_the_loss_does_not_break_the_reader(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.up()
    rig.sink.fails_on = LinkLost("1006", "the connection was closed (1006)", retryable=True)

    rig.wire.peer_closes(WireClosed())

    assert isinstance(rig.sink.events[-1], LinkLost)
    assert "LinkLost" in caplog.text

"""What one client may cost, and what is kept before its session exists."""

from __future__ import annotations

import pytest

from roomkit.voice.backends.base import ClientEvent, ClientGoodbye, ClientText
from roomkit.voice.backends.websocket_doors import is_loopback, is_origin_allowed
from roomkit.voice.backends.websocket_limits import BURST_S, Allowance, EarlySink, Strikes


class Heard:
    """A sink that remembers everything in order."""

    def __init__(self) -> None:
        self.items: list[bytes | ClientEvent] = []

    def on_audio(self, pcm: bytes) -> None:
        self.items.append(pcm)

    def on_event(self, event: ClientEvent) -> None:
        self.items.append(event)

    async def settled(self) -> None:
        return None


def test_an_allowance_lets_a_steady_sender_go_on_for_ever() -> None:
    allowance = Allowance(per_s=100, now_s=0)

    for second in range(1, 1_000):
        allowance.left -= 100
        assert allowance.left >= 0 or allowance.refill(second)


def test_an_allowance_grants_a_burst_and_then_only_what_time_earns() -> None:
    allowance = Allowance(per_s=100, now_s=0)

    allowance.left -= 100 * BURST_S
    assert allowance.left == 0
    allowance.left -= 1

    assert not allowance.refill(0.0)
    assert allowance.refill(0.02)
    assert allowance.left == pytest.approx(1)


def test_idle_time_is_not_banked_beyond_the_burst() -> None:
    allowance = Allowance(per_s=100, now_s=0)
    allowance.left = -1

    allowance.refill(1e6)

    assert allowance.left == 100 * BURST_S


def test_ten_strikes_in_a_row_are_too_many() -> None:
    strikes = Strikes()

    assert [strikes.strike() for _ in range(10)] == [False] * 9 + [True]


def test_fifty_strikes_in_all_are_too_many() -> None:
    strikes = Strikes()

    verdicts = []
    for _ in range(50):
        strikes.in_a_row = 0
        verdicts.append(strikes.strike())

    assert verdicts == [False] * 49 + [True]


def test_what_comes_early_is_kept_in_order() -> None:
    early, heard = EarlySink(max_audio_bytes=100), Heard()

    early.on_audio(b"aa")
    early.on_event(ClientText("hi"))
    early.on_audio(b"bb")
    early.empty_into(heard)
    early.empty_into(heard)

    assert heard.items == [b"aa", ClientText("hi"), b"bb"]


def test_early_audio_beyond_the_bound_drops_the_oldest_and_counts_it() -> None:
    early, heard = EarlySink(max_audio_bytes=4), Heard()

    early.on_event(ClientText("hi"))
    for piece in (b"aa", b"bb", b"cc"):
        early.on_audio(piece)
    early.empty_into(heard)

    assert heard.items == [ClientText("hi"), b"bb", b"cc"]
    assert early.dropped_bytes == 2


def test_early_events_beyond_the_bound_are_dropped() -> None:
    early, heard = EarlySink(max_audio_bytes=4), Heard()

    for number in range(100):
        early.on_event(ClientText(str(number)))
    early.on_event(ClientGoodbye())
    early.empty_into(heard)

    assert len(heard.items) == 64


@pytest.mark.parametrize(
    ("headers", "allowed", "verdict"),
    [
        ({}, None, True),
        ({}, ["https://a.example"], True),
        ({"origin": "https://a.example", "host": "a.example"}, None, True),
        ({"origin": "https://A.example", "host": "a.example:443"}, None, True),
        ({"origin": "http://localhost:8000", "host": "localhost:8000"}, None, True),
        ({"origin": "http://localhost:9000", "host": "localhost:8000"}, None, False),
        ({"origin": "https://evil.example", "host": "a.example"}, None, False),
        ({"origin": "https://a.example.evil.example", "host": "a.example"}, None, False),
        ({"origin": "null", "host": "a.example"}, None, False),
        ({"origin": "null"}, None, False),
        ({"origin": "http://[", "host": "["}, None, False),
        ({"origin": "https://a.example"}, ["https://a.example"], True),
        ({"origin": "http://a.example"}, ["https://a.example"], False),
        ({"origin": "https://evil.example"}, [], False),
        ({"origin": "https://evil.example"}, "*", True),
    ],
)
def test_which_pages_may_connect(headers: dict[str, str], allowed: list[str] | None, verdict: bool) -> None:
    assert is_origin_allowed(headers, allowed) is verdict


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("localhost:8000", True), ("127.0.0.1:8000", True), ("[::1]:8000", True), ("rebound.example:8000", False)],
)
def test_on_the_loopback_address_a_rebound_domain_is_no_page_of_ours(host: str, verdict: bool) -> None:
    assert is_origin_allowed({"origin": f"http://{host}", "host": host}, None, is_local=True) is verdict


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False), ("10.0.0.7", False)],
)
def test_which_addresses_only_this_machine_reaches(host: str, verdict: bool) -> None:
    assert is_loopback(host) is verdict

"""When a peer that does not read is given up, and how wires in memory behave in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from roomkit.voice.wires.limits import StallPolicy, StallWatch
from roomkit.voice.wires.memory import memory_pair
from roomkit.voice.wires.port import WireClosed, WireMessage


def test_a_reading_peer_may_stay_for_ever() -> None:
    policy = StallPolicy(max_buffered_bytes=1000, max_stalled_ms=100, stalled_bytes=10)

    assert all(policy.observe(9, now_ms) is None for now_ms in range(0, 1000, 10))
    assert policy.gives_up_at_ms is None


def test_a_peer_that_stalls_gets_its_time_and_no_more() -> None:
    policy = StallPolicy(max_buffered_bytes=1000, max_stalled_ms=100, stalled_bytes=10)

    assert policy.observe(10, now_ms=5) is None
    assert policy.gives_up_at_ms == 105
    assert policy.observe(500, now_ms=104.9) is None
    assert policy.observe(500, now_ms=105) == "slow reader: nothing read for 0.1 s"


def test_a_peer_that_catches_up_starts_afresh() -> None:
    policy = StallPolicy(max_buffered_bytes=1000, max_stalled_ms=100, stalled_bytes=10)

    policy.observe(10, now_ms=0)
    policy.observe(0, now_ms=99)

    assert policy.observe(10, now_ms=150) is None


def test_too_much_at_once_is_not_waited_for() -> None:
    policy = StallPolicy(max_buffered_bytes=1000)

    assert policy.observe(1000, now_ms=0) is None
    assert policy.observe(1001, now_ms=0) == "slow reader: 1001 bytes waiting"


@pytest.mark.virtual_time
async def test_a_stalled_peer_is_given_up_even_if_nothing_more_is_sent() -> None:
    reasons: list[str] = []
    watch = StallWatch(StallPolicy(stalled_bytes=1), lambda: 1, reasons.append)

    watch.check()
    await asyncio.sleep(9.9)
    assert reasons == []
    await asyncio.sleep(0.2)

    assert reasons == ["slow reader: nothing read for 10 s"]
    watch.check()
    assert len(reasons) == 1


@pytest.mark.virtual_time
async def test_messages_in_memory_take_their_time_and_keep_their_order() -> None:
    near, far = memory_pair(latency_ms=30)
    arrivals: list[tuple[WireMessage, float]] = []
    loop = asyncio.get_running_loop()
    far.start(lambda message: arrivals.append((message, round(loop.time() * 1000))), lambda _: None)

    for number in range(50):
        near.send(str(number))
    await asyncio.sleep(0.01)
    near.send_audio(b"later")
    await asyncio.sleep(1)

    assert [message for message, _ in arrivals] == [*map(str, range(50)), b"later"]
    assert [at_ms for _, at_ms in arrivals] == [30] * 50 + [40]


@pytest.mark.virtual_time
async def test_a_dropped_wire_closes_both_ends_without_a_frame() -> None:
    near, far = memory_pair()
    closes: list[WireClosed] = []
    near.start(lambda _: None, closes.append)
    far.start(lambda _: None, closes.append)

    near.drop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert sorted(closes, key=lambda closed: closed.by_us) == [WireClosed(1006), WireClosed(1006, by_us=True)]


async def test_nothing_is_delivered_within_the_call_that_sends() -> None:
    near, far = memory_pair()
    messages: list[WireMessage] = []
    far.start(messages.append, lambda _: None)

    near.send("x")

    assert messages == []

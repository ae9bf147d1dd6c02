"""What of the agent's audio was heard (R-0006-31, R-0006-32)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.audio.playback import REPORT_GRACE_MS, HeardItem, Playback


def spoken(playback: Playback, item_id: str, received_ms: float, sent_ms: float) -> None:
    item = playback.received("r1", item_id, received_ms)
    if sent_ms:
        playback.sent(item, sent_ms)


def test_our_clock_tells_the_position_where_the_client_does_not() -> None:
    playback = Playback()
    spoken(playback, "i1", received_ms=1_000, sent_ms=600)

    assert playback.position_ms(ahead_ms=200) == 400


def test_a_report_is_clamped_to_what_was_sent_and_never_goes_back() -> None:
    playback = Playback()
    spoken(playback, "i1", received_ms=1_000, sent_ms=600)

    assert playback.reported(9_999, epoch=0) == 0
    playback.reported(100, epoch=0)

    assert playback.position_ms(ahead_ms=0) == 600


def test_a_report_of_another_epoch_is_nothing() -> None:
    playback = Playback()
    spoken(playback, "i1", received_ms=1_000, sent_ms=600)

    assert playback.reported(300, epoch=1) is None


def test_a_client_that_stopped_reporting_is_taken_to_have_heard_it_in_the_end() -> None:
    playback = Playback()
    spoken(playback, "i1", received_ms=1_000, sent_ms=1_000)
    playback.reported(300, epoch=0)

    assert playback.position_ms(ahead_ms=0, overdue_ms=0) == 300
    assert playback.position_ms(ahead_ms=0, overdue_ms=REPORT_GRACE_MS) == 1_000


def test_a_cut_tells_how_much_of_each_item_was_heard_and_begins_a_new_epoch() -> None:
    playback = Playback()
    spoken(playback, "i1", received_ms=500, sent_ms=500)
    spoken(playback, "i2", received_ms=800, sent_ms=400)
    spoken(playback, "i3", received_ms=300, sent_ms=0)

    cut = playback.cut(position_ms=700)

    assert cut == [HeardItem("r1", "i2", 200, 800), HeardItem("r1", "i3", 0, 300)]
    assert (playback.epoch, playback.unheard_ms(0)) == (1, 0)


@given(st.lists(st.tuples(st.floats(1, 500), st.floats(0, 1)), min_size=1, max_size=8), st.floats(0, 5_000))
def test_heard_and_unheard_always_add_up_to_what_was_received(
    items: list[tuple[float, float]], position_ms: float
) -> None:
    playback = Playback()
    for n, (received_ms, share) in enumerate(items):
        spoken(playback, f"i{n}", received_ms, received_ms * share)

    unheard_ms = playback.unheard_ms(position_ms)
    cut = playback.cut(position_ms)

    assert abs(unheard_ms - sum(item.received_ms - item.heard_ms for item in cut)) < 0.1
    assert all(0 <= item.heard_ms < item.received_ms for item in cut)

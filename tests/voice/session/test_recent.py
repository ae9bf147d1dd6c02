"""A set that remembers only the newest keys."""

from __future__ import annotations

from roomkit.voice.session.recent import BOUND, Recent


def test_only_the_newest_keys_are_remembered() -> None:
    recent = Recent()

    for n in range(BOUND + 10):
        recent.add(str(n))

    assert len(recent) == BOUND
    assert "9" not in recent
    assert "10" in recent


def test_a_key_added_again_is_new_again() -> None:
    recent = Recent()
    for n in range(BOUND):
        recent.add(str(n))

    recent.add("0")
    recent.add("one more")

    assert "0" in recent
    assert "1" not in recent


def test_a_forgotten_key_is_gone_and_forgetting_an_unknown_one_is_nothing() -> None:
    recent = Recent()
    recent.add("a")

    recent.discard("a")
    recent.discard("b")

    assert "a" not in recent

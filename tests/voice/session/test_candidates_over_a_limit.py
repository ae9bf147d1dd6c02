"""Who of several providers is dialled when some are over a limit (RFC 0006, R-0006-68): as values."""

from __future__ import annotations

from dataclasses import replace

from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider
from roomkit.voice.session.links.candidates import USUAL_LIMIT_MS, Candidate, Roster, candidates_of


def roster_of(*names: str) -> Roster:
    return Roster(candidates_of([MockRealtimeProvider(profile=replace(MOCK_PROFILE, name=name)) for name in names]))


def order(roster: Roster, now_ms: float, *, is_current_last: bool = True) -> list[str]:
    return [each.name for each in roster.order(now_ms, is_current_last=is_current_last)]


def go_on_with(roster: Roster, name: str) -> None:
    roster.current = next(each for each in roster.order(0.0) if each.name == name)


def test_who_is_over_a_limit_is_left_out_until_it_is_over() -> None:
    roster = roster_of("a", "b", "c")

    roster.limit(1_000.0, 5_000.0)

    assert order(roster, 5_999.0) == ["b", "c"]
    assert order(roster, 6_000.0) == ["b", "c", "a"]


def test_a_vendor_that_does_not_say_for_how_long_is_left_alone_for_a_minute() -> None:
    roster = roster_of("a", "b")

    roster.limit(0.0, None)

    assert order(roster, USUAL_LIMIT_MS - 1) == ["b"]
    assert order(roster, USUAL_LIMIT_MS) == ["b", "a"]


def test_a_provider_over_a_limit_stays_so_under_another_agent() -> None:
    roster = roster_of("a", "b")
    roster.limit(0.0, 5_000.0)

    roster.put_first(Candidate(roster.current.provider, voice="another"))
    go_on_with(roster, "b")

    assert order(roster, 4_999.0, is_current_last=False) == ["b"]


def test_where_all_are_over_a_limit_all_are_dialled() -> None:
    roster = roster_of("a", "b")
    roster.limit(0.0, 5_000.0)
    go_on_with(roster, "b")
    roster.limit(0.0, 5_000.0)

    assert order(roster, 1.0, is_current_last=False) == ["b", "a"]
    assert not roster.has_free(1.0)
    assert roster.has_free(5_000.0)


def test_nobody_is_free_who_refused_or_is_shut_out_by_the_breaker() -> None:
    roster = roster_of("a", "b", "c")
    shut, refused = roster.order(0.0)[1:]
    for _ in range(3):
        shut.provider.breaker.failed(0.0)
    before = roster.has_free(0.0)

    roster.refuse(refused)

    assert before
    assert not roster.has_free(0.0)


def test_a_lone_provider_has_no_other() -> None:
    roster = roster_of("a")
    roster.limit(0.0, None)

    assert not roster.has_free(0.0)
    assert order(roster, 1.0) == ["a"]

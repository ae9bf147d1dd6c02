"""Visibilities as values (RFC 0003)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomkit.core.access import admits, narrowed
from roomkit.models.enums import ChannelCategory

CATEGORIES = {
    "ada": ChannelCategory.TRANSPORT,
    "bob": ChannelCategory.TRANSPORT,
    "bot": ChannelCategory.INTELLIGENCE,
}
visibilities = st.one_of(
    st.sampled_from(["all", "none", "transport", "intelligence"]),
    st.lists(st.sampled_from([*CATEGORIES, "stranger"]), min_size=1, unique=True).map(",".join),
)


@given(first=visibilities, second=visibilities)
def test_narrowing_admits_exactly_what_both_admit(first: str, second: str) -> None:
    """R-0003-6."""
    both = narrowed(first, second, CATEGORIES)

    for channel_id, category in CATEGORIES.items():
        expected = admits(first, channel_id, category) and admits(second, channel_id, category)
        assert admits(both, channel_id, category) == expected


@given(visibility=visibilities)
def test_narrowing_never_lets_a_channel_in_that_comes_later(visibility: str) -> None:
    """R-0003-6: a list of ids stays a list of ids."""
    both = narrowed(visibility, "ada,bob", CATEGORIES)

    assert not admits(both, "newcomer", ChannelCategory.TRANSPORT)


def test_spaces_between_ids_do_not_matter() -> None:
    """R-0003-5."""
    assert admits("ada, bob", "bob", ChannelCategory.TRANSPORT)

"""The conversation as heard."""

from __future__ import annotations

from roomkit.voice.pipeline.history import MOST_ENTRIES, History
from roomkit.voice.pipeline.model import Entry, Said, ToolAsked


def entries(history: History) -> tuple[Entry, ...]:
    return history.conversation(None).entries


def spoken(history: History) -> None:
    """The agent says "One two. Three four.", a second each."""
    item = history.speak("item")
    for sentence in ("One two.", "Three four."):
        item.begin(sentence)
        item.extend(1_000)
    history.refresh("item")


def test_an_answer_heard_whole_is_kept_whole() -> None:
    history = History()
    spoken(history)

    assert entries(history) == (Said("assistant", "One two. Three four.", "item"),)


def test_an_answer_is_cut_at_the_word_the_caller_heard_last() -> None:
    history = History()
    spoken(history)

    history.truncate("item", 1_500)

    assert entries(history) == (Said("assistant", "One two. Three", "item"),)


def test_what_was_not_heard_at_all_was_not_said() -> None:
    history = History()
    spoken(history)

    history.truncate("item", 1)

    assert entries(history) == ()


def test_a_truncated_item_does_not_grow_again() -> None:
    history = History()
    spoken(history)
    history.truncate("item", 1_000)

    history.refresh("item")

    assert entries(history) == (Said("assistant", "One two.", "item"),)


def test_an_item_can_be_forgotten_and_an_unknown_one_is_nobodys_mistake() -> None:
    history = History()
    history.add(Said("user", "secret", "a"))
    history.add(Said("user", "hello", "b"))

    history.delete("a")
    history.delete("nothing")
    history.truncate("nothing", 5)

    assert entries(history) == (Said("user", "hello", "b"),)


def test_entries_are_bounded_and_the_oldest_goes() -> None:
    history = History()

    for number in range(MOST_ENTRIES + 5):
        history.add(ToolAsked(str(number), "tool", "{}"))

    assert len(entries(history)) == MOST_ENTRIES
    assert entries(history)[0] == ToolAsked("5", "tool", "{}")

"""The conversation as heard, and how it is told to a new link (R-0006-51)."""

from __future__ import annotations

from roomkit.voice.realtime.commands import InjectText, RecallToolCall, ToolResult
from roomkit.voice.session.words.history import MAX_TURNS, History


def test_a_new_link_is_told_words_calls_and_results_in_order_and_asked_for_nothing() -> None:
    history = History()
    history.said("user", "where is my order")
    history.called("c1", "order_status", '{"number": 12}')
    history.returned("c1", "on its way")
    history.said("assistant", "On its way.")

    assert history.replay() == [
        InjectText("where is my order", "user", silent=True),
        RecallToolCall("c1", "order_status", '{"number": 12}'),
        ToolResult("c1", "order_status", "on its way", asks=False),
        InjectText("On its way.", "assistant", silent=True),
    ]


def test_an_open_call_is_recalled_without_a_result() -> None:
    history = History()
    history.called("c1", "order_status", "{}")

    assert history.replay() == [RecallToolCall("c1", "order_status", "{}")]


def test_a_withdrawn_call_never_happened() -> None:
    history = History()
    history.called("c1", "order_status", "{}")

    history.withdrawn("c1")

    assert history.replay() == []


def test_what_is_being_said_right_now_is_told_last() -> None:
    history = History()
    history.said("user", "hello")

    assert history.replay(unheard="Good morning")[-1] == InjectText("Good morning", "assistant", silent=True)


def test_only_the_newest_turns_are_kept() -> None:
    history = History()
    for n in range(MAX_TURNS + 10):
        history.said("user", f"word {n}")

    assert len(history.replay()) == MAX_TURNS
    assert history.replay()[0] == InjectText("word 10", "user", silent=True)

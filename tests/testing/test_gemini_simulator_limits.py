"""What the simulated Gemini service allows at most: of a connection, a session, a context; which code it ends with."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit.testing.simulators.gemini.lifetime import (
    CONNECTION_LIMIT_MS,
    CONTEXT_TOKENS,
    SESSION_LIMIT_MS,
    VIDEO_SESSION_LIMIT_MS,
)
from roomkit.testing.simulators.sound import tone
from tests.testing.gemini_talk import EARLY, NATIVE, NEWEST, WORDS, Talk, audio, spoken

PICTURE = {"realtimeInput": {"video": {"mimeType": "image/jpeg", "data": "/9g="}}}
COMPRESSED: dict[str, Any] = {"contextWindowCompression": {"slidingWindow": {}}}


def written(characters: int) -> dict[str, Any]:
    return {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "a" * characters}]}]}}


def newest_handle(messages: list[dict[str, Any]]) -> str:
    handles = [one["sessionResumptionUpdate"] for one in messages if "sessionResumptionUpdate" in one]
    return str(handles[-1]["newHandle"])


# --- time ---------------------------------------------------------------------------------------------------------


def test_a_connection_ends_after_its_limit_and_says_so_before() -> None:
    talk = Talk(**COMPRESSED)

    assert talk.waits(CONNECTION_LIMIT_MS - 60_000) == [{"goAway": {"timeLeft": "60s"}}]
    assert talk.waits(59_000) == []
    assert talk.closed is None
    talk.waits(1_000)
    assert talk.closed is not None and talk.closed.code == 1011


def test_a_session_without_compression_ends_after_its_own_limit_however_often_it_is_taken_up() -> None:
    first = Talk(sessionResumption={})
    first.waits(CONNECTION_LIMIT_MS - 100_000)
    first.says(WORDS)
    first.answers(spoken())
    handle = newest_handle(first.waits(100))

    second = Talk(first.handles, sessionResumption={"handle": handle})
    second.waits(SESSION_LIMIT_MS - CONNECTION_LIMIT_MS + 100_000)

    assert second.closed is not None and second.closed.code == 1011
    assert "Session duration" in second.closed.reason


def test_a_picture_makes_a_session_short() -> None:
    talk = Talk(sessionResumption={})

    talk.waits(VIDEO_SESSION_LIMIT_MS - 20_000)
    talk.says(PICTURE)
    talk.waits(9_000)
    assert talk.closed is None
    talk.waits(20_000)
    assert talk.closed is not None and "Session duration" in talk.closed.reason


def test_a_picture_that_comes_later_than_that_ends_the_session_at_once() -> None:
    talk = Talk(sessionResumption={})

    talk.waits(VIDEO_SESSION_LIMIT_MS + 1)
    talk.says(PICTURE)
    talk.waits(0)

    assert talk.closed is not None and "Session duration" in talk.closed.reason


def test_a_compressed_session_has_no_limit_of_its_own_with_pictures_or_without() -> None:
    talk = Talk(**COMPRESSED)

    talk.says(PICTURE)
    talk.waits(CONNECTION_LIMIT_MS - 1_000)

    assert talk.closed is None


# --- the context ----------------------------------------------------------------------------------------------------


def test_a_context_that_is_full_is_an_invalid_argument() -> None:
    talk = Talk(sessionResumption={})

    talk.says(written(2 * CONTEXT_TOKENS))
    assert talk.closed is None
    talk.says(written(2 * CONTEXT_TOKENS))

    assert talk.closed is not None and talk.closed.code == 1007


def test_the_same_history_fills_the_next_context_too() -> None:
    for _ in range(2):
        talk = Talk(historyConfig={"initialHistoryInClientContent": True})
        talk.says(written(5 * CONTEXT_TOKENS))

        assert talk.closed is not None and talk.closed.code == 1007


def test_a_compressed_context_is_never_full() -> None:
    talk = Talk(**COMPRESSED)

    talk.says(written(5 * CONTEXT_TOKENS))

    assert talk.closed is None


def test_what_a_handle_takes_up_is_held_already() -> None:
    first = Talk(sessionResumption={})
    first.says(written(3 * CONTEXT_TOKENS))
    first.says(WORDS)
    first.answers(spoken())
    handle = newest_handle(first.waits(100))

    second = Talk(first.handles, sessionResumption={"handle": handle})
    second.says(written(3 * CONTEXT_TOKENS))

    assert second.closed is not None and second.closed.code == 1007


@pytest.mark.parametrize("who", ["caller", "agent"])
def test_sound_fills_the_context_at_25_tokens_a_second(who: str) -> None:
    talk = Talk(sessionResumption={})
    talk.says(written(4 * (CONTEXT_TOKENS - 200)))  # ten seconds of sound are 250 tokens
    assert talk.closed is None

    if who == "caller":
        for _ in range(10):
            talk.says(audio(tone(1_000)[:32_000]))
    else:
        talk.says(WORDS)
        talk.answers(spoken(tone_ms=10_000))
        talk.waits(10_000)

    assert talk.closed is not None and talk.closed.code == 1007


# --- what a model lacks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setup", "code"),
    [
        ({"model": EARLY, "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, 1007),
        ({"model": EARLY, "tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]}, 1008),
        (
            {
                "model": f"{NEWEST}-extended-thinking",
                "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}},
                "tools": [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}],
            },
            1008,
        ),
    ],
)
def test_what_a_model_lacks_ends_the_set_up(setup: dict[str, Any], code: int) -> None:
    talk = Talk()
    talk.says({"setup": setup})

    assert talk.closed is not None and talk.closed.code == code


@pytest.mark.parametrize("model", [NATIVE, EARLY])
def test_what_it_has_does_not(model: str) -> None:
    thinking = {"thinkingBudget": 0} if model == NATIVE else {"thinkingLevel": "LOW"}
    behavior = "NON_BLOCKING" if model == NATIVE else "BLOCKING"

    talk = Talk()
    talk.says(
        {
            "setup": {
                "model": model,
                "generationConfig": {"thinkingConfig": thinking},
                "tools": [{"functionDeclarations": [{"name": "f", "behavior": behavior}]}],
            }
        }
    )

    assert talk.waits(10) == [{"setupComplete": {}}]

"""One more try for an answer a rate limit failed (RFC 0006, R-0006-68), and the vendor's `Retry-After`."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from roomkit.voice.realtime.commands import AskForResponse, CancelResponse, Command, Speak
from roomkit.voice.realtime.provider_events import (
    InputCommitted,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
)
from roomkit.voice.session.links.second_ask import MAX_WAIT_MS, SecondAsk

pytestmark = pytest.mark.virtual_time

LIMITED = ResponseDone("r1", "failed", {}, "rate_limit_exceeded", 3_000.0)


class Asked:
    """What was asked for, and the object under test."""

    def __init__(self, *, begun: tuple[str, ...] = ()) -> None:
        self.commands: list[Command] = []
        self.has_other = False
        self.second = SecondAsk(
            self.commands.append, lambda response_id: response_id in begun, has_other=lambda: self.has_other
        )


@pytest.mark.parametrize("command", [AskForResponse("Be kind."), AskForResponse(), Speak("Welcome.")])
async def test_it_is_asked_for_with_what_it_was_asked_with_when_the_time_has_come(command: Command) -> None:
    asked = Asked()
    asked.second.sent(command)

    assert asked.second.note(LIMITED) == command
    await asyncio.sleep(2.9)
    assert asked.commands == []
    await asyncio.sleep(0.2)
    assert asked.commands == [command]
    assert not asked.second.is_waiting


@pytest.mark.parametrize("event", [SpeechStarted(), InputCommitted("i"), ResponseStarted("r2")])
async def test_what_happens_meanwhile_is_instead_of_it(event: ProviderEvent) -> None:
    asked = Asked()
    asked.second.note(LIMITED)

    asked.second.note(event)
    await asyncio.sleep(10)

    assert asked.commands == []


async def test_who_cancels_wants_it_no_more() -> None:
    asked = Asked()
    asked.second.note(LIMITED)

    asked.second.sent(CancelResponse())
    await asyncio.sleep(10)

    assert asked.commands == []


async def test_it_is_asked_for_once_and_the_next_answer_once_too() -> None:
    asked = Asked()
    for _ in range(2):
        asked.second.note(LIMITED)
        await asyncio.sleep(10)

    assert len(asked.commands) == 1
    asked.second.note(LIMITED)
    await asyncio.sleep(10)
    assert len(asked.commands) == 2


@pytest.mark.parametrize(
    "event",
    [
        ResponseDone("r1", "failed", {}, "server_error"),
        ResponseDone("r1", "completed"),
        ResponseDone("begun", "failed", {}, "rate_limit_exceeded", 3_000.0),
        ResponseDone("r1", "failed", {}, "rate_limit_exceeded", MAX_WAIT_MS + 1),
    ],
)
async def test_nothing_else_is_asked_for_again(event: ProviderEvent) -> None:
    asked = Asked(begun=("begun",))

    assert asked.second.note(event) is None
    await asyncio.sleep(60)

    assert asked.commands == []


async def test_a_call_that_ends_leaves_no_timer() -> None:
    asked = Asked()
    asked.second.note(LIMITED)

    asked.second.stop()
    await asyncio.sleep(10)

    assert asked.commands == []


@pytest.mark.parametrize("wait_ms", [3_000.0, MAX_WAIT_MS + 1, math.inf])
async def test_where_somebody_else_can_give_it_at_once_nobody_waits(wait_ms: float) -> None:
    asked = Asked()
    asked.has_other = True
    asked.second.sent(Speak("Welcome."))

    assert asked.second.note(replace(LIMITED, retry_after_ms=wait_ms)) == Speak("Welcome.")
    assert not asked.second.is_waiting
    await asyncio.sleep(60)
    assert asked.commands == []

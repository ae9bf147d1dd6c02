"""A terminal in a room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.cli import CLIChannel, printable, standard_input
from roomkit.channels.websocket import WebSocketChannel
from roomkit.errors import AccessDeniedError, ConfigError, SessionStateError
from roomkit.kit import RoomKit
from roomkit.models.content import MediaContent, TextContent
from roomkit.models.context import RoomContext
from roomkit.models.enums import HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.hook import HookResult
from roomkit.providers.ai.mock import MockAIProvider


async def typed(*lines: str) -> AsyncIterator[str]:
    for line in lines:
        yield line


@pytest.fixture
async def kit() -> AsyncIterator[RoomKit]:
    async with RoomKit() as kit:
        yield kit


def terminal(kit: RoomKit, *lines: str) -> tuple[CLIChannel, list[str]]:
    """A terminal at which some lines are typed, and what it shows."""
    shown: list[str] = []
    channel = CLIChannel(user="ada", lines=typed(*lines), write=shown.append)
    kit.register_channel(channel)
    return channel, shown


async def test_what_is_typed_enters_the_room_as_its_user(kit: RoomKit) -> None:
    channel, _ = terminal(kit, "hello", "  ", "", " world ")

    await channel.run("room")

    events = await kit.get_timeline("room")
    assert [(event.text, event.source.participant_id) for event in events] == [("hello", "ada"), ("world", "ada")]


async def test_a_line_is_answered_before_the_next_is_read(kit: RoomKit) -> None:
    channel, shown = terminal(kit, "one", "two")
    kit.register_channel(AIChannel("agent", MockAIProvider(responses=["first", "second"])))
    await kit.create_room("room")
    await kit.attach_channel("room", "agent")

    await channel.run("room")

    assert [event.text for event in await kit.get_timeline("room")] == ["one", "first", "two", "second"]
    assert shown == ["agent: first", "agent: second"]


async def test_quit_ends_it_and_nothing_after_it_is_said(kit: RoomKit) -> None:
    channel, _ = terminal(kit, "hello", "/quit", "unsaid")

    await channel.run("room")

    assert [event.text for event in await kit.get_timeline("room")] == ["hello"]


async def test_what_others_say_is_shown_with_their_name_and_what_is_no_text_as_words(kit: RoomKit) -> None:
    channel, shown = terminal(kit)
    kit.register_channel(WebSocketChannel("chat"))
    await channel.run("room")
    await kit.attach_channel("room", "chat")

    await kit.send_event("room", "chat", TextContent(body="hi"), participant_id="bob")
    await kit.send_event("room", "chat", MediaContent(url="https://x.example/a.png", mime_type="image/png"))

    assert shown == ["bob: hi", "chat: image/png: https://x.example/a.png"]


async def test_a_line_that_a_hook_blocks_is_reported_to_who_typed_it(kit: RoomKit) -> None:
    channel, shown = terminal(kit, "a secret")

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def guard(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.block("no secrets \x1b[31mhere")

    await channel.run("room")

    assert shown == ["(not sent: no secrets [31mhere)"]


async def test_a_room_that_closed_meanwhile_is_reported_line_by_line(kit: RoomKit) -> None:
    async def lines() -> AsyncIterator[str]:
        await kit.close_room("room")
        yield "too late"

    shown: list[str] = []
    channel = CLIChannel(lines=lines(), write=shown.append)
    kit.register_channel(channel)

    await channel.run("room")

    assert shown == ["(not sent: room_closed)"]


async def test_a_channel_of_no_kit_cannot_run() -> None:
    with pytest.raises(SessionStateError, match="register_channel"):
        await CLIChannel(lines=typed("x")).run("room")


async def test_a_terminal_that_was_detached_stays_out(kit: RoomKit) -> None:
    channel, _ = terminal(kit, "hello")
    await kit.create_room("room")
    await kit.attach_channel("room", "cli")
    await kit.detach_channel("room", "cli")

    with pytest.raises(AccessDeniedError, match="detached"):
        await channel.run("room")


def test_a_terminal_has_a_user() -> None:
    with pytest.raises(ConfigError, match="name"):
        CLIChannel(user="")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 🙂\n\tindented", "plain ünïcode 🙂\n\tindented"),
        ("\x1b]0;owned\x07\x1b[2Jhi", "]0;owned[2Jhi"),
        ("over\rwritten\x08\x7f", "overwritten"),
        ("\x9b31m csi of one byte", "31m csi of one byte"),
        ("\u202eright to left\u2066", "right to left"),
    ],
)
def test_what_others_say_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


# --- standard input ---


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        with contextlib.suppress(OSError):  # a test may have closed it
            os.close(fd)


async def test_lines_come_as_they_are_typed_and_the_loop_runs_meanwhile(pipe: tuple[int, int]) -> None:
    reading, writing = pipe

    async def types() -> None:
        for piece in ("grüß".encode()[:3], "grüß".encode()[3:] + b"\nnext"):
            await asyncio.sleep(0.01)
            os.write(writing, piece)
        os.close(writing)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(types())
        lines = [line async for line in standard_input(reading)]

    assert lines == ["grüß", "next"]


async def test_waiting_for_a_line_can_be_cancelled_and_loses_none(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(standard_input(reading))
    is_still_watched = asyncio.get_running_loop().remove_reader(reading)

    os.write(writing, b"later\n")

    assert await anext(standard_input(reading)) == "later"
    assert not is_still_watched


async def test_a_file_can_be_the_input(tmp_path: Path) -> None:
    path = tmp_path / "script.txt"
    path.write_bytes(b"one\ntwo\n\xff broken\nthree")

    with path.open() as file:
        assert [line async for line in standard_input(file.fileno())] == ["one", "two", "\ufffd broken", "three"]


async def test_a_line_without_end_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"x" * 2_500_000)

    with path.open() as file:
        lines = [line async for line in standard_input(file.fileno())]

    assert sum(map(len, lines)) == 2_500_000
    assert max(map(len, lines)) < 1_100_000


PROGRAM = """
import asyncio
from roomkit import AIChannel, CLIChannel, MockAIProvider, RoomKit

async def main():
    async with RoomKit() as kit:
        terminal = CLIChannel()
        for channel in (terminal, AIChannel("agent", MockAIProvider(responses=["Hello yourself."]))):
            kit.register_channel(channel)
        await kit.create_room("room")
        await kit.attach_channel("room", "agent")
        await terminal.run("room")

asyncio.run(main())
"""


def test_a_whole_program_talks_over_standard_input_and_output() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        input="hello\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("agent: Hello yourself.\n", "")

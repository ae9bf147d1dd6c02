"""A terminal as a channel: the lines one types go into a room, what the room says is printed.

Not in here: colours, prompts, editing (a terminal has its own). Invariants: waiting for a line never blocks the loop,
and leaves no thread behind; what others say cannot steer the terminal: control characters are not printed.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import Final

from roomkit.channels.base import ChannelBase
from roomkit.errors import ConfigError, SessionStateError
from roomkit.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomkit.models.content import MAX_TEXT_CHARS, TextContent
from roomkit.models.context import RoomContext
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.enums import ChannelType
from roomkit.models.event import RoomEvent

READ_BYTES: Final = 65_536
QUIT: Final = "/quit"


class CLIChannel(ChannelBase):
    """One person at one terminal.

    Args:
        channel_id: Unique in its kit.
        user: Who types.
        lines: What is typed, a line at a time; nothing reads standard input.
        write: Takes each line to show; nothing prints it.
    """

    default_type = ChannelType.CLI

    def __init__(
        self,
        channel_id: str = "cli",
        *,
        user: str = "you",
        lines: AsyncIterator[str] | None = None,
        write: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__(channel_id)
        if not user:
            raise ConfigError("a terminal's user has a name")
        self.capabilities = ChannelCapabilities()
        self._user = user
        self._lines = lines
        self._write = write or _print

    async def run(self, room_id: str) -> None:
        """Take part in a room until the input ends or ``/quit`` is typed; the room and binding are made if missing.

        A line is answered, as far as somebody answers it at once, before the next is read: so a conversation piped in
        reads like one typed.

        Raises:
            SessionStateError: The channel is not registered with a kit.
            AccessDeniedError: The room is closed, or the channel was detached from it on purpose.
        """
        if self.host is None:
            raise SessionStateError(f"channel {self.channel_id!r} is in no kit: register_channel it first")
        await self.host.ensure_room(room_id)
        await self.host.ensure_attached(room_id)
        async for line in self._lines or standard_input():
            if (text := line.strip()) == QUIT:
                return
            if text:
                await self._say(text, room_id)

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        """Print who said what."""
        who = event.source.participant_id or event.source.channel_id
        self._write(f"{printable(who)}: {printable(event.text)}")
        return None

    async def _say(self, line: str, room_id: str) -> None:
        if self.host is None:  # unregistered while the line was typed
            raise SessionStateError(f"channel {self.channel_id!r} was taken out of its kit")
        message = InboundMessage(
            channel_id=self.channel_id, sender_id=self._user, content=TextContent(body=line[:MAX_TEXT_CHARS])
        )
        result = await self.host.receive(message, room_id=room_id)
        if (why := _why_not(result)) is not None:
            self._write(f"(not sent: {printable(why)})")


def printable(text: str) -> str:
    """``text`` without what a terminal obeys: escape sequences could retitle it, hide text, or type for its user."""
    return "".join(char for char in text if char in "\n\t" or char.isprintable())


async def standard_input(fd: int | None = None) -> AsyncIterator[str]:
    """The lines of a file descriptor, standard input unless given, without blocking the loop.

    A terminal or pipe is watched by the loop. A file, which no loop can watch, is read in pieces on a thread, and so is
    everything on a loop that watches no descriptors (Windows): there a read that waits ends only with its line.
    """
    source = sys.stdin.fileno() if fd is None else fd
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    while piece := await _read(source):
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        for line in lines:
            yield line
        if len(rest) > MAX_TEXT_CHARS:  # no line is that long: it is passed on as if it had ended here
            yield rest
            rest = ""
    if rest := rest + decoder.decode(b"", final=True):
        yield rest


async def _read(fd: int) -> bytes:
    """The next bytes; none at the end."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(fd, readable.set)
    except (OSError, NotImplementedError):
        return await asyncio.to_thread(os.read, fd, READ_BYTES)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)
    return os.read(fd, READ_BYTES)


def _why_not(result: InboundResult) -> str | None:
    """Why a line did not get into the room; ``None`` if it did."""
    if result.blocked:
        return result.reason or "blocked"
    return result.error


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

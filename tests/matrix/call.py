"""One call of the matrix: who takes part in it, and what must be true of it when it is over.

What is said in it is `conversation`, how it is broken `broken`. `MatrixCall.assert_*` is the one assertion set.
"""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from roomkit._aio import Supervisor
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.kit import RoomKit
from roomkit.models.enums import HookTrigger
from roomkit.models.session import LinkState, SessionState, VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.models.voice import ErrorEvent
from roomkit.testing import VirtualClock
from roomkit.voice.realtime.mock import MockRealtimeTransport
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.engine import Session
from tests.matrix.conversation import (
    RESULT,
    TOOL_S,
    Words,
    script,
)
from tests.matrix.speech import FRAME_MS, frame, numbers_in
from tests.matrix.vendors import Simulator, Vendor
from tests.matrix.wires import FaultyWire, Line


class CallOver(Exception):  # noqa: N818 -- no error: some faults end the call
    """The call ended while something was waited for."""


class MatrixCall:
    """A caller who never stops sending, an agent on lines that can be broken, and a room between them.

    Args:
        vendor: Whose provider serves.
        secondary: Who else may.

    Attributes:
        line: The way to the vendor that serves.
        on_tool: Called when the tool runs.
        ran: What the tool was called with.
        errors: Codes that were told to ON_ERROR.
        spoken: Frames in which the caller spoke.
        question: Those of the first question.
        struck_at: The first frame after the fault.
        is_overdue: The deadline passed with nobody there.
    """

    def __init__(self, vendor: Vendor, secondary: Vendor | None = None) -> None:
        self.vendor = vendor
        self.clock = VirtualClock()
        self.script = script()
        self.simulators: list[Simulator] = []
        self.lines: list[Line] = []
        self.line, provider = self._reach(vendor)
        providers = [provider]
        if secondary is not None:
            self.secondary_line, other = self._reach(secondary)
            providers.append(other)
        self.ran: list[int] = []
        self.on_tool: Callable[[], None] = lambda: None
        self.errors: list[str] = []
        self.transport = MockRealtimeTransport(lead_ms=200)
        self.kit = RoomKit(clock=self.clock)
        self.channel = RealtimeVoiceChannel(
            "voice",
            provider=providers,
            transport=self.transport,
            input_sample_rate=vendor.rate_hz,
            output_sample_rate=vendor.rate_hz,
            tools=[Tool("order", handler=self._order)],
        )
        self.kit.register_channel(self.channel)
        self.kit.hook(HookTrigger.ON_ERROR)(self._on_error)
        self.session: VoiceSession
        self._live: weakref.ref[Session] | None = None
        self._is_speaking = False
        self.is_overdue = False
        self.frame_count = 0
        self.spoken: list[int] = []
        self.question: list[int] = []
        self.struck_at = 0
        self.tasks = Supervisor("caller")

    def _reach(self, vendor: Vendor) -> tuple[Line, RealtimeVoiceProvider]:
        simulator = vendor.simulator(self.script, self.clock)
        line = vendor.line(simulator)
        self.simulators.append(simulator)
        self.lines.append(line)
        return line, vendor.provider(line.dial)

    def colleague(self) -> tuple[Line, RealtimeVoiceProvider]:
        """Another provider of the same vendor, on a line of its own, to hand the call over to."""
        return self._reach(self.vendor)

    # --- the caller -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """The call begins; from now on the caller's microphone is open."""
        self.session = await self.channel.start_session("room-1", "caller")
        self._live = weakref.ref(next(one for one in gc.get_objects() if isinstance(one, Session)))
        self.tasks.start(self._talk(), name="caller")

    async def _talk(self) -> None:
        while self.session.state is SessionState.ACTIVE:
            pcm = frame(self.frame_count, self.vendor.rate_hz, is_loud=self._is_speaking)
            if self._is_speaking:
                self.spoken.append(self.frame_count)
            self.frame_count += 1
            await self.transport.simulate_client_audio(self.session, pcm)
            await asyncio.sleep(FRAME_MS / 1000)

    async def speaks(self, duration_s: float = 0.6) -> None:
        """The caller says something."""
        self._is_speaking = True
        await asyncio.sleep(duration_s)
        self._is_speaking = False

    async def until(self, is_so: Callable[[], bool], what: str, *, within_s: float = 10.0) -> float:
        """Wait for something; returns how many seconds it took.

        Raises:
            AssertionError: It did not come in time: something hangs.
        """
        began_s = now_s = asyncio.get_running_loop().time()
        while not is_so():
            now_s = asyncio.get_running_loop().time()
            if self.is_over:
                raise CallOver
            assert now_s - began_s < within_s, f"hangs: no {what} within {within_s} s; {self.finals()}"
            await asyncio.sleep(0.02)
        return now_s - began_s

    async def until_said(self, role: str, begins: str, *, within_s: float = 20.0) -> float:
        """Wait until words of a speaker, from their beginning, are final at the client."""
        return await self.until(
            lambda: any(who == role and text and begins.startswith(text) for who, text in self.finals()),
            f"{role}: {begins}",
            within_s=within_s,
        )

    # --- what came of it ------------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        return self.session.state is SessionState.ENDED

    @property
    def is_up(self) -> bool:
        return self.session.link_states["provider"] is LinkState.UP

    def told(self, type_: str) -> list[dict[str, Any]]:
        """The client's messages of a type."""
        return self.transport.messages(self.session, type_)

    def finals(self) -> Words:
        """What the client was shown as final."""
        told = self.transport.messages(self.session, "transcription")
        return [(message["role"], message["text"]) for message in told if message["is_final"]]

    def heard_s(self) -> float:
        """How much of the agent left for the caller."""
        return sum(len(pcm) for _, pcm in self.transport.sent_audio) / 2 / self.vendor.rate_hz

    @property
    def wires(self) -> list[FaultyWire]:
        """All of them."""
        return [wire for line in self.lines for wire in line.wires]

    async def _order(self, number: int) -> str:
        self.ran.append(number)
        self.on_tool()
        await asyncio.sleep(TOOL_S)
        return RESULT

    async def _on_error(self, event: ErrorEvent, _: object) -> None:
        self.errors.append(event.code)

    # --- the one assertion set ------------------------------------------------------------------------------------

    async def assert_words(self, expected: Words, *, cut: Sequence[str] = ()) -> None:
        """Every word is there, once, in order; of what was cut, a beginning.

        Args:
            expected: Who says what.
            cut: Answers of which only a beginning need have been heard.
        """
        events = [e for e in await self.kit.get_timeline("room-1", limit=100) if "role" in e.metadata]
        said = [(str(e.metadata["role"]), e.text) for e in events if e.metadata["role"] != "system"]
        assert [role for role, _ in said] == [role for role, _ in expected], said
        for (_, text), (_, wanted) in zip(said, expected, strict=True):
            assert text == wanted or (wanted in cut and text and wanted.startswith(text)), said
        ids = [e.source.external_id for e in events if e.source.external_id is not None]  # Gemini's answers have none
        assert len(ids) == len(set(ids)), f"a room event came twice: {ids}"
        assert self.finals() == said, "the client was shown something else than the room"

    def assert_tools(self, runs: int = 1) -> None:
        """The tool ran once, and who serves knows its result, from one telling."""
        assert self.ran == [12] * runs
        if runs:
            assert any(_tellings(wire) for wire in self.wires), "the tool's result was lost"
        for wire in self.wires:
            assert _tellings(wire) <= 1, "a tool's result was told twice"

    def assert_audio(self) -> None:
        """Each frame reached a link, in order, once; only an utterance that was not known yet reached a second one.

        Of a call that the fault ended, those before it.
        """
        reached: set[int] = set()
        for wire in self.wires:
            numbers = numbers_in(bytes(wire.audio), self.vendor.rate_hz)
            assert numbers == sorted(set(numbers)), "frames out of order, or twice on one link"
            reached.update(numbers)
        fed = range(self.struck_at if self.is_over else self.frame_count)
        lost = sorted(set(fed) - reached)
        assert lost == [], f"{len(lost)} frames lost, from {lost[:1]}"

    def assert_question_heard_whole(self) -> None:
        """The sentence that was broken off on one link was heard by another one from its beginning."""
        heard = [set(numbers_in(bytes(wire.audio), self.vendor.rate_hz)) for wire in self.wires]
        assert any(numbers.issuperset(self.question) for numbers in heard), "nobody heard the whole sentence"

    async def close(self) -> None:
        """Hang up, and see that nothing of the call is left: no task, socket, timer or session."""
        async with asyncio.timeout(10):
            await self.kit.close()
        async with asyncio.timeout(60):  # their own watches included
            await self.tasks.idle()
        assert not self.is_overdue, "nobody was there when the deadline passed"
        await asyncio.sleep(3)  # what closes in the background is given two
        tasks = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert tasks == set()
        assert [wire.struck for wire in self.wires if not wire.is_over] == [], "a socket was left open"
        timers = [one for one in getattr(asyncio.get_running_loop(), "_scheduled") if not one.cancelled()]  # noqa: B009
        assert timers == []
        gc.collect()
        assert self._live is None or self._live() is None, "the session is still referred to"


def _tellings(wire: FaultyWire) -> int:
    return sum(json.dumps(str(text)).count(RESULT) for text in wire.texts)

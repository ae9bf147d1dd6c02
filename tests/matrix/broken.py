"""The whole conversation of the matrix with one fault in one phase of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from roomkit.errors import RoomKitError
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from tests.matrix.call import MatrixCall
from tests.matrix.conversation import ANSWER, COUNT, IN_A_HANDOFF, LAST, QUESTION, STOP, Phase
from tests.matrix.wires import Fault, FaultyWire


@dataclass
class Broken:
    """A conversation that is broken once.

    Attributes:
        call: Who talks.
        fault: What goes wrong.
        phase: When.
        deadline_s: Within which a link must be up again, or the call be over.
        for_good: The vendor does not come back from it.
    """

    call: MatrixCall
    fault: Fault
    phase: Phase
    deadline_s: float
    for_good: bool = False

    async def run(self) -> None:
        """Returns when the last answer was heard.

        Raises:
            CallOver: The call ended before.
        """
        call = self.call
        if self.phase is Phase.CONNECT:
            call.line.at_connect = [] if self.for_good else [self.fault]
            call.line.is_dead = self.fault if self.for_good else None
        await call.start()
        await self._question()
        if self.phase is Phase.AGENT:
            await call.until(lambda: call.heard_s() > 1, "answer")
            self._strike()
        if self.phase in IN_A_HANDOFF:
            await call.until(lambda: call.heard_s() > 0.5, "answer")
            await self._hand_over()
        await call.until_said("assistant", ANSWER, within_s=self.deadline_s + 5)
        await call.until(lambda: call.is_up, "link", within_s=60)
        await self._rest()

    async def _question(self) -> None:
        call = self.call
        if self.phase is Phase.TOOL:
            call.on_tool = self._strike
        if self.phase is Phase.CALLER:
            await call.speaks(0.4)
            self._strike()
        await call.speaks()
        await call.until_said("user", QUESTION, within_s=self.deadline_s + 2)
        call.question = [*call.spoken]

    async def _rest(self) -> None:
        call = self.call
        await call.speaks()
        await call.until_said("user", COUNT, within_s=self.deadline_s + 20)
        await asyncio.sleep(2.5)
        await call.speaks()
        await call.until_said("user", STOP)
        await call.until_said("assistant", LAST)

    def _strike(self) -> None:
        call = self.call
        if self.for_good or self.fault is Fault.AUTH:
            call.line.is_dead = self.fault
        struck, call.struck_at = call.line.current, call.frame_count
        struck.strike(self.fault)
        call.tasks.start(self._watch(struck), name="watch")

    async def _watch(self, struck: FaultyWire) -> None:
        """What nobody recovers from in time shows, however well the conversation goes on."""
        await asyncio.sleep(self.deadline_s)
        call = self.call
        call.is_overdue = not (call.is_over or (call.is_up and call.wires[-1] is not struck))

    async def _hand_over(self) -> None:
        call = self.call
        line, colleague = call.colleague()
        if self.phase is Phase.HANDOFF_NEW:
            line.at_connect = [self.fault]
        handover = call.tasks.start(self._reconfigure(colleague), name="handover")
        if self.phase is not Phase.HANDOFF_NEW:
            await call.until(lambda: bool(line.wires), "second link")
            await asyncio.sleep(0.1)
            (call.line if self.phase is Phase.HANDOFF_OLD else line).current.strike(self.fault)
        await call.until(handover.done, "end of the hand-over", within_s=60)
        handover.result()

    async def _reconfigure(self, provider: RealtimeVoiceProvider) -> None:
        try:
            await self.call.channel.reconfigure_session(self.call.session, provider=provider)
        except RoomKitError:
            assert (self.fault, self.phase) == (Fault.AUTH, Phase.HANDOFF_NEW), "only a refusal leaves the old link"

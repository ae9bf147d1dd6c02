"""Six faults, in seven phases of a call, on four vendors, in virtual time: one assertion set (RFC 0006, section 6).

In no cell does the caller say anything twice: a sentence spoken to a dead line is heard by the next one (R-0006-17).
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator

import pytest

from roomkit.errors import ProviderRefusedError
from roomkit.models.session import EndReason
from roomkit.voice.realtime.wire import HANDSHAKE_TIMEOUT_S
from roomkit.voice.session.media.unsettled import LONG_QUIET_MS
from tests.matrix.broken import Broken
from tests.matrix.call import CallOver, MatrixCall
from tests.matrix.conversation import ANSWER, COUNTING, IN_A_HANDOFF, WHOLE, Phase
from tests.matrix.vendors import SECONDARY, VENDORS
from tests.matrix.wires import KEEP_ALIVE_S, Fault

pytestmark = pytest.mark.virtual_time


@pytest.fixture(scope="module", autouse=True)
def _what_was_there_before() -> Iterator[None]:
    """Each cell looks for objects that are left: what other tests made need not be looked through every time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


IN_THE_CALL = (Phase.CALLER, Phase.AGENT, Phase.TOOL)

ENDS = {
    **{
        (name, Fault.AUTH, phase): "a key that was revoked stays so: dialling again cannot help"
        for name, phase in itertools.product(VENDORS, IN_THE_CALL)
    },
    **{
        (name, Fault.LIMIT, phase): "the owner of the agent set the limit: another conversation is not asked for"
        for name, phase in itertools.product(("elevenlabs", "elevenlabs with voice scores"), IN_THE_CALL)
    },
}
"""The cells in which a call with one provider ends, and why that is right; in all others it goes on."""

REFUSED = {(name, Fault.AUTH, Phase.CONNECT): "a call that cannot begin is not begun" for name in VENDORS}

CELLS = list(itertools.product(VENDORS, Fault, Phase))
CUT_BY = (Phase.AGENT, Phase.HANDOFF_OLD)
"""Phases in which the answer under way may lose its end: a vendor that is gone does not finish its sentence."""


def deadline_s(fault: Fault, phase: Phase) -> float:
    """Within which a link is up again after the fault, or the call over."""
    if fault is not Fault.STALL:
        return 1.0
    return HANDSHAKE_TIMEOUT_S + 1.0 if phase is Phase.CONNECT else KEEP_ALIVE_S + 1.0


def name_of(cell: object) -> str:
    return str(cell)


async def assert_all_is_well(call: MatrixCall, phase: Phase) -> None:
    await call.assert_words(WHOLE, cut=[COUNTING, ANSWER] if phase in CUT_BY else [COUNTING])
    call.assert_tools()
    call.assert_audio()
    await call.close()


@pytest.mark.parametrize(
    ("name", "fault", "phase"), [cell for cell in CELLS if cell not in ENDS and cell not in REFUSED], ids=name_of
)
async def test_a_call_goes_on_and_nothing_is_lost_said_twice_or_left_behind(
    name: str, fault: Fault, phase: Phase
) -> None:
    call = MatrixCall(VENDORS[name])

    await Broken(call, fault, phase, deadline_s(fault, phase)).run()

    assert len(call.told("error")) <= 1
    if phase is Phase.CALLER:
        call.assert_question_heard_whole()
    await assert_all_is_well(call, phase)


@pytest.mark.parametrize(("name", "fault", "phase"), ENDS, ids=name_of)
async def test_a_call_that_cannot_go_on_ends_with_one_reason_and_says_so(name: str, fault: Fault, phase: Phase) -> None:
    call = MatrixCall(VENDORS[name])

    with pytest.raises(CallOver):
        await Broken(call, fault, phase, deadline_s(fault, phase)).run()

    assert call.session.end_reason is EndReason.PROVIDER_REFUSED
    assert [message["reason"] for message in call.told("session_ended")] == ["provider_refused"]
    assert len(call.told("error")) == len(call.errors) == 1
    said = {Phase.CALLER: 0, Phase.AGENT: 2, Phase.TOOL: 1}[phase]
    await call.assert_words(WHOLE[:said], cut=[ANSWER])
    call.assert_audio()
    await call.close()


@pytest.mark.parametrize(("name", "fault", "phase"), REFUSED, ids=name_of)
async def test_a_call_that_cannot_begin_raises_one_error_and_leaves_nothing(
    name: str, fault: Fault, phase: Phase
) -> None:
    call = MatrixCall(VENDORS[name])

    with pytest.raises(ProviderRefusedError):
        await Broken(call, fault, phase, deadline_s(fault, phase)).run()

    assert len(call.wires) == 0
    await call.close()


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in IN_A_HANDOFF], ids=str)
@pytest.mark.parametrize("fault", Fault, ids=str)
@pytest.mark.parametrize("name", VENDORS)
async def test_with_a_second_vendor_the_call_goes_on_there(name: str, fault: Fault, phase: Phase) -> None:
    call = MatrixCall(VENDORS[name], SECONDARY[name])

    await Broken(call, fault, phase, deadline_s(fault, phase) + 1, for_good=True).run()

    assert call.session.provider == SECONDARY[name].name
    if phase is Phase.CALLER:
        call.assert_question_heard_whole()
    await assert_all_is_well(call, phase)


def test_every_cell_of_the_matrix_is_there() -> None:
    assert len(CELLS) == len(VENDORS) * len(Fault) * len(Phase) == 5 * 6 * 7
    assert (len(ENDS), len(REFUSED)) == (21, 5)
    assert set(CELLS) >= ENDS.keys() | REFUSED.keys()
    assert all([*ENDS.values(), *REFUSED.values()])


def test_the_ear_remembers_for_longer_than_a_line_can_be_dead_unknown() -> None:
    """R-0006-18: else a sentence would be forgotten just before it is needed."""
    assert LONG_QUIET_MS > (KEEP_ALIVE_S + 2.0) * 1000.0

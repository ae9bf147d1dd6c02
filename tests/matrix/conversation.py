"""What is said in every cell of the matrix, and the phases in which it is broken. It belongs to no vendor."""

from __future__ import annotations

from enum import StrEnum

from roomkit.testing import Script, call_tool, hear, say, transcribe

QUESTION, ANSWER = "where is my order", "It is on its way to you and comes on Friday."
COUNT, COUNTING = "count to ten", "one two three four five six seven eight nine ten"
STOP, LAST = "stop", "As you like."
RESULT = "parcel-7731 leaves today"
TOOL_S = 0.4

Words = list[tuple[str, str]]
WHOLE: Words = [
    ("user", QUESTION), ("assistant", ANSWER), ("user", COUNT), ("assistant", COUNTING), ("user", STOP),
    ("assistant", LAST),
]  # fmt: skip


class Phase(StrEnum):
    """Where in the call it strikes."""

    CONNECT = "at connect"
    CALLER = "during caller speech"
    AGENT = "during agent speech"
    TOOL = "during a tool call"
    HANDOFF_OLD = "during handoff, the old link"
    HANDOFF_NEW = "during handoff, the new link's dial"
    HANDOFF_WAITING = "during handoff, the new link standing by"


IN_A_HANDOFF = frozenset({Phase.HANDOFF_OLD, Phase.HANDOFF_NEW, Phase.HANDOFF_WAITING})


def script() -> Script:
    """The vendors' part: a question, a tool, an answer; a question, a long answer that is interrupted; a last answer.

    One performance: it goes on with whoever dials next.
    """
    return Script(
        hear("speech"), transcribe(QUESTION), call_tool("order", {"number": 12}),
        say(ANSWER, seconds=3, pace="realtime"),
        hear("speech"), transcribe(COUNT), say(COUNTING, seconds=10),
        hear("speech"), transcribe(STOP), say(LAST, seconds=1),
    )  # fmt: skip

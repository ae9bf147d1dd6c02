"""The steps of a simulator script: what the pretended provider waits for, and what it does.

Each function makes one step, a frozen value that knows nothing of any vendor's wire. The order of the steps is
`roomkit.testing.simulators.script`; what a step looks like on the wire is the vendor's simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from roomkit.errors import ConfigError

Turn = Literal["any", "speech", "commit", "text"]
"""How the caller took a turn: voice activity, an explicit commit, or a typed message."""

Pace = Literal["fast", "realtime"]
"""``"fast"``: the whole answer at once, as a provider that generates faster than speech. ``"realtime"``: as spoken."""


@dataclass(frozen=True, slots=True)
class Hear:
    turn: Turn = "any"


@dataclass(frozen=True, slots=True)
class Transcribe:
    text: str = ""
    after_ms: float = 0.0
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    pcm: bytes | None = field(repr=False)
    seconds: float
    pace: Pace
    together: bool


@dataclass(frozen=True, slots=True)
class CallTool:
    name: str
    arguments: Mapping[str, Any]
    together: bool


@dataclass(frozen=True, slots=True)
class Expect:
    type: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExpectToolResult:
    output: Any
    name: str


@dataclass(frozen=True, slots=True)
class Wait:
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Stall:
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Drop:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fault:
    code: str
    message: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Raw:
    message: Mapping[str, Any] | str | bytes


@dataclass(frozen=True, slots=True)
class Loop:
    pass


Step = Hear | Transcribe | Say | CallTool | Expect | ExpectToolResult | Wait | Stall | Drop | Fault | Raw | Loop

ANYTHING: object = type("Anything", (), {"__repr__": lambda _: "ANYTHING"})()
"""In `expect` and `expect_tool_result`: any value will do."""

_SPOKEN_WORD_S = 0.3
"""A word takes about this long to say (200 words a minute); only the length of the default tone hangs on it."""


def hear(turn: Turn = "any") -> Step:
    """Wait for the caller's next turn.

    Args:
        turn: ``"speech"`` (the server's voice activity detection), ``"commit"`` (the client committed the buffer),
            ``"text"`` (a user message item), or any of them. A client that comes back replays its conversation as
            text: after `drop`, say which kind you mean.
    """
    if turn not in ("any", "speech", "commit", "text"):
        raise ConfigError(f"hear({turn!r}): a turn is 'any', 'speech', 'commit' or 'text'")
    return Hear(turn)


def transcribe(text: str = "", *, after_ms: float = 0.0, fails: bool = False) -> Step:
    """Deliver the transcript of the caller's latest audio turn, if the session asked for transcripts.

    Args:
        text: What the caller said.
        after_ms: How late it comes; the script goes on meanwhile (a transcript may well come after the answer).
        fails: Deliver the failure event in its place.
    """
    return Transcribe(text, after_ms, fails)


def say(
    text: str = "",
    *,
    audio: bytes | None = None,
    seconds: float | None = None,
    pace: Pace = "fast",
    together: bool = False,
) -> Step:
    """Answer: wait until a response is asked for (by the client or by the end of speech) and speak it.

    Args:
        text: The transcript, or the whole answer where the client asked for text only.
        audio: PCM16 LE mono at 24 kHz. Without it a soft 400 Hz tone is spoken.
        seconds: Length of that tone; by default 0.3 s a word, at least 0.3 s.
        pace: All at once, or 20 ms of audio every 20 ms.
        together: Part of the same response as the step before.
    """
    if audio is not None and (seconds is not None or len(audio) % 2):
        raise ConfigError("say(): give audio as whole 16-bit samples, or seconds, not both")
    if pace not in ("fast", "realtime"):
        raise ConfigError(f"say(pace={pace!r}): a pace is 'fast' or 'realtime'")
    length_s = _SPOKEN_WORD_S * max(1, len(text.split())) if seconds is None else seconds
    return Say(text, audio, length_s, pace, together)


def call_tool(name: str, args: Mapping[str, Any] | None = None, *, together: bool = False) -> Step:
    """Answer with a function call. ``together=True`` joins the response of the step before (parallel calls)."""
    return CallTool(name, dict(args or {}), together)


def expect(type: str, **fields: Any) -> Step:  # noqa: A002 -- it is the wire's own word
    """Wait for the client event ``type``; it must hold ``fields``.

    Other events pass. A mapping is matched key by key (further keys may be there), everything else by equality;
    `ANYTHING` matches any value. The first event of the type that differs fails the script.
    """
    return Expect(type, fields)


def expect_tool_result(output: Any = ANYTHING, *, name: str = "") -> Step:
    """Wait for the result of a tool call.

    Args:
        output: What it must be; compared with the parsed JSON if it is not a string.
        name: Of which tool; by default of whichever answers next.
    """
    return ExpectToolResult(output, name)


def wait(duration_ms: float) -> Step:
    """Let time pass before the next step; what runs goes on."""
    return Wait(duration_ms)


def stall(duration_ms: float) -> Step:
    """Go silent: nothing leaves the server for so long, then everything that was held, in order."""
    return Stall(duration_ms)


def drop(code: int = 1006, reason: str = "") -> Step:
    """End the connection: 1006 without a closing frame, any other code with one. A script goes on at the next dial."""
    return Drop(code, reason)


def error(code: str, message: str = "Something went wrong.", *, fatal: bool = False) -> Step:
    """Send an error event; a fatal one is followed by close 1011."""
    return Fault(code, message, fatal)


def raw(message: Mapping[str, Any] | str | bytes) -> Step:
    """Send this as it is: a mapping as JSON, text or bytes untouched. For rubbish and rare events."""
    return Raw(message)


def loop() -> Step:
    """Begin again with the first step."""
    return Loop()

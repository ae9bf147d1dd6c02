"""A caller made of a recording: plays it to a voice server over the real WebSocket and listens to the answer.

It behaves as a person with a browser does: waits for the greeting, speaks in real time, is silent but not gone while
the agent answers, reports what was heard, and hangs up when nothing more comes. Not in here: printing, files.
Invariant: a call is over within `Patience`, whatever the server does.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from roomkit.app.earpiece import Earpiece, is_loud
from roomkit.errors import ConfigError, RealtimeConnectionError
from roomkit.voice.audio.pcm import ms_to_bytes
from roomkit.voice.audio.rates import resampler

FRAME_MS = 20.0
REPORT_EVERY_BEATS = 3
"""Of playback: every 60 ms, about as often as the browser client."""

MAX_SHOWN_CHARS = 200
"""Of a tool's result; the rest is for the agent."""

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""A server that does not pace may send a whole answer in one message."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a caller waits, in milliseconds."""

    session_ms: float = 15_000.0
    greeting_ms: float = 700.0
    pause_ms: float = 1_500.0
    answer_ms: float = 15_000.0
    whole_answer_ms: float = 120_000.0


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened in the call.

    Attributes:
        at_ms: After the session started.
        who: ``"you"``, ``"agent"``, ``"tool"``, ``"time"``, ``"error"`` or ``"call"``.
        is_final: Otherwise the next line of the same ``who`` replaces it.
    """

    at_ms: float
    who: str
    text: str
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the call went.

    Attributes:
        answer: What was heard from the agent: PCM16 LE mono at ``rate_hz``.
        heard_answer: Whether it spoke after the caller did.
        why: Why the call ended.
    """

    answer: bytes
    rate_hz: int
    heard_answer: bool
    why: str


async def place_call(
    url: str, pcm: bytes, rate_hz: int, *, tell: Callable[[Line], None], patience: Patience | None = None
) -> Outcome:
    """Call a voice server and play a recording to it.

    Args:
        url: ``ws://`` or ``wss://`` address of a server that speaks RoomKit's WebSocket protocol.
        pcm: What the caller says: PCM16 LE mono.
        rate_hz: Its rate; the session's may differ.
        tell: Called with everything that happens, as it happens.
        patience: How long to wait for what.

    Raises:
        ConfigError: The address is none, or nobody answers there.
        RealtimeConnectionError: The server refused, or started no session in time.
    """
    try:
        async with connect(url, compression=None, max_size=MAX_MESSAGE_BYTES, proxy=None) as socket:
            patience = patience or Patience()
            session = await _session_of(socket, patience.session_ms)
            return await _Call(socket, session, tell, patience).run(pcm, rate_hz)
    except (OSError, InvalidURI, InvalidHandshake) as error:
        raise ConfigError(f"no voice server answers at {url} ({type(error).__name__})") from error


class _Call:
    """One call: one task speaks, the caller's own listens; the socket's end ends both."""

    def __init__(
        self, socket: ClientConnection, session: dict[str, Any], tell: Callable[[Line], None], patience: Patience
    ) -> None:
        self._socket = socket
        self._session = session
        self._tell = tell
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._began_ms = self._loop.time() * 1000.0
        self._rate_hz = int(session["output_sample_rate"])
        self._ear = Earpiece(self._rate_hz)
        self._epoch = 0
        self._is_agent_speaking = False
        self._last_loud_ms: float | None = None  # when the caller's newest audible frame left
        self._heard_answer = False
        self._why = ""

    async def run(self, pcm: bytes, rate_hz: int) -> Outcome:
        """Live the call."""
        frames = _frames(pcm, rate_hz, int(self._session["input_sample_rate"]))
        self._say("call", f"connected to {self._session.get('provider', 'the agent')}")
        async with asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(self._speak(frames), name="caller:speak")
            async for message in self._socket:
                try:
                    self._take(message)
                except (ValueError, KeyError, TypeError, AttributeError):  # somebody else's server: talk on
                    self._say("error", "a message of the server made no sense")
            speaking.cancel()
        why = self._why or "the server closed the connection"
        return Outcome(self._ear.recording(), self._rate_hz, self._heard_answer, why)

    # --- listening ------------------------------------------------------------------------------------------------

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._hear(message)
            return
        content = json.loads(message)
        match content.get("type"):
            case "audio":
                self._hear(base64.b64decode(content["data"]))
            case "clear_audio":
                self._epoch = int(content.get("epoch", self._epoch + 1))
                self._ear.clear(self._now_ms())
            case "speaking" if content["who"] == "assistant":
                self._is_agent_speaking = bool(content["speaking"])
            case "session_ended":
                self._why = self._why or f"the session ended: {content['reason']}"
            case _:
                self._tell_of(content)

    def _tell_of(self, content: dict[str, Any]) -> None:
        match content.get("type"):
            case "transcription":
                cut = " [interrupted]" if content.get("interrupted") else ""
                who = "you" if content["role"] == "user" else "agent"
                self._say(who, content["text"] + cut, is_final=content["is_final"])
            case "tool_call" if content.get("result") is not None:
                self._say("tool", f"{content['name']}({_json(content['arguments'])}) -> {_json(content['result'])}")
            case "latency" if content.get("answer_ms") is not None:
                self._say("time", f"answered {content['answer_ms']:.0f} ms after the server noticed the end of speech")
            case "error":
                self._say("error", content["message"])

    def _hear(self, pcm: bytes) -> None:
        now_ms = self._now_ms()
        pcm = pcm[: len(pcm) & ~1]
        if self._last_loud_ms is not None and is_loud(pcm):
            if self._ear.silent_for_ms(now_ms) > 0.0:
                self._say("time", f"heard {now_ms - self._last_loud_ms:.0f} ms after the last sound of speech")
            self._heard_answer = True
        self._ear.hear(pcm, now_ms)

    # --- speaking -------------------------------------------------------------------------------------------------

    async def _speak(self, frames: list[bytes]) -> None:
        """Wait for the greeting, speak, be silent until nothing more comes, hang up."""
        nothing = bytes(len(frames[0]))
        metronome = _Metronome(self._loop)
        try:
            while not self._may_begin():
                await self._send(nothing, metronome)
            for frame in frames:
                await self._send(frame, metronome)
                if is_loud(frame):
                    self._last_loud_ms = self._now_ms()
            self._last_loud_ms = self._last_loud_ms or self._now_ms()  # a silent recording is waited for all the same
            spoke_until_ms = self._now_ms()
            while not self._is_over(self._now_ms() - spoke_until_ms):
                await self._send(nothing, metronome)
            await self._socket.send('{"type":"end"}')
            await self._socket.close()
        except ConnectionClosed:
            return  # the listening loop ends as well, and says why

    def _may_begin(self) -> bool:
        now_ms = self._now_ms()
        return (
            not self._is_agent_speaking and min(self._ear.silent_for_ms(now_ms), now_ms) >= self._patience.greeting_ms
        )

    def _is_over(self, waited_ms: float) -> bool:
        now_ms = self._now_ms()
        is_quiet = not self._is_agent_speaking and self._ear.silent_for_ms(now_ms) >= self._patience.pause_ms
        limit_ms = self._patience.whole_answer_ms if self._heard_answer else self._patience.answer_ms
        if self._heard_answer and is_quiet:
            self._why = "the answer is over"
        elif waited_ms >= limit_ms:
            self._why = "the answer does not end" if self._heard_answer else "no answer came"
        return bool(self._why)

    async def _send(self, frame: bytes, metronome: _Metronome) -> None:
        beat = await metronome.next()
        if self._session["audio_format"] == "base64_json":
            await self._socket.send(json.dumps({"type": "audio", "data": base64.b64encode(frame).decode()}))
        else:
            await self._socket.send(frame)
        now_ms = self._now_ms()
        if beat % REPORT_EVERY_BEATS == 0 and self._ear.silent_for_ms(now_ms) < REPORT_EVERY_BEATS * 2 * FRAME_MS:
            report = {"type": "playback", "played_ms": self._ear.position_ms(now_ms), "epoch": self._epoch}
            await self._socket.send(json.dumps(report))

    # --- details --------------------------------------------------------------------------------------------------

    def _now_ms(self) -> float:
        return self._loop.time() * 1000.0 - self._began_ms

    def _say(self, who: str, text: str, *, is_final: bool = True) -> None:
        self._tell(Line(self._now_ms(), who, text, is_final))


class _Metronome:
    """A beat each frame, without drift: a late beat is followed by an early one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due_s = loop.time()
        self._beats = 0

    async def next(self) -> int:
        await asyncio.sleep(max(0.0, self._due_s - self._loop.time()))
        self._due_s += FRAME_MS / 1000.0
        self._beats += 1
        return self._beats


async def _session_of(socket: ClientConnection, timeout_ms: float) -> dict[str, Any]:
    """The server's ``session_started``."""
    try:
        async with asyncio.timeout(timeout_ms / 1000.0):
            while True:
                message: dict[str, Any] = json.loads(await socket.recv(decode=True))
                if message["type"] == "session_started":
                    return message
                if message["type"] in ("error", "session_ended"):
                    why = message.get("message") or message.get("reason")
                    raise RealtimeConnectionError(f"the server started no session: {why}")
    except TimeoutError as error:
        raise RealtimeConnectionError("the server started no session in time") from error
    except ConnectionClosed as error:
        why = error.rcvd.reason if error.rcvd else "it closed the connection"
        raise RealtimeConnectionError(f"the server started no session: {why}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RealtimeConnectionError("what answers there does not speak RoomKit's protocol") from error


def _frames(pcm: bytes, from_hz: int, to_hz: int) -> list[bytes]:
    """The recording at the session's rate, in frames, the last one filled up with silence; at least one."""
    if (resample := resampler(from_hz, to_hz)) is not None:
        pcm = resample.feed(pcm) + resample.flush()
    size = ms_to_bytes(FRAME_MS, to_hz)
    pcm += bytes(-len(pcm) % size or (0 if pcm else size))
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


def _json(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"

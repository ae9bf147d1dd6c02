"""The answers of the simulated service: one at a time, from the asking through its pieces to ``turnComplete``.

An answer *thinks* until it is told what to say. Speaking is a generator that emits what is due and yields the loop time
of what comes next. The service takes the client for a loudspeaker: ``turnComplete`` waits until everything could have
been played, however fast it was generated. Tool calls that block leave their turn open.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from roomkit.testing.simulators.sound import bytes_per_ms
from roomkit.testing.simulators.speech import Call, Speech, chunks_of, words_before, words_of

Emit = Callable[[Mapping[str, Any]], None]

AUDIO_TYPE: Final = "audio/pcm;rate=24000"
_TOKENS_PER_S: Final = 25


class Answers:
    """All answers of one connection.

    Args:
        emit: Sends a server message.
        new_id: Makes fresh ids.
        is_async: Whether a function runs beside the conversation.
        on_busy: Told when an answer begins (`True`) and when none is being made (`False`).

    Attributes:
        is_thinking: An answer was asked for and nobody has said what it is.
        spoken_ms: How much of the current answer was sent; until `on_busy` was told that it is over.
        writes_words: Whether the session wants what the agent says as text.
    """

    def __init__(
        self,
        emit: Emit,
        new_id: Callable[[str], str],
        *,
        is_async: Callable[[str], bool],
        on_busy: Callable[[bool], None],
    ) -> None:
        self._emit = emit
        self._new_id = new_id
        self._is_async = is_async
        self._on_busy = on_busy
        self._steps: Iterator[float] | None = None
        self._waiting_turns = 0
        self._blocking: dict[str, str] = {}
        self._beside: dict[str, str] = {}
        self.spoken_ms = 0.0
        self._is_open = False
        self._token: object | None = None
        self._heard_until_ms = 0.0
        self.is_thinking = False
        self.writes_words = True
        self.due_ms: float | None = None

    @property
    def is_speaking(self) -> bool:
        """Whether something was said of an answer that is not complete."""
        return self._is_open

    @property
    def call_names(self) -> Mapping[str, str]:
        """Open calls and their functions' names."""
        return {**self._blocking, **self._beside}

    def ask(self) -> None:
        """A turn is to be answered; after the running answer, if there is one."""
        if self.is_speaking:
            self._waiting_turns += 1
        else:
            self.is_thinking = True

    def fill(self, parts: Sequence[Speech | Call], now_ms: float) -> None:
        """Tell the thinking answer what to say; what is due at once is sent at once."""
        self.is_thinking, self._is_open = False, True
        self._on_busy(True)
        self._steps = self._perform(parts, now_ms)
        self.due_ms = now_ms
        self.wake(now_ms)

    def wake(self, now_ms: float) -> None:
        """Send what is due."""
        while self._steps is not None and self.due_ms is not None and self.due_ms <= now_ms:
            self.due_ms = next(self._steps, None)
            if self.due_ms is None:
                self._steps = None
                if not self._blocking:
                    self._over()

    # --- an answer that is told what to say while it speaks (live mode) ---------------------------------------------

    def take_over(self) -> object | None:
        """The thinking answer, if any, by a token; from now on it says what `write` and `sound` tell it."""
        if not self.is_thinking:
            return None
        self.is_thinking, self._is_open, self._token = False, True, object()
        self._on_busy(True)
        return self._token

    def is_running(self, token: object) -> bool:
        """Whether that answer was neither interrupted nor played to its end."""
        return self._token is token

    def write(self, text: str) -> None:
        """The next words, with the space before them."""
        for word in re.findall(r"\s*\S+", text):
            self._write(word)

    def sound(self, pcm: bytes, now_ms: float) -> None:
        """The next sound: PCM16 LE mono at 24 kHz."""
        self._emit(audio_message(base64.b64encode(pcm).decode()))
        duration_ms = len(pcm) / bytes_per_ms("audio/pcm")
        self.spoken_ms += duration_ms
        self._heard_until_ms = max(self._heard_until_ms, now_ms) + duration_ms

    def finish(self, calls: Sequence[Call], now_ms: float) -> None:
        """Nothing more will be said; these functions are to be called."""
        self._steps, self.due_ms = self._conclude(calls, max(self._heard_until_ms, now_ms)), now_ms
        self.wake(now_ms)

    def interrupt(self) -> None:
        """The caller spoke, or something was sent as content: stop."""
        self.is_thinking, self._waiting_turns = False, 0
        if not self.is_speaking:
            return
        if self._blocking:
            self._emit({"toolCallCancellation": {"ids": [*self._blocking]}})
            self._blocking.clear()
        self._steps = self.due_ms = None
        self._emit({"serverContent": {"interrupted": True}})
        self._complete()
        self._over()

    def result(self, call_id: str, scheduling: str) -> None:
        """A tool's result came for an open call; with the last one that was waited for, the answer goes on."""
        if call_id in self._beside:
            del self._beside[call_id]
            if scheduling == "INTERRUPT":
                self.interrupt()
            if scheduling != "SILENT":
                self.ask()
            return
        del self._blocking[call_id]
        if not self._blocking:
            self.is_thinking = True

    def _perform(self, parts: Sequence[Speech | Call], now_ms: float) -> Iterator[float]:
        heard_until_ms = now_ms
        for part in parts:
            if isinstance(part, Speech):
                for chunk_ms, is_realtime in self._speak(part):
                    heard_until_ms += chunk_ms
                    if is_realtime:
                        yield heard_until_ms
        yield from self._conclude([part for part in parts if isinstance(part, Call)], heard_until_ms)

    def _conclude(self, calls: Sequence[Call], heard_until_ms: float) -> Iterator[float]:
        if calls:
            self._call(calls)
            if self._blocking:
                return
        self._emit({"serverContent": {"generationComplete": True}})
        yield heard_until_ms
        self._complete()

    def _speak(self, speech: Speech) -> Iterator[tuple[float, bool]]:
        chunks, words = chunks_of(speech, "audio/pcm"), words_of(speech.text)
        for index, (chunk, duration_ms) in enumerate(chunks):
            for word in words_before(words, index, len(chunks)):
                self._write(word)
            self._emit(audio_message(chunk))
            self.spoken_ms += duration_ms
            yield duration_ms, speech.is_realtime
        if not chunks:
            for word in words:
                self._write(word)

    def _write(self, word: str) -> None:
        if self.writes_words:
            self._emit({"serverContent": {"outputTranscription": {"text": word}}})

    def _call(self, calls: Sequence[Call]) -> None:
        told = []
        for call in calls:
            call_id = call.call_id or self._new_id("function-call")
            (self._beside if self._is_async(call.name) else self._blocking)[call_id] = call.name
            told.append({"id": call_id, "name": call.name, "args": json.loads(call.arguments)})
        self._emit({"toolCall": {"functionCalls": told}})

    def _complete(self) -> None:
        self._emit({"serverContent": {"turnComplete": True}, "usageMetadata": self._usage()})

    def _over(self) -> None:
        self._is_open, self._token = False, None
        self._on_busy(False)
        self.spoken_ms = 0.0
        if self._waiting_turns:
            self._waiting_turns -= 1
            self.is_thinking = True

    def _usage(self) -> dict[str, Any]:
        """Invented but steady: 50 tokens went in, 25 a second of audio came out."""
        spoken = round(self.spoken_ms * _TOKENS_PER_S / 1000)
        return {
            "promptTokenCount": 50,
            "responseTokenCount": spoken,
            "totalTokenCount": 50 + spoken,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": spoken}],
        }


def audio_message(chunk: str) -> dict[str, Any]:
    """A piece of the agent's voice, in base64."""
    return {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": AUDIO_TYPE, "data": chunk}}]}}}

"""One connection to the simulated xAI server: OpenAI's session within, what xAI does otherwise around it. Pure.

What the client sends is put into OpenAI's words for the session within, what that says into xAI's (`wording`). Here is
what has no counterpart there: the session's shape, rates, reserved names, words to be spoken as given, pings, the
memory of a conversation, the shorter limit.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from roomkit.testing.simulators.account import Account
from roomkit.testing.simulators.connection import Output
from roomkit.testing.simulators.openai.conversation import Event, Refused
from roomkit.testing.simulators.openai.ear import Listener
from roomkit.testing.simulators.openai.hearing import Heard
from roomkit.testing.simulators.openai.reading import Reading, decode_audio
from roomkit.testing.simulators.openai.session import OpenAISimulatorSession
from roomkit.testing.simulators.rules import Refusal
from roomkit.testing.simulators.sound import PCM_RATE_HZ
from roomkit.testing.simulators.speech import Call, Speech
from roomkit.testing.simulators.xai.past import Past
from roomkit.testing.simulators.xai.settings import Settings
from roomkit.testing.simulators.xai.wording import Wording
from roomkit.voice.audio.resample import Resampler

PING_MS: Final = 10_000
LIMIT_REASON: Final = "The session reached its maximum duration."
_SERVER_ERROR: Final = Refusal(None, "Internal error.", type="server_error")
"""What the real server says of a reserved function name: no more than that."""


class XAISimulatorSession:
    """The protocol state of one connection.

    Args:
        new_id: Makes ids: ``new_id("item")`` gives ``"item_…"``.
        model: From the URL.
        past: The conversation, new or taken up again.
        now_ms: Loop time of the connection.
        wall_s: The same moment as seconds since 1970.
        limit_ms: How long a session may last.
        keep_audio: Whether to fill ``caller_audio``.
        account: Counts the responses.

    Attributes:
        conversation: The items.
        answers: The responses.
        heard: The caller's turns that nobody took note of yet, oldest first.
        caller_audio: All audio the client appended, at the session's input rate; empty unless it is kept.
    """

    def __init__(
        self,
        *,
        new_id: Callable[[str], str],
        model: str,
        past: Past,
        now_ms: float,
        wall_s: float,
        limit_ms: int,
        keep_audio: bool = False,
        account: Account | None = None,
    ) -> None:
        self._within = OpenAISimulatorSession(new_id=new_id, model=model, now_ms=now_ms, wall_s=wall_s, account=account)
        self._within.session["audio"]["input"]["turn_detection"] = None
        self._new_id = new_id
        self._past = past
        self._now_ms = now_ms
        self._wall_offset_ms = wall_s * 1000 - now_ms
        self._ends_ms = now_ms + limit_ms
        self._ping_ms = now_ms + PING_MS
        self._keep_audio = keep_audio
        self._ear_resampler = Resampler(PCM_RATE_HZ, PCM_RATE_HZ)
        self._forced: deque[tuple[str, bool]] = deque()
        self._is_deaf = False
        self._out: list[Output] = []
        self.caller_audio = bytearray()
        self._settings = Settings(self._within.id, model)
        self._wording = Wording(new_id, self._settings.session, self._wall_ms)
        self.conversation = self._within.conversation
        self.answers = self._within.answers
        self.heard: deque[Heard] = self._within.heard
        self._collect()
        conversation = {"id": past.conversation_id, "object": "realtime.conversation"}
        self._say("conversation.created", conversation=conversation)
        self._say("ping", timestamp=self._wall_ms())

    @property
    def id(self) -> str:
        return self._within.id

    @property
    def session(self) -> Event:
        """The session object in xAI's shape."""
        return self._settings.session

    @property
    def is_over(self) -> bool:
        return self._within.is_over

    @is_over.setter
    def is_over(self, is_over: bool) -> None:
        self._within.is_over = is_over

    @property
    def listener(self) -> Listener | None:
        """See `OpenAISimulatorSession.listener`."""
        return self._within.listener

    @listener.setter
    def listener(self, listener: Listener | None) -> None:
        self._within.listener = listener

    @property
    def transcriber(self) -> str | None:
        """See `OpenAISimulatorSession.transcriber`."""
        return self._within.transcriber

    @property
    def due_ms(self) -> float | None:
        """Loop time at which `wake` has something to do."""
        if self.is_over:
            return None
        times_ms = [self._within.due_ms, self._ping_ms, self._ends_ms]
        if self._forced and self.answers.active is None:
            times_ms.append(self._now_ms)
        return min(one for one in times_ms if one is not None)

    def receive(self, reading: Reading) -> bool:
        """Handle one message of the client.

        Returns:
            Whether it was accepted; if not, an ``error`` event is on its way.
        """
        if self.is_over or reading.refusal is not None:
            return self._within.receive(reading)
        if reading.event["type"] == "response.create" and self._settings.has_clash:
            return self._within.receive(Reading(reading.event, _SERVER_ERROR))
        try:
            told = self._handle(reading.event)
        except Refused as refused:
            return self._within.receive(Reading(reading.event, refused.refusal))
        return told is None or self._within.receive(Reading(told))

    def wake(self, now_ms: float) -> None:
        """Do what has become due."""
        self._now_ms = self._past.seen_ms = now_ms
        self._within.wake(now_ms)
        if self._forced and self.answers.active is None:
            self._speak_as_given(now_ms)
        if now_ms >= self._ping_ms:
            self._ping_ms = now_ms + PING_MS
            self._say("ping", timestamp=self._wall_ms())
        if now_ms >= self._ends_ms and not self.is_over:
            self.refuse(Refusal("", LIMIT_REASON))
            self.close(1001, LIMIT_REASON)

    def take(self) -> list[Output]:
        """What is to be sent; empties it."""
        self._collect()
        out, self._out = self._out, []
        return out

    def emit(self, type: str, /, **fields: Any) -> None:  # noqa: A002 -- the wire's own word
        """Send an event in OpenAI's words."""
        self._within.emit(type, **fields)

    def emit_at(self, at_ms: float, type: str, /, **fields: Any) -> None:  # noqa: A002 -- the wire's own word
        """Send an event in OpenAI's words at a later loop time."""
        self._within.emit_at(at_ms, type, **fields)

    def send_raw(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Send something as it is."""
        self._collect()
        self._out.append(dict(message) if isinstance(message, Mapping) else message)

    def refuse(self, refusal: Refusal, event_id: str | None = None) -> None:
        """Send an ``error`` event with the code it has; the server's own have none."""
        self._say("error", error={**_error_event(refusal)["error"], "event_id": event_id})

    def close(self, code: int, reason: str = "") -> None:
        """End the connection after what was said so far."""
        self._within.close(code, reason)

    def answer(self, parts: Sequence[Speech | Call], now_ms: float) -> None:
        """Say this in the oldest response that has nothing to say yet."""
        self._within.answer(parts, now_ms)

    def _wall_ms(self) -> int:
        return round(self._now_ms + self._wall_offset_ms)

    def _say(self, type_: str, **fields: Any) -> None:
        self._collect()
        self._out.append({"type": type_, "event_id": self._new_id("event"), **fields, "previous_item_id": None})

    def _collect(self) -> None:
        for out in self._within.take():
            if not isinstance(out, dict):
                self._out.append(out)
                continue
            self._past.note(out)
            self._out.extend(self._wording.events(out))
            if out["type"] == "response.done":
                self._is_deaf = False
            elif out["type"] == "input_audio_buffer.committed" and self._answers_turns and self._settings.has_clash:
                self._out.extend(self._wording.events(_error_event(_SERVER_ERROR)))

    @property
    def _answers_turns(self) -> bool:
        return self._settings.detects_turns and bool(self.session["turn_detection"]["create_response"])

    # --- the client's words in OpenAI's ----------------------------------------------------------------------------

    def _handle(self, event: Event) -> Event | None:
        """What the session within is told; `None`: nothing, the event is done with.

        Raises:
            Refused: The server will not do it.
        """
        match event["type"]:
            case "session.update":
                return self._update(event["session"])
            case "input_audio_buffer.append":
                return self._append(event["audio"])
            case "conversation.item.create" if event["item"]["type"] == "force_message":
                words = " ".join(part.get("text", "") for part in event["item"]["content"])
                self._forced.append((words, event["item"].get("interruptible", True)))
                return None
            case "conversation.item.truncate":
                return None  # taken without a word, as people report
            case "response.create":
                wishes = event.get("response") or {}
                asked = {key: value for key, value in wishes.items() if key == "instructions"}
                return {"type": "response.create", "response": asked}
            case _:
                return {key: value for key, value in event.items() if value is not None}

    def _update(self, wanted: Mapping[str, Any]) -> Event:
        self._settings.update(wanted)
        self._ear_resampler = Resampler(self._settings.input_rate_hz, PCM_RATE_HZ)
        if self._settings.wants_memory:
            for item in self._past.recalled():
                self._say("conversation.item.added", item=item)
        return self._settings.for_openai()

    def _append(self, audio: str) -> Event | None:
        pcm = decode_audio(audio, "audio/pcm")
        if self._keep_audio:
            self.caller_audio += pcm
        if self._is_deaf:
            return None
        if self._settings.input_rate_hz != PCM_RATE_HZ:
            audio = base64.b64encode(self._ear_resampler.feed(pcm)).decode("ascii")
        return {"type": "input_audio_buffer.append", "audio": audio}

    def _speak_as_given(self, now_ms: float) -> None:
        words, is_interruptible = self._forced.popleft()
        self._is_deaf = not is_interruptible
        self.answers.create({"verbatim": words})
        if self.listener is not None or self.answers.thinking is None:
            return  # it takes the response over and says the words itself, or the account's rate was used up
        self.answers.fill([Speech(words, is_realtime=self._is_deaf)], now_ms)


def _error_event(refusal: Refusal) -> Event:
    inside = {"type": refusal.type, "code": refusal.code, "message": refusal.message, "param": refusal.param}
    return {"type": "error", "error": {**inside, "event_id": None}}

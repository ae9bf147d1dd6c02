"""How the caller's audio becomes turns: the buffer, the items it is committed to, the answers its end asks for. Pure.

Where speech is in it is found by `ear`; what is done about the client's other events is `session`'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from roomkit.testing.simulators.openai.answers import Answers, Emit
from roomkit.testing.simulators.openai.conversation import Conversation, Event, Item, Refused
from roomkit.testing.simulators.openai.ear import Ear, Listener, Noticed, Started
from roomkit.testing.simulators.openai.reading import decode_audio
from roomkit.testing.simulators.rules import Refusal
from roomkit.testing.simulators.sound import loudness
from roomkit.testing.simulators.steps import Turn

COMMIT_MINIMUM_MS: Final = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn the caller took, and the item it became."""

    turn: Turn
    item_id: str


class Hearing:
    """The input audio buffer of one session.

    Args:
        emit: Sends a server event.
        refuse: Sends an ``error`` event.
        new_id: Makes fresh ids.
        session: The session object, whose settings are followed.
        conversation: Where the items go.
        answers: What turns ask for, and speech interrupts.
        keep_audio: Whether to fill ``caller_audio``.

    Attributes:
        heard: The caller's turns that nobody took note of yet, oldest first.
        caller_audio: All audio that was appended; empty unless it is kept.
        listener: Told what the caller says, if somebody wants to know.
    """

    def __init__(
        self,
        emit: Emit,
        refuse: Callable[[Refusal], None],
        new_id: Callable[[str], str],
        *,
        session: Mapping[str, Any],
        conversation: Conversation,
        answers: Answers,
        keep_audio: bool,
    ) -> None:
        self._emit = emit
        self._refuse = refuse
        self._new_id = new_id
        self._session = session
        self._conversation = conversation
        self._answers = answers
        self._keep_audio = keep_audio
        self._ear = Ear()
        self._speech_item_id = ""
        self.heard: deque[Heard] = deque()
        self.caller_audio = bytearray()
        self.listener: Listener | None = None

    def append(self, audio: str) -> None:
        """Take audio in base64.

        Raises:
            Refused: It is none.
        """
        input_ = self._session["audio"]["input"]
        audio_type, detection = input_["format"]["type"], input_["turn_detection"]
        pcm = decode_audio(audio, audio_type)
        if self._keep_audio:
            self.caller_audio += pcm
        told_bytes = 0
        level = loudness if self.listener is None else self.listener.level
        for noticed in self._ear.append(pcm, audio_type, detection, level):
            self._let_hear(pcm[told_bytes : noticed.chunk_bytes], audio_type)
            told_bytes = noticed.chunk_bytes
            self._noticed(noticed, detection)
        if detection is None and self.listener is not None:
            self.listener.on_speech()
        self._let_hear(pcm[told_bytes:], audio_type)

    def commit(self) -> None:
        """Make a turn of the buffer, at the client's word.

        Raises:
            Refused: There is too little in it.
        """
        buffered_ms = self._ear.buffered_ms
        if buffered_ms < COMMIT_MINIMUM_MS:
            text = (
                f"Error committing input audio buffer: buffer too small. Expected at least {COMMIT_MINIMUM_MS}ms of "
                f"audio, but buffer only has {buffered_ms:.2f}ms of audio."
            )
            raise Refused("input_audio_buffer_commit_empty", text)
        self._commit("commit")

    def clear(self) -> None:
        """Forget the buffer."""
        self._ear.empty()
        self._speech_item_id = ""
        if self.listener is not None:
            self.listener.on_clear()
        self._emit("input_audio_buffer.cleared")

    def _let_hear(self, audio: bytes, audio_type: str) -> None:
        if audio and self.listener is not None:
            self.listener.on_audio(audio, audio_type)

    def _noticed(self, noticed: Noticed, detection: Mapping[str, Any]) -> None:
        if isinstance(noticed, Started):
            self._speech_item_id = self._new_id("item")
            where = {"item_id": self._speech_item_id, "audio_start_ms": noticed.audio_start_ms}
            self._emit("input_audio_buffer.speech_started", **where)
            if detection["interrupt_response"] and self._answers.active is not None:
                self._answers.cancel("turn_detected")
            if self.listener is not None:
                self.listener.on_speech()
        else:
            where = {"item_id": self._speech_item_id, "audio_end_ms": noticed.audio_end_ms}
            self._emit("input_audio_buffer.speech_stopped", **where)
            self._commit("speech")
            if detection["create_response"]:
                self._answer_by_itself()

    def _answer_by_itself(self) -> None:
        try:
            self._answers.create({})
        except Refused as refused:  # interrupt_response is off and the last answer still runs
            self._refuse(refused.refusal)

    def _commit(self, turn: Turn) -> None:
        self._ear.empty()
        item_id, self._speech_item_id = self._speech_item_id or self._new_id("item"), ""
        content = [{"type": "input_audio", "transcript": None}]
        body: Event = {"id": item_id, "type": "message", "status": "completed", "role": "user", "content": content}
        before = self._conversation.add(Item(body))
        self._emit("input_audio_buffer.committed", item_id=item_id, previous_item_id=before)
        for type_ in ("conversation.item.added", "conversation.item.done"):
            self._emit(type_, item=deepcopy(body), previous_item_id=before)
        self.heard.append(Heard(turn, item_id))
        if self.listener is not None:
            self.listener.on_turn(item_id)

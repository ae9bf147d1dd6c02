"""The responses of the simulated server: each from its creation through its deltas to its end.

A response is created the moment it is asked for and then *thinks* until it is told what to say. Speaking is a
generator that emits what is due and yields the loop time of what comes next: timed, yet without an event loop. One
response at a time belongs to the conversation; those with ``conversation: "none"`` run beside it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Protocol

from roomkit.testing.simulators.account import RATE_LIMIT_CODE, Account
from roomkit.testing.simulators.openai.conversation import Conversation, Item, Refused
from roomkit.testing.simulators.openai.response import Response, Status, part_of
from roomkit.testing.simulators.sound import bytes_per_ms
from roomkit.testing.simulators.speech import Call, Speech, chunks_of, words_before, words_of


class Emit(Protocol):
    def __call__(self, type_: str, /, **fields: Any) -> None: ...


class Answers:
    """All responses of one session.

    Args:
        emit: Sends a server event.
        conversation: Where the items of answers go.
        new_id: Makes fresh ids.
        session: The session object; answers follow its settings.
        account: Counts responses; by default nobody does.
    """

    def __init__(
        self,
        emit: Emit,
        conversation: Conversation,
        new_id: Callable[[str], str],
        session: Mapping[str, Any],
        account: Account | None = None,
    ) -> None:
        self._emit = emit
        self._conversation = conversation
        self._new_id = new_id
        self._session = session
        self._account = account
        self._live: list[Response] = []
        self._conversation_id = new_id("conv")

    @property
    def active(self) -> Response | None:
        """The conversation's own response, while it thinks or speaks."""
        return next((one for one in self._live if one.in_conversation), None)

    @property
    def thinking(self) -> Response | None:
        """The oldest response that has not been told what to say."""
        return next((one for one in self._live if one.steps is None), None)

    @property
    def due_ms(self) -> float | None:
        return min((one.due_ms for one in self._live if one.due_ms is not None), default=None)

    def create(self, wishes: Mapping[str, Any]) -> None:
        """Begin a response with what ``response.create`` asked for. One beyond the account's rate fails at once.

        Raises:
            Refused: The conversation is already being answered.
        """
        in_conversation = wishes.get("conversation", "auto") != "none"
        if in_conversation and self.active is not None:
            text = f"Conversation already has an active response in progress: {self.active.id}."
            raise Refused("conversation_already_has_active_response", text)
        usual = self._session["audio"]["output"]
        output = wishes.get("audio", {}).get("output", {})
        response = Response(
            id=self._new_id("resp"),
            in_conversation=in_conversation,
            modality=(wishes.get("output_modalities") or self._session["output_modalities"])[0],
            audio_type=output.get("format", usual["format"])["type"],
            voice=output.get("voice", usual["voice"]),
            max_output_tokens=wishes.get("max_output_tokens", self._session["max_output_tokens"]),
            metadata=wishes.get("metadata"),
            instructions=wishes.get("instructions"),
            verbatim=wishes.get("verbatim"),
        )
        self._live.append(response)
        self._emit("response.created", response=response.shown(self._conversation_id))
        if self._account is not None and self._account.responses_per_minute is not None:
            self._count(response, self._account)

    def _count(self, response: Response, account: Account) -> None:
        is_allowed = account.takes_response()
        requests = {"name": "requests", "limit": account.responses_per_minute, "remaining": account.remaining}
        self._emit("rate_limits.updated", rate_limits=[{**requests, "reset_seconds": account.reset_s}])
        if not is_allowed:
            error = {"type": "requests", "code": RATE_LIMIT_CODE, "message": "Rate limit reached for requests."}
            self._end(response, "failed", {"type": "failed", "error": error})

    def fill(self, parts: Sequence[Speech | Call], now_ms: float) -> None:
        """Tell the oldest thinking response what to say; what is due at once is sent at once."""
        response = self.thinking
        if response is None:
            raise LookupError("no response waits for something to say")
        response.steps = self._perform(response, parts, now_ms)
        response.due_ms = now_ms
        self.wake(now_ms)

    # --- a response that is told what to say while it speaks (live mode) --------------------------------------------

    def take_over(self) -> Response | None:
        """The oldest thinking response, if any; from now on it says what `write`, `sound` and `call` tell it."""
        response = self.thinking
        if response is not None:
            response.steps = iter(())
        return response

    def is_running(self, response: Response) -> bool:
        """Whether it has not ended."""
        return any(one is response for one in self._live)

    def write(self, response: Response, text: str) -> None:
        """The next words, with the space before them."""
        self._open_message(response)
        kind = "text" if response.modality == "text" else "audio_transcript"
        for word in re.findall(r"\s*\S+", text):
            self._say_word(f"response.output_{kind}.delta", response, word)

    def sound(self, response: Response, audio: bytes) -> None:
        """The next sound, in the response's format; not heard of one in writing."""
        if response.modality == "text":
            return
        self._open_message(response)
        item = response.output[-1]
        duration_ms = len(audio) / bytes_per_ms(response.audio_type)
        self._emit("response.output_audio.delta", **self._where(response), delta=base64.b64encode(audio).decode())
        item.audio_ms += duration_ms
        response.spoken_ms += duration_ms

    def call(self, response: Response, call: Call) -> None:
        """A function to call, after what was said."""
        self._close_item(response, "completed")
        self._call(response, call)

    def finish(self, response: Response, status: Status) -> None:
        """Nothing more will be said."""
        self._close_item(response, "completed" if status == "completed" else "incomplete")
        details = {"type": "failed", "error": {"type": "server_error", "code": None}} if status == "failed" else None
        self._end(response, status, details)

    def _open_message(self, response: Response) -> None:
        if response.open_part is None:
            part = "text" if response.modality == "text" else "audio"
            self._open_item(response, {"type": "message", "role": "assistant", "content": []}, part)
            self._conversation.has_assistant_audio |= part == "audio"

    def wake(self, now_ms: float) -> None:
        """Send what is due."""
        for response in tuple(self._live):
            while response.steps is not None and response.due_ms is not None and response.due_ms <= now_ms:
                response.due_ms = next(response.steps, None)
                if response.due_ms is None:
                    self._end(response, "completed")

    def cancel(self, reason: str, response_id: str | None = None) -> None:
        """Stop a response: the named one, else the conversation's.

        Raises:
            Refused: It is not (any more) active.
        """
        found = [one for one in self._live if one.id == response_id] if response_id else [self.active]
        if not found or found[0] is None:
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found")
        self._close_item(found[0], "incomplete")
        self._end(found[0], "cancelled", {"type": "cancelled", "reason": reason})

    def _end(self, response: Response, status: Status, details: dict[str, Any] | None = None) -> None:
        response.status, response.status_details = status, details
        self._live.remove(response)
        self._emit("response.done", response=response.shown(self._conversation_id))

    def _perform(self, response: Response, parts: Sequence[Speech | Call], now_ms: float) -> Iterator[float]:
        for part in parts:
            if isinstance(part, Call):
                self._call(response, part)
            elif response.modality == "text":
                self._write(response, part)
            else:
                now_ms = yield from self._speak(response, part, now_ms)

    def _speak(self, response: Response, speech: Speech, start_ms: float) -> Generator[float, None, float]:
        self._open_item(response, {"type": "message", "role": "assistant", "content": []}, "audio")
        item = response.output[-1]
        self._conversation.has_assistant_audio = True
        chunks = chunks_of(speech, response.audio_type)
        words = words_of(speech.text)
        where = self._where(response)
        for index, (chunk, duration_ms) in enumerate(chunks):
            for word in words_before(words, index, len(chunks)):
                self._say_word("response.output_audio_transcript.delta", response, word)
            self._emit("response.output_audio.delta", **where, delta=chunk)
            item.audio_ms += duration_ms
            response.spoken_ms += duration_ms
            if speech.is_realtime:
                start_ms += duration_ms
                yield start_ms
        if not chunks:
            for word in words:
                self._say_word("response.output_audio_transcript.delta", response, word)
        self._close_item(response, "completed")
        return start_ms

    def _write(self, response: Response, speech: Speech) -> None:
        self._open_item(response, {"type": "message", "role": "assistant", "content": []}, "text")
        for word in words_of(speech.text):
            self._say_word("response.output_text.delta", response, word)
        self._close_item(response, "completed")

    def _say_word(self, type_: str, response: Response, word: str) -> None:
        response.spoken_text += word
        self._emit(type_, **self._where(response), delta=word, obfuscation=self._new_id("pad"))

    def _call(self, response: Response, call: Call) -> None:
        call_id = call.call_id or self._new_id("call")
        self._open_item(response, {"type": "function_call", "name": call.name, "call_id": call_id, "arguments": ""})
        item = response.output[-1]
        where = {**self._where(response), "call_id": call_id}
        del where["content_index"]
        half = len(call.arguments) // 2
        for piece in (call.arguments[:half], call.arguments[half:]):
            delta = {"delta": piece, "obfuscation": self._new_id("pad")}
            self._emit("response.function_call_arguments.delta", **where, **delta)
        item.body["arguments"] = call.arguments
        done = {"name": call.name, "arguments": call.arguments}
        self._emit("response.function_call_arguments.done", **where, **done)
        self._finish_item(response, item, "completed")

    def _open_item(self, response: Response, body: dict[str, Any], part: str | None = None) -> None:
        item = Item({"id": self._new_id("item"), "status": "in_progress", **body})
        response.output.append(item)
        index = len(response.output) - 1
        self._emit("response.output_item.added", response_id=response.id, output_index=index, item=deepcopy(item.body))
        if response.in_conversation:
            before = self._conversation.add(item)
            self._emit("conversation.item.added", item=deepcopy(item.body), previous_item_id=before)
        response.open_part, response.spoken_text = part, ""
        if part is not None:
            self._emit("response.content_part.added", **self._where(response), part=part_of(part, ""))

    def _close_item(self, response: Response, status: str) -> None:
        part, response.open_part = response.open_part, None
        if part is None:
            return
        where, text, item = self._where(response), response.spoken_text, response.output[-1]
        if part == "audio":
            self._emit("response.output_audio.done", **where)
            self._emit("response.output_audio_transcript.done", **where, transcript=text)
            item.body["content"] = [{"type": "output_audio", "transcript": text}]
        else:
            self._emit("response.output_text.done", **where, text=text)
            item.body["content"] = [{"type": "output_text", "text": text}]
        self._emit("response.content_part.done", **where, part=part_of(part, text))
        self._finish_item(response, item, status)

    def _finish_item(self, response: Response, item: Item, status: str) -> None:
        item.body["status"] = status
        index = response.output.index(item)
        if response.in_conversation:
            before = self._conversation.before(item)
            self._emit("conversation.item.done", item=deepcopy(item.body), previous_item_id=before)
        self._emit("response.output_item.done", response_id=response.id, output_index=index, item=deepcopy(item.body))

    def _where(self, response: Response) -> dict[str, Any]:
        index = len(response.output) - 1
        item_id = response.output[-1].id
        return {"response_id": response.id, "item_id": item_id, "output_index": index, "content_index": 0}

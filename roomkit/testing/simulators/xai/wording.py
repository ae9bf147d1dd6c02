"""OpenAI's server events in xAI's wording: what is missing there, extra, elsewhere or said more than once. Pure.

One instance a connection: transcripts add up, and an answer's audio is at the client's rate. Source: recorded traffic
(July 2026), by the numbers of the vendor's differences from OpenAI's protocol.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from roomkit.testing.simulators.openai.conversation import Event
from roomkit.testing.simulators.sound import PCM_RATE_HZ
from roomkit.voice.audio.resample import Resampler

_SAID: Final = "conversation.item.input_audio_transcription"
_DROPPED: Final = frozenset({"conversation.item.done", "rate_limits.updated"})
_SHORT_PARTS: Final = {"output_audio": "audio", "output_text": "text"}


class Wording:
    """Says a server event as xAI would.

    Args:
        new_id: Makes fresh ids.
        session: The session in xAI's shape, kept up to date by its owner.
        wall_ms: Milliseconds since 1970 now.
    """

    def __init__(self, new_id: Callable[[str], str], session: Mapping[str, Any], wall_ms: Callable[[], int]) -> None:
        self._new_id = new_id
        self._session = session
        self._wall_ms = wall_ms
        self._caller_said: dict[str, str] = {}
        self._shown_items: set[str] = set()
        self._spoken_ms: dict[str, float] = {}
        self._resampler = Resampler(PCM_RATE_HZ, PCM_RATE_HZ)
        self._resampled_item = ""

    def events(self, event: Event) -> Iterator[Event]:
        """``event`` in xAI's words: none, one or several."""
        for said in self._reworded(event):
            yield {**said, "event_id": said.get("event_id") or self._new_id("event"), "previous_item_id": None}

    def _reworded(self, event: Event) -> Iterator[Event]:
        match event["type"]:
            case "session.created" | "session.updated":
                yield {**event, "session": shown_session(self._session)}
            case "input_audio_buffer.speech_started":
                yield event
                yield from self._caller_item(event["item_id"], "in_progress")
            case "conversation.item.added":
                yield from self._item_added(event)
            case "conversation.item.input_audio_transcription.delta":
                text = self._caller_said.get(event["item_id"], "") + event["delta"]
                self._caller_said[event["item_id"]] = text
                yield self._snapshot("updated", event, text)
            case "conversation.item.input_audio_transcription.completed":
                yield {**self._snapshot("completed", event, event["transcript"]), "status": "in_progress"}
                yield {**self._snapshot("completed", event, event["transcript"]), "status": "completed"}
            case "error":
                yield {**event, "error": {**event["error"], "code": "", "param": None, "event_id": None}}
            case type_ if type_.startswith("response."):
                yield self._of_response(event)
            case type_ if type_ not in _DROPPED:
                yield event

    def _item_added(self, event: Event) -> Iterator[Event]:
        item = event["item"]
        if item.get("role") == "user" and item["content"][:1] and item["content"][0]["type"] == "input_audio":
            yield from self._caller_item(item["id"], item["status"])
        elif item["type"] != "function_call":
            yield {**event, "item": _item(item)}

    def _caller_item(self, item_id: str, status: str) -> Iterator[Event]:
        """The caller's item is shown when they begin to speak, and never again."""
        if item_id not in self._shown_items:
            self._shown_items.add(item_id)
            content = [{"type": "input_audio", "transcript": ""}]
            item = {"id": item_id, "type": "message", "status": status, "role": "user", "content": content}
            yield {"type": "conversation.item.added", "item": {"object": "realtime.item", **item}}

    def _snapshot(self, kind: str, event: Event, text: str) -> Event:
        return {"type": f"{_SAID}.{kind}", "item_id": event["item_id"], "content_index": 0, "transcript": text}

    def _of_response(self, event: Event) -> Event:
        said = {key: value for key, value in event.items() if key != "obfuscation"}
        if "output_index" in said:
            said["output_index"] = 0  # whatever it belongs to
        match said["type"]:
            case "response.created":
                return {**said, "response": _response(said["response"])}
            case "response.done":
                return self._done(said)
            case "response.output_item.added" | "response.output_item.done":
                return {**said, "item": _without(_item(said["item"]), "content")}
            case "response.content_part.done":
                return _without(said, "part")
            case "response.function_call_arguments.delta":
                return _without(said, "output_index")
            case "response.output_audio_transcript.delta":
                return {**said, "start_time": self._spoken_ms.get(said["item_id"], 0.0) / 1000}
            case "response.output_audio.delta":
                return self._audio(said)
            case _:
                return said

    def _audio(self, said: Event) -> Event:
        rate_hz, item_id = self._session["audio"]["output"]["format"].get("rate", PCM_RATE_HZ), said["item_id"]
        pcm = base64.b64decode(said["delta"])
        duration_ms = len(pcm) / 2 / PCM_RATE_HZ * 1000
        if rate_hz != PCM_RATE_HZ:
            if item_id != self._resampled_item:
                self._resampler, self._resampled_item = Resampler(PCM_RATE_HZ, rate_hz), item_id
            said["delta"] = base64.b64encode(self._resampler.feed(pcm)).decode("ascii")
        is_first = item_id not in self._spoken_ms
        self._spoken_ms[item_id] = self._spoken_ms.get(item_id, 0.0) + duration_ms
        clocks = {"audio_duration_ms": round(duration_ms), "ts": self._wall_ms()}
        return {**said, "rid": "simulated", **({"latency": "0.65"} if is_first else {}), **clocks}

    def _done(self, said: Event) -> Event:
        response = said["response"]
        spoken_s = sum(self._spoken_ms.get(item["id"], 0.0) for item in response["output"]) / 1000
        usage = _usage(response["usage"] or {}, spoken_s)
        return {**said, "response": _response(response), "response_id": response["id"], "usage": usage}


def shown_session(session: Mapping[str, Any]) -> Event:
    """The session as the server shows it: its functions are wrapped, although they are sent flat."""
    shown = deepcopy(dict(session))
    shown["tools"] = [
        {"type": "function", "function": _without(tool, "type")} if tool["type"] == "function" else tool
        for tool in shown["tools"]
    ]
    return shown


def _response(response: Event) -> Event:
    output = [_item(item) for item in response["output"]]
    return {
        "id": response["id"],
        "object": "realtime.response",
        "output": output,
        "status": response["status"],
        "status_details": response["status_details"] if response["status"] == "failed" else "unimplemented",
        "usage": {},
    }


def _item(item: Event) -> Event:
    said = {"object": "realtime.item", **item}
    if item["type"] == "function_call":
        said["role"] = "user"
    if "content" in item:
        said["content"] = [{**part, "type": _SHORT_PARTS.get(part["type"], part["type"])} for part in item["content"]]
    return said


def _usage(usage: Mapping[str, Any], spoken_s: float) -> Event:
    details = {side: usage.get(f"{side}_token_details", {}) for side in ("input", "output")}
    counts = {
        f"{side}_token_details": {
            "text_tokens": inside.get("text_tokens", 0),
            "audio_tokens": inside.get("audio_tokens", 0),
            "grok_tokens": 0,
        }
        for side, inside in details.items()
    }
    totals = {key: usage.get(key, 0) for key in ("input_tokens", "output_tokens", "total_tokens")}
    return {**totals, **counts, "output_audio_seconds": round(spoken_s, 2), "billable_audio_seconds": round(spoken_s)}


def _without(event: Mapping[str, Any], key: str) -> Event:
    return {name: value for name, value in event.items() if name != key}

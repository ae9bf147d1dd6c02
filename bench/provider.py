"""The provider of the scenario: an OpenAI-shaped WebSocket server that talks on the metronome's beat.

It understands just enough (`session.update`, appends, cancels) to be taken for the real wire, and keeps the time each
frame of a caller took to reach it.
"""

from __future__ import annotations

import json
import time

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.frames import FIRST_OF_ANSWER, append_age_ms, audio_delta, delta_head, event


class ProviderLink(WSListener):
    """One connection of the server under test."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._answers = 0
        self._head = b""
        self._transport: WSTransport | None = None
        self.number = -1
        self.is_talking = True
        self.speech_started_ns = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.number = self._provider.add(self)
        self._send(event("session.created", session=_session(self.number)))
        self.begin_answer()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        message = frame.get_payload_as_bytes()
        age_ms = append_age_ms(message)
        if age_ms is not None:
            self._provider.input_ms.append(age_ms)
        elif b"session.update" in message:
            wanted = json.loads(message).get("session", {})
            self._send(event("session.updated", session=_session(self.number) | wanted))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None

    def begin_answer(self) -> None:
        """Open a response; its frames follow."""
        self._answers += 1
        response_id, item_id = f"resp_{self.number}_{self._answers}", f"item_{self.number}_{self._answers}"
        self._head = delta_head(response_id, item_id)
        item = {"id": item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        self._send(event("response.created", response={"id": response_id, "status": "in_progress", "output": []}))
        self._send(event("response.output_item.added", response_id=response_id, output_index=0, item=item))

    def end_answer(self, status: str = "completed") -> None:
        """Close the response that is open."""
        response = {"id": f"resp_{self.number}_{self._answers}", "status": status, "output": []}
        self._send(event("response.done", response=response))

    def say_frame(self, flag: int = 0) -> None:
        """Send 20 ms of audio, stamped now, unless it pauses."""
        if self._transport is not None and self.is_talking:
            self._transport.send(WSMsgType.TEXT, audio_delta(self._head, self.number | flag))

    def say_burst(self, frames: int) -> None:
        """Begin an answer and send its first frames at once, as a model does."""
        self.begin_answer()
        self.say_frame(FIRST_OF_ANSWER)
        for _ in range(frames - 1):
            self.say_frame()

    def hear_speech(self) -> None:
        """Report that the caller speaks, which cuts the answer (server VAD, ``interrupt_response``)."""
        self.speech_started_ns = time.perf_counter_ns()
        self._send(event("input_audio_buffer.speech_started", item_id=f"user_{self._answers}", audio_start_ms=0))
        self.end_answer("cancelled")

    def hear_silence(self) -> None:
        """Report that the caller stopped."""
        item_id = f"user_{self._answers}"
        self._send(event("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=100))
        self._send(event("input_audio_buffer.committed", item_id=item_id, previous_item_id=None))

    def _send(self, message: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, message)


class Provider:
    """All links of the run, by number, and how long each caller's frame took to get here."""

    def __init__(self) -> None:
        self.links: list[ProviderLink] = []
        self.input_ms: list[float] = []
        self.port = 0

    def add(self, link: ProviderLink) -> int:
        self.links.append(link)
        return len(self.links) - 1

    async def listen(self) -> None:
        """Listen on a free port of the loopback address."""

        def accept(_request: WSUpgradeRequest) -> ProviderLink:
            return ProviderLink(self)

        server = await ws_create_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]


def _session(number: int) -> dict[str, object]:
    pcm = {"format": {"type": "audio/pcm", "rate": 24_000}}
    return {"type": "realtime", "id": f"sess_{number}", "model": "bench", "audio": {"input": pcm, "output": pcm}}

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from roomkit.app.caller import Line, Outcome, Patience, place_call
from roomkit.app.server import address_of, bind, build_app, serving
from roomkit.errors import ConfigError, RealtimeConnectionError
from roomkit.voice.audio.pcm import is_silent
from tests.app.fake_server import CONFIG, INPUT_RATE_HZ, FakeVoice, tone

HURRY = Patience(session_ms=200.0, greeting_ms=20.0, pause_ms=60.0, answer_ms=200.0, whole_answer_ms=1_000.0)


class AnsweringVoice(FakeVoice):
    """Answers once it has heard so much, in ``parts``; greets first if told to."""

    def __init__(self, *parts: bytes | dict[str, Any], audio_format: str = "binary", greeting: bytes = b"") -> None:
        super().__init__(audio_format)
        self.parts = parts
        self.greeting = greeting

    async def _converse(self, socket: WebSocket) -> None:
        if self.greeting:
            await self._send_audio(socket, self.greeting)
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            if (pcm := message.get("bytes")) is None:
                continue
            had_spoken = not is_silent(bytes(self.audio))
            self.audio += pcm
            if had_spoken and is_silent(pcm) and self.parts:
                for part in self.parts:
                    await (self._send_audio(socket, part) if isinstance(part, bytes) else socket.send_json(part))
                self.parts = ()


@pytest.fixture
async def lines() -> AsyncIterator[list[Line]]:
    yield []


async def call(voice: Any, lines: list[Line], pcm: bytes = tone(0.1, INPUT_RATE_HZ)) -> Outcome:
    listener = bind("127.0.0.1", 0)
    app = build_app(voice=voice, config=CONFIG, loopback_only=True)
    async with serving(app, listener):
        url = f"ws://{address_of(listener)}/voice"
        return await place_call(url, pcm, INPUT_RATE_HZ, tell=lines.append, patience=HURRY)


async def test_the_recording_is_heard_by_the_server_and_the_answer_by_the_caller(lines: list[Line]) -> None:
    voice = AnsweringVoice(tone(0.2))

    outcome = await call(voice, lines)

    assert outcome.heard_answer
    assert outcome.answer == tone(0.2)
    assert outcome.rate_hz == 24_000
    assert tone(0.1, INPUT_RATE_HZ) in bytes(voice.audio)


async def test_it_waits_for_the_greeting_which_is_no_answer(lines: list[Line]) -> None:
    voice = AnsweringVoice(greeting=tone(0.1))

    outcome = await call(voice, lines)

    spoke_at = len(bytes(voice.audio).split(tone(0.1, INPUT_RATE_HZ))[0]) / 2 / INPUT_RATE_HZ
    assert spoke_at >= 0.1
    assert not outcome.heard_answer
    assert outcome.why == "no answer came"


async def test_silence_is_no_answer(lines: list[Line]) -> None:
    outcome = await call(AnsweringVoice(bytes(9_600)), lines)

    assert not outcome.heard_answer


async def test_what_happens_is_told_in_order_with_the_times(lines: list[Line]) -> None:
    tool = {"type": "tool_call", "name": "order", "arguments": {"n": 1}, "status": "done", "result": {"ok": True}}
    said = {"type": "transcription", "role": "user", "text": "Where", "is_final": False}
    voice = AnsweringVoice(said, {**said, "text": "Where is it?", "is_final": True}, tool, tone(0.05))

    await call(voice, lines)

    assert [(line.who, line.text, line.is_final) for line in lines[1:4]] == [
        ("you", "Where", False),
        ("you", "Where is it?", True),
        ("tool", 'order({"n": 1}) -> {"ok": true}', True),
    ]
    assert "ms after the last sound of speech" in lines[4].text
    assert [line.at_ms for line in lines] == sorted(line.at_ms for line in lines)


async def test_what_a_clear_cut_was_not_heard(lines: list[Line]) -> None:
    voice = AnsweringVoice(tone(5.0), {"type": "clear_audio", "epoch": 1}, tone(0.1))

    outcome = await call(voice, lines)

    assert len(outcome.answer) < len(tone(0.3))


async def test_audio_in_json_is_understood_too(lines: list[Line]) -> None:
    class JsonVoice(AnsweringVoice):
        async def _converse(self, socket: WebSocket) -> None:
            assert (await socket.receive_json())["type"] == "audio"
            await self._send_audio(socket, tone(0.1))
            while True:
                await socket.receive_json()

    outcome = await call(JsonVoice(audio_format="base64_json", greeting=b""), lines)

    assert outcome.answer == tone(0.1)


async def test_a_server_that_hangs_up_ends_the_call(lines: list[Line]) -> None:
    class RudeVoice(FakeVoice):
        async def _converse(self, socket: WebSocket) -> None:
            await socket.send_json({"type": "session_ended", "reason": "provider_lost"})
            await socket.close()

    outcome = await call(RudeVoice(), lines)

    assert outcome.why == "the session ended: provider_lost"


async def _says_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    await socket.receive()


async def _refuses(scope: Scope, receive: Receive, send: Send) -> None:
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    await socket.send_json({"type": "error", "code": "provider_refused", "message": "the key is not valid"})
    await socket.close()


async def _leaves(scope: Scope, receive: Receive, send: Send) -> None:
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    await socket.close(1013, "come back later")


async def _raves(scope: Scope, receive: Receive, send: Send) -> None:
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    await socket.send_text("<html>")
    await socket.receive()


@pytest.mark.parametrize(
    ("voice", "why"),
    [
        (_says_nothing, "started no session in time"),
        (_refuses, "the key is not valid"),
        (_leaves, "come back later"),
        (_raves, "does not speak RoomKit's protocol"),
    ],
)
async def test_a_server_that_starts_no_session_is_an_error_of_one_line(voice: Any, why: str, lines: list[Line]) -> None:
    with pytest.raises(RealtimeConnectionError, match=why):
        await call(voice, lines)


async def test_messages_that_make_no_sense_do_not_end_the_call(lines: list[Line]) -> None:
    voice = AnsweringVoice({"type": "speaking"}, {"type": "transcription"}, {"no": "type"}, tone(0.1))

    assert (await call(voice, lines)).heard_answer


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/voice", "http://127.0.0.1/", "nonsense"])
async def test_an_address_where_nobody_answers_is_an_error_of_one_line(url: str, lines: list[Line]) -> None:
    with pytest.raises(ConfigError, match="no voice server answers at"):
        await place_call(url, b"", INPUT_RATE_HZ, tell=lines.append)


async def test_a_server_that_speaks_no_websocket_is_an_error_of_one_line(lines: list[Line]) -> None:
    listener = bind("127.0.0.1", 0)
    async with serving(build_app(voice=FakeVoice(), config=CONFIG, loopback_only=True), listener):
        with pytest.raises(ConfigError, match="no voice server answers at"):
            await place_call(f"ws://{address_of(listener)}/nothing", b"", INPUT_RATE_HZ, tell=lines.append)

"""The two protocols of our own: what a browser sends to a voice session, and what a chat client sends to a room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from fuzz.steps import as_message, steps_of
from roomkit.channels import websocket_protocol as chat_protocol
from roomkit.voice.backends import websocket_protocol as voice_protocol
from roomkit.voice.backends.base import ClientEvent

MAX_DETAIL_CHARS: Final = 500
"""Of what a client is told about a message that is none."""

VOICE_MESSAGES: Final[Sequence[bytes]] = (
    b'{"type":"audio","data":"AAABAAIA"}',
    b'{"type": "audio", "data": "AAABAAIA"}',
    b'{"data":"AAABAAIA","type":"audio","seq":1}',
    b'{"type":"text","text":"Hello."}',
    b'{"type":"playback","played_ms":120.5,"epoch":2}',
    b'{"type":"mute","muted":true}',
    b'{"type":"interrupt"}',
    b'{"type":"turn","begins":false}',
    b'{"type":"dtmf","digit":"#"}',
    b'{"type":"end"}',
    b'{"type":"ping"}',
)

CHAT_MESSAGES: Final[Sequence[bytes]] = (
    b'{"type":"hello","after_index":-1,"ref":"a"}',
    b'{"type":"message","text":"Hello.","idempotency_key":"k","visibility":"all","addressed_to":["ana"]}',
    b'{"type":"message","content":{"type":"text","body":"Hello."},"parent_event_id":"evt_1"}',
    b'{"type":"message","content":{"type":"location","latitude":48.2,"longitude":16.4}}',
    b'{"type":"message","content":{"type":"media","url":"https://example.org/a.png","mime_type":"image/png"}}',
    b'{"type":"edit","index":3,"text":"Hello!"}',
    b'{"type":"delete","index":3}',
    b'{"type":"typing","is_typing":false}',
    b'{"type":"presence","status":"away"}',
    b'{"type":"read","index":7}',
    b'{"type":"ping"}',
)


def play_voice(data: bytes) -> None:
    """A browser's messages; raises where one is read as what it cannot be."""
    for step in steps_of(data):
        try:
            meant = voice_protocol.decode_text(step.decode("utf-8", "replace"))
        except voice_protocol.BadMessageError as error:
            assert error.code
            assert 0 < len(error.detail) <= MAX_DETAIL_CHARS
        else:
            assert isinstance(meant, (bytes, voice_protocol.ClientPing, *get_args(ClientEvent)))


def play_chat(data: bytes) -> None:
    """A chat client's messages; raises where one is read as what it cannot be."""
    for step in steps_of(data):
        try:
            meant = chat_protocol.read(as_message(step))
        except chat_protocol.UnreadableError as error:
            assert 0 < len(str(error)) <= MAX_DETAIL_CHARS
        else:
            assert isinstance(meant, get_args(chat_protocol.Command))
            assert meant.model_dump_json()  # half a surrogate pair would fail here, and in every store

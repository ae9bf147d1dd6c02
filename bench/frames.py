"""The bytes of the scenario: 20 ms frames that carry when they were sent, and the provider's JSON around them.

The stamp is the first 12 bytes of a frame (so 16 characters of its base64, exactly): nanoseconds, then the number of
the provider link with a flag. It passes as audio: nobody here listens, and nothing resamples at 24 kHz both ways.
"""

from __future__ import annotations

import base64
import json
import struct
import time
from typing import Any

FRAME_MS = 20
RATE_HZ = 24_000
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2

FIRST_OF_ANSWER = 1 << 24
"""Flag beside the link number: the first frame of an answer."""

_STAMP = struct.Struct("<qi")
_REST = b"\x40\x00\xc0\xff" * ((FRAME_BYTES - _STAMP.size) // 4)
_REST_BASE64 = base64.b64encode(_REST)


def stamped_frame(link: int) -> bytes:
    """A frame that says it was sent now."""
    return _STAMP.pack(time.perf_counter_ns(), link) + _REST


def read_stamp(pcm: bytes | memoryview) -> tuple[float, int]:
    """How long ago a frame was sent, in ms, and by which link."""
    sent_ns, link = _STAMP.unpack_from(pcm)
    return (time.perf_counter_ns() - sent_ns) / 1e6, link


def audio_delta(head: bytes, link: int) -> bytes:
    """The provider's message for a frame that is sent now; ``head`` is from `delta_head`."""
    stamp = base64.b64encode(_STAMP.pack(time.perf_counter_ns(), link))
    return b"".join((head, stamp, _REST_BASE64, b'"}'))


def delta_head(response_id: str, item_id: str) -> bytes:
    """What comes before the audio, keys in the order of the vendor's wire."""
    ids = f'"event_id":"event_{response_id}","response_id":"{response_id}","item_id":"{item_id}"'
    return f'{{"type":"response.output_audio.delta",{ids},"output_index":0,"content_index":0,"delta":"'.encode()


def append_age_ms(message: bytes) -> float | None:
    """How long ago the frame in an ``input_audio_buffer.append`` was sent; ``None`` for any other message."""
    if b"input_audio_buffer.append" not in message[:80]:
        return None
    at = message.index(b'"audio"') + 7
    start = message.index(b'"', at) + 1
    return read_stamp(base64.b64decode(message[start : start + 16]))[0]


def event(kind: str, **fields: Any) -> bytes:
    """Any other message of the provider."""
    return json.dumps({"type": kind, "event_id": "event_b", **fields}).encode()

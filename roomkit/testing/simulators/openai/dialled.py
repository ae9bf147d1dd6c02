"""What a client asked for when it connected, and how much audio is in a message. Pure; who may connect is `door`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

AUDIO_KEYS: Final = {"input_audio_buffer.append": "audio", "response.output_audio.delta": "delta"}


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a client asked for when it connected."""

    path: str
    model: str
    key: str
    is_beta: bool
    conversation_id: str = ""

    @classmethod
    def read(cls, url: str, headers: Mapping[str, str], subprotocols: Sequence[str], key_subprotocol: str) -> Dialled:
        """Read a URL (or its path and query) and the headers of the upgrade, whose names may be in any case."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        offered = [*subprotocols, *(one.strip() for one in lower.get("sec-websocket-protocol", "").split(","))]
        keys = [one.removeprefix(key_subprotocol) for one in offered if one.startswith(key_subprotocol)]
        if (authorization := lower.get("authorization", "")).startswith("Bearer "):
            keys.insert(0, authorization.removeprefix("Bearer ").strip())
        query = parse_qs(parts.query)
        return cls(
            path=parts.path,
            model=query.get("model", [""])[0],
            key=keys[0] if keys else "",
            is_beta="realtime=v1" in lower.get("openai-beta", ""),
            conversation_id=query.get("conversation_id", [""])[0],
        )


def audio_bytes(event: Mapping[str, Any]) -> int | None:
    """How much audio an event carries; `None` if it is not about audio, or unreadable."""
    coded = event.get(AUDIO_KEYS.get(str(event.get("type")), ""))
    return len(coded) * 3 // 4 - coded[-2:].count("=") if isinstance(coded, str) else None

"""The audio formats an agent may be set to, and audio in them to and from PCM16. Pure.

The client cannot choose: the conversation's metadata names both formats, the session resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from roomkit.providers.shared.coding import decode_base64
from roomkit.voice.audio.g711 import ulaw_from_pcm, ulaw_to_pcm

RATES_HZ: Final = (16_000, 8_000, 22_050, 24_000, 44_100, 48_000)
"""Of PCM; the vendor's default first."""

DEFAULT_NAME: Final = "pcm_16000"


def _as_it_is(audio: bytes) -> bytes:
    return audio


def _decode_ulaw(coded: str) -> bytes:
    return ulaw_to_pcm(decode_base64(coded))


@dataclass(frozen=True, slots=True)
class Format:
    """One audio format.

    Attributes:
        decode: The vendor's base64 as PCM16 LE mono; raises `ValueError` on what is none.
        from_pcm: PCM16 LE mono as the vendor's bytes.
        is_pcm: They are the same bytes.
    """

    rate_hz: int
    decode: Callable[[str], bytes] = decode_base64
    from_pcm: Callable[[bytes], bytes] = _as_it_is
    is_pcm: bool = True


FORMATS: Final[dict[str, Format]] = {f"pcm_{rate_hz}": Format(rate_hz) for rate_hz in RATES_HZ} | {
    "ulaw_8000": Format(8_000, _decode_ulaw, ulaw_from_pcm, is_pcm=False)
}
"""By the vendor's name."""

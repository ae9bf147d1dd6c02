"""The sending half of a WebSocket client's session: the `TransportLink` a session writes to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from roomkit.voice.backends.base import ClientSetup
from roomkit.voice.backends.websocket_protocol import AudioWireFormat, encode, encode_audio
from roomkit.voice.wires.port import WirePort


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How audio travels to every client of one transport.

    Attributes:
        input_sample_rate: Hz the clients send; ``None``: what the session asks for.
        output_sample_rate: Hz the clients play; ``None``: what the session offers.
        lead_ms: See `TransportLink.lead_ms`.
    """

    audio_format: AudioWireFormat = "base64_json"
    input_sample_rate: int | None = None
    output_sample_rate: int | None = None
    lead_ms: float | None = None


class WebSocketLink:
    """A `TransportLink` over one wire.

    Args:
        hang_up: Closes the connection with a reason and returns when it is gone.
    """

    def __init__(
        self, wire: WirePort, options: LinkOptions, setup: ClientSetup, hang_up: Callable[[str], Awaitable[None]]
    ) -> None:
        self._wire = wire
        self._hang_up = hang_up
        self._audio_format = options.audio_format
        self._is_binary = options.audio_format == "binary"
        self.input_rate_hz = options.input_sample_rate or setup.input_rate_hz
        self.output_rate_hz = options.output_sample_rate or setup.output_rate_hz
        self.lead_ms = options.lead_ms
        # Four base64 characters hold three bytes.
        self._ms_per_wire_byte = (1.0 if self._is_binary else 0.75) / 2 / self.output_rate_hz * 1000

    @property
    def buffered_ms(self) -> float:
        """See `TransportLink.buffered_ms`; what little control waits there counts as audio."""
        return self._wire.buffered_bytes * self._ms_per_wire_byte

    def send_audio(self, pcm: bytes) -> None:
        """See `TransportLink.send_audio`."""
        self._wire.send_audio(pcm if self._is_binary else encode_audio(pcm))

    def clear_audio(self, epoch: int) -> None:
        """See `TransportLink.clear_audio`."""
        self._wire.clear_audio()
        self._wire.send(f'{{"type":"clear_audio","epoch":{epoch:d}}}')

    def send_message(self, message: Mapping[str, Any]) -> None:
        """See `TransportLink.send_message`. ``session_started`` gets the rates and the format, which only we know."""
        if message.get("type") == "session_started":
            message = {
                **message,
                "input_sample_rate": self.input_rate_hz,
                "output_sample_rate": self.output_rate_hz,
                "audio_format": self._audio_format,
            }
        self._wire.send(encode(message))

    async def close(self, reason: str) -> None:
        """See `TransportLink.close`: closes with 1000 and ``reason``."""
        await self._hang_up(reason)

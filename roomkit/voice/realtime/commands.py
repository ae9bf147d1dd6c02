"""What a session tells a provider, and how a link is set up. Values only; a dialect turns them into wire messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roomkit.voice.realtime.provider_events import Role


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function tool as models are told of it. ``parameters`` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """What a provider link should be: portable settings, then the vendor's own.

    Attributes:
        session_id: Ours; mocks and simulators key on it.
        input_rate_hz: What the caller's audio will be sampled at; the link may choose another and say so in
            `LinkReady`, the session resamples.
        output_rate_hz: What the client wants to hear; a wish, like the input rate.
        vendor_tools: Vendor-native tools, passed through as given.
        provider_config: The vendor's own keys, as the user gave them.
        hold_answers: Answer no turn of the caller unasked: `AskForResponse` follows the verdict on their words.
        resume: The newest `Resumable.handle` of this conversation with the same provider.
        number: Which link of its session this is, from 1: ids a dialect has to make up are not to come again.
        continues: The conversation has begun elsewhere: an opening of the vendor's own is not to be heard.
    """

    session_id: str
    instructions: str | None = None
    voice: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    vendor_tools: tuple[Mapping[str, Any], ...] = ()
    temperature: float | None = None
    input_rate_hz: int = 16_000
    output_rate_hz: int = 24_000
    provider_config: Mapping[str, Any] = field(default_factory=dict)
    hold_answers: bool = False
    resume: str | None = None
    number: int = 1
    continues: bool = False


@dataclass(frozen=True, slots=True)
class SendAudio:
    """The caller's voice: PCM16 LE mono at the link's input rate, whole samples."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class InputPaused:
    """No caller audio will come for a while (gate shut): end an open utterance, or the vendor's VAD waits for ever."""


@dataclass(frozen=True, slots=True)
class BeginInput:
    """Manual turns: the caller starts to speak."""


@dataclass(frozen=True, slots=True)
class CommitInput:
    """Manual turns: what was sent since is the caller's turn."""


@dataclass(frozen=True, slots=True)
class AskForResponse:
    """Answer now. Waits inside the dialect while an answer is in flight."""

    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop generating; nothing happens when nothing is in flight."""

    response_id: str = ""


@dataclass(frozen=True, slots=True)
class TruncateOutput:
    """The caller heard only the first ``audio_end_ms`` (at least 1) of this item."""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Forget this item of the conversation, where the vendor can."""

    item_id: str


@dataclass(frozen=True, slots=True)
class InjectText:
    """Typed or remembered words. ``silent``: context only; else it is a turn and is answered.

    A replayed conversation is a run of silent ones.
    """

    text: str
    role: Role = "user"
    silent: bool = False


@dataclass(frozen=True, slots=True)
class InjectImage:
    """A picture the agent should see."""

    data: bytes
    mime_type: str
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Speak:
    """Say exactly this text, as the agent (a greeting, an apology)."""

    text: str


@dataclass(frozen=True, slots=True)
class RecallToolCall:
    """Replay only: a call the agent made on an earlier link, so that its `ToolResult` is understood."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned. ``asks``: the last result owed for now, so the agent should go on."""

    call_id: str
    name: str
    output: str
    asks: bool = True


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """Change the running session to this configuration, as far as the vendor can in place."""

    config: LinkConfig


Command = (
    SendAudio | InputPaused | BeginInput | CommitInput | AskForResponse | CancelResponse | TruncateOutput
    | DeleteItem | InjectText | InjectImage | Speak | RecallToolCall | ToolResult | UpdateSession
)  # fmt: skip

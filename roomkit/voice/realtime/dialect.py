"""Two vocabularies' worth of nouns: what a provider tells a session, what a session tells a provider.

A `Dialect` translates between one vendor's wire messages and these. It is pure: no input or output, no task, no
clock, no log; it lives for one socket. Provider events are bare nouns; what hooks and rooms see ends in ``Event``
and lives in `roomkit.models`. Not in here: sockets (`wire`), policy (`roomkit.voice.session`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from roomkit.voice.wires.port import WireMessage

Role = Literal["user", "assistant", "system"]


# --- what a provider tells us -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkReady:
    """The vendor accepted our session: audio may flow. Rates are what *its* side speaks, in Hz."""

    input_rate_hz: int
    output_rate_hz: int
    provider_session_id: str | None = None


class Audio(NamedTuple):
    """A piece of the agent's voice: PCM16 LE mono at the link's output rate, any length.

    The one event of every frame: a tuple is as immutable as a frozen dataclass and made in a third of the time.

    Attributes:
        response_id: The answer it belongs to (dialects without ids count turns: ``"response-3"``).
        item_id: The vendor's item that `TruncateOutput` would name; ``""`` where there is none.
    """

    pcm: bytes
    response_id: str
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What somebody said, so far or finally.

    Attributes:
        role: ``"user"`` or ``"assistant"``.
        text: The whole utterance so far, never a delta.
        is_final: No more will come for this item.
        item_id: Ties partials, the final and the turn together.
        response_id: For the assistant: the answer it belongs to.
    """

    role: Role
    text: str
    is_final: bool
    item_id: str = ""
    response_id: str = ""


@dataclass(frozen=True, slots=True)
class TranscriptFailed:
    """The vendor could not transcribe the caller's item; its place in the order is released."""

    item_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak (voice activity), not yet known to be words."""

    item_id: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller stopped. ``is_utterance=False`` where it was taken back (noise): no transcript will follow."""

    item_id: str = ""
    is_utterance: bool = True


@dataclass(frozen=True, slots=True)
class InputCommitted:
    """The caller's audio became a turn of the conversation (manual turns commit without a `SpeechStopped`)."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The agent began an answer."""

    response_id: str


ResponseStatus = Literal["completed", "cancelled", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """The vendor finished generating an answer; its audio may be far from played out.

    Attributes:
        usage: Counts as the vendor names them (tokens by kind, seconds); empty where it says nothing.
    """

    response_id: str
    status: ResponseStatus = "completed"
    usage: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The *vendor* cut its answer because the caller spoke (Gemini says so; OpenAI only reports speech)."""

    response_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The agent asks for a tool. ``arguments`` is the vendor's JSON text, not yet parsed or checked."""

    call_id: str
    name: str
    arguments: str
    response_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolCallCancelled:
    """The agent does not want these results any more."""

    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """The vendor reported an error; the link stays up unless ``is_fatal``.

    Attributes:
        is_fatal: The link is of no use any more; the wire engine closes it.
        retryable: Whether a new link may work (a rate limit: yes; a bad key: no).
    """

    code: str
    message: str
    is_fatal: bool = False
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The link is gone; nothing more comes from it. Made by the wire engine, never by a dialect.

    Attributes:
        code: The vendor's or RFC 6455's code as text.
        retryable: Whether dialling again may help.
    """

    code: str
    reason: str
    retryable: bool


ProviderEvent = (
    Audio | Transcript | TranscriptFailed | SpeechStarted | SpeechStopped | InputCommitted
    | ResponseStarted | ResponseDone | Interrupted | ToolCall | ToolCallCancelled
    | LinkReady | ProviderFault | LinkLost
)  # fmt: skip


# --- what we tell a provider ------------------------------------------------------------------------------------


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


# --- how a link is set up ---------------------------------------------------------------------------------------


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


# --- the dialect ------------------------------------------------------------------------------------------------


class Decoded(NamedTuple):
    """What one wire message meant: events for us, replies for the provider. A tuple for the same reason as `Audio`."""

    events: tuple[ProviderEvent, ...] = ()
    replies: tuple[WireMessage, ...] = ()


class Dialect(Protocol):
    """One vendor's wire language over the life of one socket; pure."""

    def open(self, config: LinkConfig) -> list[WireMessage]:
        """The first messages, sent as soon as the socket is up (some vendors wait for one: then empty).

        Raises:
            ConfigError: A vendor-specific setting that cannot work; names what can.
        """

    def encode(self, command: Command) -> list[WireMessage]:
        """The wire messages for a command: none, one or several.

        Raises:
            ConfigError: The vendor cannot do this at all; names what can.
        """

    def decode(self, message: WireMessage) -> Decoded:
        """What the provider said. Unknown message types and keys mean nothing; never raises but `WireError`.

        Raises:
            WireError: The message could not be read.
        """

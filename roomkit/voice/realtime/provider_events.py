"""What a provider tells a session: bare nouns, one class a thing that can happen on a link.

What hooks and rooms see ends in ``Event`` and lives in `roomkit.models`. Made by dialects; `LinkLost` alone by the wire
engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

Role = Literal["user", "assistant", "system"]


@dataclass(frozen=True, slots=True)
class LinkReady:
    """The vendor accepted our session: audio may flow. Rates are what *its* side speaks, in Hz.

    Attributes:
        is_resumed: The vendor took up the conversation of ``LinkConfig.resume`` again: nothing is to be replayed.
    """

    input_rate_hz: int
    output_rate_hz: int
    provider_session_id: str | None = None
    is_resumed: bool = False


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


tuple_of: Final = tuple.__new__
"""A named tuple from its class and all its fields, in half the time of its own constructor, which runs as Python."""


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
        usage: What the answer cost, by portable name: ``input_text_tokens``, ``input_audio_tokens``,
            ``input_image_tokens``, ``cached_text_tokens``, ``cached_audio_tokens`` (parts of the input),
            ``output_text_tokens``, ``output_audio_tokens``, ``output_reasoning_tokens``, ``total_tokens``,
            ``billable_s``; empty where the vendor says nothing. Counts no name fits are left out.
        retry_after_ms: It failed by a limit of the account, and may be asked for again after this; infinite: never, for
            the account is used up.
    """

    response_id: str
    status: ResponseStatus = "completed"
    usage: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    retry_after_ms: float | None = None


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
        code: The vendor's; of a rate limit `reconnect.RATE_LIMITED`, as no two vendors call it the same.
        is_fatal: The link is of no use any more; the wire engine closes it.
        retryable: Whether a new link may work (a rate limit: yes; a bad key: no).
    """

    code: str
    message: str
    is_fatal: bool = False
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class SpokenWords:
    """The vendor says when in an item's audio these words are spoken (a piece of its transcript, in order).

    Attributes:
        start_ms: From the start of the item's audio to the start of the words.
    """

    text: str
    start_ms: float
    response_id: str
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Resumable:
    """With this handle in ``LinkConfig.resume`` a later link takes up the conversation; the newest one counts."""

    handle: str


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The vendor will close this link soon: have another one ready by then."""

    time_left_ms: float


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The link is gone; nothing more comes from it. Made by the wire engine, never by a dialect.

    Attributes:
        code: The vendor's or RFC 6455's code as text.
        retryable: Whether dialling again may help.
        is_goodbye: The agent ended the conversation, as it may: nothing went wrong.
        retry_after_ms: How long the vendor wants to be left alone, if it said so.
    """

    code: str
    reason: str
    retryable: bool
    is_goodbye: bool = False
    retry_after_ms: float | None = None


ProviderEvent = (
    Audio | Transcript | TranscriptFailed | SpeechStarted | SpeechStopped | InputCommitted
    | ResponseStarted | ResponseDone | Interrupted | ToolCall | ToolCallCancelled | SpokenWords
    | LinkReady | Resumable | GoingAway | ProviderFault | LinkLost
)  # fmt: skip

"""What a provider can do, as data: the session asks here, never with ``hasattr``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider's capabilities.

    Attributes:
        name: Short vendor name for logs, pages and metrics (``"openai"``).
        input_rates_hz: Rates its side takes the caller's audio at, the preferred one first; the session resamples.
        output_rates_hz: Rates it speaks at, the preferred one first.
        reconfigures: Which of ``instructions voice tools temperature provider_config`` a live link can change.
        truncates: It can be told how much of an item was heard.
        deletes_items: It can forget an item.
        cancels: A running answer can be cancelled.
        manual_turns: The caller's turns can be committed by hand.
        images: Pictures can be shown to the agent.
        image_types: The kinds of picture it takes (MIME types).
        temperature: It takes a sampling temperature.
        transcribes_input: It can say what the caller said.
        tells_speech: It says at once that it hears the caller begin to speak (unless turns are committed by hand). What
            it says nothing of while it is alive need not be told to another link.
        holds_answers: It can leave a turn unanswered until it is asked.
        resumes: A new link can take up the conversation of a lost one (`Resumable`); else it is replayed.
        says_verbatim: `Speak` is said word for word by the vendor itself; else the model is told to repeat it.
        takes_tools: It is told of function tools; else they are set up at the vendor, and only called here.
        vendor_tools: Types of tools the vendor runs itself (``web_search``).
        timed_words: It says when in its audio each word is spoken (`SpokenWords`).
        reports_usage: It counts tokens or seconds in `ResponseDone.usage`.
        max_session_ms: The vendor's limit on one link; ``None``: no limit known. A little before it, the session moves
            to a new link.
    """

    name: str
    input_rates_hz: tuple[int, ...] = (24_000,)
    output_rates_hz: tuple[int, ...] = (24_000,)
    reconfigures: frozenset[str] = frozenset()
    truncates: bool = False
    deletes_items: bool = False
    cancels: bool = True
    manual_turns: bool = False
    images: bool = False
    image_types: frozenset[str] = frozenset()
    temperature: bool = True
    transcribes_input: bool = True
    tells_speech: bool = False
    holds_answers: bool = False
    resumes: bool = False
    says_verbatim: bool = False
    takes_tools: bool = True
    vendor_tools: frozenset[str] = frozenset()
    timed_words: bool = False
    reports_usage: bool = True
    max_session_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """How turns go under one configuration of one provider.

    Attributes:
        interrupts: The caller's speech stops an answer that is being heard.
        manual: Turns are committed by the application.
        silence_ms: Digital silence that makes the vendor's VAD end an open utterance (after `InputPaused`).
        answers_by_itself: The vendor answers a turn without being asked.
    """

    interrupts: bool = True
    manual: bool = False
    silence_ms: int = 500
    answers_by_itself: bool = True

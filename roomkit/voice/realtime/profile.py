"""What a provider can do, as data: the session asks here, never with ``hasattr``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider's capabilities.

    Attributes:
        name: Short vendor name for logs, pages and metrics (``"openai"``).
        reconfigures: Which of ``instructions voice tools temperature provider_config`` a live link can change.
        truncates: It can be told how much of an item was heard.
        deletes_items: It can forget an item.
        cancels: A running answer can be cancelled.
        manual_turns: The caller's turns can be committed by hand.
        images: Pictures can be shown to the agent.
        temperature: It takes a sampling temperature.
        transcribes_input: It can say what the caller said.
        holds_answers: It can leave a turn unanswered until it is asked.
        max_session_ms: The vendor's limit on one link; ``None``: no limit known.
    """

    name: str
    reconfigures: frozenset[str] = frozenset()
    truncates: bool = False
    deletes_items: bool = False
    cancels: bool = True
    manual_turns: bool = False
    images: bool = False
    temperature: bool = True
    transcribes_input: bool = True
    holds_answers: bool = False
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

"""Turn-taking decisions and the words they leave behind. Pure: what follows from speech, and what was heard."""

from __future__ import annotations

from roomkit.voice.realtime.profile import TurnPolicy


def interrupts(policy: TurnPolicy, unheard_ms: float, *, is_protected: bool) -> bool:
    """Whether the caller's speech stops the agent (RFC 0006, R-0006-30).

    Args:
        policy: From the provider's configuration.
        unheard_ms: Agent audio the caller has not heard; without any there is nothing to stop.
        is_protected: The answer is one the application wants heard to its end.
    """
    return policy.interrupts and unheard_ms > 0.0 and not is_protected


def words_heard(text: str, heard_ms: float, received_ms: float) -> str:
    """The words of ``text`` that fit into the audio that was heard.

    Proportional, rounded to whole words: speech is close to even over a sentence, and no vendor in use sends the
    timestamps that would be better.
    """
    if heard_ms <= 0.0:
        return ""
    if heard_ms >= received_ms:
        return text
    words = text.split()
    return " ".join(words[: round(len(words) * heard_ms / received_ms)])

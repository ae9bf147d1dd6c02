"""Deltas in, whole utterances out: the words of each item, so far and finally. Pure.

Invariant: `Transcript.text` is everything said in the item so far, and an item is final once.
"""

from __future__ import annotations

from dataclasses import dataclass

from roomkit.providers.shared.memory import longer, remember
from roomkit.voice.realtime.provider_events import Role, Transcript


@dataclass(slots=True)
class _Utterance:
    role: Role
    response_id: str
    text: str = ""


class TranscriptLog:
    """The utterances that are still growing, and the ids of those that are finished."""

    def __init__(self) -> None:
        self._growing: dict[str, _Utterance] = {}
        self._finished: dict[str, None] = {}  # a dict for its order: the oldest is forgotten first

    def grew(self, role: Role, item_id: str, delta: str, response_id: str = "") -> Transcript | None:
        """A delta came; ``None`` when it adds nothing or the item is final already."""
        if not delta or item_id in self._finished:
            return None
        utterance = self._growing.get(item_id)
        if utterance is None:
            utterance = _Utterance(role, response_id)
            remember(self._growing, item_id, utterance)
        utterance.text = longer(utterance.text, delta)
        return Transcript(role, utterance.text, is_final=False, item_id=item_id, response_id=utterance.response_id)

    def finished(self, role: Role, item_id: str, text: str, response_id: str = "") -> Transcript | None:
        """The item's final text came; ``None`` when it had come before."""
        if item_id in self._finished:
            return None
        utterance = self._growing.pop(item_id, None)
        remember(self._finished, item_id, None)
        response_id = response_id or (utterance.response_id if utterance else "")
        return Transcript(role, text, is_final=True, item_id=item_id, response_id=response_id)

    def abandoned(self, item_id: str) -> None:
        """The item will have no (more) words."""
        self._growing.pop(item_id, None)

    def response_done(self, response_id: str) -> list[Transcript]:
        """Finals for what this answer said and nobody finished (a cut answer of a server that omits its ``done``)."""
        cut = [
            (item_id, said)
            for item_id, said in self._growing.items()
            if said.role == "assistant" and said.response_id == response_id
        ]
        finals = [self.finished("assistant", item_id, said.text, response_id) for item_id, said in cut]
        return [final for final in finals if final is not None]

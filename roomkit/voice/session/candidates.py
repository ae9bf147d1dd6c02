"""Who may serve a session, and in which order they are tried. Pure: time is an argument.

Not in here: dialling (`dialling`), whether a provider is healthy (`roomkit.voice.realtime.breaker`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.settings import SessionSettings


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A provider, with what is said to it in its own words.

    Attributes:
        provider: Opens the links.
        voice: One of its voices; ``None``: the agent's, if that was written for this vendor.
        provider_config: Its own settings, on top of the agent's if those were written for this vendor.
    """

    provider: RealtimeVoiceProvider
    voice: str | None = None
    provider_config: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    def link_config(self, settings: SessionSettings, session_id: str, resume: str | None = None) -> LinkConfig:
        """What a link of this provider should be: a voice, vendor settings and vendor tools stay with their vendor."""
        config = settings.link_config(session_id)
        is_its_own = settings.agent.vendor in (None, self.name)
        return replace(
            config,
            voice=self.voice or (config.voice if is_its_own else None),
            vendor_tools=config.vendor_tools if is_its_own else (),
            provider_config={**(config.provider_config if is_its_own else {}), **(self.provider_config or {})},
            resume=resume,
        )


class Roster:
    """The candidates of one session, best first.

    Args:
        candidates: At least one.

    Attributes:
        current: Who serves, or served last.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = list(candidates)
        self._refused: set[Candidate] = set()
        self.current = self._candidates[0]

    @property
    def has_another(self) -> bool:
        """Whether somebody else could serve."""
        return any(each is not self.current and each not in self._refused for each in self._candidates)

    @property
    def is_exhausted(self) -> bool:
        """Whether everybody said no, for good."""
        return self._refused.issuperset(self._candidates)

    def refuse(self, candidate: Candidate) -> None:
        """It said no: this session does not ask it again."""
        self._refused.add(candidate)

    def put_first(self, candidate: Candidate) -> None:
        """Somebody takes over: the others follow in their order, the provider's older entry is gone."""
        others = [each for each in self._candidates if each.provider is not candidate.provider]
        self._candidates = [candidate, *others]
        self.current = candidate

    def order(self, now_ms: float, *, is_current_last: bool = False) -> list[Candidate]:
        """Who is to be tried now: the current one, then those after it in a ring; none twice.

        Whoever's breaker is open is left out, unless that would leave nobody.

        Args:
            now_ms: For the breakers.
            is_current_last: The current one just failed in a way that a quick redial would not mend.
        """
        at = self._candidates.index(self.current)
        ring = self._candidates[at:] + self._candidates[:at]
        if is_current_last:
            ring = [*ring[1:], ring[0]]
        able = [each for each in ring if each not in self._refused]
        admitted = [each for each in able if each.provider.breaker.admits(now_ms)]
        return admitted or [each for each in able if not each.provider.breaker.policy.fails_fast]

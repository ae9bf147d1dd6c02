"""Who may serve a session, and in which order they are tried. Pure: time is an argument.

Not in here: dialling (`dialling`), whether a provider is healthy (`roomkit.voice.realtime.breaker`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from roomkit.errors import ConfigError
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.settings import SessionSettings

USUAL_LIMIT_MS: Final = 60_000.0
"""Where a vendor hangs up over its rate and does not say for how long: they all count by the minute."""


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


Entry = RealtimeVoiceProvider | Agent | Candidate
"""One of those who may serve; of an `Agent` its provider, voice and ``provider_config`` count here."""


def candidates_of(provider: Entry | Sequence[Entry], *, hold_answers: bool = False) -> list[Candidate]:
    """Who may serve, as a channel was told it.

    Args:
        provider: One entry, or several with the preferred one first.
        hold_answers: Each must be able to leave a turn unanswered.

    Raises:
        ConfigError: Nobody, something that cannot serve, or a provider twice.
    """
    entries = list(provider) if isinstance(provider, Sequence) else [provider]
    candidates = [_candidate(entry) for entry in entries]
    if not candidates:
        raise ConfigError("provider is a RealtimeVoiceProvider, or a list of at least one")
    for candidate in candidates:
        if hold_answers and not candidate.provider.profile.holds_answers:
            raise ConfigError(f"{candidate.name} answers by itself; block in ON_TRANSCRIPTION without hold_answers")
    if len({id(candidate.provider) for candidate in candidates}) < len(candidates):
        raise ConfigError("the same provider object is listed twice: a second attempt on it is made anyway")
    return candidates


def led_by(provider: RealtimeVoiceProvider, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same candidates with this provider first, whether it was among them or not."""
    own = [each for each in candidates if each.provider is provider] or [Candidate(provider)]
    return [*own, *(each for each in candidates if each.provider is not provider)]


def _candidate(entry: Entry) -> Candidate:
    match entry:
        case Candidate():
            return entry
        case RealtimeVoiceProvider():
            return Candidate(entry)
        case Agent(provider=RealtimeVoiceProvider() as provider):
            return Candidate(provider, entry.voice, entry.provider_config)
        case Agent():
            raise ConfigError(f"agent {entry.name!r} cannot stand in for a provider: it has none of its own")
        case _:
            raise ConfigError(f"a {type(entry).__name__} cannot speak for an agent: give a RealtimeVoiceProvider")


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
        self._limited_until_ms: dict[RealtimeVoiceProvider, float] = {}
        self.current = self._candidates[0]

    @property
    def has_another(self) -> bool:
        """Whether somebody else could serve."""
        return any(each is not self.current and each not in self._refused for each in self._candidates)

    def has_free(self, now_ms: float) -> bool:
        """Whether somebody else could serve who is neither over a limit nor known to be in trouble."""
        return any(each is not self.current and self._is_free(each, now_ms) for each in self._candidates)

    @property
    def is_exhausted(self) -> bool:
        """Whether everybody said no, for good."""
        return self._refused.issuperset(self._candidates)

    def refuse(self, candidate: Candidate) -> None:
        """It said no: this session does not ask it again."""
        self._refused.add(candidate)

    def limit(self, now_ms: float, retry_after_ms: float | None) -> None:
        """The current one is over its account's rate: so long, this session dials it only where nobody else is left.

        Args:
            now_ms: The time.
            retry_after_ms: As the vendor says; ``None``: it does not.
        """
        wait_ms = USUAL_LIMIT_MS if retry_after_ms is None else retry_after_ms
        self._limited_until_ms[self.current.provider] = now_ms + wait_ms

    def put_first(self, candidate: Candidate) -> None:
        """Somebody takes over: the others follow in their order, the provider's older entry is gone."""
        others = [each for each in self._candidates if each.provider is not candidate.provider]
        self._candidates = [candidate, *others]
        self.current = candidate

    def order(self, now_ms: float, *, is_current_last: bool = False) -> list[Candidate]:
        """Who is to be tried now: the current one, then those after it in a ring; none twice.

        Whoever's breaker is open, or who is over a limit, is left out, unless that would leave nobody.

        Args:
            now_ms: For the breakers.
            is_current_last: The current one just failed in a way that a quick redial would not mend.
        """
        at = self._candidates.index(self.current)
        ring = self._candidates[at:] + self._candidates[:at]
        if is_current_last:
            ring = [*ring[1:], ring[0]]
        able = [each for each in ring if each not in self._refused]
        free = [each for each in able if self._is_free(each, now_ms)]
        admitted = free or [each for each in able if each.provider.breaker.admits(now_ms)]
        return admitted or [each for each in able if not each.provider.breaker.policy.fails_fast]

    def _is_free(self, candidate: Candidate, now_ms: float) -> bool:
        if candidate in self._refused or now_ms < self._limited_until_ms.get(candidate.provider, now_ms):
            return False
        return candidate.provider.breaker.admits(now_ms)

"""Getting a link: who is dialled, how often, and whose handle to an earlier conversation goes with it.

Candidates are dialled in order, the next one as soon as the one before it failed or took its time (as RFC 8305 does
with addresses); the first that is up serves. When nobody is, another round follows as the policy allows. Not in here:
what happens with the link (`provider_side`). Invariant: every link opened here is returned or closed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from roomkit.clock import Clock
from roomkit.errors import ConfigError, ProviderError, ProviderLostError, ProviderRefusedError, RoomKitError
from roomkit.voice.realtime.breaker import STABLE_MS
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.provider import SpeechGate
from roomkit.voice.realtime.provider_events import ProviderEvent
from roomkit.voice.realtime.reconnect import ReconnectPolicy, is_retryable
from roomkit.voice.session.links.candidates import Candidate, Roster
from roomkit.voice.session.links.race import Race
from roomkit.voice.session.links.resumption import Resumption
from roomkit.voice.session.links.slot import OpenLink, SlotSink

logger = logging.getLogger(__name__)

LINK_TIMEOUT_S: Final = 15.0
"""One attempt, from dialling to `LinkReady`; vendors answer within two seconds or not at all."""

FIRST_STAGGER_S: Final = 3.0
"""Head start of the preferred candidate when a session begins: nobody speaks yet, and it is the preferred one."""

STAGGER_S: Final = 0.5
"""Head start of each candidate while a caller is on the line: a dial that takes longer is a gap they notice."""

TOO_MANY: Final = "http_429"
"""`Failure.code` of an account that has used up its connections or its rate."""

Configure = Callable[[Candidate], LinkConfig]


@dataclass(slots=True)
class Trouble:
    """A time without a link that stays up."""

    began_ms: float
    failed_attempts: int = 0


class Dialling:
    """Opens the links of one session.

    Args:
        roster: Who may serve.
        resumption: The vendors' handles to this conversation.
        policy: How long to wait between rounds.
        on_event: Takes a link's events once it is adopted.
        settled: See `ProviderSink.settled`.
        gate: Judges what links with their own synthesiser say.
        has_begun: Whether a link that is opened now continues a conversation.
        seed: Makes the back-off's jitter repeatable; the session's id.
    """

    def __init__(
        self,
        clock: Clock,
        roster: Roster,
        resumption: Resumption,
        policy: ReconnectPolicy,
        *,
        on_event: Callable[[ProviderEvent], None],
        settled: Callable[[], Awaitable[None]],
        gate: SpeechGate,
        has_begun: Callable[[], bool],
        seed: str,
    ) -> None:
        self._clock = clock
        self._roster = roster
        self._resumption = resumption
        self._policy = policy
        self._on_event = on_event
        self._settled = settled
        self._gate = gate
        self._has_begun = has_begun
        self._seed = seed
        self._random: random.Random | None = None
        self._trouble: Trouble | None = None
        self._link_count = 0

    async def first(self, configure: Configure) -> OpenLink:
        """The session's first link.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: Everybody refused, or the last round allowed failed.
        """
        return await self._search(configure, Trouble(self._clock.now_ms()), FIRST_STAGGER_S)

    async def instead(self, configure: Configure, *, was_up_ms: float, is_current_last: bool) -> OpenLink:
        """A link in place of one that was lost; one that was lost as soon as it came up is a failed attempt.

        Args:
            configure: Makes the configuration of each dial.
            was_up_ms: How long the lost one was up.
            is_current_last: A quick redial of who served would not help.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: Everybody refused, or the last round allowed failed.
        """
        if self._trouble is None or was_up_ms >= STABLE_MS:
            self._trouble = Trouble(self._clock.now_ms())
        else:
            self._trouble.failed_attempts += 1
            is_current_last = True
        return await self._search(configure, self._trouble, STAGGER_S, is_current_last=is_current_last)

    async def once(self, configure: Configure) -> OpenLink:
        """One round of everybody who may be dialled, whatever came before.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: Nobody may be dialled, or nobody has a link.
        """
        candidates = self._roster.order(self._clock.now_ms())
        if not candidates:
            raise ProviderLostError("everybody refused to serve this session")
        outcome = await self._round(candidates, configure, STAGGER_S)
        if isinstance(outcome, OpenLink):
            return outcome
        raise outcome

    async def of(self, candidate: Candidate, configure: Configure) -> OpenLink:
        """A link of this one and nobody else.

        Raises:
            ConfigError: The configuration cannot work.
            ProviderError: It was refused, or the last attempt allowed failed.
        """
        trouble = Trouble(self._clock.now_ms())
        while True:
            outcome = await self._try(candidate, configure)
            if isinstance(outcome, OpenLink):
                return outcome
            trouble.failed_attempts += 1
            if not is_retryable(outcome):
                raise outcome
            await self._pause(trouble, outcome)

    # --- rounds ---------------------------------------------------------------------------------------------------

    async def _search(
        self, configure: Configure, trouble: Trouble, stagger_s: float, *, is_current_last: bool = False
    ) -> OpenLink:
        error: Exception = ProviderLostError(f"{self._roster.current.name} drops every link as soon as it is up")
        while True:
            await self._pause(trouble, error)
            candidates = self._roster.order(self._clock.now_ms(), is_current_last=is_current_last)
            if not candidates:
                raise error
            outcome = await self._round(candidates, configure, stagger_s)
            if isinstance(outcome, OpenLink):
                return outcome
            error = outcome
            trouble.failed_attempts += 1
            if self._roster.is_exhausted:
                raise error

    async def _pause(self, trouble: Trouble, error: Exception) -> None:
        """Wait as long as the policy says, or raise ``error``: it is over."""
        if self._random is None and trouble.failed_attempts:
            self._random = random.Random(self._seed)  # 2.5 KB that most sessions never need
        delay_ms = self._policy.delay_ms(
            trouble.failed_attempts,
            self._clock.now_ms() - trouble.began_ms,
            0.0 if self._random is None else self._random.random(),
            at_least_ms=0.0 if self._roster.has_another else _asked_for_ms(error),
        )
        if delay_ms is None:
            raise error
        if delay_ms > 0.0:
            await asyncio.sleep(delay_ms / 1000.0)

    async def _round(
        self, candidates: Sequence[Candidate], configure: Configure, stagger_s: float
    ) -> OpenLink | Exception:
        """Each candidate once; the first link that is up, or why the first candidate has none."""
        if len(candidates) == 1:
            return await self._try(candidates[0], configure)
        race = Race()
        try:
            async with asyncio.TaskGroup() as tasks:
                waiting = deque(candidates)
                while race.winner is None and (waiting or race.running):
                    if waiting:
                        race.running.append(tasks.create_task(self._try(waiting.popleft(), configure)))
                    await asyncio.wait(
                        race.running,
                        timeout=stagger_s if waiting else None,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    race.look()
                race.stop()
        except BaseException:  # cancelled too: no dial goes on by itself
            await race.close(keep=None)
            raise
        await race.close(keep=race.winner)
        return race.winner or race.errors[0]

    # --- one attempt ----------------------------------------------------------------------------------------------

    async def _try(self, candidate: Candidate, configure: Configure) -> OpenLink | Exception:
        """One dial: a link, or why there is none. A handle that does not work costs a second one without it."""
        breaker = candidate.provider.breaker
        breaker.begin(self._clock.now_ms())
        try:
            opened = await self._resume_or_open(candidate, configure)
        except asyncio.CancelledError:
            breaker.abandoned()
            raise
        except RoomKitError as error:
            if not isinstance(error, ConfigError):  # which is this session's, and says nothing of the vendor's health
                breaker.failed(self._clock.now_ms())
            if not is_retryable(error):
                self._roster.refuse(candidate)
            return error
        breaker.opened(self._clock.now_ms())
        return opened

    async def _resume_or_open(self, candidate: Candidate, configure: Configure) -> OpenLink:
        config = configure(candidate)
        if config.resume is not None:
            try:
                return await self._open(candidate, config)
            except ProviderError as error:
                if error.code == TOO_MANY:  # which is not about the handle
                    raise
                self._resumption.forget(candidate.provider)
                config = configure(candidate)
        return await self._open(candidate, config)

    async def _open(self, candidate: Candidate, config: LinkConfig) -> OpenLink:
        provider = candidate.provider
        self._link_count += 1
        sink = SlotSink(self._on_event, self._settled, self._gate)
        try:
            async with asyncio.timeout(LINK_TIMEOUT_S):
                place = replace(config, number=self._link_count, continues=self._has_begun())
                link = await provider.open_link(place, sink)
            if sink.ready is None:
                await link.close()
                raise ProviderLostError(f"{provider.name} opened a link without saying that it is ready")
        except TimeoutError as error:
            sink.silence()
            raise ProviderLostError(f"{provider.name} was not ready within {LINK_TIMEOUT_S:g} s") from error
        except BaseException as error:  # cancelled, refused, or anything a vendor's SDK raises: told apart below
            sink.silence()  # a socket that takes its time to close must not hold the session
            if isinstance(error, RoomKitError) or not isinstance(error, Exception):
                raise
            # A vendor's SDK may raise anything: the next candidate may do better, and nobody above knows it.
            logger.warning("dialling %s failed: %s", provider.name, type(error).__name__, exc_info=error)
            kind = ProviderLostError if is_retryable(error) else ProviderRefusedError
            raise kind(f"{provider.name} could not be dialled: {type(error).__name__}") from error
        return OpenLink(candidate, config, link, sink, sink.ready, self._clock.now_ms())


def _asked_for_ms(error: Exception) -> float:
    """How long the vendor asked to be left alone."""
    return (error.retry_after_ms or 0.0) if isinstance(error, ProviderError) else 0.0

"""The agent's words, on the conversation lane: from the first partial until what was heard of them is on the record.

They are final when their audio was heard or cut (RFC 0006, R-0006-25). What was cut is measured when the provider has
said all of it: its whole text against its whole audio. Not in here: how words are measured (`heard`), the caller's
words (`caller_words`). Invariant: an item's words become an event at most once.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from roomkit.clock import Clock
from roomkit.voice.audio.playback import HeardItem
from roomkit.voice.realtime.provider_events import Transcript
from roomkit.voice.session.media.lane import Cut
from roomkit.voice.session.recent import Recent
from roomkit.voice.session.words.heard import HeardWords, WordTimes, words_heard
from roomkit.voice.session.words.history import History
from roomkit.voice.session.words.record import Record
from roomkit.voice.session.words.transcripts import Transcripts
from roomkit.voice.session.words.utterance import Blocked, Utterance

MAX_UNSAID = 16
"""Items that were cut before their words came, kept until they come: more than one answer ever has."""


class AgentWords:
    """What the agent of one session says.

    Args:
        unheard_ms: Agent audio of a response that was not heard yet.
        dropped_ms: Audio of an item that came after it was cut.
        when_heard: Queues work on the lane for when a response's audio was heard to its end.
        on_allowed: The hooks let an item's words pass, as final: ``(key, text)``.
        on_blocked: The hooks blocked words: ``(item_id, response_id)``.
    """

    def __init__(
        self,
        transcripts: Transcripts,
        record: Record,
        history: History,
        clock: Clock,
        *,
        unheard_ms: Callable[[str], float],
        dropped_ms: Callable[[str], float],
        when_heard: Callable[[str, Callable[[], Awaitable[None]]], None],
        on_allowed: Callable[[str, str], None],
        on_blocked: Callable[[str, str], None],
    ) -> None:
        self.times = WordTimes()
        self._transcripts = transcripts
        self._record = record
        self._history = history
        self._clock = clock
        self._unheard_ms = unheard_ms
        self._dropped_ms = dropped_ms
        self._when_heard = when_heard
        self._on_allowed = on_allowed
        self._on_blocked = on_blocked
        self._utterances: dict[str, Utterance] = {}
        self._unsaid: dict[str, HeardItem] = {}
        self._blocked: dict[str, Blocked] = {}
        self._being_cut: set[str] = set()
        self._cut_short = Recent()
        self._finished = Recent()
        self._stopped = Recent()

    @property
    def response_ids(self) -> set[str]:
        """The answers with words that are not final."""
        return {utterance.response_id for utterance in self._utterances.values()}

    def unheard(self) -> str:
        """What the agent is saying right now, as far as it is known; of what was cut, what was heard."""
        words = [u.text if u.cut is None else self._measured(u, u.cut).text for u in self._utterances.values()]
        return " ".join(text for text in words if text)

    # --- being said -------------------------------------------------------------------------------------------------

    async def said(self, transcript: Transcript) -> None:
        """What the agent is saying, so far or finally."""
        utterance = self._utterance_of(transcript)
        if utterance is None or utterance.was_asked:
            return
        utterance.text = transcript.text
        if transcript.is_final:
            await self._all_said(utterance)
        elif utterance.cut is None:
            self._transcripts.show_partial(transcript)

    async def response_done(self, response_id: str, *, was_begun: bool) -> None:
        """The provider will say no more of this answer: words without a final are final as they are.

        Unless it was given up before there was audio of it (``was_begun=False``): then nobody heard them.
        """
        self._cut_short.discard(response_id)
        for utterance in self._of(response_id):
            await self._no_more_of(utterance, was_begun=was_begun)

    async def link_lost(self, begun: frozenset[str]) -> None:
        """The link that said them is gone: no words are followed by more. ``begun``: answers with audio."""
        self._cut_short.clear()  # another link may count its answers anew
        for utterance in list(self._utterances.values()):
            await self._no_more_of(utterance, was_begun=utterance.response_id in begun)

    def _utterance_of(self, transcript: Transcript) -> Utterance | None:
        """The item these words are of; None if nothing can come of them any more."""
        key = transcript.item_id or transcript.response_id or self._clock.new_id("item")
        if (known := self._utterances.get(key)) is not None:
            return known
        if key in self._finished:
            return None
        cut = self._unsaid.get(key)
        is_going_on = transcript.response_id in self._cut_short
        if cut is not None and not transcript.is_final and not is_going_on:
            return None
        if cut is None and is_going_on:
            self._finished.add(key)  # of an answer that was cut before there was audio of this item
            return None
        self._unsaid.pop(key, None)
        utterance = Utterance(key, transcript.item_id, transcript.response_id, cut=cut)
        self._utterances[key] = utterance
        self._record.reserve(key)
        return utterance

    async def _all_said(self, utterance: Utterance) -> None:
        if utterance.cut is not None:
            await self._finish_cut(utterance, utterance.cut)
            return
        utterance.was_asked = True
        verdict = await self._transcripts.judge("assistant", utterance.text, utterance.item_id)
        if utterance.key not in self._utterances:
            return
        if not verdict.allowed:
            self._forget(utterance)
            self._stopped.add(utterance.key)
            self._transcripts.take_away("assistant", utterance.item_id)
            self._on_blocked(utterance.item_id, utterance.response_id)
            await self._record.place(utterance.key, verdict.event, blocked=verdict)
            return
        self._on_allowed(utterance.key, utterance.text)
        utterance.text = verdict.event.text
        if utterance.response_id in self._being_cut:
            return
        if self._unheard_ms(utterance.response_id) <= 0.0:
            await self._finish(utterance, utterance.text)
            return
        self._transcripts.show("assistant", utterance.text, utterance.item_id, is_final=False)
        self._when_heard(utterance.response_id, lambda: self._heard(utterance.response_id))

    async def _no_more_of(self, utterance: Utterance, *, was_begun: bool) -> None:
        if utterance.was_asked:
            return
        if was_begun or utterance.cut is not None:
            await self._all_said(utterance)
        else:
            await self._finish(utterance, "", interrupted=True)

    async def _heard(self, response_id: str) -> None:
        for utterance in self._of(response_id):
            if utterance.was_asked:
                await self._finish(utterance, utterance.text)

    # --- being cut --------------------------------------------------------------------------------------------------

    def cut_follows(self, response_ids: set[str]) -> None:
        """These answers were interrupted just now; nothing of them is whole until `cut`, which follows on the lane."""
        self._being_cut |= response_ids

    def block_follows(self, blocked: Blocked) -> None:
        """An item was stopped while it was being said; the `cut` that follows puts it on the record."""
        self._blocked[blocked.key] = blocked

    async def cut(self, cut: Cut) -> None:
        """Answers were interrupted: their words end where the caller's hearing of them did."""
        self._being_cut -= cut.response_ids
        for response_id in cut.in_flight:
            self._cut_short.add(response_id)
        blocked_now = list(self._blocked.values())
        response_ids = cut.response_ids | {blocked.response_id for blocked in blocked_now}
        by_key = {item.item_id or item.response_id: item for item in cut.ledger if item.response_id in response_ids}
        for blocked in blocked_now:
            self._transcripts.take_away("assistant", blocked.item_id)  # before what was heard of it is shown
        for response_id in response_ids:
            if response_id in cut.read:
                await self._cut_read(response_id, by_key)
            else:
                await self._cut_answer(response_id, by_key, is_in_flight=response_id in cut.in_flight)
        for key, item in by_key.items():
            if key not in self._finished:
                self._unsaid[key] = item  # some vendors send an item's words after all of its audio
                self._record.reserve_for_a_while(key)
        while len(self._unsaid) > MAX_UNSAID:
            del self._unsaid[next(iter(self._unsaid))]
        for blocked in blocked_now:
            await self._put_on_record(blocked)

    async def _put_on_record(self, blocked: Blocked) -> None:
        self._blocked.pop(blocked.key, None)
        self._finished.add(blocked.key)
        if blocked.key not in self._stopped:  # its final may have been blocked meanwhile
            self._stopped.add(blocked.key)
            place = f"{blocked.key}:blocked"  # what was heard of it before stands in its own
            await self._record.place(place, blocked.verdict.event, blocked=blocked.verdict)

    async def expired(self, key: str) -> None:
        """The place of these words was given up: of a cut item the provider never finished, what is known counts."""
        utterance = self._utterances.get(key)
        if utterance is not None and utterance.cut is not None:
            await self._finish_cut(utterance, utterance.cut)

    async def _cut_answer(self, response_id: str, by_key: dict[str, HeardItem], *, is_in_flight: bool) -> None:
        utterances = self._of(response_id)
        last_with_audio = max((n for n, u in enumerate(utterances) if u.key in by_key), default=-1)
        for n, utterance in enumerate(utterances):
            # One without audio in the ledger: it was heard long ago, or none of it ever came.
            all_ms = math.inf if n < last_with_audio else 0.0
            heard = by_key.pop(utterance.key, HeardItem(response_id, utterance.item_id, all_ms, all_ms))
            heard = utterance.cut or heard
            if (blocked := self._blocked.get(utterance.key)) is not None:
                utterance.allowed_text = blocked.allowed_text
            if is_in_flight and not utterance.was_asked and heard.heard_ms > 0.0:
                utterance.cut = heard  # the rest of its words is on its way
                self._record.limit(utterance.key)
            else:
                await self._finish_cut(utterance, heard)

    async def _cut_read(self, response_id: str, by_key: dict[str, HeardItem]) -> None:
        """An answer that was shown, not heard: its words end with those that were there."""
        for key, item in list(by_key.items()):
            if item.response_id == response_id:
                del by_key[key]
                if key not in self._utterances:
                    self._finished.add(key)  # its words have not come, so nobody read them
        for utterance in self._of(response_id):
            utterance.is_read = True
            if (blocked := self._blocked.get(utterance.key)) is not None:
                utterance.allowed_text = blocked.allowed_text
            heard = HeardItem(response_id, utterance.item_id, math.inf, math.inf)
            await self._finish_cut(utterance, heard)

    async def _finish_cut(self, utterance: Utterance, item: HeardItem) -> None:
        heard = self._measured(utterance, item)
        text, allowed_text = heard.text, utterance.allowed_text
        if allowed_text is not None and len(text) > len(allowed_text):
            text = allowed_text
        if text and not utterance.was_asked:
            verdict = await self._transcripts.judge("assistant", text, utterance.item_id)
            if not verdict.allowed and allowed_text is None:
                self._forget(utterance)
                self._transcripts.take_away("assistant", utterance.item_id)
                await self._record.place(utterance.key, verdict.event, blocked=verdict)
                return
            text = verdict.event.text if verdict.allowed else ""
        await self._finish(utterance, text, interrupted=True, heard_by=heard.by)

    def _measured(self, utterance: Utterance, item: HeardItem) -> HeardWords:
        if utterance.is_read:
            return HeardWords(utterance.text, "shown")
        all_ms = item.received_ms + self._dropped_ms(utterance.key)
        return words_heard(utterance.text, item.heard_ms, all_ms, self.times.of(utterance.key))

    # --- final ------------------------------------------------------------------------------------------------------

    async def _finish(self, utterance: Utterance, text: str, *, interrupted: bool = False, **metadata: str) -> None:
        if utterance.key not in self._utterances:
            return
        self._forget(utterance)
        text, item_id = text.strip(), utterance.item_id
        self._transcripts.show("assistant", text, item_id, is_final=True, interrupted=interrupted)
        self._history.said("assistant", text)
        if not text:
            self._record.release(utterance.key)
            return
        how: dict[str, object] = {"interrupted": True, **metadata} if interrupted else {}
        await self._record.place(utterance.key, self._transcripts.event("assistant", text, item_id, metadata=how))

    def _of(self, response_id: str) -> list[Utterance]:
        return [u for u in self._utterances.values() if u.response_id == response_id]

    def _forget(self, utterance: Utterance) -> None:
        del self._utterances[utterance.key]
        self._finished.add(utterance.key)
        self.times.forget(utterance.key)

"""The caller's words, on the conversation lane: their turn's place, the verdict on them, what follows from it.

A turn is open from the end of its speech until its words were judged or given up; a tool call waits for the newest.
Not in here: the agent's words (`agent_words`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from roomkit.voice.realtime.provider_events import Transcript
from roomkit.voice.session.recent import Recent
from roomkit.voice.session.words.history import History
from roomkit.voice.session.words.record import Record
from roomkit.voice.session.words.transcripts import Transcripts


class CallerWords:
    """What the caller of one session says.

    Args:
        on_allowed: The hooks let the words pass.
        on_blocked: The hooks blocked the words of this item.
    """

    def __init__(
        self,
        transcripts: Transcripts,
        record: Record,
        history: History,
        *,
        on_allowed: Callable[[], None],
        on_blocked: Callable[[str], None],
    ) -> None:
        self._transcripts = transcripts
        self._record = record
        self._history = history
        self._on_allowed = on_allowed
        self._on_blocked = on_blocked
        self._finished = Recent()
        self._open_turns: dict[str, asyncio.Future[None]] = {}

    def begin_turn(self, item_id: str) -> None:
        """The caller's speech stopped, or was committed: its words have a place from now on."""
        key = _key(item_id)
        is_over = key in self._finished or self._record.is_late(key)
        if (item_id and is_over) or self._record.holds(key):
            return
        self._record.forget_late(key)  # turns of a vendor without ids share one key
        self._transcripts.chain_depth = 0
        self._record.reserve_for_a_while(key)
        self._open_turns[key] = asyncio.get_running_loop().create_future()

    def give_up_turn(self, item_id: str) -> None:
        """The turn turned out to be noise, or could not be transcribed."""
        key = _key(item_id)
        self._record.release(key)
        self.close_turn(key)

    def open_turn(self) -> Awaitable[None] | None:
        """What a tool call waits for: the verdict on the caller's newest words, where a hook may block them."""
        if not self._open_turns or not self._transcripts.are_judged:
            return None
        return asyncio.shield(next(reversed(self._open_turns.values())))

    async def said(self, transcript: Transcript) -> None:
        """What the caller said, so far or finally."""
        if not transcript.is_final:
            self._transcripts.show_partial(transcript)
            return
        item_id, key = transcript.item_id, _key(transcript.item_id)
        if item_id and key in self._finished and not self._record.is_late(key):
            return  # a provider repeats itself after a reconnect: no transcript twice
        verdict = await self._transcripts.judge("user", transcript.text, item_id)
        if not verdict.allowed:
            self._transcripts.take_away("user", item_id)
            self._on_blocked(item_id)
            await self._record.place(key, verdict.event, blocked=verdict)
        elif text := verdict.event.text.strip():
            self._transcripts.show("user", text, item_id, is_final=True)
            self._history.said("user", text)
            self._on_allowed()
            await self._record.place(key, verdict.event)
        else:
            self._record.release(key)
        self.close_turn(key)

    def close_turn(self, key: str) -> None:
        """Nobody waits for this turn any more: it was judged, given up, or is late."""
        if not self._record.is_late(key):
            self._finished.add(key)
        turn = self._open_turns.pop(key, None)
        if turn is not None and not turn.done():
            turn.set_result(None)

    def close_all_turns(self) -> None:
        """The session is over."""
        for key in list(self._open_turns):
            self.close_turn(key)


def _key(item_id: str) -> str:
    return f"user:{item_id}"

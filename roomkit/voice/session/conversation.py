"""What was said, on the conversation lane: verdicts of hooks, what clients see, the order of words, room events.

Every method runs on the lane, one at a time, in the wire's order; the media lane only queues them. The agent's words
become final when their audio was heard or cut (RFC 0006, R-0006-25), the caller's when the hooks have allowed them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from roomkit.clock import Clock
from roomkit.core.ports import RoomPort, Verdict
from roomkit.models.content import TextContent
from roomkit.models.enums import ChannelDirection, ChannelType, EventType, HookTrigger
from roomkit.models.event import EventSource, RoomEvent
from roomkit.models.session import VoiceSession
from roomkit.models.voice import TranscriptionEvent
from roomkit.voice.audio.playback import HeardItem
from roomkit.voice.realtime.provider_events import Role, Transcript
from roomkit.voice.session import messages
from roomkit.voice.session.history import History
from roomkit.voice.session.order import PLACE_TIMEOUT_MS, WordOrder
from roomkit.voice.session.recent import Recent
from roomkit.voice.session.settings import SessionSettings
from roomkit.voice.session.turns import words_heard

logger = logging.getLogger(__name__)

MAX_UNSAID = 16
"""Items that were cut before their words came, kept until they come: more than one answer ever has."""


@dataclass(slots=True)
class Utterance:
    """The agent's words of one item, until they are final."""

    key: str
    item_id: str
    response_id: str
    text: str = ""
    was_asked: bool = False


class Conversation:
    """The words of one session.

    Args:
        send: Sends a message to the client.
        unheard_ms: Agent audio of a response that was not heard yet.
        when_heard: Queues work on the lane for when a response's audio was heard to its end.
        on_allowed: The hooks let the caller's words pass.
        on_blocked: The hooks blocked words: ``(role, item_id, response_id)``.
        wake_at: Asks for `publish_due` to run on the lane at this loop time (ms).
    """

    def __init__(
        self,
        session: VoiceSession,
        settings: SessionSettings,
        port: RoomPort,
        clock: Clock,
        *,
        send: Callable[[messages.Message], None],
        unheard_ms: Callable[[str], float],
        when_heard: Callable[[str, Callable[[], Awaitable[None]]], None],
        on_allowed: Callable[[], None],
        on_blocked: Callable[[Role, str, str], None],
        wake_at: Callable[[float], None],
    ) -> None:
        self.history = History()
        self.chain_depth = 0
        self._session = session
        self._settings = settings
        self._port = port
        self._clock = clock
        self._send = send
        self._unheard_ms = unheard_ms
        self._when_heard = when_heard
        self._on_allowed = on_allowed
        self._on_blocked = on_blocked
        self._wake_at = wake_at
        self._order: WordOrder[RoomEvent] = WordOrder()
        self._utterances: dict[str, Utterance] = {}
        self._unsaid: dict[str, HeardItem] = {}
        self._being_cut: set[str] = set()
        self._finished = Recent()
        self._late = Recent()
        self._open_turns: dict[str, asyncio.Future[None]] = {}
        self._withholding_was_said = False

    # --- the caller -----------------------------------------------------------------------------------------------

    def user_turn(self, item_id: str) -> None:
        """The caller's speech stopped, or was committed: its words have a place from now on."""
        key = _user_key(item_id)
        if (item_id and (key in self._finished or key in self._late)) or self._order.holds(key):
            return
        self._late.discard(key)  # turns of a vendor without ids share one key
        self.chain_depth = 0
        self._reserve_for_a_while(key)
        self._open_turns[key] = asyncio.get_running_loop().create_future()

    async def no_user_words(self, item_id: str) -> None:
        """The turn turned out to be noise, or could not be transcribed."""
        self._release_turn(_user_key(item_id))
        await self.publish_due()

    def open_turn(self) -> Awaitable[None] | None:
        """What a tool call waits for: the verdict on the caller's newest words, where a hook may block them."""
        if not self._open_turns or not self._port.listens(HookTrigger.ON_TRANSCRIPTION, deciding=True):
            return None
        return asyncio.shield(next(reversed(self._open_turns.values())))

    @property
    def awaits_words(self) -> bool:
        """Whether a turn of the caller has not found its words yet."""
        return bool(self._open_turns)

    async def user_words(self, transcript: Transcript) -> None:
        """What the caller said."""
        if not transcript.is_final:
            self._show_partial(transcript)
            return
        key = _user_key(transcript.item_id)
        if transcript.item_id and key in self._finished and key not in self._late:
            return  # a provider repeats itself after a reconnect: no transcript twice
        verdict = await self._ask("user", transcript.text, transcript.item_id)
        if not verdict.allowed:
            self._block("user", transcript.item_id, "")
            self._release_turn(key)
        elif text := verdict.event.text.strip():
            self._send(messages.transcription("user", text, is_final=True, item_id=transcript.item_id))
            self.history.said("user", text)
            self._on_allowed()
            await self._place(key, verdict.event)
            self._close_turn(key)
        else:
            self._release_turn(key)
        await self.publish_due()

    # --- the agent ------------------------------------------------------------------------------------------------

    async def agent_words(self, transcript: Transcript) -> None:
        """What the agent is saying."""
        key = transcript.item_id or transcript.response_id or self._clock.new_id("item")
        if key in self._finished:
            return
        if (unsaid := self._unsaid.get(key)) is not None:
            if transcript.is_final:
                del self._unsaid[key]
                await self._said_after_the_cut(transcript, unsaid)
            return
        utterance = self._utterances.get(key)
        if utterance is None:
            utterance = Utterance(key, transcript.item_id, transcript.response_id)
            self._utterances[key] = utterance
            self._order.reserve(key)
        if utterance.was_asked:
            return
        utterance.text = transcript.text
        if transcript.is_final:
            await self._agent_final(utterance)
        else:
            self._show_partial(transcript)

    async def response_done(self, response_id: str, *, was_begun: bool = True) -> None:
        """The provider will say no more of this answer: words without a final are final as they are.

        Unless it was given up before there was audio of it (``was_begun=False``): then nobody heard them.
        """
        for utterance in self._of(response_id):
            await self._no_more_of(utterance, was_begun=was_begun)

    async def link_lost(self, begun: frozenset[str]) -> None:
        """The link that said them is gone: no words are followed by more. ``begun``: answers with audio."""
        for utterance in list(self._utterances.values()):
            await self._no_more_of(utterance, was_begun=utterance.response_id in begun)

    def cut_follows(self, response_ids: set[str]) -> None:
        """These answers were interrupted just now; nothing of them is whole until `cut`, which follows on the lane."""
        self._being_cut |= response_ids

    async def cut(self, heard: list[HeardItem], response_ids: set[str]) -> None:
        """The answer was interrupted: its words end where the caller's hearing of them did."""
        self._being_cut -= response_ids
        by_key = {item.item_id or item.response_id: item for item in heard}
        for response_id in response_ids:
            is_past_the_cut = False
            for utterance in self._of(response_id):
                item = by_key.pop(utterance.key, None)
                text = "" if is_past_the_cut else utterance.text
                if item is not None:
                    text, is_past_the_cut = words_heard(text, item.heard_ms, item.received_ms), True
                await self._finish_cut(utterance, text)
        for key, item in by_key.items():
            if key not in self._finished:
                self._unsaid[key] = item  # some vendors send an item's words after all of its audio
                self._reserve_for_a_while(key)
        while len(self._unsaid) > MAX_UNSAID:
            del self._unsaid[next(iter(self._unsaid))]

    def unheard_words(self) -> str:
        """What the agent is saying right now, as far as it is known."""
        return " ".join(u.text for u in self._utterances.values() if u.text)

    async def _agent_final(self, utterance: Utterance) -> None:
        utterance.was_asked = True
        verdict = await self._ask("assistant", utterance.text, utterance.item_id)
        if utterance.key not in self._utterances:
            return
        if not verdict.allowed:
            self._forget(utterance)
            self._order.release(utterance.key)
            self._block("assistant", utterance.item_id, utterance.response_id)
            await self.publish_due()
            return
        utterance.text = verdict.event.text
        if utterance.response_id in self._being_cut:
            return
        if self._unheard_ms(utterance.response_id) <= 0.0:
            await self._finish(utterance, utterance.text)
            return
        self._send(messages.transcription("assistant", utterance.text, is_final=False, item_id=utterance.item_id))
        self._when_heard(utterance.response_id, lambda: self._heard(utterance.response_id))

    async def _no_more_of(self, utterance: Utterance, *, was_begun: bool) -> None:
        if utterance.was_asked:
            return
        if was_begun:
            await self._agent_final(utterance)
        else:
            await self._finish(utterance, "", interrupted=True)

    async def _said_after_the_cut(self, transcript: Transcript, heard: HeardItem) -> None:
        key = transcript.item_id or transcript.response_id
        utterance = self._utterances[key] = Utterance(key, transcript.item_id, transcript.response_id)
        await self._finish_cut(utterance, words_heard(transcript.text, heard.heard_ms, heard.received_ms))

    async def _finish_cut(self, utterance: Utterance, text: str) -> None:
        if text and not utterance.was_asked:
            verdict = await self._ask("assistant", text, utterance.item_id)
            text = verdict.event.text if verdict.allowed else ""
        await self._finish(utterance, text, interrupted=True)

    async def _heard(self, response_id: str) -> None:
        for utterance in self._of(response_id):
            if utterance.was_asked:
                await self._finish(utterance, utterance.text)

    async def _finish(self, utterance: Utterance, text: str, *, interrupted: bool = False) -> None:
        if utterance.key not in self._utterances:
            return
        self._forget(utterance)
        text = text.strip()
        self._send(
            messages.transcription("assistant", text, is_final=True, item_id=utterance.item_id, interrupted=interrupted)
        )
        self.history.said("assistant", text)
        if text:
            event = self._event("assistant", text, utterance.item_id, interrupted=interrupted)
            await self._place(utterance.key, event)
        else:
            self._order.release(utterance.key)
        await self.publish_due()

    def _of(self, response_id: str) -> list[Utterance]:
        return [u for u in self._utterances.values() if u.response_id == response_id]

    def _forget(self, utterance: Utterance) -> None:
        del self._utterances[utterance.key]
        self._finished.add(utterance.key)

    # --- both -----------------------------------------------------------------------------------------------------

    async def publish_due(self) -> None:
        """Let out, in order, whatever no longer waits for something before it."""
        ready, expired = self._order.pop_ready(self._clock.now_ms())
        for key in expired:
            self._late.add(key)
            self._close_turn(key)
        for event in ready:
            await self._publish(event)
        if (deadline_ms := self._order.next_deadline_ms()) is not None and (ready or expired):
            self._wake_at(deadline_ms + 1.0)

    async def finish(self, heard: list[HeardItem], response_ids: set[str]) -> None:
        """The session ends: what was heard is stored, whatever is missing between."""
        await self.cut(heard, response_ids | {u.response_id for u in self._utterances.values()})
        for event in self._order.pop_all():
            await self._publish(event)
        for key in list(self._open_turns):
            self._close_turn(key)

    async def _place(self, key: str, event: TranscriptionEvent) -> None:
        stored = event.to_room_event().model_copy(update={"type": EventType.MESSAGE})
        if key in self._late:
            self._late.discard(key)
            await self._publish(stored.model_copy(update={"metadata": {**stored.metadata, "late": True}}))
        elif not self._order.fill(key, stored):
            key = f"{key}:{stored.id}"  # spoken without a turn, or in one that has its words already
            self._order.reserve(key)
            self._order.fill(key, stored)

    def _reserve_for_a_while(self, key: str) -> None:
        deadline_ms = self._clock.now_ms() + PLACE_TIMEOUT_MS
        self._order.reserve(key, deadline_ms)
        self._wake_at(deadline_ms + 1.0)  # timers may fire a nanosecond early

    async def _publish(self, event: RoomEvent) -> None:
        if self._settings.emit_transcription_events:
            await self._port.publish(event)

    async def _ask(self, role: Role, text: str, item_id: str) -> Verdict[TranscriptionEvent]:
        event = self._event(role, text, item_id)
        try:
            async with asyncio.timeout(self._settings.transcription_timeout_s):
                return await self._port.ask(HookTrigger.ON_TRANSCRIPTION, event)
        except TimeoutError:
            # ON_TRANSCRIPTION fails closed (api.md): words nobody has judged in time are not shown.
            return Verdict(False, event, "no verdict within transcription_timeout_s")

    def _show_partial(self, transcript: Transcript) -> None:
        event = self._event(transcript.role, transcript.text, transcript.item_id, is_final=False)
        self._port.tell(HookTrigger.ON_PARTIAL_TRANSCRIPTION, event)
        if self._withholds_partials():
            return
        self._send(messages.transcription(transcript.role, transcript.text, is_final=False, item_id=transcript.item_id))

    def _withholds_partials(self) -> bool:
        if self._settings.partial_transcripts == "always":
            return False
        if not self._port.listens(HookTrigger.ON_TRANSCRIPTION, deciding=True):
            return False
        if not self._withholding_was_said:
            self._withholding_was_said = True
            logger.info(
                "partial transcripts of session %s are withheld: an ON_TRANSCRIPTION hook may stop the final; "
                'partial_transcripts="always" shows them all the same',
                self._session.id,
            )
        return True

    def _block(self, role: Role, item_id: str, response_id: str) -> None:
        self._send(messages.transcription_blocked(role, item_id))
        self._on_blocked(role, item_id, response_id)

    def _release_turn(self, key: str) -> None:
        self._order.release(key)
        self._close_turn(key)

    def _close_turn(self, key: str) -> None:
        if key not in self._late:
            self._finished.add(key)
        turn = self._open_turns.pop(key, None)
        if turn is not None and not turn.done():
            turn.set_result(None)

    def _event(
        self, role: Role, text: str, item_id: str, *, is_final: bool = True, interrupted: bool = False
    ) -> TranscriptionEvent:
        session = self._session
        metadata: dict[str, object] = {"voice_session_id": session.id, "source": "realtime_voice", "role": role}
        if interrupted:
            metadata["interrupted"] = True
        return TranscriptionEvent(
            id=self._clock.new_id("evt"),
            room_id=session.room_id,
            source=EventSource(
                channel_id=session.channel_id,
                channel_type=ChannelType.REALTIME_VOICE,
                direction=ChannelDirection.INBOUND if role == "user" else ChannelDirection.OUTBOUND,
                participant_id=session.participant_id if role == "user" else None,
                external_id=item_id or None,
            ),
            content=TextContent(body=text),
            chain_depth=self.chain_depth if role == "user" else self.chain_depth + 1,
            created_at=self._clock.wall(),
            metadata=metadata,
            is_final=is_final,
            session=session,
        )


def _user_key(item_id: str) -> str:
    return f"user:{item_id}"

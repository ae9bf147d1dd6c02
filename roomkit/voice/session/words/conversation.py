"""What was said, on the conversation lane: the caller's words and the agent's, one history, one record in the room.

Every method runs on the lane, one at a time, in the wire's order, but for those that say so. Not in here: what becomes
of either side's words (`caller_words`, `agent_words`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from roomkit.clock import Clock
from roomkit.core.ports import RoomPort
from roomkit.models.event import RoomEvent
from roomkit.models.session import VoiceSession
from roomkit.voice.realtime.provider_events import Role, Transcript
from roomkit.voice.session import messages
from roomkit.voice.session.media.lane import Cut
from roomkit.voice.session.settings import SessionSettings
from roomkit.voice.session.words.agent_words import AgentWords
from roomkit.voice.session.words.caller_words import CallerWords
from roomkit.voice.session.words.history import History
from roomkit.voice.session.words.record import Record
from roomkit.voice.session.words.transcripts import Transcripts


class Conversation:
    """The words of one session.

    Args:
        send: Sends a message to the client.
        unheard_ms: Agent audio of a response that was not heard yet.
        dropped_ms: Audio of an item that came after it was cut.
        when_heard: Queues work on the lane for when a response's audio was heard to its end.
        on_allowed: The hooks let the caller's words pass.
        on_agent_allowed: The hooks let the agent's words of an item pass, as final: ``(key, text)``.
        on_blocked: The hooks blocked words: ``(role, item_id, response_id)``.
        wake_at: Asks for `publish_due` to run on the lane at this loop time (ms).
        recorded: An event as it is to be stored.

    Attributes:
        agent: The agent's words.
        transcripts: The way of words past the hooks.
        history: What was said and heard.
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
        dropped_ms: Callable[[str], float],
        when_heard: Callable[[str, Callable[[], Awaitable[None]]], None],
        on_allowed: Callable[[], None],
        on_agent_allowed: Callable[[str, str], None],
        on_blocked: Callable[[Role, str, str], None],
        wake_at: Callable[[float], None],
        recorded: Callable[[RoomEvent], RoomEvent],
    ) -> None:
        self.history = History()
        self.transcripts = Transcripts(session, settings, port, clock, send=send)
        self._record = Record(
            port, clock, publishes=settings.emit_transcription_events, recorded=recorded, wake_at=wake_at
        )
        self._caller = CallerWords(
            self.transcripts,
            self._record,
            self.history,
            on_allowed=on_allowed,
            on_blocked=lambda item_id: on_blocked("user", item_id, ""),
        )
        self.agent = AgentWords(
            self.transcripts,
            self._record,
            self.history,
            clock,
            unheard_ms=unheard_ms,
            dropped_ms=dropped_ms,
            when_heard=lambda response_id, work: when_heard(response_id, lambda: self._then_publish(work())),
            on_allowed=on_agent_allowed,
            on_blocked=lambda item_id, response_id: on_blocked("assistant", item_id, response_id),
        )

    @property
    def chain_depth(self) -> int:
        """Of what the caller says now; the agent's answer is one deeper. May be set from anywhere."""
        return self.transcripts.chain_depth

    @chain_depth.setter
    def chain_depth(self, chain_depth: int) -> None:
        self.transcripts.chain_depth = chain_depth

    @property
    def awaits_words(self) -> bool:
        """Whether words are on their way whose place is kept. May be asked from anywhere."""
        return self._record.awaits_words

    @property
    def has_begun(self) -> bool:
        """Whether anything was said, or is being said. May be asked from anywhere."""
        return self.history.has_begun or bool(self.agent.unheard())

    def unheard_words(self) -> str:
        """What the agent is saying right now, as far as it is known. May be asked from anywhere."""
        return self.agent.unheard()

    def open_turn(self) -> Awaitable[None] | None:
        """What a tool call waits for: the verdict on the caller's newest words, where a hook may block them."""
        return self._caller.open_turn()

    def user_turn(self, item_id: str) -> None:
        """The caller's speech stopped, or was committed: its words have a place from now on."""
        self._caller.begin_turn(item_id)

    async def no_user_words(self, item_id: str) -> None:
        """The turn turned out to be noise, or could not be transcribed."""
        self._caller.give_up_turn(item_id)
        await self.publish_due()

    async def user_words(self, transcript: Transcript) -> None:
        """What the caller said."""
        await self._then_publish(self._caller.said(transcript))

    async def agent_words(self, transcript: Transcript) -> None:
        """What the agent is saying."""
        await self._then_publish(self.agent.said(transcript))

    async def response_done(self, response_id: str, *, was_begun: bool = True) -> None:
        """The provider will say no more of this answer; see `AgentWords.response_done`."""
        await self._then_publish(self.agent.response_done(response_id, was_begun=was_begun))

    async def link_lost(self, begun: frozenset[str]) -> None:
        """The link that said them is gone; see `AgentWords.link_lost`."""
        await self._then_publish(self.agent.link_lost(begun))

    async def cut(self, cut: Cut) -> None:
        """Answers were interrupted: their words end where the caller's hearing of them did."""
        await self._then_publish(self.agent.cut(cut))

    async def publish_due(self) -> None:
        """Let out, in order, whatever no longer waits for something before it."""
        for key in await self._record.publish_due():
            self._caller.close_turn(key)
            await self.agent.expired(key)

    async def finish(self, cut: Cut) -> None:
        """The session ends: what was heard is stored, whatever is missing between."""
        everything = replace(cut, response_ids=cut.response_ids | self.agent.response_ids, in_flight=frozenset())
        await self.agent.cut(everything)
        await self._record.publish_all()
        self._caller.close_all_turns()

    async def _then_publish(self, work: Awaitable[None]) -> None:
        await work
        await self.publish_due()

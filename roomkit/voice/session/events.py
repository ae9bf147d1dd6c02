"""What happens in a session: provider and client events, sorted onto the media lane and the conversation lane.

Audio, interruption and gates act at once; words, hooks and room events are queued, in the wire's order. Not in here:
links and life (`engine`), what the words become (`conversation`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from roomkit.models.enums import HookTrigger
from roomkit.models.voice import SpeechEvent, TextInjectedEvent, TurnEvent
from roomkit.telemetry.prices import shipped_prices
from roomkit.voice.backends.base import TransportLink
from roomkit.voice.realtime.commands import AskForResponse, InjectText, Speak
from roomkit.voice.realtime.provider_events import (
    Audio,
    InputCommitted,
    Interrupted,
    LinkLost,
    ProviderEvent,
    ProviderFault,
    ResponseDone,
    ResponseStarted,
    Role,
    SpeechStarted,
    SpeechStopped,
    SpokenWords,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TranscriptFailed,
)
from roomkit.voice.session import messages
from roomkit.voice.session.account.budget_keeper import budget_keeper
from roomkit.voice.session.account.usage import Account
from roomkit.voice.session.client_audio import ClientAudio
from roomkit.voice.session.client_events import ClientEvents
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.links.slot import OpenLink
from roomkit.voice.session.media.agent_voice import AgentVoice
from roomkit.voice.session.media.floor import Floor
from roomkit.voice.session.media.lane import Cut, Media
from roomkit.voice.session.observers import Observers
from roomkit.voice.session.tool_use import ToolUse
from roomkit.voice.session.words.conversation import Conversation
from roomkit.voice.session.words.output_guard import guard_of
from roomkit.voice.session.words.speech import Speeches
from roomkit.voice.session.words.writable import with_writable_words


class SessionEvents:
    """The two lanes of one session, joined.

    Args:
        context: The session's common ground.
        client: The client's link.
        on_provider_lost: The provider link dropped.
        on_client_gone: The client's link dropped.
        on_typed: The caller typed; worked on the lane.

    Attributes:
        owes_answer: The provider was asked for an answer, or makes one unasked, and has not begun it.
        from_client: Takes what the client says beside its audio, in its order; audio goes to ``media.input.feed``.
        tools: The tools the provider calls.
    """

    def __init__(
        self,
        context: SessionContext,
        client: TransportLink,
        *,
        on_provider_lost: Callable[[LinkLost], None],
        on_client_gone: Callable[[], None],
        on_typed: Callable[[str], Awaitable[None]],
    ) -> None:
        self._context = context
        self._lane = context.lane
        self._on_provider_lost = on_provider_lost
        self.owes_answer = False
        self._can_read = True
        self._timers: set[asyncio.TimerHandle] = set()
        self._observers = Observers(context)
        self.voice = AgentVoice(
            context.clock,
            on_speaking=lambda is_speaking: context.tell_client(messages.speaking("assistant", is_speaking)),
            on_turn=self._turn_complete,
        )
        self.media = self._new_media(client)
        self.account = Account(context.view, context.settings.prices or shipped_prices(), self.media, context.clock)
        self.conversation = self._new_conversation()
        self.floor = Floor(
            context, self.media, self.voice, self.conversation, self._observers, on_cut=self._answers_were_cut
        )
        self._guard = guard_of(
            context, self.conversation, self.media, on_blocked=self.floor.stop, on_overflow=self._overflowed
        )
        self.client_audio = ClientAudio(
            context, self.media, tell_agent=lambda text: self.inject(text, "system", silent=True)
        )
        self.from_client = ClientEvents(
            context,
            self.media,
            self.voice,
            self.floor,
            self._observers,
            self.client_audio,
            on_gone=on_client_gone,
            on_typed=on_typed,
        ).take
        self.speech = Speeches(context, self.conversation.transcripts, heard=self.media.output.ledger.items)
        self.budget = budget_keeper(context, self)
        self.tools = ToolUse(context, self.conversation, self.media, on_owed=self._owe)

    def _new_media(self, client: TransportLink) -> Media:
        return Media(
            client,
            self._context.settings,
            on_new_item=self.voice.audio_came,
            on_first=self.voice.audio_left,
            on_overflow=self._overflowed,
            on_input_level=self._observers.input_level,
            on_output_level=self._observers.output_level,
        )

    def _new_conversation(self) -> Conversation:
        context, ledger = self._context, self.media.output.ledger
        return Conversation(
            context.view,
            context.settings,
            context.port,
            context.clock,
            send=self.tell_client,
            unheard_ms=ledger.unheard_ms,
            dropped_ms=ledger.dropped_ms,
            when_heard=lambda response_id, work: ledger.when_heard(response_id, lambda: self._lane.put(work)),
            on_allowed=self._allowed,
            on_agent_allowed=self._agent_allowed,
            on_blocked=self._blocked,
            wake_at=self._wake_at,
            recorded=self.account.recorded,
        )

    # --- links ----------------------------------------------------------------------------------------------------

    def attach(self, opened: OpenLink, signs_of_life: Callable[[], float]) -> None:
        """A provider link is the session's from now on; ``signs_of_life`` changes with all that comes from it."""
        self.floor.policy = policy = opened.provider.turn_policy(opened.config)
        self.account.link_up(opened)
        tells = opened.provider.profile.tells_speech and not policy.manual
        self.media.attach(opened, signs_of_life if tells else None)

    def provider_lost(self) -> None:
        """The provider link is gone, or replaced: its answers end with what came of them."""
        self.account.link_down()
        self.tools.link_lost()
        unfinished = set(self.media.in_flight)
        # An answer of which something was heard is not begun again.
        self.owes_answer = self.owes_answer or (bool(unfinished) and not self.voice.is_speaking)
        self.speech.link_lost(unfinished, is_heard=self.voice.is_speaking)
        self.media.detach()
        begun = self.media.output.ledger.response_ids()
        self._lane.put(lambda: self.conversation.link_lost(begun))
        for response_id in unfinished:
            heard_so_far = partial(self._answer_was_heard, response_id, is_whole=False)
            self.media.output.ledger.when_heard(response_id, heard_so_far)

    def permit(self, *, can_write: bool, can_read: bool) -> None:
        """The binding's live permission; holds from the very next frame."""
        self._can_read = can_read
        self.media.stop_input("permission", not can_write)
        if (cut := self.media.stop_output(not can_read)) is not None:
            self.floor.was_cut(cut)

    def tell_client(self, message: messages.Message) -> None:
        """Who may not hear the agent does not read it either, but for what was heard when it was cut off."""
        is_agents = message.get("type") == "transcription" and message.get("role") == "assistant"
        if self._can_read or not is_agents or message.get("interrupted"):
            self._context.tell_client(message)

    async def wind_up(self) -> None:
        """The session is over: what was heard is stored."""
        cut = self.media.interrupt(by_provider=True)
        self._answers_were_cut(cut)
        self.conversation.agent.cut_follows(cut.response_ids)
        self._lane.put(lambda: self.conversation.finish(cut))
        self._lane.put(self._store_rest)
        await self._lane.settled()

    def close(self) -> None:
        """Stop every timer."""
        self.media.output.close()
        self.account.close()
        if self.budget is not None:
            self.budget.close()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    async def quiet(self) -> None:
        """Return when no answer is being made or heard, and nothing that is to be said waits for a hook."""
        await self.speech.judged()
        await self.voice.quiet(self.media)
        await self.tools.settled()
        await self._lane.settled()

    # --- from the provider ----------------------------------------------------------------------------------------

    def from_provider(self, event: ProviderEvent) -> None:  # noqa: C901, PLR0912 -- one flat table of events is the clearest form
        """One event, in wire order. A link's audio need not take this way: `Serving` hands it to the output itself."""
        conversation, put = self.conversation, self._lane.put
        match event := with_writable_words(event):
            case Transcript(role="user"):
                self.voice.mark("first_transcript")
                put(lambda: conversation.user_words(event), newest_of=_partial_key(event))
            case Transcript():
                if self._guard is not None:
                    self._guard.said(event)
                put(lambda: conversation.agent_words(event), newest_of=_partial_key(event))
            case SpeechStarted():
                self._speech_started(event)
            case SpeechStopped():
                self._speech_stopped(event)
            case InputCommitted(item_id):
                self.owes_answer = self.owes_answer or self.floor.policy.answers_by_itself
                put(lambda: conversation.user_turn(item_id))
            case TranscriptFailed(item_id):
                put(lambda: conversation.no_user_words(item_id))
            case ResponseStarted(response_id):
                self.speech.answer_began(response_id)
                self.owes_answer = False
                self.media.in_flight.add(response_id)
            case ResponseDone():
                self._response_done(event)
            case Interrupted():
                self.floor.barge_in(by_provider=True)
            case ToolCall():
                put(lambda: self.tools.called(event))
            case ToolCallCancelled(call_ids):
                put(lambda: self.tools.cancelled(call_ids))
            case ProviderFault(code, message):
                put(lambda: self._context.report(code, message))
            case SpokenWords():
                conversation.agent.times.add(event)
            case LinkLost():
                self._on_provider_lost(event)
            case Audio():
                self.media.output.feed(event)
            case _:  # what a link says of itself is not the session's
                pass

    def _speech_started(self, event: SpeechStarted) -> None:
        self.floor.caller_speaks()
        self._context.tell_client(messages.speaking("user", True))
        self._observers.tell(HookTrigger.ON_SPEECH_START, SpeechEvent, item_id=event.item_id)

    def _speech_stopped(self, event: SpeechStopped) -> None:
        self._context.tell_client(messages.speaking("user", False))
        self._observers.tell(HookTrigger.ON_SPEECH_END, SpeechEvent, item_id=event.item_id)
        if event.is_utterance:
            self.voice.new_turn()
            self._lane.put(lambda: self.conversation.user_turn(event.item_id))
        else:
            self._lane.put(lambda: self.conversation.no_user_words(event.item_id))

    def _response_done(self, event: ResponseDone) -> None:
        self.media.in_flight.discard(event.response_id)
        self.media.output.forget(event.response_id)
        if self._guard is not None:
            self._guard.all_said(event.response_id)
        self.account.answered(event.usage)
        was_begun = event.status == "completed" or event.response_id in self.media.output.ledger.response_ids()
        self._lane.put(lambda: self.conversation.response_done(event.response_id, was_begun=was_begun))
        self.media.output.ledger.when_heard(event.response_id, lambda: self._answer_was_heard(event.response_id))

    # --- the agent's voice ----------------------------------------------------------------------------------------

    def _answer_was_heard(self, response_id: str, *, is_whole: bool = True) -> None:
        self.speech.answer_was_heard(response_id, is_whole=is_whole)
        self.voice.look_again()
        if not self.media.is_busy:
            self.voice.stopped()

    def _answers_were_cut(self, cut: Cut) -> None:
        self.speech.cut(cut.response_ids, cut.ledger)

    def _turn_complete(self, latency: dict[str, float | None]) -> None:
        usage = self.account.take_turn()
        self._observers.tell(HookTrigger.ON_TURN_COMPLETE, TurnEvent, latency=latency, usage=usage)

    async def _store_rest(self) -> None:
        if (event := self.account.last_record()) is not None:
            await self._context.port.publish(event)

    def inject(self, text: str, role: Role = "user", *, silent: bool = False, chain_depth: int = 0) -> None:
        """Words that came as text: a turn to be answered aloud, the agent's own to be said, or silent context.

        A turn cuts what is being said, as a spoken one would; the agent's own words wait for it. ``chain_depth``
        travels with what comes of it.
        """
        says = role == "assistant" and not silent
        if not silent:
            self.conversation.chain_depth = chain_depth
        if not silent and not says:
            self.floor.caller_writes()
            self.voice.new_turn()
        self._context.send(Speak(text) if says else InjectText(text, role, silent))
        if not says:  # what is said is remembered when it was heard
            self.conversation.history.typed(role, text)
        self._observers.tell(
            HookTrigger.ON_REALTIME_TEXT_INJECTED, TextInjectedEvent, text=text, role=role, silent=silent
        )

    def write(self, text: str) -> None:
        """What the agent was to say, and the caller reads: nobody speaks."""
        self.speech.not_spoken()
        self._lane.put(lambda: self.conversation.agent_words(Transcript("assistant", text, is_final=True)))

    def _allowed(self) -> None:
        if self._context.settings.hold_answers:
            self._context.send(AskForResponse())

    def _blocked(self, role: Role, item_id: str, response_id: str) -> None:
        self.floor.block(role, item_id, response_id)

    def _agent_allowed(self, key: str, text: str) -> None:
        if self._guard is not None:
            self._guard.allowed(key, text)

    # --- details --------------------------------------------------------------------------------------------------

    def _owe(self) -> None:
        self.owes_answer = True

    def _overflowed(self) -> None:
        self._context.report("output_overflow", "the agent's audio ran too far ahead and was cut")

    def _wake_at(self, at_ms: float) -> None:
        def wake() -> None:
            self._timers.discard(timer)
            self._lane.put(self.conversation.publish_due)

        timer = asyncio.get_running_loop().call_at(at_ms / 1000.0, wake)
        self._timers.add(timer)


def _partial_key(transcript: Transcript) -> str | None:
    """Partials of one item coalesce; without ids, of one answer: a later one's must not pass the words before it."""
    return None if transcript.is_final else f"{transcript.role}:{transcript.item_id or transcript.response_id}"

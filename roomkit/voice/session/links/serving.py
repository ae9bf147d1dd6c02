"""The link that serves a session: what goes to it, what it must be told when it takes over, whether it is alive.

Not in here: opening links and when to change them (`provider_side`). Invariant: one link serves at a time; a command
that finds none is kept if the conversation would not show it.
"""

from __future__ import annotations

from collections.abc import Callable

from roomkit.errors import ConfigError
from roomkit.models.session import LinkState
from roomkit.voice.realtime.commands import (
    AskForResponse,
    CancelResponse,
    Command,
    InjectText,
    Speak,
    ToolResult,
    UpdateSession,
)
from roomkit.voice.realtime.provider_events import (
    Audio,
    GoingAway,
    ProviderEvent,
    ResponseDone,
    ResponseStarted,
    Resumable,
)
from roomkit.voice.session import messages
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.events import SessionEvents
from roomkit.voice.session.links.between import BetweenTurns
from roomkit.voice.session.links.candidates import Candidate, Roster
from roomkit.voice.session.links.resumption import Resumption
from roomkit.voice.session.links.second_ask import SecondAsk
from roomkit.voice.session.links.slot import OpenLink, ProviderSlot
from roomkit.voice.session.links.stall import StallWatch
from roomkit.voice.session.links.unsent import Unsent


class Serving:
    """The provider slot of one session, and what belongs to whatever link is in it.

    Args:
        context: The session's common ground.
        roster: Told who serves.
        events: Takes what the link says; asked for the conversation as heard.
        between: Told what the link says, to know the turns.
        resumption: Keeps the handles the link gives out.
        on_stall: The link says nothing although it owes an answer.
        on_limit: An answer failed by a limit of the vendor's account, that may be asked for again after so many
            milliseconds.
        on_going_away: The vendor will end the link in so many milliseconds.
    """

    def __init__(
        self,
        context: SessionContext,
        roster: Roster,
        events: SessionEvents,
        between: BetweenTurns,
        resumption: Resumption,
        *,
        on_stall: Callable[[], None],
        on_limit: Callable[[float], None],
        on_going_away: Callable[[float], None],
    ) -> None:
        self._context = context
        self._on_limit = on_limit
        self._roster = roster
        self._events = events
        self._hear = events.media.output.feed
        self._event_count = 0
        self._between = between
        self._resumption = resumption
        self._on_going_away = on_going_away
        self._slot = ProviderSlot()
        self._unsent = Unsent()
        self._second = SecondAsk(
            self._ask_again,
            is_begun=lambda response_id: response_id in events.media.output.ledger.response_ids(),
            has_other=lambda: roster.has_free(context.clock.now_ms()),
        )
        self._stall = StallWatch(
            context.settings.stall_timeout_s,
            has_another=lambda: roster.has_another,
            is_owed=lambda: self._owes,
            count=self._signs_of_life,
            on_stall=on_stall,
        )

    @property
    def link(self) -> OpenLink | None:
        """The link that serves."""
        return self._slot.current

    def go_live(self) -> None:
        """Take what the link has to say, and ask it for an answer that is owed."""
        if self._slot.current is not None:
            self._slot.current.sink.go_live()
        if self._events.owes_answer and not self._events.tools.is_busy:  # else the tool's result will ask
            self.send(AskForResponse())

    def send(self, command: Command) -> None:
        """Pass a command on, or keep what the next link will owe.

        Raises:
            ConfigError: The vendor cannot do this.
        """
        if isinstance(command, Speak):  # the hooks judge first what is to be said word for word
            self._events.speech.say(command.text, lambda text: self._pass_on(Speak(text)))
        else:
            self._pass_on(command)

    def on_event(self, event: ProviderEvent) -> None:
        """What the link says, in wire order."""
        if type(event) is Audio:  # fifty a second
            self._hear(event)
            return
        self._event_count += 1
        self._note(event)
        self._events.from_provider(event)
        self._stall.look()
        if isinstance(event, ResponseDone) and event.retry_after_ms is not None:
            self._on_limit(event.retry_after_ms)

    def adopt(self, opened: OpenLink, own_mark: int | None) -> OpenLink | None:
        """Let a link serve; returns the one it replaces, for the caller to close.

        Args:
            opened: The link.
            own_mark: See `History.since`.
        """
        replaced = self._slot.adopt(opened, self._context.clock.now_ms())
        if replaced is not None:
            self._let_go()
            self._between.link_replaced()
        for command in (*self._untold(opened, own_mark), *self._unsent.before_audio()):
            self._tell(opened, command)
        self._name(opened.candidate)
        self._events.attach(opened, self._arrived)
        for command in self._unsent.after_audio():
            self._tell(opened, command)
        self._context.provider_is(LinkState.UP, opened.ready.provider_session_id)
        return replaced

    def update(self, opened: OpenLink) -> None:
        """Catch up with a session that was reconfigured while the link was being opened."""
        wanted = opened.candidate.link_config(self._context.settings, self._context.view.id, opened.config.resume)
        if wanted != opened.config:
            self.send(UpdateSession(wanted))

    def drop(self) -> tuple[OpenLink | None, float]:
        """The link is lost; returns it and for how many milliseconds it served."""
        dropped, was_up_ms = self._slot.drop(), self._context.clock.now_ms() - self._slot.up_since_ms
        self._let_go()
        if self._between.link_lost() and self._events.floor.policy.manual:
            self._unsent.recalled()
        return dropped, was_up_ms

    async def close(self) -> None:
        """Hang up."""
        self._stall.stop()
        self._second.stop()
        await self._slot.close()

    # --- details --------------------------------------------------------------------------------------------------

    def _pass_on(self, command: Command) -> None:
        if _asks(command):
            self._events.owes_answer = True
        if isinstance(command, CancelResponse) and self._second.is_waiting:
            self._events.owes_answer = False
        self._second.sent(command)
        self._unsent.note(command, is_up=self._slot.current is not None)
        if self._slot.current is not None:
            self._slot.current.link.send(command)
            self._stall.look()
        self._between.take_turn(command)

    def _note(self, event: ProviderEvent) -> None:
        self._between.note(event, is_asked=self._events.owes_answer or self._unsent.is_to_say)
        if (command := self._second.note(event)) is not None and isinstance(event, ResponseDone):
            self._owe_again(command, event.response_id)
        match event:
            case Resumable(handle):
                self._resumption.offered(self._roster.current.provider, handle)
            case GoingAway(time_left_ms):
                self._on_going_away(time_left_ms)
            case ResponseStarted():
                self._unsent.answer_began()
            case ResponseDone():
                self._unsent.answer_ended()
                self._stall.answered()
            case _:
                pass

    def _owe_again(self, command: Command, response_id: str) -> None:
        """An answer failed that will be asked for with ``command``, by this link or the next."""
        if isinstance(command, Speak):
            self._unsent.link_lost(is_heard=False)
            self._events.speech.link_lost((response_id,), is_heard=False)
        else:
            self._events.owes_answer = True

    def _ask_again(self, command: Command) -> None:
        if self._slot.current is not None and not self._events.tools.is_busy:  # else the tool's result will ask
            self._slot.current.link.send(command)
            self._stall.look()

    def _let_go(self) -> None:
        """The link that served does not any more."""
        self._stall.stop()
        self._second.stop()
        self._unsent.link_lost(is_heard=self._events.voice.is_speaking)
        self._events.provider_lost()

    def _untold(self, opened: OpenLink, own_mark: int | None) -> list[Command]:
        """What the link has to be told of the conversation."""
        conversation = self._events.conversation
        if opened.ready.is_resumed:
            mark = self._resumption.mark_of(opened.provider)
            return conversation.history.since(mark, opened.provider, own_mark)
        return conversation.history.replay(conversation.unheard_words())

    def _tell(self, opened: OpenLink, command: Command) -> None:
        try:
            opened.link.send(command)
        except ConfigError as error:  # another vendor could: the call goes on without a picture, or a turn by hand
            self._context.warn("unsupported", str(error))

    def _name(self, candidate: Candidate) -> None:
        view, self._roster.current = self._context.view, candidate
        self._events.conversation.history.speaker = candidate.provider
        if view.provider not in (None, candidate.name):
            self._context.tell_client(messages.provider_changed(candidate.name))
            self._context.announce("provider_changed", provider=candidate.name, previous=view.provider)
        view.provider = candidate.name

    def _signs_of_life(self) -> float:
        """What came so far, and what was heard of it: some vendors end an answer only when it could have been heard.

        They need say nothing while the caller speaks; one who hears a long pause as speech is heard no more.
        """
        is_heard = self._between.caller_is_speaking and not self._events.media.input.unsettled.is_long_pause
        if is_heard:
            return self._context.clock.now_ms()
        return self._arrived() - int(self._events.media.output.ledger.unheard_ms())

    def _arrived(self) -> int:
        """Changes with everything that comes from the link."""
        return self._event_count + self._events.media.output.received_bytes

    @property
    def _owes(self) -> bool:
        if self._events.tools.is_busy or self._second.is_waiting:  # the link waits for us
            return False
        is_asked = self._events.owes_answer or bool(self._events.media.in_flight) or self._unsent.is_to_say
        return is_asked or self._between.caller_is_speaking  # then the end of their speech is


def _asks(command: Command) -> bool:
    match command:
        case AskForResponse() | ToolResult(asks=True) | InjectText(silent=False):
            return True
        case _:
            return False

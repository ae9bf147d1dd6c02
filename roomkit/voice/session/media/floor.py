"""Silencing the agent, whoever wants it: the caller by voice, text or button, a hook, a permission that was taken back.

The audio stops at once; what that means for the words is queued on the lane. Not in here: how audio is stopped
(`media`), how much of the words was heard (`agent_words`).
"""

from __future__ import annotations

from collections.abc import Callable

from roomkit.models.enums import HookTrigger
from roomkit.models.voice import BargeInEvent
from roomkit.voice.realtime.commands import DeleteItem
from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.realtime.provider_events import Role
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.media.agent_voice import AgentVoice
from roomkit.voice.session.media.lane import Cut, Media
from roomkit.voice.session.media.turns import interrupts
from roomkit.voice.session.observers import Observers
from roomkit.voice.session.words.conversation import Conversation
from roomkit.voice.session.words.utterance import Blocked


class Floor:
    """Takes the floor from the agent of one session.

    Args:
        on_cut: Told what was cut, before anything follows from it.

    Attributes:
        policy: How turns go on the current provider link.
    """

    def __init__(
        self,
        context: SessionContext,
        media: Media,
        voice: AgentVoice,
        conversation: Conversation,
        observers: Observers,
        *,
        on_cut: Callable[[Cut], None],
    ) -> None:
        self.policy = TurnPolicy()
        self._context = context
        self._media = media
        self._voice = voice
        self._conversation = conversation
        self._observers = observers
        self._on_cut = on_cut

    def caller_speaks(self) -> None:
        """The provider hears the caller begin: that stops the agent if it may, and if there is something to stop."""
        if interrupts(self.policy, self._media.output.ledger.unheard_ms(), is_protected=False):
            self.barge_in(by_provider=True)

    def caller_writes(self) -> None:
        """The caller's turn came as text: it cuts what is being said, as a spoken one would."""
        if self.policy.interrupts:
            self.interrupt()

    def interrupt(self) -> None:
        """The application or the caller (not their voice) wants silence."""
        if self._media.is_busy:
            self.barge_in(by_provider=False)

    def barge_in(self, *, by_provider: bool) -> None:
        """Stop the agent now. ``by_provider``: the provider stops its answer itself."""
        self.was_cut(self._media.interrupt(by_provider=by_provider))

    def block(self, role: Role, item_id: str, response_id: str) -> None:
        """The hooks blocked words: what the caller may not say is not answered, what the agent may not is not heard."""
        if role == "assistant":
            if self._is_going_on(response_id):
                self.barge_in(by_provider=False)
            self._media.output.drop(response_id)  # more of it may come although all that came was heard
            return
        self.interrupt()
        if item_id:
            self._context.send(DeleteItem(item_id))

    def stop(self, blocked: Blocked) -> None:
        """The output guard stops an answer while it is being said."""
        self._conversation.agent.block_follows(blocked)
        if self._is_going_on(blocked.response_id):
            self.barge_in(by_provider=False)
        else:  # all that came was heard: too late, but for the record and for what may come
            self._context.lane.put(lambda: self._conversation.cut(Cut([], set())))
        self._media.output.drop(blocked.response_id)

    def _is_going_on(self, response_id: str) -> bool:
        """Whether more of the answer may be made or heard; another one that has begun since is not to suffer for it."""
        return response_id in self._media.in_flight or self._media.output.ledger.unheard_ms(response_id) > 0.0

    def was_cut(self, cut: Cut) -> None:
        """The audio was stopped: tell everybody who counts on it."""
        self._on_cut(cut)
        self._voice.look_again()
        self._voice.stopped()
        self._conversation.agent.cut_follows(cut.response_ids)
        self._context.lane.put(lambda: self._conversation.cut(cut))
        for response_id in sorted({item.response_id for item in cut.items}):
            self._observers.tell(HookTrigger.ON_BARGE_IN, BargeInEvent, response_id=response_id, heard_ms=cut.heard_ms)

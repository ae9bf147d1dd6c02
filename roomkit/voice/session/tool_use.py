"""What a session makes of the provider's tool calls: started from the lane, remembered, their results told or held.

Not in here: running one (`tools`). Invariant: each result goes to a provider once, in the order the tools finish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from roomkit.voice.realtime.commands import ToolResult
from roomkit.voice.realtime.provider_events import ToolCall
from roomkit.voice.session.context import SessionContext
from roomkit.voice.session.media.lane import Media
from roomkit.voice.session.tools import ToolCalls
from roomkit.voice.session.words.conversation import Conversation


class ToolUse:
    """The tools as one session uses them.

    Args:
        context: The session's common ground.
        conversation: Remembers calls and results, for the links that did not see them.
        media: Its input gate is shut while a tool runs, if the settings say so.
        on_owed: An answer to a result is owed, and not by the link that made the call.

    Attributes:
        calls: Those that are open.
        holds_results: A handoff is under way: what tools return waits, for some vendors answer it unasked.
    """

    def __init__(
        self, context: SessionContext, conversation: Conversation, media: Media, *, on_owed: Callable[[], None]
    ) -> None:
        self._context = context
        self._conversation = conversation
        self._media = media
        self._on_owed = on_owed
        self._held: list[ToolResult] = []
        self.holds_results = False
        self.calls = ToolCalls(
            context.view,
            context.port,
            start_task=context.start_task,
            settings=lambda: context.settings,
            on_result=self._answered,
            on_busy=self._busy,
        )

    @property
    def is_busy(self) -> bool:
        """Whether a tool runs."""
        return self.calls.is_busy

    async def settled(self) -> None:
        """Return when no tool runs."""
        await self.calls.settled()

    def called(self, call: ToolCall) -> None:
        """The provider calls a tool; from the lane, where its turn has reserved its place."""
        if not self._context.is_over and self.calls.start(call, self._conversation.open_turn()):
            self._conversation.history.called(call.call_id, call.name, call.arguments)
            self._context.record("tool_call", call_id=call.call_id, name=call.name, arguments=call.arguments)

    def cancelled(self, call_ids: tuple[str, ...]) -> None:
        """The provider takes calls back."""
        self.calls.cancel(call_ids)
        for call_id in call_ids:
            self._conversation.history.withdrawn(call_id)

    def tell_results(self, *, asks: bool) -> None:
        """Send what was held; without ``asks`` the answer to it stays owed, to be given by another link or agent."""
        held, self._held = self._held, []
        for result in held:
            if result.asks:
                self._on_owed()
            self._context.send(result if asks else replace(result, asks=False))

    def link_lost(self) -> None:
        """What was held the next link learns from the conversation; an answer to it stays owed."""
        if any(result.asks for result in self._held):
            self._on_owed()
        self._held.clear()

    def _answered(self, result: ToolResult) -> None:
        self._conversation.history.returned(result.call_id, result.output)
        self._context.record("tool_result", call_id=result.call_id, name=result.name, output=result.output)
        if self.holds_results:
            self._held.append(result)
        else:
            self._context.send(result)

    def _busy(self, is_busy: bool) -> None:
        if self._context.settings.mute_on_tool_call or not is_busy:
            self._media.stop_input("tool", is_busy)

"""A text agent in a room: reads what it may see, thinks with a text model, calls tools, answers.

Not in here: any model, how one answer is thought (`ai_turn`), what a tool call is (`core.tool_calls`), and showing a
reply as it grows (`core.replies`). Invariant: the model is shown exactly what the binding may see; an agent that may
not write does not think, and stops thinking at once; a failing model fails this one delivery and says nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from roomkit._aio import StoppedError, unless
from roomkit.channels.ai_turn import AnswerTurn
from roomkit.channels.base import ChannelBase
from roomkit.core.ports import GrowingReply, ModelMessage, ModelRequest, ModelToolCall, RoomPort, TextModel
from roomkit.core.room_port import NullRoomPort
from roomkit.core.tool_calls import TOOL_TIMEOUT_S, carry_out
from roomkit.core.tools import ToolCatalog, ToolHandler
from roomkit.core.turns import taking_turn
from roomkit.models.channel import ChannelBinding, ChannelMessage, ChannelOutput
from roomkit.models.content import TextContent
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelCategory, ChannelType, EventType, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.generation import GenerationEvent
from roomkit.models.tool_call import ToolCallEvent
from roomkit.providers.ai.choice import text_model

if TYPE_CHECKING:
    from pydantic_ai.models import Model

ANSWERED_TYPES = frozenset({EventType.MESSAGE, EventType.TRANSCRIPTION})


class AIChannel(ChannelBase):
    """An agent that answers in text.

    Args:
        channel_id: Unique in its kit.
        provider: What it thinks with: a `TextModel`, a pydantic-ai model, or the name of one
            (``"openai:gpt-5.2"``; ``"test"`` needs no key). The last two need the extra ``ai``.
        system_prompt: Who it is.
        temperature: Passed to the model.
        max_tokens: Passed to the model.
        max_context_events: How much of the room's past it is shown.
        tool_handler: ``handler(name, arguments)`` for tools without a function of their own.
        tools: `Tool` objects, function dicts, or objects with ``definition`` and ``handler``.
        tool_timeout_s: Longest run of one tool.

    Raises:
        ConfigError: A tool that is none, or a model there is none of.
        MissingExtraError: The model needs a package that is not installed.
    """

    default_type = ChannelType.AI
    default_category = ChannelCategory.INTELLIGENCE

    def __init__(
        self,
        channel_id: str,
        provider: TextModel | Model | str,
        system_prompt: str | None = None,
        temperature: float | None = 0.7,
        max_tokens: int | None = None,
        max_context_events: int = 50,
        tool_handler: ToolHandler | None = None,
        tools: Sequence[Any] | None = None,
        *,
        tool_timeout_s: float = TOOL_TIMEOUT_S,
    ) -> None:
        super().__init__(channel_id)
        self._model = text_model(provider)
        self._system_prompt = system_prompt
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._max_context_events = max_context_events
        self._tools = ToolCatalog(tools, tool_handler)
        self._tool_timeout_s = tool_timeout_s
        self._thinking: dict[str, asyncio.Event] = {}

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        """Answer what somebody said; anything else, and what holds no words, is only read.

        Raises:
            ProviderError: The model failed, or went on asking for tools.
        """
        if event.type not in ANSWERED_TYPES or not event.text.strip() or not binding.can_write:
            return None
        stop = self._thinking[event.room_id] = asyncio.Event()
        try:
            with taking_turn(self.channel_id, event):
                return await unless(stop, self._answer(event))
        except StoppedError:  # it may not speak any more: that is no failure
            return None
        finally:
            if self._thinking.get(event.room_id) is stop:
                del self._thinking[event.room_id]

    def on_binding_changed(self, room_id: str, binding: ChannelBinding | None) -> None:
        """An agent that is out, muted or taken over stops thinking."""
        stop = self._thinking.get(room_id)
        if stop is not None and (binding is None or not binding.can_write):
            stop.set()

    async def close(self) -> None:
        """Stop thinking and let the model go."""
        for stop in self._thinking.values():
            stop.set()
        await self._model.close()

    # --- one answer -------------------------------------------------------------------------------------------------

    async def _answer(self, event: RoomEvent) -> ChannelOutput | None:
        port: RoomPort = NullRoomPort() if self.host is None else self.host.room_port(event.room_id)
        wanted = GenerationEvent(
            room_id=event.room_id,
            channel_id=self.channel_id,
            event=event,
            system_prompt=self._system_prompt,
            temperature=self._temperature,
            max_tokens=self._max_tokens,
        )
        verdict = await port.ask(HookTrigger.BEFORE_AI_GENERATION, wanted)
        if not verdict.allowed:
            return None
        request = self._request(verdict.event, await self._history(event))
        reply = None if self.host is None else self.host.reply_to(event)
        text = await self._think(request, event.room_id, port, reply)
        if not text.strip():
            return None
        message = ChannelMessage(id=None if reply is None else reply.id, content=TextContent(body=text))
        return ChannelOutput(messages=(message,))

    async def _think(self, request: ModelRequest, room_id: str, port: RoomPort, reply: GrowingReply | None) -> str:
        async def call_tool(call: ModelToolCall) -> Any:
            return await self._call_tool(call, room_id, port)

        if reply is None:
            return await AnswerTurn(self._model, call_tool, _show_nobody).text(request)
        try:
            text = await AnswerTurn(self._model, call_tool, reply.show).text(request)
        except BaseException:  # cancelled or failed alike: what was shown of it must not stand
            reply.withdraw()
            raise
        if text.strip():
            reply.complete()
        else:
            reply.withdraw()
        return text

    async def _call_tool(self, call: ModelToolCall, room_id: str, port: RoomPort) -> Any:
        def event_of(arguments: dict[str, Any]) -> ToolCallEvent:
            return ToolCallEvent(
                name=call.name,
                arguments=arguments,
                tool_call_id=call.id,
                channel_id=self.channel_id,
                channel_type=self.channel_type,
                room_id=room_id,
            )

        timeout_s = self._tool_timeout_s
        return await carry_out(self._tools, call.name, call.arguments, event_of, port, timeout_s=timeout_s)

    # --- what the model reads ---------------------------------------------------------------------------------------

    def _request(self, wanted: GenerationEvent, messages: list[ModelMessage]) -> ModelRequest:
        return ModelRequest(
            messages=tuple(messages),
            system_prompt=wanted.system_prompt,
            temperature=wanted.temperature,
            max_tokens=wanted.max_tokens,
            tools=tuple(self._tools.definitions),
        )

    async def _history(self, event: RoomEvent) -> list[ModelMessage]:
        """The conversation up to ``event`` as the model reads it."""
        events: Sequence[RoomEvent] = [event]
        if self.host is not None:
            events = await self.host.history(event.room_id, limit=self._max_context_events)
        # What was said after this event is answered after it: the queue brings it next.
        past = [each for each in events if event.index is None or (each.index or 0) <= event.index]
        if not past or past[-1].id != event.id:
            past.append(event)
        return [self._message(each) for each in past if each.text]

    def _message(self, event: RoomEvent) -> ModelMessage:
        if event.source.channel_id == self.channel_id:
            return ModelMessage(role="assistant", text=event.text)
        is_persons = event.type is not EventType.SYSTEM  # what is said *about* somebody is not said by them
        name = event.source.participant_id if is_persons else None
        return ModelMessage(role="user", text=event.text, name=name or event.source.channel_id)


def _show_nobody(text: str) -> None:
    """A channel in no kit has no viewers."""

"""A text agent in a room: reads what it may see, thinks with a `TextModel`, calls tools, answers.

Not in here: any model, and what a tool is (`core.tools`). Invariant: the model is shown exactly what the binding may
see; a round of tools is bounded; a failing model fails this one delivery and says nothing in the room.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from roomkit.channels.base import ChannelBase
from roomkit.core.ports import ModelMessage, ModelReply, ModelRequest, ModelToolCall, RoomPort, TextModel
from roomkit.core.room_port import NullRoomPort
from roomkit.core.tools import ToolArgumentsError, ToolCatalog, ToolHandler, as_text
from roomkit.errors import ProviderError
from roomkit.models.channel import ChannelBinding, ChannelOutput
from roomkit.models.context import RoomContext
from roomkit.models.enums import ChannelCategory, ChannelType, EventType, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.generation import GenerationEvent
from roomkit.models.tool_call import ToolCallEvent

logger = logging.getLogger(__name__)

MAX_TOOL_ROUNDS = 10
"""Times the model may ask for tools within one answer; one that asks again is stuck."""
ANSWERED_TYPES = frozenset({EventType.MESSAGE, EventType.TRANSCRIPTION})


class AIChannel(ChannelBase):
    """An agent that answers in text.

    Args:
        channel_id: Unique in its kit.
        provider: What it thinks with.
        system_prompt: Who it is.
        temperature: Passed to the model.
        max_tokens: Passed to the model.
        max_context_events: How much of the room's past it is shown.
        tool_handler: ``handler(name, arguments)`` for tools without a function of their own.
        tools: `Tool` objects, function dicts, or objects with ``definition`` and ``handler``.
    """

    default_type = ChannelType.AI
    default_category = ChannelCategory.INTELLIGENCE

    def __init__(
        self,
        channel_id: str,
        provider: TextModel,
        system_prompt: str | None = None,
        temperature: float | None = 0.7,
        max_tokens: int | None = None,
        max_context_events: int = 50,
        tool_handler: ToolHandler | None = None,
        tools: Sequence[Any] | None = None,
    ) -> None:
        super().__init__(channel_id)
        self._model = provider
        self._system_prompt = system_prompt
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._max_context_events = max_context_events
        self._tools = ToolCatalog(tools, tool_handler)

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput | None:
        """Answer what somebody said; anything else, and what holds no words, is only read.

        Raises:
            ProviderError: The model failed, or went on asking for tools.
        """
        if event.type not in ANSWERED_TYPES or not event.text.strip() or not binding.can_write:
            return None
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
        text = await self._think(verdict.event, await self._history(event), port)
        return ChannelOutput.text(text) if text.strip() else None

    async def close(self) -> None:
        """Let the model go."""
        await self._model.close()

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
        return ModelMessage(role="user", text=event.text, name=event.source.participant_id or event.source.channel_id)

    async def _think(self, wanted: GenerationEvent, messages: list[ModelMessage], port: RoomPort) -> str:
        for _ in range(MAX_TOOL_ROUNDS):
            reply = await self._model.generate(
                ModelRequest(
                    messages=tuple(messages),
                    system_prompt=wanted.system_prompt,
                    temperature=wanted.temperature,
                    max_tokens=wanted.max_tokens,
                    tools=tuple(self._tools.definitions),
                )
            )
            if not reply.tool_calls:
                return reply.text
            messages = [*messages, *await self._call_tools(reply, wanted.room_id, port)]
        raise ProviderError(f"the model of channel {self.channel_id} asked for tools {MAX_TOOL_ROUNDS} times in a row")

    async def _call_tools(self, reply: ModelReply, room_id: str, port: RoomPort) -> list[ModelMessage]:
        asked = ModelMessage(role="assistant", text=reply.text, tool_calls=reply.tool_calls)
        answers = [
            ModelMessage(role="tool", text=as_text(await self._result(call, room_id, port)), tool_call_id=call.id)
            for call in reply.tool_calls
        ]
        return [asked, *answers]

    async def _result(self, call: ModelToolCall, room_id: str, port: RoomPort) -> Any:
        """What the model is told a call came to: the hook's result, else the handler's; errors are results too."""
        event = ToolCallEvent(
            name=call.name,
            arguments=dict(call.arguments),
            tool_call_id=call.id,
            channel_id=self.channel_id,
            channel_type=self.channel_type,
            room_id=room_id,
        )
        before = await port.ask(HookTrigger.BEFORE_TOOL_USE, event)
        if not before.allowed:
            return {"error": before.reason or "blocked"}
        event = before.event
        try:
            result = await self._tools.run(event.name, self._tools.check(event.name, event.arguments))
        except ToolArgumentsError as error:
            return {"error": str(error)}
        except Exception as error:
            logger.warning("tool %s of channel %s failed", call.name, self.channel_id, exc_info=True)
            result = {"error": f"{event.name} failed: {type(error).__name__}"}
        after = await port.ask(HookTrigger.ON_TOOL_CALL, event.model_copy(update={"result": result}))
        if not after.allowed:
            return {"error": after.reason or "blocked"}
        return after.metadata.get("result", after.event.result)

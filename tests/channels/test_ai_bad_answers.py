"""A text agent whose model or tools misbehave: the room stays as it was, the model is told, nothing is endless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.ai_turn import MAX_REPLY_CHARS, MAX_TOOL_CALLS, MAX_TOOL_RESULT_CHARS
from roomkit.channels.websocket import WebSocketChannel
from roomkit.core.ports import ModelReply, ModelRequest, ModelToolCall
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.context import RoomContext
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import HookTrigger
from roomkit.models.event import DeliveryResult
from roomkit.models.hook import HookResult
from roomkit.models.tool_call import Tool, ToolCallEvent
from roomkit.providers.ai.mock import MockAIProvider


def wish(name: str = "look", arguments: Any = None, times: int = 1) -> ModelReply:
    calls = (ModelToolCall(id=f"c{index}", name=name, arguments=arguments or {}) for index in range(times))
    return ModelReply(tool_calls=tuple(calls))


class Answer:
    """What became of one question: the delivery to the agent, and what was said."""

    def __init__(self, delivery: DeliveryResult, said: list[str]) -> None:
        self.error = delivery.error
        self.said = said


async def answer_of(model: Any, prepare: Callable[[RoomKit], None] | None = None, **settings: Any) -> Answer:
    async with RoomKit() as kit:
        await kit.create_room("room")
        if prepare is not None:
            prepare(kit)
        kit.register_channel(WebSocketChannel("ada"))
        kit.register_channel(AIChannel("agent", model, **settings))
        await kit.attach_channel("room", "ada")
        await kit.attach_channel("room", "agent")
        message = InboundMessage(channel_id="ada", sender_id="ada", content=TextContent(body="go"))
        result = await kit.process_inbound(message, room_id="room")
        said = [event.text for event in await kit.get_timeline("room") if event.source.channel_id == "agent"]
        return Answer(result.delivery_results["agent"], said)


def told(model: MockAIProvider) -> list[str]:
    """What the model was told of its tool calls."""
    return [message.text for message in model.calls[-1].messages if message.role == "tool"]


async def test_an_endless_answer_is_cut_and_says_so() -> None:
    """R-0008-4."""

    class Endless(MockAIProvider):
        pieces = 0

        async def stream(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
            while True:
                self.pieces += 1
                yield "x" * 1000

    model = Endless()

    answer = await answer_of(model)

    assert [len(text) for text in answer.said] == [MAX_REPLY_CHARS]
    assert "[cut:" in answer.said[0]
    assert model.pieces == MAX_REPLY_CHARS // 1000 + 1


async def test_a_megabyte_in_one_piece_is_cut_too() -> None:
    """R-0008-4."""
    answer = await answer_of(MockAIProvider(["x" * 1_000_000]))

    assert [len(text) for text in answer.said] == [MAX_REPLY_CHARS]


async def test_more_tool_calls_than_an_answer_may_make_run_not_at_all() -> None:
    """R-0008-4."""
    ran: list[str] = []
    model = MockAIProvider([wish(times=MAX_TOOL_CALLS + 1)])

    answer = await answer_of(model, tools=[Tool("look", handler=lambda: ran.append("look"))])

    assert (answer.error, answer.said, ran) == ("ProviderError", [], [])


@pytest.mark.parametrize("broken", [RuntimeError("x"), ValueError("x"), KeyError("x"), TimeoutError()])
async def test_a_model_that_raises_anything_fails_this_delivery_alone(broken: Exception) -> None:
    class Raises(MockAIProvider):
        async def generate(self, request: ModelRequest) -> ModelReply:
            raise broken

    answer = await answer_of(Raises())

    assert (answer.error, answer.said) == (type(broken).__name__, [])


@pytest.mark.parametrize("reply", [None, 42, "text", ModelReply(text="")])
async def test_a_model_that_returns_rubbish_or_nothing_says_nothing(reply: Any) -> None:
    class Rubbish:
        name = "rubbish"

        async def generate(self, request: ModelRequest) -> ModelReply:
            return reply  # type: ignore[no-any-return]  # rubbish on purpose

        async def close(self) -> None: ...

    assert (await answer_of(Rubbish())).said == []


# --- tools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("look", "{not json", "not JSON"),
        ("look", "[1]", "not a JSON object"),
        ("nonsense", {}, "no tool 'nonsense'"),
        ("", {}, "no tool ''"),
        ("look", {"where": 3}, "do not fit"),
    ],
)
async def test_a_call_that_cannot_be_made_runs_nothing_and_the_model_is_told(
    name: str, arguments: Any, words: str
) -> None:
    ran: list[str] = []
    schema = {"type": "object", "properties": {"where": {"type": "string"}}}
    model = MockAIProvider([wish(name, arguments), "sorry"])

    answer = await answer_of(model, tools=[Tool("look", "", schema, lambda where="": ran.append(where))])

    assert (answer.said, ran) == (["sorry"], [])
    assert words in told(model)[0]


@pytest.mark.virtual_time
async def test_a_tool_that_hangs_is_given_up_and_the_model_is_told() -> None:
    model = MockAIProvider([wish(), "sorry"])

    async def hangs() -> None:
        await asyncio.Event().wait()

    answer = await answer_of(model, tools=[Tool("look", handler=hangs)], tool_timeout_s=5)

    assert answer.said == ["sorry"]
    assert told(model) == ['{"error": "look gave no answer within 5 s"}']


async def test_a_tools_own_timeout_is_its_failure_not_ours() -> None:
    model = MockAIProvider([wish(), "sorry"])

    def times_out() -> None:
        raise TimeoutError

    await answer_of(model, tools=[Tool("look", handler=times_out)])

    assert told(model) == ['{"error": "look failed: TimeoutError"}']


async def test_a_result_no_wire_can_carry_is_made_into_one_that_can() -> None:
    circular: list[Any] = []
    circular.append(circular)
    results = iter([circular, "\ud800", "x" * 1_000_000])
    model = MockAIProvider([wish(), wish(), wish(), "done"])

    async def look() -> Any:
        return next(results)

    answer = await answer_of(model, tools=[Tool("look", handler=look)])

    assert answer.said == ["done"]
    unwritable, surrogate, long = told(model)
    assert "cannot be written" in unwritable
    assert surrogate == "?"
    assert len(long) == MAX_TOOL_RESULT_CHARS


async def test_a_hook_cannot_turn_a_call_into_one_that_could_not_be_made() -> None:
    ran: list[str] = []
    model = MockAIProvider([wish(), "sorry"])

    def prepare(kit: RoomKit) -> None:
        @kit.hook(HookTrigger.BEFORE_TOOL_USE)
        def rename(event: ToolCallEvent, _: RoomContext) -> HookResult:
            return HookResult.modify(event.model_copy(update={"name": "nonsense"}))

    await answer_of(model, prepare, tools=[Tool("look", handler=lambda: ran.append("look"))])

    assert ran == []
    assert "no tool 'nonsense'" in told(model)[0]


async def test_an_agent_without_a_kit_answers_too() -> None:
    from roomkit.models.channel import ChannelBinding
    from roomkit.models.event import EventSource, RoomEvent

    agent = AIChannel("agent", MockAIProvider(["hello"]))
    event = RoomEvent(room_id="room", source=EventSource(channel_id="ada"), content=TextContent(body="hi"))

    output = await agent.on_event(event, ChannelBinding(channel_id="agent", room_id="room"), RoomContext())

    assert output is not None
    assert [message.content for message in output.messages] == [TextContent(body="hello")]


async def test_only_the_agents_an_event_is_addressed_to_answer_it_and_the_others_know_of_it() -> None:
    """R-0008-2."""
    async with RoomKit() as kit:
        await kit.create_room("room")
        kit.register_channel(WebSocketChannel("ada"))
        await kit.attach_channel("room", "ada")
        models = {name: MockAIProvider([f"{name} here"]) for name in ("sales", "help")}
        for name, model in models.items():
            kit.register_channel(AIChannel(name, model))
            await kit.attach_channel("room", name, visibility="transport")

        await kit.send_event("room", "ada", TextContent(body="help?"), addressed_to=["help"])
        await kit.send_event("room", "ada", TextContent(body="sales?"), addressed_to=["sales"])

        assert [len(model.calls) for model in models.values()] == [1, 1]
        assert [message.text for message in models["sales"].calls[0].messages] == ["help?", "sales?"]

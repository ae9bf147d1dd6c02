"""A text agent in a room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.ai_turn import MAX_TOOL_ROUNDS
from roomkit.channels.websocket import WebSocketChannel
from roomkit.core.ports import ModelMessage, ModelReply, ModelRequest, ModelToolCall
from roomkit.errors import ConfigError, ProviderError
from roomkit.kit import RoomKit
from roomkit.models.content import SystemContent, TextContent
from roomkit.models.context import RoomContext
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.enums import ChannelType, EventType, HookTrigger
from roomkit.models.generation import GenerationEvent
from roomkit.models.hook import HookResult
from roomkit.models.tool_call import Tool, ToolCallEvent
from roomkit.providers.ai.mock import MockAIProvider


class Desk:
    """A room with a person and an agent."""

    def __init__(self, kit: RoomKit) -> None:
        self.kit = kit
        self.heard: list[str] = []

    async def opens(self) -> None:
        await self.kit.create_room("room")
        person = WebSocketChannel("person")
        person.register_connection("p", lambda _, event: self.heard.append(event.text), room_id="room")
        self.kit.register_channel(person)
        await self.kit.attach_channel("room", "person")

    async def agent(self, model: MockAIProvider, **settings: Any) -> AIChannel:
        agent = AIChannel("agent", model, **settings)
        self.kit.register_channel(agent)
        await self.kit.attach_channel("room", "agent")
        return agent

    async def says(self, text: str) -> InboundResult:
        message = InboundMessage(channel_id="person", sender_id="ada", content=TextContent(body=text))
        return await self.kit.process_inbound(message, room_id="room")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with RoomKit() as kit:
        desk = Desk(kit)
        await desk.opens()
        yield desk


def calls_tool(name: str = "add", **arguments: Any) -> ModelReply:
    return ModelReply(tool_calls=(ModelToolCall(id="c1", name=name, arguments=arguments),))


def results(model: MockAIProvider) -> list[str]:
    """What the model was told its tool calls came to, at its last request."""
    return [message.text for message in model.calls[-1].messages if message.role == "tool"]


ADD = Tool(
    "add",
    "Adds two numbers.",
    {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]},
    lambda a, b: a + b,
)


async def test_an_agent_answers_with_the_conversation_before_it(desk: Desk) -> None:
    model = MockAIProvider(["one", "two"])
    await desk.agent(model, system_prompt="Be kind.", max_tokens=50)

    await desk.says("hello")
    await desk.says("and?")

    assert desk.heard == ["one", "two"]
    assert model.calls[1] == ModelRequest(
        messages=(
            ModelMessage("user", "hello", name="ada"),
            ModelMessage("assistant", "one"),
            ModelMessage("user", "and?", name="ada"),
        ),
        system_prompt="Be kind.",
        temperature=0.7,
        max_tokens=50,
    )


async def test_an_agent_is_shown_only_what_it_may_see(desk: Desk) -> None:
    """R-0003-7."""
    model = MockAIProvider(["ok"])
    await desk.agent(model, max_context_events=3)
    await desk.kit.send_event("room", "person", TextContent(body="secret"), visibility="transport")

    await desk.says("hello")

    assert [message.text for message in model.calls[0].messages] == ["hello"]


async def test_what_was_said_while_it_thought_is_answered_next(desk: Desk) -> None:
    model = MockAIProvider()
    await desk.agent(model)
    release = asyncio.Event()

    @desk.kit.hook(HookTrigger.BEFORE_AI_GENERATION)
    async def wait(event: GenerationEvent, _: RoomContext) -> None:
        await release.wait()

    sayings = [asyncio.ensure_future(desk.says(text)) for text in ("1", "2")]  # noqa: TID251 -- awaited below
    while len(await desk.kit.get_timeline("room")) < 2:  # noqa: ASYNC110 -- the timeline has no event to wait for
        await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*sayings)

    assert desk.heard == ["1", "2"]
    assert [call.messages[-1].text for call in model.calls] == ["1", "2"]


@pytest.mark.parametrize("event_type", [EventType.SYSTEM, EventType.PARTICIPANT_JOINED])
async def test_what_is_no_message_is_read_and_not_answered(desk: Desk, event_type: EventType) -> None:
    model = MockAIProvider(["never"])
    await desk.agent(model)

    await desk.kit.send_event("room", "person", SystemContent(body="Ada joined"), event_type=event_type)
    await desk.says("   ")

    assert model.calls == []


async def test_a_muted_agent_does_not_think(desk: Desk) -> None:
    model = MockAIProvider(["never"])
    await desk.agent(model)
    await desk.kit.mute("room", "agent")

    await desk.says("hello")

    assert (model.calls, desk.heard) == ([], [])


async def test_tools_run_and_their_results_are_told_to_the_model(desk: Desk) -> None:
    model = MockAIProvider([calls_tool(a=2, b=3), "five"])
    await desk.agent(model, tools=[ADD])

    await desk.says("2+3?")

    assert desk.heard == ["five"]
    assert model.calls[0].tools[0]["name"] == "add"
    assert results(model) == ["5"]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (calls_tool(a=2), "add do not fit"),
        (calls_tool("drop_tables"), "no tool 'drop_tables'"),
        (calls_tool(a=2, b=3), "add failed: ZeroDivisionError"),
    ],
)
async def test_a_call_that_goes_wrong_is_told_to_the_model_and_harms_nobody(
    desk: Desk, reply: ModelReply, told: str
) -> None:
    def breaks(a: float, b: float) -> float:
        return a / 0

    model = MockAIProvider([reply, "sorry"])
    await desk.agent(model, tools=[Tool("add", "", ADD.parameters, breaks)])

    await desk.says("2+3?")

    assert desk.heard == ["sorry"]
    assert told in results(model)[0]


async def test_a_tool_without_a_function_goes_to_the_handler(desk: Desk) -> None:
    async def handle(name: str, arguments: dict[str, Any]) -> str:
        return f"{name} {arguments}"

    model = MockAIProvider([calls_tool("find", q="x"), "found"])
    await desk.agent(model, tool_handler=handle)

    await desk.says("find x")

    assert results(model) == ["find {'q': 'x'}"]


async def test_hooks_can_prevent_a_call_and_replace_its_result(desk: Desk) -> None:
    seen: list[ToolCallEvent] = []

    @desk.kit.hook(HookTrigger.BEFORE_TOOL_USE)
    def guard(event: ToolCallEvent, _: RoomContext) -> HookResult | None:
        return HookResult.block("too big") if event.arguments["a"] > 99 else None

    @desk.kit.hook(HookTrigger.ON_TOOL_CALL, channel_types=[ChannelType.AI])
    def answer(event: ToolCallEvent, _: RoomContext) -> HookResult:
        seen.append(event)
        return HookResult.allow(metadata={"result": {"sum": "about five"}})

    model = MockAIProvider([calls_tool(a=2, b=3), calls_tool(a=100, b=3), "done"])
    await desk.agent(model, tools=[ADD])

    await desk.says("go")

    assert results(model) == ['{"sum": "about five"}', '{"error": "too big"}']
    assert [(event.result, event.tool_call_id, event.room_id) for event in seen] == [(5, "c1", "room")]


async def test_a_model_that_only_asks_for_tools_is_stopped(desk: Desk) -> None:
    model = MockAIProvider([calls_tool(a=1, b=1)])
    await desk.agent(model, tools=[ADD])

    result = await desk.says("go")

    assert len(model.calls) == MAX_TOOL_ROUNDS
    assert result.delivery_results["agent"].error == "ProviderError"
    assert desk.heard == []


async def test_a_hook_can_change_or_stop_an_answer_before_it_is_thought(desk: Desk) -> None:
    @desk.kit.hook(HookTrigger.BEFORE_AI_GENERATION)
    def adjust(event: GenerationEvent, _: RoomContext) -> HookResult:
        if event.event.text == "stop":
            return HookResult.block("not now")
        return HookResult.modify(event.model_copy(update={"system_prompt": "Answer in German."}))

    model = MockAIProvider(["hallo"])
    await desk.agent(model)

    await desk.says("hello")
    await desk.says("stop")

    assert [call.system_prompt for call in model.calls] == ["Answer in German."]
    assert desk.heard == ["hallo"]


async def test_a_model_that_fails_says_nothing_in_the_room(desk: Desk) -> None:
    class Fails(MockAIProvider):
        async def generate(self, request: ModelRequest) -> ModelReply:  # streaming asks it too
            raise ProviderError("quota", code="insufficient_quota")

    await desk.agent(Fails())

    result = await desk.says("hello")

    assert result.delivery_results["agent"].error == "ProviderError"
    assert [event.text for event in await desk.kit.get_timeline("room")] == ["hello"]


async def test_an_empty_answer_is_no_answer(desk: Desk) -> None:
    await desk.agent(MockAIProvider([" "]))

    await desk.says("hello")

    assert len(await desk.kit.get_timeline("room")) == 1


def test_a_mock_without_an_answer_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        MockAIProvider([])

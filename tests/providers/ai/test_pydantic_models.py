"""pydantic-ai's models as text models: what they are told, what they answer, what goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic_ai import exceptions
from pydantic_ai import messages as wire
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_ai.models.test import TestModel

from roomkit.channels.ai import AIChannel
from roomkit.channels.websocket import WebSocketChannel
from roomkit.core.ports import ModelMessage, ModelReply, ModelRequest, ModelToolCall
from roomkit.errors import (
    ConfigError,
    MissingExtraError,
    ProviderError,
    ProviderLostError,
    ProviderRefusedError,
    WireError,
)
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.delivery import InboundMessage
from roomkit.models.tool_call import Tool
from roomkit.providers.ai.choice import text_model
from roomkit.providers.ai.mock import MockAIProvider
from roomkit.providers.ai.pydantic_models import PydanticAIProvider

ADD = Tool(
    "add",
    "Adds two numbers.",
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]},
    lambda a, b: a + b,
)


def said(*texts: str, **settings: Any) -> ModelRequest:
    return ModelRequest(messages=tuple(ModelMessage("user", text, name="ada") for text in texts), **settings)


async def streamed(model: PydanticAIProvider, request: ModelRequest) -> list[str | ModelReply]:
    return [piece async for piece in model.stream(request)]


class Recorder:
    """A model that keeps what it was told and answers with what it was given."""

    def __init__(self, *answer: wire.ModelResponsePart) -> None:
        self.messages: list[wire.ModelMessage] = []
        self.info: AgentInfo | None = None
        self._answer = answer or (wire.TextPart("ok"),)
        self.provider = PydanticAIProvider(FunctionModel(self._respond))

    def _respond(self, messages: list[wire.ModelMessage], info: AgentInfo) -> wire.ModelResponse:
        self.messages, self.info = messages, info
        return wire.ModelResponse(parts=list(self._answer))


async def test_a_conversation_with_tools_reaches_the_model_in_order() -> None:
    recorder = Recorder()

    await recorder.provider.generate(
        ModelRequest(
            messages=(
                ModelMessage("user", "2+3?", name="ada"),
                ModelMessage("assistant", "let me see", tool_calls=(ModelToolCall("c1", "add", {"a": 2, "b": 3}),)),
                ModelMessage("tool", "5", tool_call_id="c1"),
                ModelMessage("assistant", "five"),
                ModelMessage("user", "thanks", name="ada"),
            ),
            system_prompt="Be kind.",
            temperature=0.5,
            max_tokens=10,
            tools=(ADD.definition,),
        )
    )

    parts = [
        (part.part_kind, getattr(part, "content", None)) for message in recorder.messages for part in message.parts
    ]
    assert parts == [
        ("user-prompt", "2+3?"),
        ("text", "let me see"),
        ("tool-call", None),
        ("tool-return", "5"),
        ("text", "five"),
        ("user-prompt", "thanks"),
    ]
    assert recorder.info is not None
    assert recorder.info.instructions == "Be kind."
    assert recorder.info.model_settings == {"temperature": 0.5, "max_tokens": 10}
    assert [(tool.name, tool.parameters_json_schema) for tool in recorder.info.function_tools] == [
        ("add", ADD.parameters)
    ]


async def test_where_several_speak_each_message_says_who() -> None:
    recorder = Recorder()

    await recorder.provider.generate(
        ModelRequest(messages=(ModelMessage("user", "hi", name="ada"), ModelMessage("user", "ho", name="bob")))
    )

    assert [part.content for part in recorder.messages[0].parts if isinstance(part, wire.UserPromptPart)] == [
        "ada: hi",
        "bob: ho",
    ]


async def test_words_and_tool_calls_come_back_and_thoughts_do_not() -> None:
    recorder = Recorder(
        wire.ThinkingPart("hm"), wire.TextPart("let me see"), wire.ToolCallPart("add", '{"a": 2, "b": 3}', "c1")
    )

    reply = await recorder.provider.generate(said("2+3?"))

    assert reply == ModelReply("let me see", (ModelToolCall("c1", "add", '{"a": 2, "b": 3}'),))


async def test_a_stream_gives_pieces_and_last_the_whole_reply() -> None:
    async def respond(_: list[wire.ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
        yield "let "
        yield "me see"
        yield {0: DeltaToolCall("add", '{"a": 2,', tool_call_id="c1")}
        yield {0: DeltaToolCall(json_args=' "b": 3}')}

    pieces = await streamed(PydanticAIProvider(FunctionModel(stream_function=respond)), said("2+3?"))

    *texts, reply = pieces
    assert "".join(text for text in texts if isinstance(text, str)) == "let me see"
    assert isinstance(reply, ModelReply)
    assert reply.text == "let me see"
    assert [(call.id, call.name, json.loads(str(call.arguments))) for call in reply.tool_calls] == [
        ("c1", "add", {"a": 2, "b": 3})
    ]


async def test_an_agent_on_a_pydantic_ai_model_uses_the_rooms_tools() -> None:
    """TestModel calls every tool once, then answers with what it was told."""
    async with RoomKit() as kit:
        await kit.create_room("room")
        kit.register_channel(WebSocketChannel("ada"))
        kit.register_channel(AIChannel("agent", TestModel(), tools=[ADD]))
        await kit.attach_channel("room", "ada")
        await kit.attach_channel("room", "agent")

        message = InboundMessage(channel_id="ada", sender_id="ada", content=TextContent(body="go"))
        result = await kit.process_inbound(message, room_id="room")

        assert result.delivery_results["agent"].ok
        answer = (await kit.get_timeline("room"))[-1]
        assert (answer.source.channel_id, json.loads(answer.text)) == ("agent", {"add": "0"})


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "kind", "retryable"),
    [
        (exceptions.ModelHTTPError(401, "m", {"error": "secret"}), ProviderRefusedError, False),
        (exceptions.ModelHTTPError(429, "m"), ProviderLostError, True),
        (exceptions.ModelHTTPError(503, "m"), ProviderLostError, True),
        (exceptions.UnexpectedModelBehavior("secret"), WireError, False),
        (exceptions.UserError("secret"), ProviderRefusedError, False),
        (RuntimeError("secret"), ProviderLostError, True),
        (ProviderError("ours"), ProviderError, False),
    ],
)
async def test_what_a_vendor_raises_becomes_ours_without_its_words(
    failure: Exception, kind: type[ProviderError], retryable: bool
) -> None:
    async def fail_streaming(_: list[wire.ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        yield "one "
        raise failure

    def fail(_: list[wire.ModelMessage], info: AgentInfo) -> wire.ModelResponse:
        raise failure

    with pytest.raises(ProviderError) as whole:
        await PydanticAIProvider(FunctionModel(fail)).generate(said("hi"))
    with pytest.raises(ProviderError) as in_pieces:
        await streamed(PydanticAIProvider(FunctionModel(stream_function=fail_streaming)), said("hi"))

    for raised in (whole.value, in_pieces.value):
        assert (type(raised), raised.retryable) == (kind, retryable)
        assert "secret" not in str(raised)


async def test_a_model_that_cannot_stream_gives_its_answer_whole() -> None:
    assert await streamed(Recorder().provider, said("hi")) == [ModelReply("ok")]


def test_a_model_may_be_given_as_itself_by_name_or_as_a_pydantic_ai_model() -> None:
    mock = MockAIProvider(["x"])

    assert text_model(mock) is mock
    assert text_model("test").name == "test"
    assert text_model(TestModel(model_name="mine")).name == "mine"


@pytest.mark.parametrize("provider", ["no-such-vendor:x", "gibberish", "", 42, None, object()])
def test_what_is_no_model_is_refused_at_once(provider: Any) -> None:
    with pytest.raises((ConfigError, MissingExtraError)):
        AIChannel("agent", provider)


def test_a_model_whose_key_is_missing_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(ConfigError, match="cannot be used"):
        AIChannel("agent", "openai:gpt-5.2")


def _run(code: str) -> str:
    return subprocess.check_output([sys.executable, "-W", "error", "-c", code], text=True).strip()


def test_an_agent_on_another_model_needs_no_pydantic_ai_and_one_that_does_says_how_to_get_it() -> None:
    code = (
        "import sys\n"
        "sys.modules['pydantic_ai'] = None\n"
        "from roomkit import AIChannel, MockAIProvider\n"
        "from roomkit.errors import MissingExtraError\n"
        "AIChannel('agent', MockAIProvider())\n"
        "try:\n"
        "    AIChannel('agent', 'test')\n"
        "except MissingExtraError as error:\n"
        "    print(error)"
    )

    assert "pip install 'roomkit[ai]'" in _run(code)

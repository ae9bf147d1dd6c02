from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from roomkit.app.caller import place_call
from roomkit.app.demo import Agent, Demo, build_demo, choose_agent, default_store_path, page_config
from roomkit.app.server import address_of, bind, serving
from roomkit.errors import ProviderRefusedError, RealtimeConnectionError
from roomkit.models.content import TextContent
from roomkit.models.enums import RoomStatus
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink, RealtimeVoiceProvider


def test_without_a_key_the_local_stack_answers() -> None:
    agent = choose_agent({})

    assert agent.provider.name == "local"
    assert page_config(agent)["provider"] == "Local stack, no key"
    assert "OPENAI_API_KEY" in agent.switch


def test_with_a_key_the_page_says_which_model_answers_and_never_the_key() -> None:
    agent = choose_agent({"OPENAI_API_KEY": "sk-secret"})

    assert isinstance(agent.provider, OpenAIRealtimeProvider)
    assert agent.label == "OpenAI gpt-realtime-2.1"
    assert "sk-secret" not in str(page_config(agent))


@pytest.mark.parametrize("environ", [{"XDG_DATA_HOME": "/data"}, {}])
def test_conversations_are_kept_where_programs_keep_their_data(environ: dict[str, str]) -> None:
    path = default_store_path(environ)

    assert path.parts[-2:] == ("roomkit", "demo.sqlite3")
    assert path.is_absolute()


async def status_of(demo: Demo, room_id: str) -> RoomStatus:
    return (await demo.kit.get_room(room_id)).status


async def within_a_second(ask: Callable[[], Awaitable[RoomStatus]], wanted: RoomStatus) -> RoomStatus:
    for _ in range(50):
        if (answer := await ask()) is wanted:
            break
        await asyncio.sleep(0.02)
    return answer


class RefusingProvider(RealtimeVoiceProvider):
    @property
    def profile(self) -> Profile:
        return Profile(name="refusing")

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        raise ProviderRefusedError("the key was not accepted")


async def test_a_caller_hears_why_the_provider_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    agent = Agent(RefusingProvider(), "Refusing", greeting=None, phrases=(), limits="", switch="")
    demo = build_demo(store_path=tmp_path / "demo.sqlite3", agent=agent)
    listener = bind("127.0.0.1", 0)

    async with serving(demo.app, listener):
        with pytest.raises(RealtimeConnectionError, match="the key was not accepted"):
            await place_call(f"ws://{address_of(listener)}/voice", bytes(320), 16_000, tell=lambda _: None)

    assert [record.levelname for record in caplog.records if record.exc_info] == []


async def test_what_was_typed_and_answered_is_in_the_rooms_timeline_and_the_room_ends_with_the_call(
    tmp_path: Path,
) -> None:
    demo = build_demo(store_path=tmp_path / "demo.sqlite3")
    listener = bind("127.0.0.1", 0)
    async with serving(demo.app, listener):
        async with connect(f"ws://{address_of(listener)}/voice", proxy=None) as socket:
            told: list[dict[str, Any]] = []
            while not told or told[-1]["type"] != "latency":
                message = await socket.recv()
                if isinstance(message, bytes):
                    continue
                told.append(json.loads(message))
                if told[-1]["type"] == "session_started":
                    await socket.send(json.dumps({"type": "text", "text": "what is the weather in Paris"}))
        room_id = told[0]["room_id"]
        status = await within_a_second(lambda: status_of(demo, room_id), RoomStatus.CLOSED)
        timeline = await demo.kit.get_timeline(room_id)

    assert status is RoomStatus.CLOSED
    words = [event.content.body for event in timeline if isinstance(event.content, TextContent)]
    assert "what is the weather in Paris" in words
    assert any("In Paris it is" in text for text in words)
    assert [m["status"] for m in told if m["type"] == "tool_call"] == ["running", "done"]

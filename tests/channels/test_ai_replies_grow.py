"""A reply shown while it grows: to whom, under which permissions, and what becomes of it (RFC 0008)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.websocket import WebSocketChannel
from roomkit.core.ports import ModelReply, ModelRequest, ModelToolCall
from roomkit.core.replies import INTERVAL_S
from roomkit.errors import ProviderLostError
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.context import RoomContext
from roomkit.models.delivery import InboundMessage, InboundResult
from roomkit.models.enums import Access, EventStatus, HookExecution, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.generation import PartialReply
from roomkit.models.hook import HookResult
from roomkit.models.tool_call import Tool
from roomkit.providers.ai.mock import MockAIProvider

pytestmark = pytest.mark.virtual_time

PIECE_S = 2 * INTERVAL_S


class Types(MockAIProvider):
    """A model that gives one word every `PIECE_S` seconds."""

    was_stopped = False

    async def stream(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        try:
            async for piece in super().stream(request):
                yield piece
                await asyncio.sleep(PIECE_S)
        except (GeneratorExit, asyncio.CancelledError):
            self.was_stopped = True
            raise


class Desk:
    """A room, its agent, and people who see replies grow."""

    def __init__(self, kit: RoomKit) -> None:
        self.kit = kit
        self.partials: dict[str, list[PartialReply]] = {}
        self.events: dict[str, list[RoomEvent]] = {}

    async def joins(self, name: str, *, send_partial: Any = None) -> None:
        channel = WebSocketChannel(name)
        partials, events = self.partials.setdefault(name, []), self.events.setdefault(name, [])
        channel.register_connection(
            name,
            lambda _, event: events.append(event),
            room_id="room",
            send_partial_fn=send_partial or (lambda _, partial: partials.append(partial)),
        )
        self.kit.register_channel(channel)
        await self.kit.attach_channel("room", name)

    async def agent(self, model: MockAIProvider, **settings: Any) -> None:
        self.kit.register_channel(AIChannel("agent", model, **settings))
        await self.kit.attach_channel("room", "agent")

    async def asked(self, *, then: Any = None, after_pieces: float = 1.5, **fields: Any) -> InboundResult:
        """Ada asks; after some pieces of the answer ``then()`` happens."""
        message = InboundMessage(channel_id="ada", sender_id="ada", content=TextContent(body="go on"), **fields)
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self.kit.process_inbound(message, room_id="room"))
            await asyncio.sleep(PIECE_S * after_pieces)
            if then is not None:
                await then()
        await asyncio.sleep(PIECE_S)
        return asking.result()

    def saw(self, name: str) -> list[str]:
        """The states of the reply one was shown; "-" where it was taken away."""
        return ["-" if partial.is_withdrawn else partial.text for partial in self.partials[name]]

    def heard(self, name: str) -> list[str]:
        return [event.text for event in self.events[name]]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with RoomKit() as kit:
        await kit.create_room("room")
        desk = Desk(kit)
        await desk.joins("ada")
        await desk.joins("bob")
        yield desk


async def test_a_reply_is_shown_as_it_grows_and_becomes_one_event(desk: Desk) -> None:
    """R-0008-10, R-0008-13."""
    await desk.agent(Types(["all is well"]))

    await desk.asked()

    assert desk.saw("ada") == desk.saw("bob") == ["all", "all is", "all is well"]
    events = await desk.kit.get_timeline("room")
    assert [event.text for event in events] == ["go on", "all is well"]
    assert {partial.event_id for partial in desk.partials["ada"]} == {events[1].id}
    assert {partial.channel_id for partial in desk.partials["ada"]} == {"agent"}


async def test_who_is_slow_is_shown_the_newest_only_and_delays_nobody(desk: Desk) -> None:
    """R-0008-12."""
    shown: list[str] = []

    async def slowly(_: str, partial: PartialReply) -> None:
        shown.append(partial.text)
        await asyncio.sleep(2.2 * PIECE_S)

    await desk.joins("slow", send_partial=slowly)
    await desk.agent(Types(["a b c d e f"]))

    await desk.asked()

    assert desk.saw("ada") == ["a", "a b", "a b c", "a b c d", "a b c d e", "a b c d e f"]
    assert shown == ["a", "a b c", "a b c d e f"]


async def test_a_model_that_gives_all_at_once_floods_nobody(desk: Desk) -> None:
    """R-0008-12."""
    await desk.agent(MockAIProvider(["word " * 1000]))

    await desk.asked()

    assert len(desk.saw("ada")) <= 1
    assert len(desk.heard("ada")) == 1


async def test_a_viewer_that_fails_misses_the_rest_of_the_reply_and_the_others_do_not(desk: Desk) -> None:
    """R-0008-12."""

    class Broken(WebSocketChannel):
        tried = 0

        async def on_partial(self, partial: PartialReply, binding: Any) -> None:
            self.tried += 1
            raise RuntimeError

    broken = Broken("broken")
    desk.kit.register_channel(broken)
    await desk.kit.attach_channel("room", "broken")
    await desk.agent(Types(["all is well"]))

    await desk.asked()

    assert broken.tried == 1
    assert desk.saw("ada") == ["all", "all is", "all is well"]


# --- permissions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["mute_output", "detach", "access", "visibility"])
async def test_who_loses_the_right_to_see_misses_the_very_next_piece(desk: Desk, change: str) -> None:
    """R-0008-11."""
    await desk.agent(Types(["all is well"]))
    changes = {
        "mute_output": lambda: desk.kit.mute_output("room", "bob"),
        "detach": lambda: desk.kit.detach_channel("room", "bob"),
        "access": lambda: desk.kit.set_access("room", "bob", Access.WRITE_ONLY),
        "visibility": lambda: desk.kit.set_visibility("room", "agent", "ada"),
    }

    await desk.asked(then=changes[change])

    assert desk.saw("bob") == ["all", "all is"]
    assert desk.saw("ada") == ["all", "all is", "all is well"]
    assert (desk.heard("bob"), desk.heard("ada")) == (["go on"], ["all is well"])


async def test_a_reply_to_a_whisper_grows_for_nobody_else(desk: Desk) -> None:
    """R-0008-11."""
    await desk.agent(Types(["all is well"]))

    await desk.asked(visibility="agent")

    assert (desk.saw("ada"), desk.saw("bob")) == (["all", "all is", "all is well"], [])


@pytest.mark.parametrize("change", ["mute", "detach", "access", "take_over", "close"])
async def test_an_agent_that_may_not_speak_any_more_stops_and_its_reply_is_taken_away(desk: Desk, change: str) -> None:
    """R-0008-14."""
    model = Types(["all is well"])
    await desk.agent(model)
    changes = {
        "mute": lambda: desk.kit.mute("room", "agent"),
        "detach": lambda: desk.kit.detach_channel("room", "agent"),
        "access": lambda: desk.kit.set_access("room", "agent", Access.READ_ONLY),
        "take_over": lambda: desk.kit.take_over("room", "agent", by="bob"),
        "close": lambda: desk.kit.close_room("room"),
    }

    result = await desk.asked(then=changes[change])

    assert model.was_stopped
    assert desk.saw("bob") == ["all", "all is", *([] if change == "close" else ["-"])]
    assert result.delivery_results["agent"].ok
    assert "all is well" not in [event.text for event in await desk.kit.get_timeline("room")]


async def test_while_a_hook_could_stop_a_reply_no_piece_of_it_is_shown(desk: Desk) -> None:
    """R-0008-15."""

    @desk.kit.hook(HookTrigger.BEFORE_BROADCAST, channel_ids=["agent"])
    def guard(event: RoomEvent, _: RoomContext) -> None:
        return None

    await desk.agent(Types(["all is well"]))

    await desk.asked()

    assert (desk.saw("ada"), desk.heard("ada")) == ([], ["all is well"])


@pytest.mark.parametrize("of", [{"execution": HookExecution.ASYNC}, {"channel_ids": ["ada"]}])
async def test_a_hook_that_cannot_stop_a_reply_withholds_nothing(desk: Desk, of: dict[str, Any]) -> None:
    """R-0008-15."""

    @desk.kit.hook(HookTrigger.BEFORE_BROADCAST, **of)
    def watch(event: RoomEvent, _: RoomContext) -> None:
        return None

    await desk.agent(Types(["all is well"]))

    await desk.asked()

    assert desk.saw("ada") == ["all", "all is", "all is well"]


async def test_a_hook_that_comes_in_the_middle_and_blocks_takes_the_reply_away(desk: Desk) -> None:
    """R-0008-13, R-0008-15."""
    await desk.agent(Types(["all is well"]))

    async def guard_it() -> None:
        @desk.kit.hook(HookTrigger.BEFORE_BROADCAST)
        def guard(event: RoomEvent, _: RoomContext) -> HookResult:
            return HookResult.block("no")

    await desk.asked(then=guard_it)

    assert desk.saw("ada") == ["all", "all is", "-"]
    assert (await desk.kit.get_timeline("room"))[-1].status is EventStatus.BLOCKED


async def test_a_reply_too_deep_in_the_chain_is_taken_away_again() -> None:
    """R-0008-13."""
    async with RoomKit(max_chain_depth=0) as kit:
        await kit.create_room("room")
        desk = Desk(kit)
        await desk.joins("ada")
        await desk.agent(Types(["all is well"]))

        await desk.asked()

        assert desk.saw("ada")[-1] == "-"
        assert desk.heard("ada") == []


async def test_a_reply_beyond_the_budget_is_taken_away_and_the_one_within_it_stays() -> None:
    """R-0008-13."""
    async with RoomKit(cascade_budget=1) as kit:
        await kit.create_room("room")
        desk = Desk(kit)
        await desk.joins("ada")
        for name, text in (("quick", "one"), ("slow", "two three")):
            kit.register_channel(AIChannel(name, Types([text])))
            await kit.attach_channel("room", name, visibility="transport")

        await desk.asked()

        assert desk.heard("ada") == ["one"]
        withdrawn = {partial.channel_id for partial in desk.partials["ada"] if partial.is_withdrawn}
        assert withdrawn == {"slow"}


# --- models ---------------------------------------------------------------------------------------------------------


async def test_what_a_model_said_before_it_used_a_tool_gives_way_to_its_answer(desk: Desk) -> None:
    """R-0008-10."""
    wish = ModelReply("one moment", tool_calls=(ModelToolCall(id="c1", name="look"),))
    await desk.agent(Types([wish, "found it"]), tools=[Tool("look", handler=lambda: "here")])

    await desk.asked()

    assert desk.saw("ada") == ["one", "one moment", "found", "found it"]
    assert desk.heard("ada") == ["found it"]


async def test_a_model_that_cannot_stream_answers_all_the_same(desk: Desk) -> None:
    class Whole:
        name = "whole"

        async def generate(self, request: ModelRequest) -> ModelReply:
            return ModelReply("all is well")

        async def close(self) -> None: ...

    desk.kit.register_channel(AIChannel("agent", Whole()))
    await desk.kit.attach_channel("room", "agent")

    await desk.asked()

    assert (desk.saw("ada"), desk.heard("ada")) == ([], ["all is well"])


async def test_a_stream_that_breaks_leaves_nothing_on_the_screen(desk: Desk) -> None:
    """R-0008-14."""

    class Breaks(Types):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
            yield "all"
            await asyncio.sleep(PIECE_S)
            raise ProviderLostError("gone")

    await desk.agent(Breaks())

    result = await desk.asked()

    assert desk.saw("ada") == ["all", "-"]
    assert result.delivery_results["agent"].error == "ProviderLostError"
    assert desk.heard("ada") == []


async def test_a_stream_that_ends_without_its_reply_is_an_error(desk: Desk) -> None:
    class Stops(Types):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
            yield "all"

    await desk.agent(Stops())

    result = await desk.asked()

    assert result.delivery_results["agent"].error == "WireError"


async def test_a_model_that_hangs_is_given_up_with_its_delivery() -> None:
    async with RoomKit(delivery_timeout=3.0) as kit:
        await kit.create_room("room")
        desk = Desk(kit)
        await desk.joins("ada")
        model = Types(["word " * 1000])
        await desk.agent(model)

        result = await desk.asked()

        assert result.delivery_results["agent"].error == "timeout"
        assert model.was_stopped
        assert desk.saw("ada")[-1] == "-"

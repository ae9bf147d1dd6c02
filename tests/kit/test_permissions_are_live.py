"""Who may write and who may see, under every change (RFC 0003)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomkit.channels.websocket import WebSocketChannel
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError
from roomkit.kit import RoomKit
from roomkit.models.content import TextContent
from roomkit.models.enums import Access, ChannelCategory, ChannelDirection, EventStatus
from roomkit.models.event import EventSource, RoomEvent
from tests.kit.conftest import Agent, Party

# --- a reference model in a few lines, and random lives of a room against it ----------------------------------------

PEOPLE = ("ada", "bob")
AGENTS = ("bot", "guru")
EVERYBODY = (*PEOPLE, *AGENTS)
VISIBILITIES = ("all", "none", "transport", "intelligence", "ada", "bot,bob")


@dataclass
class Binding:
    """A binding as the reference model knows it."""

    access: str = "read_write"
    muted: bool = False
    output_muted: bool = False
    visibility: str = "all"


@dataclass
class Reference:
    """RFC 0003 once more, as plainly as it can be said."""

    bindings: dict[str, Binding] = field(default_factory=lambda: {name: Binding() for name in EVERYBODY})

    def receivers(self, sender: str, visibility: str) -> set[str]:
        source = self.bindings.get(sender)
        if source is None or source.muted or source.access not in ("read_write", "write_only"):
            return set()
        return {
            name
            for name, binding in self.bindings.items()
            if name != sender
            and binding.access in ("read_write", "read_only")
            and not binding.output_muted
            and all(self.admits(each, name) for each in (visibility, source.visibility))
        }

    def admits(self, visibility: str, name: str) -> bool:
        category = "transport" if name in PEOPLE else "intelligence"
        return visibility in ("all", category) or name in visibility.split(",")


def steps() -> st.SearchStrategy[list[tuple[str, str, Any]]]:
    who = st.sampled_from(EVERYBODY)
    step = st.one_of(
        st.tuples(st.just("says"), who, st.sampled_from(VISIBILITIES)),
        st.tuples(st.just("access"), who, st.sampled_from(list(Access))),
        st.tuples(st.just("visibility"), who, st.sampled_from(VISIBILITIES)),
        st.tuples(st.sampled_from(["muted", "output_muted"]), who, st.booleans()),
        st.tuples(st.sampled_from(["detach", "attach"]), who, st.none()),
    )
    return st.lists(step, max_size=25)


class Life:
    """A real room and the reference model, changed in step."""

    def __init__(self, kit: RoomKit) -> None:
        self.kit = kit
        self.reference = Reference()
        self.received: dict[str, list[str]] = {name: [] for name in EVERYBODY}
        self.agents = {name: Agent(name) for name in AGENTS}

    async def begin(self) -> None:
        await self.kit.create_room("room")
        for name in PEOPLE:
            channel = WebSocketChannel(name)
            self.kit.register_channel(channel)
            channel.register_connection(
                name, lambda connection, event: self.received[connection].append(event.text), room_id="room"
            )
            await self.kit.attach_channel("room", name)
        for name, agent in self.agents.items():
            self.kit.register_channel(agent)
            await self.kit.attach_channel("room", name)

    async def step(self, action: str, name: str, value: Any, text: str) -> None:
        if action == "says":
            await self.says(name, value, text)
        elif action == "attach":
            await self.kit.attach_channel("room", name)
            self.reference.bindings.setdefault(name, Binding())
        elif name not in self.reference.bindings:
            return
        elif action == "detach":
            await self.kit.detach_channel("room", name)
            del self.reference.bindings[name]
        else:
            await self.change(action, name, value)
            setattr(self.reference.bindings[name], action, value)

    async def change(self, action: str, name: str, value: Any) -> None:
        match action, value:
            case "access", _:
                await self.kit.set_access("room", name, value)
            case "visibility", _:
                await self.kit.set_visibility("room", name, value)
            case "muted", True:
                await self.kit.mute("room", name)
            case "muted", False:
                await self.kit.unmute("room", name)
            case _, True:
                await self.kit.mute_output("room", name)
            case _:
                await self.kit.unmute_output("room", name)

    async def says(self, name: str, visibility: str, text: str) -> None:
        expected = self.reference.receivers(name, visibility)
        try:
            await self.kit.send_event("room", name, TextContent(body=text), visibility=visibility)
        except NotFoundError:
            assert name not in self.reference.bindings
        got = {each for each in PEOPLE if text in self.received[each]}
        got |= {each for each, agent in self.agents.items() if text in [event.text for event in agent.seen]}
        assert got == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=steps())
def test_whatever_changes_an_event_reaches_exactly_those_who_may_see_it(life: list[tuple[str, str, Any]]) -> None:
    """R-0003-2, R-0003-3, R-0003-4, R-0003-5, R-0003-6, R-0003-8."""

    async def run() -> None:
        async with RoomKit() as kit:
            room = Life(kit)
            await room.begin()
            for number, (action, name, value) in enumerate(life):
                await room.step(action, name, value, f"<{number}>")

    asyncio.run(run())


# --- rule by rule -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", [Access.READ_ONLY, Access.NONE])
async def test_without_write_access_what_one_says_is_stored_as_blocked(party: Party, access: Access) -> None:
    """R-0003-2."""
    await party.joins("ada", access=access)
    await party.joins("bob")

    result = await party.says("ada", "x")

    assert (result.blocked, result.reason) == (True, "access")
    assert result.event is not None
    assert (result.event.index, result.event.status) == (0, EventStatus.BLOCKED)
    assert party.heard("bob") == []


async def test_an_agents_spoken_answer_is_not_stopped_by_its_callers_mute(party: Party) -> None:
    """R-0003-3."""
    voice = await party.agent("voice", muted=True)
    assert voice.host is not None
    port = voice.host.room_port("room")

    def event(direction: ChannelDirection) -> RoomEvent:
        source = EventSource(channel_id="voice", direction=direction)
        return RoomEvent(room_id="room", source=source, content=TextContent(body=direction))

    assert await port.publish(event(ChannelDirection.OUTBOUND)) is True
    assert await port.publish(event(ChannelDirection.INBOUND)) is False
    await party.kit.set_access("room", "voice", Access.READ_ONLY)
    assert await port.publish(event(ChannelDirection.OUTBOUND)) is False


async def test_what_was_queued_before_a_detach_is_not_delivered_after_it(party: Party) -> None:
    """R-0003-8."""
    await party.joins("ada")
    bob = await party.agent("bob")
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(_: RoomEvent) -> None:
        entered.set()
        await release.wait()

    bob.does = slow
    first = asyncio.ensure_future(party.says("ada", "1"))  # noqa: TID251 -- awaited below
    await entered.wait()
    second = asyncio.ensure_future(party.says("ada", "2"))  # noqa: TID251 -- awaited below
    await asyncio.sleep(0.01)

    await party.kit.set_access("room", "bob", Access.NONE)
    release.set()

    assert (await first).delivery_results["bob"].ok
    assert (await second).delivery_results["bob"].error == "access"
    assert [event.text for event in bob.seen] == ["1"]


async def test_a_channel_is_told_of_every_change_before_the_call_waits(party: Party) -> None:
    """R-0002-4, R-0003-11."""
    agent = await party.agent("agent")
    [attached] = agent.bindings
    assert attached is not None

    for call in (
        party.kit.mute("room", "agent"),
        party.kit.set_access("room", "agent", Access.READ_ONLY),
        party.kit.detach_channel("room", "agent"),
    ):
        before = len(agent.bindings)
        with pytest.raises(StopIteration):  # run without a loop: it must not have waited before telling
            call.send(None)
        assert len(agent.bindings) == before + 1

    muted, read_only, detached = agent.bindings[1:]
    assert muted is not None
    assert muted.muted
    assert read_only is not None
    assert not read_only.can_write
    assert detached is None


async def test_closing_a_room_tells_its_channels(party: Party) -> None:
    """R-0001-3."""
    agent = await party.agent("agent")
    assert agent.host is not None

    await party.kit.close_room("room")

    assert agent.bindings[-1] is None
    assert agent.host.binding("room") is None


async def test_a_detached_channel_comes_back_only_on_purpose(party: Party) -> None:
    """R-0002-5."""
    agent = await party.agent("agent")
    assert agent.host is not None
    await party.kit.detach_channel("room", "agent")

    with pytest.raises(AccessDeniedError, match="detached"):
        await agent.host.ensure_attached("room")

    await party.kit.attach_channel("room", "agent")
    assert (await agent.host.ensure_attached("room")).channel_id == "agent"


async def test_a_channel_makes_its_room_and_attaches_itself_where_both_are_missing(party: Party) -> None:
    """R-0002-5."""
    agent = await party.agent("agent")
    assert agent.host is not None

    await asyncio.gather(*(agent.host.ensure_room("new") for _ in range(5)))
    binding = await agent.host.ensure_attached("new")

    assert binding.category == ChannelCategory.INTELLIGENCE
    assert (await agent.host.ensure_participant("new", "ada")).room_id == "new"
    assert agent.host.binding("new") == binding
    with pytest.raises(NotFoundError):
        await agent.host.ensure_attached("nowhere")


async def test_attaching_again_widens_nothing_that_was_not_named(party: Party) -> None:
    """R-0003-1."""
    await party.joins("ada", access=Access.READ_ONLY, visibility="transport", muted=True)

    again = await party.kit.attach_channel("room", "ada")
    narrower = await party.kit.attach_channel("room", "ada", access=Access.NONE)

    assert (again.access, again.visibility, again.muted) == (Access.READ_ONLY, "transport", True)
    assert (narrower.access, narrower.visibility, narrower.muted) == (Access.NONE, "transport", True)


async def test_an_agent_is_bound_as_intelligence_whatever_the_default_says(party: Party) -> None:
    """R-0002-2."""
    await party.joins("ada")
    agent = await party.agent("agent")

    await party.kit.send_event("room", "ada", TextContent(body="people only"), visibility="transport")

    assert agent.seen == []


async def test_an_agents_history_holds_what_it_may_see_and_its_own(party: Party) -> None:
    """R-0003-7."""
    await party.joins("ada")
    agent = await party.agent("agent")
    for visibility in ("all", "transport", "agent", "none"):
        await party.kit.send_event("room", "ada", TextContent(body=visibility), visibility=visibility)
    await party.kit.send_event("room", "agent", TextContent(body="own"), visibility="ada")
    await party.kit.mute("room", "ada")
    await party.says("ada", "blocked")
    assert agent.host is not None

    seen = [event.text for event in await agent.host.history("room", limit=10)]
    newest = [event.text for event in await agent.host.history("room", limit=1)]
    await party.kit.set_access("room", "agent", Access.WRITE_ONLY)
    without_access = await agent.host.history("room", limit=10)

    assert (seen, newest, list(without_access)) == (["all", "agent", "own"], ["own"], [])


async def test_the_answer_to_a_whisper_is_a_whisper(party: Party) -> None:
    """R-0003-9."""
    await party.joins("ada")
    await party.joins("boss")
    await party.agent("agent", "understood")

    await party.kit.send_event("room", "boss", TextContent(body="be nicer"), visibility="agent")

    assert party.heard("ada") == []
    assert party.heard("boss") == ["understood"]


@pytest.mark.parametrize("visibility", ["", "ada,", ",", [], [""]])
async def test_a_visibility_of_nobody_by_accident_is_refused(party: Party, visibility: Any) -> None:
    """R-0003-5."""
    await party.joins("ada")

    with pytest.raises(ConfigError, match="visibility"):
        await party.kit.set_visibility("room", "ada", visibility)


async def test_changes_of_what_is_not_there_are_errors(party: Party) -> None:
    with pytest.raises(NotFoundError, match="ada"):
        await party.kit.mute("room", "ada")
    with pytest.raises(NotFoundError, match="nowhere"):
        await party.kit.set_access("nowhere", "ada", Access.NONE)
    with pytest.raises(NotFoundError, match="ghost"):
        await party.kit.attach_channel("room", "ghost")
    assert await party.kit.detach_channel("room", "ada") is False


async def test_a_binding_takes_no_nonsense(party: Party) -> None:
    await party.joins("ada")
    with pytest.raises(ConfigError):
        await party.kit.attach_channel("room", "ada", access="sometimes")  # type: ignore[arg-type]  # rubbish on purpose
    with pytest.raises(ConfigError):
        await party.kit.attach_channel("room", "ada", colour="red")
    assert (await party.kit.get_binding("room", "ada")).access == Access.READ_WRITE  # type: ignore[union-attr]  # it is attached


async def test_binding_and_room_metadata_are_merged(party: Party) -> None:
    """R-0001-5."""
    await party.joins("ada", metadata={"a": 1, "b": 1})

    binding = await party.kit.update_binding_metadata("room", "ada", {"b": 2})
    room = await party.kit.update_room_metadata("room", {"x": 1})

    assert (binding.metadata, room.metadata) == ({"a": 1, "b": 2}, {"x": 1})
    assert [each.channel_id for each in await party.kit.list_bindings("room")] == ["ada"]


@pytest.mark.parametrize("channel_id", ["", "a,b", "all", "none", "transport", "intelligence"])
def test_ids_that_would_be_misread_in_a_visibility_are_refused(channel_id: str) -> None:
    """R-0002-1."""
    with pytest.raises(ConfigError):
        WebSocketChannel(channel_id)


def test_ids_are_unique_in_a_kit_and_a_channel_serves_one_kit() -> None:
    """R-0002-1."""
    kit, channel = RoomKit(), WebSocketChannel("a")
    kit.register_channel(channel)
    kit.register_channel(channel)

    with pytest.raises(ConfigError, match="unique"):
        kit.register_channel(WebSocketChannel("a"))
    with pytest.raises(ConfigError, match="another kit"):
        RoomKit().register_channel(channel)
    assert kit.get_channel("a") is channel
    assert kit.get_channel("b") is None

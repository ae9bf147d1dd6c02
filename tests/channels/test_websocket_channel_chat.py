"""The chat protocol of `WebSocketChannel.asgi`, spoken by clients that are bare ASGI callables (R-0002-10 to 16)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from roomkit.channels.websocket import WebSocketChannel
from roomkit.channels.websocket_client import BACKLOG_EVENTS, MAX_MISTAKES, MAX_WAITING, ChatIdentity
from roomkit.channels.websocket_protocol import UnreadableError, read
from roomkit.errors import ConfigError, StoreError
from roomkit.kit import RoomKit
from roomkit.models.channel import ChannelCapabilities
from roomkit.models.content import RichContent, TextContent
from roomkit.models.context import RoomContext
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import Access, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.models.generation import PartialReply
from roomkit.models.hook import HookResult
from roomkit.store.memory import MemoryStore
from roomkit.voice.wires.listener import UpgradeRequest

Message = MutableMapping[str, Any]


class Browser:
    """A client, seen from the server's side of ASGI."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.told: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.reads = asyncio.Event()
        self.reads.set()
        self._news = asyncio.Event()
        self.incoming.put_nowait({"type": "websocket.connect"})

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        if message["type"] == "websocket.send":
            self.told.append(json.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.close_code = message["code"]
        self._news.set()

    def says(self, kind: str, **fields: Any) -> None:
        self.says_raw(json.dumps({"type": kind, **fields}))

    def says_raw(self, text: str) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    def leaves(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(2):
            while not is_so():
                self._news.clear()
                await self._news.wait()

    async def hears(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The ``count``-th message of a kind, when it is there."""
        await self.until(lambda: len(self.all(kind)) >= count)
        return self.all(kind)[count - 1]

    async def is_sent_away(self) -> int:
        await self.until(lambda: self.close_code is not None)
        assert self.close_code is not None
        return self.close_code

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["type"] == kind]

    def texts(self) -> list[str]:
        return [message["event"]["text"] for message in self.all("event")]


class Chat:
    """A kit with a room, the chat channel in it, and a second channel that others speak on."""

    def __init__(self, kit: RoomKit, tasks: asyncio.TaskGroup) -> None:
        self.kit = kit
        self.channel = WebSocketChannel("chat", authenticate=self.authenticate)
        self._tasks = tasks

    def authenticate(self, request: UpgradeRequest) -> ChatIdentity | None:
        if request.query_string == "stranger":
            return None
        if request.query_string == "fails":
            raise RuntimeError("the user database is down")
        return ChatIdentity(request.query_string, request.path.removeprefix("/"))

    def opens(self, name: str, room_id: str = "room") -> Browser:
        browser = Browser(name)
        scope = {"type": "websocket", "path": f"/{room_id}", "query_string": name.encode(), "headers": []}
        self._tasks.create_task(self.channel.asgi(scope, browser.incoming.get, browser.send))
        return browser

    async def joins(self, name: str, **hello: Any) -> Browser:
        browser = self.opens(name)
        browser.says("hello", **hello)
        await browser.hears("backlog_end")
        return browser

    async def said(self, text: str, **fields: Any) -> None:
        message = InboundMessage(channel_id="phone", sender_id="bob", content=TextContent(body=text), **fields)
        await self.kit.process_inbound(message, room_id="room")


async def furnished(kit: RoomKit, tasks: asyncio.TaskGroup) -> Chat:
    chat = Chat(kit, tasks)
    await kit.create_room("room")
    for channel in (chat.channel, WebSocketChannel("phone")):
        kit.register_channel(channel)
        await kit.attach_channel("room", channel.channel_id)
    return chat


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    async with asyncio.TaskGroup() as tasks, RoomKit() as kit:
        yield await furnished(kit, tasks)


async def test_a_message_enters_the_room_and_is_shown_to_all_its_sender_included(chat: Chat) -> None:
    ada, eve = await chat.joins("ada"), await chat.joins("eve")

    ada.says("message", text="hello", ref="1")
    ack = await ada.hears("ack")
    await eve.hears("event")
    shown = await ada.hears("event")

    assert (ack["ref"], ack["index"]) == ("1", 0)
    assert shown["event"]["id"] == ack["event_id"]
    assert (shown["event"]["participant_id"], shown["event"]["text"]) == ("ada", "hello")
    assert eve.texts() == ["hello"]


async def test_what_the_room_keeps_for_itself_is_not_shown(chat: Chat) -> None:
    ada = await chat.joins("ada")

    await chat.said("hello", raw_payload={"secret": 1}, metadata={"score": 2}, idempotency_key="k")

    shown = (await ada.hears("event"))["event"]
    said = {"id", "index", "type", "channel_id", "participant_id", "content", "text", "parent_event_id", "created_at"}
    assert set(shown) == said


async def test_nobody_is_let_in_who_is_not_known(chat: Chat) -> None:
    stranger, unlucky, lost = chat.opens("stranger"), chat.opens("fails"), chat.opens("ada", room_id="nowhere")

    assert [await each.is_sent_away() for each in (stranger, unlucky, lost)] == [1008, 1008, 1008]
    assert stranger.told == unlucky.told == lost.told == []


async def test_a_channel_without_authenticate_has_no_door() -> None:
    with pytest.raises(ConfigError, match="authenticate"):
        _ = WebSocketChannel("chat").asgi


async def test_nothing_is_shown_and_nothing_taken_before_hello(chat: Chat) -> None:
    ada = chat.opens("ada")
    await ada.hears("welcome")

    await chat.said("hello")
    ada.says("message", text="too early")
    error = await ada.hears("error")

    assert error["code"] == "hello_first"
    assert ada.texts() == []
    assert len(await chat.kit.get_timeline("room")) == 1


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice(chat: Chat) -> None:
    for text in ("one", "two", "three"):
        await chat.said(text)

    ada = await chat.joins("ada", after_index=0)
    await chat.said("four")
    await ada.hears("event", 3)

    assert ada.texts() == ["two", "three", "four"]
    end = ada.all("backlog_end")[0]
    assert (end["index"], end["has_more"]) == (2, False)


async def test_a_backlog_holds_what_may_be_seen_now(chat: Chat) -> None:
    await chat.said("to all")
    await chat.said("whispered", visibility="phone")

    @chat.kit.hook(HookTrigger.BEFORE_BROADCAST)
    def blocks(event: RoomEvent, _: RoomContext) -> HookResult | None:
        return HookResult.block("rude") if event.text == "blocked" else None

    await chat.said("blocked")
    assert (await chat.joins("ada", after_index=-1)).texts() == ["to all"]

    await chat.kit.set_access("room", "chat", Access.WRITE_ONLY)
    assert (await chat.joins("eve", after_index=-1)).texts() == []

    await chat.kit.set_access("room", "chat", Access.READ_WRITE)
    await chat.kit.mute_output("room", "chat")
    assert (await chat.joins("joe", after_index=-1)).texts() == []


async def test_a_long_backlog_comes_in_pieces(chat: Chat) -> None:
    for number in range(BACKLOG_EVENTS + 1):
        await chat.said(str(number))

    ada = await chat.joins("ada", after_index=-1)
    first = ada.all("backlog_end")[0]
    ada.says("hello", after_index=first["index"])
    second = await ada.hears("backlog_end", 2)

    assert (first["has_more"], second["has_more"]) == (True, False)
    assert ada.texts() == [str(number) for number in range(BACKLOG_EVENTS + 1)]


async def test_events_said_while_a_backlog_is_read_come_after_it(chat: Chat) -> None:
    await chat.said("past")
    ada = chat.opens("ada")
    await ada.hears("welcome")
    ada.says("hello", after_index=-1)

    await chat.said("present")
    await ada.hears("event", 2)

    assert ada.texts() == ["past", "present"]


async def test_typing_presence_and_receipts_reach_the_others_and_are_not_stored(chat: Chat) -> None:
    ada, eve = await chat.joins("ada"), await chat.joins("eve")
    assert (await ada.hears("presence"))["participant_id"] == "eve"

    eve.says("typing", is_typing=True)
    eve.says("presence", status="away")
    eve.says("read", index=0)
    receipt = await ada.hears("receipt")
    eve.leaves()
    await ada.hears("presence", 3)

    assert (receipt["participant_id"], receipt["index"]) == ("eve", 0)
    assert ada.all("typing")[0]["is_typing"] is True
    assert [message["status"] for message in ada.all("presence")] == ["online", "away", "offline"]
    assert eve.all("typing") == []
    assert await chat.kit.get_timeline("room") == []


async def test_who_may_not_speak_is_told_so_and_not_seen_typing(chat: Chat) -> None:
    ada, eve = await chat.joins("ada"), await chat.joins("eve")
    await chat.kit.mute("room", "chat")

    eve.says("typing")
    eve.says("message", text="psst", ref="7")
    error = await eve.hears("error")

    assert (error["code"], error["message"], error["ref"]) == ("blocked", "muted", "7")
    assert ada.all("typing") == []
    assert ada.texts() == []


async def test_one_may_edit_and_delete_what_one_said_and_nothing_else(chat: Chat) -> None:
    ada, eve = await chat.joins("ada"), await chat.joins("eve")
    ada.says("message", text="helo")
    await ada.hears("ack")

    eve.says("edit", index=0, text="mine now")
    eve.says("delete", index=5)
    await eve.hears("error", 2)
    ada.says("edit", index=0, text="hello")
    ada.says("delete", index=0)
    await eve.hears("event", 3)

    assert [error["code"] for error in eve.all("error")] == ["not_allowed", "not_found"]
    edit, delete = (message["event"]["content"] for message in eve.all("event")[1:])
    assert edit["new_content"]["body"] == "hello"
    assert edit["target_event_id"] == delete["target_event_id"] == eve.all("event")[0]["event"]["id"]


async def test_an_edited_whisper_stays_a_whisper(chat: Chat) -> None:
    await chat.kit.set_visibility("room", "chat", "all")
    ada = await chat.joins("ada")
    ada.says("message", text="psst", visibility="chat")
    await ada.hears("ack")

    ada.says("edit", index=0, text="pssst")
    await ada.hears("ack", 2)

    assert [event.visibility for event in await chat.kit.get_timeline("room")] == ["chat", "chat"]


async def test_a_message_sent_again_with_its_key_is_taken_once(chat: Chat) -> None:
    ada = await chat.joins("ada")

    ada.says("message", text="hello", idempotency_key="k")
    ada.says("message", text="hello", idempotency_key="k")
    second = await ada.hears("ack", 2)

    assert second["event_id"] == ada.all("ack")[0]["event_id"]
    assert len(await chat.kit.get_timeline("room")) == 1


async def test_a_growing_reply_is_shown_before_its_event(chat: Chat) -> None:
    ada = await chat.joins("ada")
    binding = await chat.kit.get_binding("room", "chat")
    assert binding is not None

    await chat.channel.on_partial(PartialReply(event_id="evt_1", room_id="room", channel_id="bot", text="Hel"), binding)

    partial = await ada.hears("partial")
    assert (partial["event_id"], partial["channel_id"], partial["text"]) == ("evt_1", "bot", "Hel")


async def test_the_clients_of_a_channel_that_is_detached_are_sent_away(chat: Chat) -> None:
    ada = await chat.joins("ada")

    await chat.kit.detach_channel("room", "chat")

    assert await ada.is_sent_away() == 4001


async def test_a_kit_that_closes_sends_its_clients_away(chat: Chat) -> None:
    ada = await chat.joins("ada")

    await chat.kit.close()

    assert await ada.is_sent_away() == 1001


async def test_rubbish_is_answered_and_in_the_end_not_put_up_with(chat: Chat) -> None:
    ada = await chat.joins("ada")

    for rubbish in ("{", "[]", '{"type":"nonsense"}', '{"type":"read","index":-1}', "[" * 50_000):
        ada.says_raw(rubbish)
    ada.says("ping", ref="alive")
    assert (await ada.hears("pong"))["ref"] == "alive"
    assert {error["code"] for error in ada.all("error")} == {"unreadable"}

    for _ in range(MAX_MISTAKES):
        ada.says_raw("{")
    assert await ada.is_sent_away() == 1008


async def test_a_client_that_floods_is_sent_away(chat: Chat) -> None:
    ada = await chat.joins("ada")
    entered, release = asyncio.Event(), asyncio.Event()

    @chat.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def slow(event: RoomEvent, _: RoomContext) -> None:
        entered.set()
        await release.wait()

    ada.says("message", text="first")
    await entered.wait()
    for _ in range(MAX_WAITING + 2):
        ada.says("ping")

    assert await ada.is_sent_away() == 1008
    release.set()


async def test_a_client_that_does_not_read_is_dropped_and_delays_nobody(chat: Chat) -> None:
    slow, eve = await chat.joins("slow"), await chat.joins("eve")
    slow.reads.clear()

    for _ in range(3):
        await chat.said("x" * 500_000)
    await eve.hears("event", 3)
    await chat.said("after")
    await eve.hears("event", 4)

    assert "slow" not in {each.identity.participant_id for each in chat.channel.asgi.clients("room")}


class Unreadable(MemoryStore):
    """A store whose timelines can be written and not read, for a while."""

    fails = True

    async def events(self, room_id: str, **bounds: Any) -> list[RoomEvent]:
        if self.fails and "after_index" in bounds:
            raise StoreError("disk /dev/secret is broken")
        return await super().events(room_id, **bounds)


async def test_when_the_past_cannot_be_read_the_present_goes_on() -> None:
    store = Unreadable()
    async with asyncio.TaskGroup() as tasks, RoomKit(store) as kit:
        chat = await furnished(kit, tasks)
        ada = chat.opens("ada")
        ada.says("hello", after_index=-1)
        error = await ada.hears("error")

        await chat.said("now")
        await ada.hears("event")
        store.fails = False
        ada.says("hello", after_index=-1)
        await ada.hears("event", 2)

        assert (error["code"], error["message"]) == ("try_again", "the store could not be used: try again")


async def test_a_real_server_and_a_real_client(chat: Chat) -> None:
    config = uvicorn.Config(chat.channel.asgi, port=0, ws="websockets-sansio", log_level="critical")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    address = f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    with pytest.raises(InvalidStatus):
        await connect(f"ws://{address}/room?stranger", proxy=None)
    async with connect(f"ws://{address}/room?ada", proxy=None) as client:
        assert json.loads(await client.recv())["type"] == "welcome"
        await client.send('{"type": "hello"}')
        assert json.loads(await client.recv())["type"] == "backlog_end"
        await client.send('{"type": "message", "text": "hello"}')
        assert {json.loads(await client.recv())["type"] for _ in range(2)} == {"ack", "event"}
    await server.shutdown()


@pytest.mark.virtual_time
async def test_a_client_that_never_says_hello_is_sent_away() -> None:
    async with asyncio.TaskGroup() as tasks, RoomKit() as kit:
        chat = Chat(kit, tasks)
        await kit.create_room("room")
        kit.register_channel(chat.channel)
        await kit.attach_channel("room", "chat")

        silent = chat.opens("silent")
        await asyncio.sleep(9)
        assert silent.close_code is None
        await asyncio.sleep(2)

        assert silent.close_code == 1008


@given(
    st.text()
    | st.binary()
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps)
)
@settings(max_examples=200)
def test_whatever_a_client_sends_is_read_or_refused(message: str | bytes) -> None:
    try:
        command = read(message)
    except UnreadableError as error:
        assert str(error)
    else:
        assert command.type


async def test_what_a_client_has_read_is_kept() -> None:
    """R-0002-17."""
    async with RoomKit() as kit, asyncio.TaskGroup() as tasks:
        chat = await furnished(kit, tasks)
        ada = await chat.joins("ada")
        for number in range(3):
            await chat.said(f"{number}")
        await ada.hears("event", 3)

        for index in (1, 0, 2**50):
            ada.says("read", index=index)
        ada.says("ping")
        await ada.hears("pong")

        binding = await kit.get_binding("room", "chat")
        assert binding is not None
        assert binding.last_read_index == 2
        ada.leaves()


async def test_a_backlog_shows_what_the_channel_can_show() -> None:
    """R-0002-9."""
    async with RoomKit() as kit, asyncio.TaskGroup() as tasks:
        chat = await furnished(kit, tasks)
        await kit.attach_channel("room", "chat", capabilities=ChannelCapabilities())
        live = await chat.joins("ada")
        await kit.send_event("room", "phone", RichContent(body="<b>bold</b>", format="html"))
        shown = (await live.hears("event"))["event"]["content"]

        late = await chat.joins("bob", after_index=-1)

        assert shown["type"] == "text"
        assert late.all("event")[-1]["event"]["content"] == shown
        live.leaves()
        late.leaves()

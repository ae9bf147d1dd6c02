"""Pictures on their way to the agent: from code and from the room's other channels (R-0006-44)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.channels.websocket import WebSocketChannel
from roomkit.errors import ConfigError, ProviderLostError
from roomkit.kit import RoomKit
from roomkit.models.content import CompositeContent, EventContent, MediaContent, TextContent
from roomkit.models.session import VoiceSession
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.testing import GeminiSimulator, OpenAISimulator, Script, VirtualClock, expect, hear, say
from roomkit.voice.realtime.images import IMAGE_TYPES, MAX_IMAGE_BYTES, check_image, image_of_data_url, image_type
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider import RealtimeVoiceProvider

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
PICTURES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0pixels",
    "image/gif": b"GIF89apixels",
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
}
UNSEEN = "[a picture was sent that you cannot see]"


def data_url(data: bytes, mime_type: str = "image/png") -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


# --- what a picture is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mime_type", IMAGE_TYPES)
def test_a_picture_is_known_by_its_first_bytes(mime_type: str) -> None:
    assert image_type(PICTURES[mime_type]) == mime_type
    check_image(PICTURES[mime_type], mime_type)


@pytest.mark.parametrize(
    ("data", "mime_type", "message"),
    [
        (b"", "image/png", "bytes"),
        ("text", "image/png", "bytes"),
        (PNG, "image/svg+xml", "image/png, image/jpeg, image/gif, image/webp"),
        (PNG, "image/jpeg", "it holds image/png"),
        (b"%PDF-1.7", "image/png", "something else"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "image/webp", "something else"),
        (PNG + bytes(MAX_IMAGE_BYTES), "image/png", "too large"),
    ],
)
def test_what_is_no_picture_is_refused_saying_what_would_do(data: Any, mime_type: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_image(data, mime_type)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/cat.png",
        "data:image/png;base64,!!!",
        "data:image/png;base64",
        data_url(b"%PDF-1.7"),
        data_url(PNG, "text/html"),
        "data:,",
        "",
    ],
)
def test_a_url_without_a_picture_in_it_gives_none(url: str) -> None:
    assert image_of_data_url(url) is None


@given(st.text())
def test_no_url_makes_it_raise(rest: str) -> None:
    assert image_of_data_url(f"data:image/png;base64,{rest}") is None


# --- on the wire ----------------------------------------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_openai_is_shown_the_picture_and_answers() -> None:
    url = data_url(PNG)
    picture = {"role": "user", "content": [{"type": "input_image", "image_url": url}]}
    script = Script(expect("conversation.item.create", item=picture), expect("response.create"), say("A cat."))
    simulator = OpenAISimulator(script, clock=VirtualClock())
    provider = OpenAIRealtimeProvider(api_key="sk-test", dial=simulator.dial)
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport(), clock=VirtualClock())
    session = await channel.start_session("room", "ada")

    await channel.inject_image(session, PNG)
    await channel.wait_idle("room")
    with pytest.raises(ConfigError, match="openai takes image/jpeg and image/png, not image/webp"):
        await channel.inject_image(session, PICTURES["image/webp"], "image/webp")

    simulator.assert_done()
    await channel.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg"])
async def test_gemini_is_shown_the_picture(mime_type: str) -> None:
    simulator = GeminiSimulator(Script(hear("text"), say("A cat.")), clock=VirtualClock())
    provider = GeminiLiveProvider(api_key="AIza-test", dial=simulator.dial)
    channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport(), clock=VirtualClock())
    session = await channel.start_session("room", "ada")

    await channel.inject_image(session, PICTURES[mime_type], mime_type, silent=True)
    await channel.inject_text(session, "what is this?")
    await channel.wait_idle("room")

    simulator.assert_done()
    assert base64.b64encode(PICTURES[mime_type]).decode() in str(simulator.received)
    await channel.close()


# --- from the room --------------------------------------------------------------------------------------------------


class Room:
    """A call and a chat in one room."""

    def __init__(self, provider: RealtimeVoiceProvider) -> None:
        self.kit = RoomKit(clock=VirtualClock())
        self.channel = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport())
        self.kit.register_channel(self.channel)
        self.kit.register_channel(WebSocketChannel("chat"))

    async def begin(self) -> VoiceSession:
        session = await self.channel.start_session("room", "ada")
        await self.kit.attach_channel("room", "chat")
        return session

    async def chat(self, content: EventContent, **fields: Any) -> None:
        await self.kit.send_event("room", "chat", content, participant_id="bob", **fields)


@pytest.fixture
async def seeing() -> AsyncIterator[tuple[Room, MockRealtimeProvider]]:
    provider = MockRealtimeProvider()
    room = Room(provider)
    await room.begin()
    yield room, provider
    await room.kit.close()


def told(provider: MockRealtimeProvider) -> list[tuple[str, Any, bool]]:
    """``(what, text or MIME type, silent)`` of everything that was put into the conversation."""
    return [
        (call.method, call.args.get("text", call.args.get("mime_type")), call.args["silent"])
        for call in provider.calls
        if call.method in ("inject_text", "inject_image")
    ]


async def test_a_picture_of_the_chat_is_shown_and_its_caption_answered(
    seeing: tuple[Room, MockRealtimeProvider],
) -> None:
    room, provider = seeing

    await room.chat(MediaContent(url=data_url(PNG), mime_type="image/png", caption="what is this?"))

    assert told(provider) == [("inject_image", "image/png", True), ("inject_text", "what is this?", False)]
    (event,) = await room.kit.get_timeline("room")
    assert isinstance(event.content, MediaContent)


async def test_a_picture_without_words_is_a_turn_of_its_own(seeing: tuple[Room, MockRealtimeProvider]) -> None:
    room, provider = seeing

    await room.chat(MediaContent(url=data_url(PNG), mime_type="image/png", filename="cat.png"))

    assert told(provider) == [("inject_image", "image/png", False)]


async def test_several_pictures_and_words_are_one_turn(seeing: tuple[Room, MockRealtimeProvider]) -> None:
    room, provider = seeing
    picture = MediaContent(url=data_url(PNG), mime_type="image/png")

    await room.chat(CompositeContent(parts=(picture, TextContent(body="compare"), picture)))

    assert told(provider) == [("inject_image", "image/png", True)] * 2 + [("inject_text", "compare", False)]


async def test_a_picture_that_another_agent_sends_is_silent_context(seeing: tuple[Room, MockRealtimeProvider]) -> None:
    room, provider = seeing

    await room.chat(MediaContent(url=data_url(PNG), mime_type="image/png"), metadata={"inject_role": "system"})

    assert told(provider) == [("inject_image", "image/png", True)]


@pytest.mark.parametrize(
    "url", ["https://example.org/cat.png", data_url(b"%PDF-1.7"), "data:image/png;base64,!"], ids=["link", "pdf", "bad"]
)
async def test_a_picture_that_cannot_be_shown_is_told_of(url: str, seeing: tuple[Room, MockRealtimeProvider]) -> None:
    room, provider = seeing

    await room.chat(MediaContent(url=url, mime_type="image/png", caption="look"))

    assert told(provider) == [("inject_text", f"look\n{UNSEEN}", False)]


async def test_an_agent_that_takes_no_pictures_is_told_that_there_was_one() -> None:
    provider = MockRealtimeProvider(profile=Profile("blind"))
    room = Room(provider)
    session = await room.begin()

    await room.chat(MediaContent(url=data_url(PNG), mime_type="image/png"))
    with pytest.raises(ConfigError, match="inject_text"):
        await room.channel.inject_image(session, PNG)

    assert told(provider) == [("inject_text", UNSEEN, False)]
    await room.kit.close()


@pytest.mark.virtual_time
async def test_a_kind_the_vendor_does_not_take_is_told_of_too() -> None:
    simulator = OpenAISimulator(Script(hear("text"), say("I cannot see it.")), clock=VirtualClock())
    room = Room(OpenAIRealtimeProvider(api_key="sk-test", dial=simulator.dial))
    await room.begin()

    await room.chat(MediaContent(url=data_url(PICTURES["image/gif"], "image/gif"), mime_type="image/gif"))
    await room.channel.wait_idle("room")

    simulator.assert_done()
    await room.kit.close()


async def test_a_kind_the_vendor_does_not_take_is_refused_while_its_link_is_away_too() -> None:
    provider = MockRealtimeProvider()
    room = Room(provider)
    session = await room.begin()
    provider.refuse_with = [ProviderLostError("away")] * 100
    await provider.simulate_disconnect(session)

    with pytest.raises(ConfigError, match="image/gif"):
        await room.channel.inject_image(session, PICTURES["image/gif"], "image/gif")
    await room.channel.inject_image(session, PNG)
    await room.kit.close()


async def test_other_files_are_still_only_named(seeing: tuple[Room, MockRealtimeProvider]) -> None:
    room, provider = seeing

    await room.chat(MediaContent(url="https://example.org/a.pdf", mime_type="application/pdf", filename="a.pdf"))

    assert told(provider) == [("inject_text", "a.pdf", False)]

"""What a channel cannot show reaches it as something it can (R-0002-9)."""

from __future__ import annotations

import pytest

from roomkit.errors import DeliveryError
from roomkit.models.channel import ChannelBinding, ChannelCapabilities, ChannelOutput
from roomkit.models.content import CompositeContent, EventContent, MediaContent, RichContent, TextContent
from roomkit.models.context import RoomContext
from roomkit.models.event import RoomEvent
from tests.kit.conftest import Agent, Party

RICH = RichContent(body="**Hello**", plain_text="Hello")
SMS = ChannelCapabilities(max_text_chars=5)


async def shows(party: Party, content: EventContent, agent: Agent) -> EventContent:
    """What the channel is given when bob says something."""
    await party.joins("bob")
    await party.kit.send_event("room", "bob", content)
    return agent.seen[-1].content


async def test_a_channel_that_says_nothing_of_itself_gets_everything_as_it_is(party: Party) -> None:
    assert await shows(party, RICH, await party.agent("program")) == RICH


async def test_a_channel_of_text_gets_text_and_the_timeline_keeps_the_original(party: Party) -> None:
    phone = await party.agent("phone")
    phone.capabilities = ChannelCapabilities()

    assert await shows(party, RICH, phone) == TextContent(body="Hello")
    assert [event.content for event in await party.kit.get_timeline("room")] == [RICH]


async def test_each_channel_gets_what_it_can_show(party: Party) -> None:
    phone, screen = await party.agent("phone"), await party.agent("screen")
    phone.capabilities = ChannelCapabilities()
    screen.capabilities = ChannelCapabilities(content_types=("rich",))

    await shows(party, RICH, phone)

    assert (phone.seen[0].content.type, screen.seen[0].content.type) == ("text", "rich")
    assert phone.seen[0].id == screen.seen[0].id


async def test_a_long_text_is_one_delivery_of_several_pieces(party: Party) -> None:
    phone = await party.agent("phone")
    phone.capabilities = SMS

    content = await shows(party, TextContent(body="one two three"), phone)

    assert content == CompositeContent(parts=tuple(TextContent(body=each) for each in ("one", "two", "three")))
    assert len(phone.seen) == 1


async def test_a_room_may_say_what_a_channel_shows_there(party: Party) -> None:
    picture = MediaContent(url="https://x.example/a.png", mime_type="image/png")
    phone = await party.agent("phone", capabilities=ChannelCapabilities(content_types=("media",)))
    phone.capabilities = SMS

    assert await shows(party, picture, phone) == picture


@pytest.mark.parametrize(
    ("failure", "reason"), [(DeliveryError("number unknown"), "number unknown"), (ValueError("pin 1234"), "ValueError")]
)
async def test_why_a_delivery_failed_is_told_by_a_channel_that_means_to_and_else_only_its_kind(
    party: Party, failure: Exception, reason: str
) -> None:
    class Fails(Agent):
        async def on_event(
            self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
        ) -> ChannelOutput | None:
            raise failure

    await party.joins("bob")
    party.kit.register_channel(Fails("phone"))
    await party.kit.attach_channel("room", "phone")

    result = await party.says("bob", "hello")

    assert result.delivery_results["phone"].error == reason

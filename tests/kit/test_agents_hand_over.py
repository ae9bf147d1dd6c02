"""A person takes over from an agent and hands back (RFC 0008)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from roomkit.channels.ai import AIChannel
from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.core.ports import ModelReply, ModelRequest
from roomkit.errors import AccessDeniedError, ConfigError, NotFoundError
from roomkit.kit import RoomKit
from roomkit.models.content import SystemContent, TextContent
from roomkit.models.context import RoomContext
from roomkit.models.enums import EventStatus, EventType, HookTrigger
from roomkit.models.event import RoomEvent
from roomkit.providers.ai.mock import MockAIProvider
from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from tests.kit.conftest import Party


class Waits(MockAIProvider):
    """A model that thinks until it is let go."""

    def __init__(self) -> None:
        super().__init__(["too late"])
        self.began = asyncio.Event()
        self.was_stopped = False

    async def generate(self, request: ModelRequest) -> ModelReply:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_stopped = True
            raise
        return await super().generate(request)


async def add_agent(party: Party, model: MockAIProvider) -> None:
    party.kit.register_channel(AIChannel("bot", model))
    await party.kit.attach_channel("room", "bot")


async def test_a_taken_over_agent_reads_on_and_says_nothing_until_it_is_handed_back(party: Party) -> None:
    """R-0008-20, R-0008-22."""
    model = MockAIProvider(["at your service"])
    await party.joins("ada")
    await party.joins("boss")
    await add_agent(party, model)

    await party.kit.take_over("room", "bot", by="boss")
    await party.says("ada", "anybody there?")
    await party.says("boss", "I am.")
    silent = list(model.calls)
    was_taken_over = await party.kit.hand_back("room", "bot")
    await party.says("ada", "thanks")

    assert (silent, was_taken_over) == ([], True)
    assert [message.text for message in model.calls[0].messages] == [
        "boss took over from bot",
        "anybody there?",
        "I am.",
        "boss handed back to bot",
        "thanks",
    ]
    assert [message.name for message in model.calls[0].messages] == ["system", "ada", "boss", "system", "ada"]
    assert party.heard("ada")[-1] == "at your service"


async def test_the_timeline_and_the_operators_are_told_who_took_over_and_handed_back(party: Party) -> None:
    """R-0008-21."""
    await party.agent("bot")
    await party.joins("ada")

    await party.kit.take_over("room", "bot", by="boss")
    await party.kit.take_over("room", "bot", by="boss")
    await party.kit.hand_back("room", "bot", by="ada")
    again = await party.kit.hand_back("room", "bot")

    told = [event.content for event in await party.kit.get_timeline("room") if isinstance(event.content, SystemContent)]
    assert [(content.code, content.data["participant_id"]) for content in told] == [
        ("agent_taken_over", "boss"),
        ("agent_handed_back", "ada"),
    ]
    assert [party.reported(content.code or "")[0].channel_id for content in told] == ["bot", "bot"]
    assert again is False
    assert party.heard("ada") == ["boss took over from bot", "boss handed back to bot".replace("boss", "ada")]


async def test_what_an_agent_was_thinking_is_dropped_at_once(party: Party) -> None:
    """R-0008-20."""
    model = Waits()
    await party.joins("ada")
    await add_agent(party, model)
    saying = asyncio.ensure_future(party.says("ada", "hello"))  # noqa: TID251 -- awaited below
    await model.began.wait()

    await party.kit.take_over("room", "bot", by="boss")
    result = await saying

    assert model.was_stopped
    assert result.delivery_results["bot"].ok
    assert party.heard("ada") == ["boss took over from bot"]


async def test_an_answer_that_was_ready_is_stored_as_blocked(party: Party) -> None:
    """R-0008-20: whatever kind of channel the agent is."""
    await party.joins("ada")
    agent = await party.agent("bot", "ready")

    async def overtaken(event: RoomEvent) -> None:
        if event.type is EventType.MESSAGE:
            await party.kit.take_over("room", "bot", by="boss")

    agent.does = overtaken

    await party.says("ada", "hello")

    blocked = [event for event in await party.kit.get_timeline("room") if event.status is EventStatus.BLOCKED]
    assert {(event.text, event.blocked_by) for event in blocked} >= {("ready", "taken_over")}
    assert "ready" not in party.heard("ada")


async def test_handing_back_unmutes_nobody(party: Party) -> None:
    """R-0008-22."""
    await party.agent("bot")
    await party.kit.mute("room", "bot")

    await party.kit.take_over("room", "bot", by="boss")
    await party.kit.hand_back("room", "bot")

    binding = await party.kit.get_binding("room", "bot")
    assert binding is not None
    assert (binding.muted, binding.taken_over_by) == (True, None)


async def test_somebody_else_may_take_over_from_who_took_over(party: Party) -> None:
    await party.agent("bot")
    await party.kit.take_over("room", "bot", by="boss")

    binding = await party.kit.take_over("room", "bot", by="chief")

    assert binding.taken_over_by == "chief"
    assert len(party.reported("agent_taken_over")) == 2


async def test_a_hook_may_take_over_in_the_middle_of_an_event(party: Party) -> None:
    """R-0008-21: the timeline has it after the event the hook decided about."""
    await party.joins("ada")
    agent = await party.agent("bot")

    @party.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def escalate(event: RoomEvent, _: RoomContext) -> None:
        if "human" in event.text:
            await party.kit.take_over("room", "bot", by="boss")

    await party.says("ada", "a human, please")
    async with asyncio.timeout(1):
        while len(await party.timeline()) < 2:  # noqa: ASYNC110 -- the timeline has no event to wait for
            await asyncio.sleep(0)

    assert await party.timeline() == ["a human, please", "boss took over from bot"]
    assert [binding and binding.taken_over_by for binding in agent.bindings] == [None, "boss"]


async def test_taking_over_what_cannot_be_is_an_error(party: Party) -> None:
    await party.joins("ada")
    await party.agent("bot")
    with pytest.raises(ConfigError, match="no agent"):
        await party.kit.take_over("room", "ada", by="boss")
    with pytest.raises(ConfigError, match="participant"):
        await party.kit.take_over("room", "bot", by="")
    with pytest.raises(NotFoundError, match="ghost"):
        await party.kit.take_over("room", "ghost", by="boss")
    with pytest.raises(NotFoundError, match="nowhere"):
        await party.kit.hand_back("nowhere", "bot")
    await party.kit.close_room("room")
    with pytest.raises(AccessDeniedError, match="closed"):
        await party.kit.take_over("room", "bot", by="boss")


async def test_a_voice_agent_that_is_taken_over_is_not_heard_but_hears() -> None:
    """R-0008-23."""
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    async with RoomKit() as kit:
        kit.register_channel(voice)
        session = await voice.start_session("room", "caller", "connection")
        pcm = b"\x01\x00" * 240

        await provider.simulate_audio(session, pcm)
        heard_before = len(transport.sent_audio)
        await kit.take_over("room", "voice", by="boss")
        await provider.simulate_audio(session, pcm)
        heard_meanwhile = len(transport.sent_audio) - heard_before
        listened = len(provider.sent_audio)
        await transport.simulate_client_audio(session, pcm)
        await provider.simulate_transcription(session, "is anybody there", role="user")
        said = [event.text for event in await kit.get_timeline("room")]
        listened = len(provider.sent_audio) - listened
        await kit.hand_back("room", "voice")
        await provider.simulate_audio(session, pcm)

        assert heard_before > 0
        assert heard_meanwhile == 0
        assert listened > 0
        assert said[-1] == "is anybody there"
        assert len(transport.sent_audio) > heard_before


async def test_what_a_taken_over_voice_agent_would_say_is_shown_to_nobody() -> None:
    """R-0008-20, R-0008-23."""
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    async with RoomKit() as kit:
        kit.register_channel(voice)
        session = await voice.start_session("room", "caller", "connection")
        party = Party(kit)
        await party.joins("boss")

        await kit.take_over("room", "voice", by="boss")
        await provider.simulate_transcription(session, "May I", role="assistant", is_final=False)
        await provider.simulate_transcription(session, "May I help you?", role="assistant")
        await kit.hand_back("room", "voice")
        await provider.simulate_transcription(session, "I am back", role="assistant")

        shown = [message["text"] for _, message in transport.sent_messages if message["type"] == "transcription"]
        assert shown == ["I am back"]
        assert [text for text in party.heard("boss") if "May I" in text] == []


async def test_what_a_supervisor_writes_is_context_for_the_voice_agent_not_a_question_to_it() -> None:
    """R-0008-23."""
    provider = MockRealtimeProvider()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport())
    async with RoomKit() as kit:
        kit.register_channel(voice)
        await voice.start_session("room", "caller", "connection")
        party = Party(kit)
        await party.joins("boss")

        await kit.take_over("room", "voice", by="boss")
        await party.says("boss", "I will call her back")
        await kit.hand_back("room", "voice")
        await kit.send_event("room", "boss", TextContent(body="go on"))

        injected = [(call.args["text"], call.args["silent"]) for call in provider.calls if call.method == "inject_text"]
        assert injected == [("I will call her back", True), ("go on", False)]


async def test_who_took_over_is_remembered_across_a_restart(tmp_path: Path) -> None:
    """R-0008-24."""
    model = MockAIProvider(["never"])
    for restarted in (False, True):
        async with RoomKit(tmp_path / "rooms.db") as kit:
            kit.register_channel(AIChannel("bot", model))
            if not restarted:
                await kit.create_room("room")
                await kit.attach_channel("room", "bot")
                await kit.take_over("room", "bot", by="boss")
                continue
            party = Party(kit)
            await party.joins("ada")

            await party.says("ada", "still there?")

            binding = await kit.get_binding("room", "bot")
            assert binding is not None
            assert (binding.taken_over_by, model.calls) == ("boss", [])

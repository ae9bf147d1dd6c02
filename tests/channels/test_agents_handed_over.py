"""A call changes hands between named agents: by a tool, a hook or code (RFC 0008, R-0008-40..48)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from roomkit.channels.realtime_voice import RealtimeVoiceChannel
from roomkit.errors import ConfigError, NotFoundError, ProviderLostError, ProviderRefusedError, SessionStateError
from roomkit.kit import RoomKit
from roomkit.models.content import SystemContent
from roomkit.models.enums import EventType, HookTrigger
from roomkit.models.hook import HookResult
from roomkit.models.session import VoiceSession
from roomkit.models.tool_call import Tool
from roomkit.testing.virtual_time import VirtualClock
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.mock import MOCK_PROFILE, MockRealtimeProvider, MockRealtimeTransport
from roomkit.voice.realtime.profile import Profile

pytestmark = pytest.mark.virtual_time

BILLING = Agent("billing", description="Invoices and refunds.", system_prompt="You do billing.", handoffs=["reception"])
RECEPTION = Agent("reception", system_prompt="You answer the phone.", handoffs=[BILLING])


class Desk:
    """A kit with one call at a channel on mocks."""

    def __init__(self, *agents: Agent, provider: MockRealtimeProvider | None = None, **settings: Any) -> None:
        self.provider = provider or MockRealtimeProvider()
        self.transport = MockRealtimeTransport()
        self.kit = RoomKit(clock=VirtualClock())
        self.channel = RealtimeVoiceChannel(
            "voice", provider=self.provider, transport=self.transport, agents=agents, **settings
        )
        self.kit.register_channel(self.channel)

    async def __aenter__(self) -> Desk:
        self.call: VoiceSession = await self.channel.start_session("room", "ada")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kit.close()

    async def agent_calls(self, name: str, call_id: str = "c1", **arguments: str) -> dict[str, Any]:
        """The agent calls a tool; what it is told, once everything has settled."""
        await self.provider.simulate_tool_call(self.call, call_id, name, arguments)
        await asyncio.sleep(0.1)
        told: dict[str, Any] = json.loads(
            next(output for _, each, output in reversed(self.provider.tool_results) if each == call_id)
        )
        return told

    async def handoffs(self) -> list[dict[str, Any]]:
        events = await self.kit.get_timeline("room")
        return [event.metadata["handoff"] for event in events if "handoff" in event.metadata]


def configs(provider: MockRealtimeProvider) -> list[LinkConfig]:
    """What its links were told to be, oldest first."""
    return [call.args["config"] for call in provider.calls if call.method in ("connect", "update_session")]


def tools(config: LinkConfig) -> list[str]:
    return [tool.name for tool in config.tools]


async def test_the_first_agent_takes_the_call_and_may_transfer_it_to_those_it_names() -> None:
    async with Desk(RECEPTION, tools=[Tool("opening_hours")]) as desk:
        (config,) = configs(desk.provider)

        assert desk.call.agent == "reception"
        assert config.instructions == "You answer the phone."
        assert tools(config) == ["opening_hours", "transfer_to_billing"]
        assert "Invoices and refunds." in config.tools[1].description


async def test_a_session_may_begin_with_another_agent() -> None:
    desk = Desk(RECEPTION)

    call = await desk.channel.start_session("room", "ada", metadata={"agent": "billing", "system_prompt": "For Ada."})

    assert call.agent == "billing"
    assert configs(desk.provider)[0].instructions == "For Ada."
    assert tools(configs(desk.provider)[0]) == ["transfer_to_reception"]
    await desk.kit.close()


async def test_the_first_agents_greeting_is_said_unless_the_session_has_its_own() -> None:
    desk = Desk(Agent("reception", greeting="Bakery, hello."), greeting="Hello.")

    for caller, metadata in (("ada", {}), ("bob", {"greeting": "Hello Bob."}), ("eve", {"greeting": None})):
        await desk.channel.start_session("room", caller, metadata=metadata)

    said = [call.args["text"] for call in desk.provider.calls if call.method == "speak"]
    assert said == ["Bakery, hello.", "Hello Bob."]
    await desk.kit.close()


async def test_a_sessions_own_tools_stand_beside_the_transfers() -> None:
    desk = Desk(RECEPTION, tools=[Tool("opening_hours")])

    await desk.channel.start_session("room", "ada", metadata={"tools": [Tool("vip")]})

    assert tools(configs(desk.provider)[0]) == ["vip", "transfer_to_billing"]
    with pytest.raises(ConfigError, match="transfer_to_billing"):
        await desk.channel.start_session("room", "bob", metadata={"tools": [Tool("transfer_to_billing")]})
    await desk.kit.close()


@pytest.mark.parametrize("arguments", ['{"summary": 7}', '{"reason": ["x"]}', "[]", "{", '"x"', '{"summary": null}'])
async def test_rubbish_in_a_transfer_hands_nothing_over_and_the_agent_is_told(arguments: str) -> None:
    async with Desk(RECEPTION) as desk:
        await desk.provider.simulate_tool_call(desk.call, "c1", "transfer_to_billing", arguments)

        assert "error" in json.loads(desk.provider.tool_results[0][2])
        assert desk.call.agent == "reception"


async def test_a_summary_without_end_is_cut() -> None:
    async with Desk(RECEPTION) as desk:
        await desk.agent_calls("transfer_to_billing", summary="x" * 100_000)

        (handoff,) = await desk.handoffs()
        assert len(handoff["summary"]) == 4_000


async def test_a_transfer_happens_in_place_and_the_next_agent_answers() -> None:
    async with Desk(RECEPTION) as desk:
        told = await desk.agent_calls("transfer_to_billing", reason="refund", summary="Ada, order 12.")

        assert "error" not in told
        assert desk.call.agent == "billing"
        assert desk.provider.methods()[1:] == ["tool_result", "update_session", "inject_text", "ask_for_response"]
        assert desk.provider.calls[1].args["asks"] is False, "the old agent must not answer any more"
        assert configs(desk.provider)[-1].instructions == "You do billing."
        assert tools(configs(desk.provider)[-1]) == ["transfer_to_reception"]
        (_, note, role) = desk.provider.injected_texts[0]
        assert role == "system"
        assert "refund" in note and "Ada, order 12." in note and "reception" in note


async def test_the_rooms_timeline_shows_who_handed_over_to_whom_and_why() -> None:
    async with Desk(RECEPTION) as desk:
        await desk.agent_calls("transfer_to_billing", reason="refund", summary="Ada, order 12.")
        (event,) = await desk.kit.get_timeline("room")

        assert event.type is EventType.SYSTEM
        assert isinstance(event.content, SystemContent)
        assert event.content.code == "agent_handed_over"
        assert event.source.channel_id == "voice"
        assert event.metadata["handoff"] == {
            "from": "reception",
            "to": "billing",
            "reason": "refund",
            "summary": "Ada, order 12.",
            "session": desk.call.id,
        }


async def test_a_transfer_to_another_provider_opens_its_link_and_leaves_the_old_vendors_voice_behind() -> None:
    other = MockRealtimeProvider(profile=Profile("other"))
    billing = Agent("billing", provider=other, greeting="Billing here.")
    async with Desk(Agent("reception", handoffs=[billing]), voice="alloy", provider_config={"speed": 1.1}) as desk:
        await desk.agent_calls("transfer_to_billing", summary="Ada.")

        assert desk.provider.methods()[-2:] == ["tool_result", "disconnect"]
        assert desk.provider.calls[-2].args["asks"] is False
        assert (configs(other)[0].voice, configs(other)[0].provider_config) == (None, {})
        assert "ask_for_response" not in other.methods(), "who greets need not be asked as well"
        assert other.methods()[-2:] == ["inject_text", "speak"]


async def test_an_agent_without_a_provider_brings_the_call_back_to_the_channels() -> None:
    other = MockRealtimeProvider(profile=Profile("other"))
    away = Agent("away", provider=other, voice="Puck")
    async with Desk(Agent("home", handoffs=[away]), away, voice="alloy") as desk:
        await desk.channel.hand_over_to(desk.call, "away")
        await desk.channel.hand_over_to(desk.call, "home")

        assert configs(other)[0].voice == "Puck"
        assert [config.voice for config in configs(desk.provider)] == ["alloy", "alloy"]
        assert other.methods()[-1] == "disconnect"


async def test_on_a_stand_in_of_another_vendor_an_agent_goes_without_its_voice() -> None:
    second = MockRealtimeProvider(profile=Profile("second"))
    desk = Desk(Agent("one", voice="alloy"), Agent("two", voice="echo", provider_config={"speed": 2}))
    desk.provider.refuse_with = [ProviderLostError("down")] * 100
    channel = RealtimeVoiceChannel(
        "spare",
        provider=[desk.provider, Agent("stand-in", provider=second, voice="Puck")],
        transport=MockRealtimeTransport(),
        agents=[Agent("one", voice="alloy"), Agent("two", voice="echo", provider_config={"speed": 2})],
    )
    call = await channel.start_session("room", "ada")

    await channel.hand_over_to(call, "two")

    assert (call.agent, call.provider) == ("two", "second"), "it stays where it is"
    assert [(config.voice, config.provider_config) for config in configs(second)] == [("Puck", {})] * 2
    await channel.close()
    await desk.kit.close()


async def test_what_an_agent_leaves_out_is_the_channels_not_the_agents_before_it() -> None:
    first = Agent("first", system_prompt="First.", temperature=0.2, tools=[Tool("only_first")])
    async with Desk(first, Agent("second"), system_prompt="Everybody.", voice="alloy", tools=[Tool("shared")]) as desk:
        await desk.channel.hand_over_to(desk.call, "second")

        config = configs(desk.provider)[-1]
        assert (config.instructions, config.voice, config.temperature) == ("Everybody.", "alloy", None)
        assert tools(config) == ["shared"]


async def test_what_would_only_be_taken_away_takes_a_new_link_for_a_vendor_keeps_what_it_is_not_told_of() -> None:
    async with Desk(Agent("first", system_prompt="First."), Agent("second")) as desk:
        await desk.channel.hand_over_to(desk.call, "second")

        assert desk.provider.methods().count("connect") == 2
        assert configs(desk.provider)[-1].instructions is None


async def test_code_may_hand_over_to_an_agent_nobody_named() -> None:
    async with Desk(RECEPTION) as desk:
        await desk.channel.hand_over_to(desk.call, Agent("night", system_prompt="It is late."), summary="Ada.")

        assert desk.call.agent == "night"
        assert configs(desk.provider)[-1].instructions == "It is late."
        assert "ask_for_response" not in desk.provider.methods(), "nobody has asked anything"


async def test_a_tool_of_the_users_may_hand_over_and_is_not_waited_for() -> None:
    async def escalate() -> str:
        await desk.channel.hand_over_to(desk.call, "billing", summary="angry")
        return "done"

    desk = Desk(Agent("reception", tools=[Tool("escalate", handler=escalate)], handoffs=[BILLING]))
    desk.call = await desk.channel.start_session("room", "ada")
    await desk.provider.simulate_tool_call(desk.call, "c1", "escalate")
    await asyncio.sleep(0.1)

    assert desk.call.agent == "billing"
    assert desk.provider.methods()[1:4] == ["tool_result", "update_session", "inject_text"]
    await desk.kit.close()


async def test_a_hook_on_what_the_caller_said_may_hand_over() -> None:
    async with Desk(RECEPTION) as desk:

        @desk.kit.hook(HookTrigger.ON_TRANSCRIPTION)
        async def route(event: Any, context: Any) -> None:
            if "invoice" in event.text:
                await desk.channel.hand_over_to(event.session, "billing", reason="invoice")

        await desk.provider.simulate_transcription(desk.call, "my invoice is wrong", role="user")
        await asyncio.sleep(0.1)

        assert desk.call.agent == "billing"
        assert [event.text for event in await desk.kit.get_timeline("room")] == [
            "my invoice is wrong",
            "reception handed the call over to billing",
        ]


async def test_a_hook_that_asks_again_for_who_serves_or_is_about_to_changes_nothing() -> None:
    async with Desk(RECEPTION) as desk:

        @desk.kit.hook(HookTrigger.ON_TRANSCRIPTION)
        async def route(event: Any, context: Any) -> None:
            await desk.channel.hand_over_to(event.session, "billing")

        await desk.provider.simulate_response_start(desk.call)
        await desk.provider.simulate_transcription(desk.call, "my invoice", role="user")
        await desk.provider.simulate_transcription(desk.call, "is wrong", role="user")
        await desk.provider.simulate_response_end(desk.call)
        await asyncio.sleep(0.1)
        await desk.provider.simulate_transcription(desk.call, "all of it", role="user")
        await asyncio.sleep(0.1)

        said = [event.text for event in await desk.kit.get_timeline("room")]
        assert said[:2] == ["my invoice", "is wrong"]
        assert said[-1] == "all of it", "no hook failed, so no words were blocked"
        assert len(await desk.handoffs()) == 1


async def test_a_hook_of_the_room_may_hand_over_although_it_holds_the_rooms_lock() -> None:
    async with Desk(RECEPTION) as desk:

        @desk.kit.hook(HookTrigger.BEFORE_BROADCAST)
        async def route(event: Any, context: Any) -> None:
            if event.text == "refund!":
                await desk.channel.hand_over_to(desk.call, "billing")

        await desk.provider.simulate_response_start(desk.call)
        await asyncio.sleep(0)
        await desk.kit.send_event("room", "voice", desk_text("refund!"))
        still = desk.call.agent
        await desk.provider.simulate_response_end(desk.call)
        await asyncio.sleep(0.1)

        assert (still, desk.call.agent) == ("reception", "billing")


async def test_a_blocked_transfer_hands_nothing_over() -> None:
    async with Desk(RECEPTION) as desk:

        @desk.kit.hook(HookTrigger.BEFORE_TOOL_USE)
        def closed(event: Any, context: Any) -> HookResult:
            return HookResult.block("billing is closed")

        assert await desk.agent_calls("transfer_to_billing") == {"error": "billing is closed"}
        assert desk.call.agent == "reception"
        assert await desk.handoffs() == []


async def test_the_agent_is_heard_to_the_end_before_the_call_changes_hands() -> None:
    async with Desk(RECEPTION) as desk:
        await desk.provider.simulate_response_start(desk.call)
        handing_over = asyncio.get_running_loop().create_task(desk.channel.hand_over_to(desk.call, "billing"))
        await asyncio.sleep(1)
        while_speaking = desk.call.agent
        await desk.provider.simulate_response_end(desk.call)
        await handing_over

        assert (while_speaking, desk.call.agent) == ("reception", "billing")


async def test_of_two_transfers_at_once_the_first_counts_and_the_second_agent_is_told_why() -> None:
    sales = Agent("sales")
    async with Desk(Agent("reception", handoffs=[BILLING, sales, "reception"])) as desk:
        await desk.provider.simulate_response_start(desk.call)
        provider, call = desk.provider, desk.call
        first = asyncio.get_running_loop().create_task(provider.simulate_tool_call(call, "c1", "transfer_to_billing"))
        second = asyncio.get_running_loop().create_task(provider.simulate_tool_call(call, "c2", "transfer_to_sales"))
        await asyncio.sleep(0.1)
        await provider.simulate_response_end(call)
        await asyncio.gather(first, second)
        await asyncio.sleep(0.1)

        told = {call_id: json.loads(output) for _, call_id, output in provider.tool_results}
        assert told["c2"] == {"error": "the call is being handed over to billing already"}
        assert call.agent == "billing"
        assert [handoff["to"] for handoff in await desk.handoffs()] == ["billing"]


async def test_code_that_hands_over_meanwhile_is_told_so() -> None:
    async with Desk(RECEPTION, Agent("sales")) as desk:
        await desk.provider.simulate_response_start(desk.call)
        handing_over = asyncio.get_running_loop().create_task(desk.channel.hand_over_to(desk.call, "billing"))
        await asyncio.sleep(0.1)
        with pytest.raises(SessionStateError, match="billing already"):
            await desk.channel.hand_over_to(desk.call, "sales")
        await desk.provider.simulate_response_end(desk.call)
        await handing_over

        assert desk.call.agent == "billing"


async def test_agents_that_pass_a_silent_caller_around_are_stopped() -> None:
    async with Desk(RECEPTION) as desk:
        told = [
            await desk.agent_calls("transfer_to_billing" if n % 2 == 0 else "transfer_to_reception", f"c{n}")
            for n in range(4)
        ]
        await desk.provider.simulate_speech_start(desk.call)
        await desk.provider.simulate_speech_end(desk.call)
        after_a_turn = await desk.agent_calls("transfer_to_reception", "c9")

        assert ["error" in each for each in told] == [False, False, False, True]
        assert "error" not in after_a_turn
        assert desk.call.agent == "reception"


async def test_a_handoff_whose_link_is_refused_leaves_the_old_agent_which_answers() -> None:
    other = MockRealtimeProvider(profile=Profile("other"))
    other.refuse_with = [ProviderRefusedError("no such model")]
    async with Desk(Agent("reception", handoffs=[Agent("billing", provider=other)])) as desk:
        await desk.provider.simulate_response_start(desk.call)
        provider, call = desk.provider, desk.call
        await provider.simulate_tool_call(call, "c1", "transfer_to_billing")
        await provider.simulate_response_end(call)
        await asyncio.sleep(0.1)

        assert call.agent == "reception"
        assert provider.methods()[-1] == "ask_for_response" or provider.calls[-1].args.get("asks") is True
        assert any("could not be handed over" in text for _, text, _ in provider.injected_texts)
        assert [message["code"] for message in desk.transport.messages(call, "error")] == ["handover_failed"]
        assert await desk.handoffs() == []


async def test_a_link_that_drops_in_the_middle_takes_no_answer_with_it() -> None:
    other = MockRealtimeProvider(profile=Profile("other"))
    async with Desk(Agent("reception", handoffs=[Agent("billing", provider=other)])) as desk:
        provider, call = desk.provider, desk.call
        await provider.simulate_response_start(call)
        await provider.simulate_tool_call(call, "c1", "transfer_to_billing")
        await provider.simulate_disconnect(call)
        await asyncio.sleep(0.5)

        assert call.agent == "billing"
        assert other.methods().count("ask_for_response") == 1
        assert [output for _, call_id, output in other.tool_results if call_id == "c1"] != []


async def test_code_is_told_when_the_link_is_refused() -> None:
    other = MockRealtimeProvider(profile=Profile("other"))
    other.refuse_with = [ProviderRefusedError("no such model")]
    async with Desk(RECEPTION) as desk:
        with pytest.raises(ProviderRefusedError):
            await desk.channel.hand_over_to(desk.call, Agent("billing", provider=other))
        await desk.channel.hand_over_to(desk.call, "billing")

        assert desk.call.agent == "billing"


async def test_a_call_that_ends_meanwhile_is_not_handed_over() -> None:
    async with Desk(RECEPTION) as desk:
        await desk.provider.simulate_response_start(desk.call)
        handing_over = asyncio.get_running_loop().create_task(desk.channel.hand_over_to(desk.call, "billing"))
        await asyncio.sleep(0.1)
        await desk.channel.end_session(desk.call)

        with pytest.raises(SessionStateError):
            await handing_over
        assert desk.call.agent == "reception"


async def test_reconfigured_tools_keep_the_transfers() -> None:
    async with Desk(RECEPTION) as desk:
        await desk.channel.reconfigure_session(desk.call, tools=[Tool("refund")])

        assert tools(configs(desk.provider)[-1]) == ["refund", "transfer_to_billing"]


async def test_an_unknown_agent_is_an_error_that_names_those_there_are() -> None:
    async with Desk(RECEPTION) as desk:
        with pytest.raises(NotFoundError, match="there are: billing, reception"):
            await desk.channel.hand_over_to(desk.call, "sales")
        with pytest.raises(NotFoundError, match="'sales'"):
            await desk.channel.start_session("room", "bob", metadata={"agent": "sales"})


@pytest.mark.parametrize("name", ["", "front desk", "büro", "a" * 49, "x\n", 7, None])
def test_a_name_that_cannot_be_part_of_a_tools_name_is_refused(name: Any) -> None:
    with pytest.raises(ConfigError, match="name"):
        Agent(name)


@pytest.mark.parametrize("handoffs", ["billing", [7], [None]])
def test_handoffs_are_agents_or_names(handoffs: Any) -> None:
    with pytest.raises(ConfigError, match="handoffs"):
        Agent("a", handoffs=handoffs)


@pytest.mark.parametrize(
    ("agents", "message"),
    [
        ([Agent("a"), Agent("a")], "two agents"),
        ([Agent("a", handoffs=["nobody"])], "'nobody'.*there are: a"),
        ([Agent("a", handoffs=["b"], tools=[Tool("transfer_to_b")]), Agent("b")], "transfer_to_b"),
        (["a"], "Agent objects"),
    ],
)
def test_agents_that_do_not_fit_together_are_refused_when_the_channel_is_made(agents: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Desk(*agents)


def test_the_channels_tools_may_not_have_the_name_of_a_transfer() -> None:
    with pytest.raises(ConfigError, match="transfer_to_billing"):
        Desk(RECEPTION, tools=[Tool("transfer_to_billing")])


def test_every_agent_must_be_able_to_hold_its_answers_if_the_channel_wants_so() -> None:
    hasty = MockRealtimeProvider(profile=Profile("hasty"))

    with pytest.raises(ConfigError, match="hasty"):
        Desk(Agent("a", provider=hasty), provider=MockRealtimeProvider(profile=MOCK_PROFILE), hold_answers=True)


def desk_text(text: str) -> Any:
    from roomkit.models.content import TextContent

    return TextContent(body=text)

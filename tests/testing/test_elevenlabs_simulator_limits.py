"""Who is let in to the simulated ElevenLabs server, how long a conversation lasts, and what each end is told by."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from roomkit.testing import ElevenLabsSimulator, Script, SimulatedAgent, VirtualClock, hear, say
from roomkit.testing.simulators.elevenlabs.server import PATH
from roomkit.voice.wires.port import Endpoint, WireClosed, WireRefused
from tests.testing.elevenlabs_talk import BEGIN, URL, Client, begun

pytestmark = pytest.mark.virtual_time

BRANCHES = ("&branch_id=main", "", "&branch_id=other")

# --- who is let in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("wss://simulated/v1/other?agent_id=a", {}),
        (f"wss://simulated{PATH}", {}),
        (f"wss://simulated{PATH}?agent_id=other", {"xi-api-key": "xi-right"}),
    ],
)
async def test_an_agent_that_is_not_there_is_not_found(url: str, headers: dict[str, str]) -> None:
    simulator = ElevenLabsSimulator(agent_id="agent_1", api_key="xi-right")

    with pytest.raises(WireRefused) as refused:
        await Client().dial(simulator, url, **headers)

    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("", {"xi-api-key": "xi-wrong"}),
        ("&conversation_signature=made_up", {}),
        ("&conversation_signature=made_up", {"xi-api-key": "xi-right"}),
    ],
)
async def test_who_may_not_come_in_is_hung_up_on(query: str, headers: dict[str, str]) -> None:
    simulator = ElevenLabsSimulator(agent=SimulatedAgent(is_private=True), api_key="xi-right")

    client = await Client().dial(simulator, URL + query, **headers)
    await asyncio.sleep(0.01)

    assert client.events == []
    assert client.closed is not None and client.closed.code == 1008


async def test_a_branch_that_is_not_there_is_a_request_error() -> None:
    simulator = ElevenLabsSimulator(agent=SimulatedAgent(branch_ids=frozenset({"main"})))

    theirs, none, other = [
        await Client().dial(simulator, URL + query) for query in ("&branch_id=main", "", "&branch_id=x")
    ]
    await asyncio.sleep(0.01)

    assert theirs.closed is None and none.closed is None
    assert other.closed is not None and (other.closed.code, other.closed.reason) == (3000, "Request error")


async def test_a_signed_url_opens_conversations_within_15_minutes() -> None:
    simulator = ElevenLabsSimulator(agent=SimulatedAgent(is_private=True), clock=VirtualClock())
    signed = simulator.signed_url("agent_1")

    first = await Client().dial(simulator, signed)
    await asyncio.sleep(14 * 60)
    second = await Client().dial(simulator, signed)
    await asyncio.sleep(60)
    late = await Client().dial(simulator, signed)
    await asyncio.sleep(0.01)

    assert second.closed is None
    assert late.closed is not None and late.closed.code == 1008
    assert first.closed is None or first.closed.code != 1008


async def test_a_signed_url_for_one_conversation_opens_one() -> None:
    simulator = ElevenLabsSimulator(agent=SimulatedAgent(is_private=True))
    signed = simulator.signed_url("agent_1", opens_once=True)

    first, second = await Client().dial(simulator, signed), await Client().dial(simulator, signed)
    await asyncio.sleep(0.01)

    assert first.closed is None
    assert second.closed is not None and second.closed.code == 1008


# --- how long it lasts ----------------------------------------------------------------------------------------------


async def test_a_client_that_answers_no_ping_is_given_up() -> None:
    agent = SimulatedAgent(ping_interval_ms=1_000, pong_timeout_ms=3_000)
    wire = await ElevenLabsSimulator(agent=agent).dial(Endpoint(URL))
    closes: list[WireClosed] = []
    wire.start(lambda _: None, closes.append)

    wire.send(json.dumps(BEGIN))
    await asyncio.sleep(5)

    assert [close.code for close in closes] == [1011]


@pytest.mark.parametrize("override", [{}, {"conversation": {"max_duration_seconds": 30}}])
async def test_the_longest_duration_ends_it_with_an_error_and_a_normal_close(override: dict[str, Any]) -> None:
    client = await begun(agent=SimulatedAgent(max_duration_s=60), conversation_config_override=override)

    await asyncio.sleep(29)
    assert client.closed is None
    await asyncio.sleep(32)

    assert client.of("error")[0]["error_type"] == "max_duration_exceeded"
    assert client.closed is not None
    assert client.closed.code == 1000


@pytest.mark.parametrize(
    "sign", [{"type": "user_activity"}, {"user_audio_chunk": base64.b64encode(bytes(640)).decode()}]
)
async def test_a_caller_of_whom_nothing_comes_is_hung_up_on(sign: dict[str, Any]) -> None:
    client = await begun(agent=SimulatedAgent(silence_end_call_timeout_s=20))

    for _ in range(3):
        await asyncio.sleep(15)
        client.says(sign)
    await asyncio.sleep(19)
    assert client.closed is None
    await asyncio.sleep(1.1)

    assert client.closed is not None and client.closed.code == 1000
    assert client.of("error") == []  # the vendor has no name for it


async def test_who_listens_is_not_silent() -> None:
    agent = SimulatedAgent(silence_end_call_timeout_s=20)
    client = await begun(Script(hear("text"), say("A story.", seconds=60)), agent)

    client.says({"type": "user_message", "text": "Tell me a story"})
    await asyncio.sleep(79)
    assert client.closed is None
    await asyncio.sleep(1.1)

    assert client.closed is not None and client.closed.code == 1000


async def test_pongs_and_context_are_no_signs_of_a_caller() -> None:
    client = await begun(agent=SimulatedAgent(silence_end_call_timeout_s=5))

    for _ in range(5):
        await asyncio.sleep(1)
        client.says({"type": "contextual_update", "text": "The page was left open."})
    await asyncio.sleep(0.1)

    assert client.closed is not None and client.closed.code == 1000


async def test_an_agent_that_was_not_told_to_waits_for_ever() -> None:
    client = await begun(agent=SimulatedAgent(max_duration_s=4_000))

    await asyncio.sleep(3_600)

    assert client.closed is None

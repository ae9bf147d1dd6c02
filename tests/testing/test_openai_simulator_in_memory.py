"""The simulator in memory: who gets in, what is recorded, and long calls that pass at once, the same way each time."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter

import pytest

from roomkit.testing import OpenAISimulator, Script, VirtualClock, hear, loop, say
from roomkit.voice.wires.port import Endpoint, WireRefused
from tests.testing.openai_client import ENDPOINT, Client, settle

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize(
    ("endpoint", "status"),
    [
        (Endpoint(ENDPOINT.url), 401),
        (Endpoint(ENDPOINT.url, {"authorization": "Bearer sk-other"}), 401),
        (Endpoint("wss://api.openai.com/v2/live?model=x", ENDPOINT.headers), 404),
    ],
)
async def test_who_may_not_come_in_is_refused_before_the_upgrade(endpoint: Endpoint, status: int) -> None:
    with pytest.raises(WireRefused) as refused:
        await OpenAISimulator(api_key="sk-test").dial(endpoint)

    assert refused.value.status == status


@pytest.mark.parametrize(
    ("url", "headers", "code", "close"),
    [
        (ENDPOINT.url, {"Authorization": "Bearer sk-other"}, "invalid_api_key", 3000),
        (ENDPOINT.url, {**ENDPOINT.headers, "OpenAI-Beta": "realtime=v1"}, "beta_api_shape_disabled", 4000),
        ("wss://api.openai.com/v1/realtime", ENDPOINT.headers, "missing_model", 4000),
    ],
)
async def test_some_refusals_come_only_after_the_upgrade(
    url: str, headers: dict[str, str], code: str, close: int
) -> None:
    client = await Client.dial(OpenAISimulator(api_key="sk-test", bad_key="close"), Endpoint(url, headers))

    assert [event["error"]["code"] for _, event in client.heard] == [code]
    assert client.closed is not None
    assert (client.closed.code, client.closed.reason) == (close, f"invalid_request_error.{code}")


async def test_a_browser_passes_its_key_as_a_subprotocol() -> None:
    endpoint = Endpoint(ENDPOINT.url, subprotocols=("realtime", "openai-insecure-api-key.sk-test"))

    client = await Client.dial(OpenAISimulator(api_key="sk-test"), endpoint)

    assert client.times_of("session.created") == [0]


async def test_audio_is_counted_in_the_record_and_not_kept() -> None:
    simulator = OpenAISimulator(clock=VirtualClock())
    client = await Client.dial(simulator)

    for _ in range(50):
        await client.says("input_audio_buffer.append", audio=base64.b64encode(bytes(960)).decode())
    await client.says("input_audio_buffer.clear")

    assert simulator.received == [
        {"type": "input_audio_buffer.append", "count": 50, "audio_bytes": 48_000},
        {"type": "input_audio_buffer.clear"},
    ]
    assert "0 sess_1 <- input_audio_buffer.append x50 (48000 bytes)" in simulator.log


async def test_the_callers_audio_is_kept_on_request() -> None:
    simulator = OpenAISimulator(keep_audio=True)
    client = await Client.dial(simulator)

    for pcm in (b"\x01\x00", b"\x02\x00"):
        await client.says("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    assert simulator.sessions[0].caller_audio == b"\x01\x00\x02\x00"


async def test_the_log_can_be_followed_as_it_is_written() -> None:
    lines: list[str] = []
    simulator = OpenAISimulator(on_log=lines.append)
    client = await Client.dial(simulator)

    await client.types("Hello")

    assert lines == simulator.log


async def test_two_runs_of_a_call_give_the_same_log() -> None:
    logs = [await log_of_a_call(), await log_of_a_call()]

    assert logs[0] == logs[1]
    assert len(logs[0]) > 30


async def test_half_an_hour_of_speech_passes_at_once() -> None:
    wire = await OpenAISimulator(Script(hear("commit"), say(seconds=1_800, pace="realtime"))).dial(ENDPOINT)
    sizes: Counter[int] = Counter()
    wire.start(lambda message: sizes.update([len(message) // 1_000]), lambda _: None)

    wire.send(json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(4_800)).decode()}))
    wire.send(json.dumps({"type": "input_audio_buffer.commit"}))
    wire.send(json.dumps({"type": "response.create"}))
    await settle(1_800_100)

    assert sizes[1] >= 90_000, "20 ms of audio is 1.3 kB in base64"


async def log_of_a_call() -> list[str]:
    begin_ms = asyncio.get_running_loop().time() * 1000
    simulator = OpenAISimulator(Script(hear(), say(seconds=3, pace="realtime"), loop()), clock=VirtualClock())
    client = await Client.dial(simulator)
    for _ in range(3):
        await client.speaks()
        await settle(1_000)
    lines = (line.split(" ", 1) for line in simulator.log)
    return [f"{float(at_ms) - begin_ms:.0f} {rest}" for at_ms, rest in lines]

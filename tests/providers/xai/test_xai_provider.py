"""The provider as a session meets it: its settings, opening links with a simulated xAI, and what it keeps secret."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from roomkit.errors import ConfigError, ProviderLostError, ProviderRefusedError
from roomkit.providers.xai.config import XAIRealtimeConfig
from roomkit.testing import Script, XAISimulator, call_tool, drop, error, expect, expect_tool_result, hear, say
from roomkit.voice.realtime.commands import InjectText, LinkConfig, Speak, ToolResult, ToolSpec
from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.realtime.provider_events import (
    LinkLost,
    LinkReady,
    ResponseDone,
    Resumable,
    ToolCall,
    Transcript,
)
from roomkit.voice.realtime.providers.xai import XAIRealtimeProvider
from roomkit.voice.wires.port import Endpoint, WirePort, WireRefused
from tests.testing.sinks import Sink

KEY = "xai-test-0123456789"


@pytest.fixture
def sink() -> Sink:
    return Sink()


def provider_of(simulator: XAISimulator, **settings: Any) -> XAIRealtimeProvider:
    return XAIRealtimeProvider(**{"api_key": KEY, "dial": simulator.dial, **settings})


# --- settings -----------------------------------------------------------------------------------------------------


def test_the_defaults_are_the_guides() -> None:
    config = XAIRealtimeConfig()

    assert (config.model, config.voice, config.transcription_model) == ("grok-3-fast", "eve", "grok-2-audio")


@pytest.mark.parametrize("settings", [{"model": ""}, {"voice": ""}, {"tempo": 1}])
def test_rubbish_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        XAIRealtimeConfig(**settings)


async def test_the_key_comes_from_the_environment_at_each_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = XAIRealtimeProvider()
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="set XAI_API_KEY"):
        await provider.endpoint(LinkConfig("s"))

    monkeypatch.setenv("XAI_API_KEY", "xai-rotated")

    assert (await provider.endpoint(LinkConfig("s"))).headers == {"Authorization": "Bearer xai-rotated"}


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        (None, "wss://api.x.ai/v1/realtime"),
        ("http://127.0.0.1:9", "ws://127.0.0.1:9/v1/realtime"),
        ("ws://host/v1", "ws://host/v1/realtime"),
        ("wss://host/v1/realtime/", "wss://host/v1/realtime"),
        ("https://proxy/xai/v1", "wss://proxy/xai/v1/realtime"),
    ],
)
def test_the_address_is_found_from_any_form_of_base_url(base_url: str | None, address: str) -> None:
    endpoint = XAIRealtimeConfig(api_key=SecretStr(KEY), base_url=base_url).endpoint()

    parts = urlsplit(endpoint.url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == address
    assert parse_qs(parts.query) == {"model": ["grok-voice-latest"]}


def test_a_conversation_is_taken_up_by_its_id() -> None:
    url = XAIRealtimeConfig(api_key=SecretStr(KEY)).endpoint("conv 1&x").url

    assert parse_qs(urlsplit(url).query)["conversation_id"] == ["conv 1&x"]


def test_a_server_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XAI_API_KEY", raising=False)

    assert XAIRealtimeConfig(base_url="ws://127.0.0.1:9").endpoint().headers == {}


@pytest.mark.parametrize("base_url", ["ftp://host", "host", "wss://"])
def test_an_address_that_cannot_work_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        XAIRealtimeConfig(api_key=SecretStr(KEY), base_url=base_url).endpoint()


def test_the_key_is_never_shown() -> None:
    provider = XAIRealtimeProvider(api_key=KEY)

    assert KEY not in repr(provider.config) + str(provider.config) + repr(provider.config.endpoint())


def test_turns_are_asked_of_the_provider() -> None:
    config = LinkConfig("s", provider_config={"turn_detection": None})

    assert XAIRealtimeProvider(api_key=KEY).turn_policy(config) == TurnPolicy(manual=True, answers_by_itself=False)


@pytest.mark.virtual_time
async def test_a_temperature_is_warned_of_once(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    provider = provider_of(XAISimulator())

    with caplog.at_level(logging.WARNING):
        for config in (LinkConfig("s", temperature=0.7), LinkConfig("s", provider_config={"temperature": 1})):
            await (await provider.open_link(config, sink)).close()

    assert [record.message for record in caplog.records] == [
        "xAI's voice agent takes no temperature; ignored. Steer it with instructions"
    ]


# --- calls with a simulated xAI -----------------------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_a_call_with_a_tool_goes_its_whole_way(sink: Sink) -> None:
    simulator = XAISimulator(
        Script(
            expect("session.update", session={"voice": "ara", "turn_detection": {"type": "server_vad"}}),
            hear("text"), say("Let me look."), call_tool("look", {"day": "Fri"}, together=True),
            expect_tool_result("10:30"), say("Half past ten."),
        )
    )  # fmt: skip
    config = LinkConfig("s", tools=(ToolSpec("look", "Look it up", {"type": "object", "properties": {}}),))
    link = await provider_of(simulator, voice="Aria").open_link(config, sink)

    link.send(InjectText("Any slot on Friday?"))
    call = await sink.until(ToolCall)
    link.send(ToolResult(call.call_id, call.name, "10:30"))
    await sink.until(ResponseDone, 2)

    assert [said.text for said in sink.all(Transcript) if said.is_final] == ["Let me look.", "Half past ten."]
    assert sink.all(ResponseDone)[0].usage["billable_s"] > 0
    simulator.assert_done()
    await link.close()


@pytest.mark.virtual_time
async def test_words_are_spoken_as_given_without_the_model(sink: Sink) -> None:
    simulator = XAISimulator(Script(expect("conversation.item.create", item={"type": "force_message"})))
    link = await provider_of(simulator).open_link(LinkConfig("s"), sink)

    link.send(Speak("This call is recorded."))
    await sink.until(ResponseDone)

    assert sink.all(Transcript)[-1].text == "This call is recorded."
    assert "response.create" not in [event["type"] for event in simulator.received]
    simulator.assert_done()
    await link.close()


@pytest.mark.virtual_time
async def test_a_conversation_is_taken_up_where_it_was_left(sink: Sink) -> None:
    simulator = XAISimulator(Script(hear("text"), say("Hello Ada."), hear("text"), drop()))
    provider = provider_of(simulator)
    link = await provider.open_link(LinkConfig("s"), sink)
    handle = (await sink.until(Resumable)).handle
    link.send(InjectText("My name is Ada."))
    await sink.until(ResponseDone)
    link.send(InjectText("And yours?"))
    lost = await sink.until(LinkLost)

    again = Sink()
    link = await provider.open_link(LinkConfig("s", resume=handle), again)

    assert (lost.code, lost.retryable) == ("1006", True)
    assert (await again.until(LinkReady)).is_resumed
    assert again.all(Transcript) == []
    await link.close()


@pytest.mark.virtual_time
async def test_a_conversation_left_for_too_long_is_a_new_one(sink: Sink) -> None:
    simulator = XAISimulator(Script(hear("text"), say("Hello Ada.")))
    provider = provider_of(simulator)
    link = await provider.open_link(LinkConfig("s"), sink)
    link.send(InjectText("My name is Ada."))
    await sink.until(ResponseDone)
    await link.close()
    await asyncio.sleep(31 * 60)

    again = Sink()
    link = await provider.open_link(LinkConfig("s", resume=sink.all(Resumable)[0].handle), again)

    assert not (await again.until(LinkReady)).is_resumed
    assert again.all(Resumable) != sink.all(Resumable)
    await link.close()


@pytest.mark.virtual_time
async def test_the_vendors_limit_ends_the_link_but_not_for_good(sink: Sink) -> None:
    provider = provider_of(XAISimulator())
    link = await provider.open_link(LinkConfig("s"), sink)

    await asyncio.sleep((provider.profile.max_session_ms or 0) / 1000 + 1)

    assert [lost.retryable for lost in sink.all(LinkLost)] == [True]
    await link.close()


@pytest.mark.virtual_time
async def test_a_wrong_key_is_refused_for_good_and_not_shown(sink: Sink) -> None:
    with pytest.raises(ProviderRefusedError, match="check XAI_API_KEY") as refused:
        await provider_of(XAISimulator(api_key="xai-right")).open_link(LinkConfig("s"), sink)

    assert refused.value.code == "http_401"
    assert KEY not in str(refused.value)


@pytest.mark.virtual_time
async def test_a_clash_of_names_never_reaches_the_wire(sink: Sink) -> None:
    simulator = XAISimulator()
    config = LinkConfig("s", tools=(ToolSpec("browse_page", "", {}),), vendor_tools=({"type": "web_search"},))

    with pytest.raises(ConfigError, match="reserves the function name browse_page"):
        await provider_of(simulator).open_link(config, sink)

    assert simulator.sessions == []


async def test_an_unreachable_server_is_worth_another_try(sink: Sink) -> None:
    async def nobody(endpoint: Endpoint) -> WirePort:
        raise WireRefused(0, "no route")

    with pytest.raises(ProviderLostError, match="xAI"):
        await XAIRealtimeProvider(api_key=KEY, dial=nobody).open_link(LinkConfig("s"), sink)


@pytest.mark.virtual_time
async def test_an_error_of_the_server_is_told_and_the_call_goes_on(sink: Sink) -> None:
    simulator = XAISimulator(Script(hear("text"), error("tool_error"), say("Sorry.")))
    link = await provider_of(simulator).open_link(LinkConfig("s"), sink)

    link.send(InjectText("Hello?"))
    await sink.until(ResponseDone)

    assert sink.all(LinkLost) == []
    simulator.assert_done()
    await link.close()


async def test_over_a_real_socket_it_is_the_same(sink: Sink) -> None:
    simulator = XAISimulator(Script(hear("text"), say("Hello.")))
    async with simulator.serve() as serving:
        link = await XAIRealtimeProvider(api_key=KEY, base_url=serving.base_url).open_link(LinkConfig("s"), sink)
        link.send(InjectText("Hi"))
        await sink.until(ResponseDone)
        await link.close()

    simulator.assert_done()

"""The provider as a session meets it: opening links, whole calls with a simulated OpenAI, and what it keeps secret."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any, Literal

import pytest
from pydantic import SecretStr, ValidationError

from roomkit.errors import ConfigError, ProviderLostError, ProviderRefusedError
from roomkit.providers.openai.config import OpenAIRealtimeConfig, realtime_url
from roomkit.testing import OpenAISimulator, Script, call_tool, drop, error, expect, expect_tool_result, hear, say
from roomkit.voice.realtime.commands import CommitInput, InjectText, LinkConfig, SendAudio, ToolResult, ToolSpec
from roomkit.voice.realtime.profile import TurnPolicy
from roomkit.voice.realtime.provider_events import (
    Audio,
    LinkLost,
    LinkReady,
    ResponseDone,
    ToolCall,
    Transcript,
)
from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider
from roomkit.voice.wires.port import Endpoint, WirePort, WireRefused
from tests.testing.sinks import Sink

KEY = "sk-test-0123456789"


@pytest.fixture
def sink() -> Sink:
    return Sink()


def provider_of(simulator: OpenAISimulator, **settings: Any) -> OpenAIRealtimeProvider:
    return OpenAIRealtimeProvider(KEY, dial=simulator.dial, **settings)


# --- calls with a simulated OpenAI ------------------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_a_call_with_a_tool_goes_its_whole_way(sink: Sink) -> None:
    simulator = OpenAISimulator(
        Script(hear("text"), call_tool("look", {"day": "Fri"}), expect_tool_result("10:30"), say("Half past ten."))
    )
    config = LinkConfig("s", tools=(ToolSpec("look", "Look it up", {"type": "object", "properties": {}}),))
    link = await provider_of(simulator).open_link(config, sink)

    link.send(InjectText("Any slot on Friday?"))
    call = await sink.until(ToolCall)
    assert isinstance(call, ToolCall)
    link.send(ToolResult(call.call_id, call.name, "10:30"))
    await sink.until(ResponseDone, 2)

    finals = [said for said in sink.all(Transcript) if isinstance(said, Transcript) and said.is_final]
    assert [said.text for said in finals] == ["Half past ten."]
    assert sink.all(Audio)
    simulator.assert_done()
    await link.close()


@pytest.mark.virtual_time
async def test_a_manual_turn_is_committed_and_answered(sink: Sink) -> None:
    simulator = OpenAISimulator(Script(hear("commit"), say("I heard you.")))
    config = LinkConfig("s", provider_config={"turn_detection": None})
    link = await provider_of(simulator).open_link(config, sink)

    link.send(SendAudio(bytes(9600)))
    link.send(CommitInput())
    await sink.until(ResponseDone)

    simulator.assert_done()
    await link.close()


@pytest.mark.virtual_time
async def test_a_dropped_line_is_told_and_worth_a_redial(sink: Sink) -> None:
    simulator = OpenAISimulator(Script(hear("text"), drop(1006)))
    link = await provider_of(simulator).open_link(LinkConfig("s"), sink)

    link.send(InjectText("Hello?"))
    lost = await sink.until(LinkLost)

    assert isinstance(lost, LinkLost)
    assert (lost.code, lost.retryable) == ("1006", True)
    await link.close()


@pytest.mark.virtual_time
async def test_the_vendors_hour_ends_the_link_but_not_for_good(sink: Sink) -> None:
    simulator = OpenAISimulator(Script(hear("text"), error("session_expired", "Your session hit 60 minutes.")))
    link = await provider_of(simulator).open_link(LinkConfig("s"), sink)

    link.send(InjectText("Hello?"))
    lost = await sink.until(LinkLost)

    assert isinstance(lost, LinkLost)
    assert (lost.code, lost.retryable) == ("session_expired", True)
    await link.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize("bad_key", ["status", "close"])
async def test_a_wrong_key_is_refused_for_good(sink: Sink, bad_key: Literal["status", "close"]) -> None:
    simulator = OpenAISimulator(api_key="sk-other", bad_key=bad_key)

    with pytest.raises(ProviderRefusedError, match="OPENAI_API_KEY") as caught:
        await provider_of(simulator).open_link(LinkConfig("s"), sink)

    assert KEY not in str(caught.value)
    assert sink.events == []


@pytest.mark.virtual_time
async def test_a_setting_only_the_server_knows_to_be_wrong_is_refused_for_good(sink: Sink) -> None:
    simulator = OpenAISimulator()

    with pytest.raises(ProviderRefusedError, match=r"session\."):
        await provider_of(simulator).open_link(LinkConfig("s", provider_config={"truncation": "some"}), sink)


@pytest.mark.virtual_time
async def test_one_provider_serves_many_sessions(sink: Sink) -> None:
    provider = provider_of(OpenAISimulator(lambda: Script(expect("response.create"), say("Hello."))))
    sinks = [sink, Sink(), Sink()]

    links = [await provider.open_link(LinkConfig(f"s{number}"), each) for number, each in enumerate(sinks)]
    for link in links:
        link.send(InjectText("Hello?"))
    for each in sinks:
        await each.until(ResponseDone)

    ready = [each.events[0] for each in sinks]
    assert len({event.provider_session_id for event in ready if isinstance(event, LinkReady)}) == 3
    for link in links:
        await link.close()


async def test_a_call_over_a_real_socket_with_the_default_wire(sink: Sink) -> None:
    simulator = OpenAISimulator(Script(hear("text"), say("Hello there.", seconds=0.1)))
    async with simulator.serve() as serving:
        link = await OpenAIRealtimeProvider(KEY, base_url=serving.base_url).open_link(LinkConfig("s"), sink)
        link.send(InjectText("Hello?"))
        await sink.until(ResponseDone)
        await link.close()

    heard = b"".join(event.pcm for event in sink.all(Audio) if isinstance(event, Audio))
    assert len(heard) == 0.1 * 24_000 * 2
    simulator.assert_done()


async def test_nobody_there_may_pass(sink: Sink) -> None:
    with pytest.raises(ProviderLostError, match="OpenAI: could not be reached"):
        await OpenAIRealtimeProvider(KEY, base_url="ws://127.0.0.1:9").open_link(LinkConfig("s"), sink)


# --- where to dial, and as whom ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("wss://host", "wss://host/v1/realtime?model=m"),
        ("https://host/", "wss://host/v1/realtime?model=m"),
        ("http://host:8080/v1", "ws://host:8080/v1/realtime?model=m"),
        ("ws://host/v1/realtime", "ws://host/v1/realtime?model=m"),
        ("wss://host/v1/realtime/", "wss://host/v1/realtime?model=m"),
        ("HTTPS://host/openai/v1", "wss://host/openai/v1/realtime?model=m"),
        ("wss://host?model=theirs&api-version=1", "wss://host/v1/realtime?model=theirs&api-version=1"),
        ("ws://[::1]:9/v1", "ws://[::1]:9/v1/realtime?model=m"),
    ],
)
def test_a_base_url_may_have_any_of_its_forms(base_url: str, expected: str) -> None:
    assert realtime_url(base_url, "m") == expected


@pytest.mark.parametrize("base_url", ["", "host/v1", "ftp://host", "wss://", "http://[::1", "/v1/realtime"])
def test_a_base_url_that_cannot_work_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        realtime_url(base_url, "m")


def test_a_model_name_is_escaped() -> None:
    assert realtime_url("wss://host", "a b&c=d").endswith("?model=a+b%26c%3Dd")


def test_the_key_and_its_organization_travel_as_headers() -> None:
    endpoint = OpenAIRealtimeConfig(api_key=SecretStr(KEY), organization="org_1", project="proj_1").endpoint()

    assert endpoint.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    assert endpoint.headers == {
        "Authorization": f"Bearer {KEY}",
        "OpenAI-Organization": "org_1",
        "OpenAI-Project": "proj_1",
    }


def test_the_environments_key_is_read_when_dialling(monkeypatch: pytest.MonkeyPatch) -> None:
    config = OpenAIRealtimeConfig()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    assert config.endpoint().headers == {"Authorization": f"Bearer {KEY}"}


async def test_without_a_key_a_link_is_refused_and_says_what_to_set(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        await OpenAIRealtimeProvider().open_link(LinkConfig("s"), sink)


def test_a_server_of_your_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    assert OpenAIRealtimeConfig(base_url="ws://localhost:8765").endpoint().headers == {}


def test_the_settings_accept_nothing_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        OpenAIRealtimeConfig.model_validate({"api_key": KEY, "tokens": 1})


def test_a_retired_model_is_passed_as_given() -> None:
    provider = OpenAIRealtimeProvider(api_key="sk-...", model="gpt-4o-realtime-preview", base_url=None)

    assert provider.config.endpoint().url.endswith("?model=gpt-4o-realtime-preview")


def test_the_key_is_shown_nowhere() -> None:
    config = OpenAIRealtimeProvider(KEY).config

    assert KEY not in f"{config!r} {config} {config.model_dump_json()} {config.endpoint()!r}"


# --- what a session asks before it opens a link -----------------------------------------------------------------


def test_turns_follow_the_provider_config() -> None:
    provider = OpenAIRealtimeProvider(KEY)

    assert provider.turn_policy(LinkConfig("s")) == TurnPolicy()
    assert provider.turn_policy(LinkConfig("s", provider_config={"turn_detection": None})).manual


def test_a_voice_is_not_promised_to_change_in_place_because_the_vendor_freezes_it() -> None:
    assert OpenAIRealtimeProvider(KEY).profile.reconfigures == {"instructions", "tools", "provider_config"}


async def test_temperature_is_ignored_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def dial(endpoint: Endpoint) -> WirePort:
        raise WireRefused(0, "nobody")

    provider = OpenAIRealtimeProvider(KEY, dial=dial)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(ProviderLostError):
                await provider.open_link(LinkConfig("s", temperature=0.7), Sink())

    assert len([record for record in caplog.records if "temperature" in record.message]) == 1


def test_the_public_name_costs_nothing_until_it_is_used() -> None:
    code = (
        "import sys, roomkit.voice.realtime.providers.openai as public; "
        "assert not {'pydantic', 'numpy', 'websockets', 'picows'} & set(sys.modules); "
        "assert dir(public) == ['OpenAIRealtimeProvider']; "
        "public.OpenAIRealtimeProvider(); assert 'pydantic' in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_public_name_that_does_not_exist_is_an_attribute_error() -> None:
    from roomkit.voice.realtime.providers import openai

    with pytest.raises(AttributeError, match="GeminiLiveProvider"):
        _ = openai.GeminiLiveProvider

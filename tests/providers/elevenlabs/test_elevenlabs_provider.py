"""Where the provider dials and as whom; the signed URL and its failures; what it says it can do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr, ValidationError

from roomkit.errors import ConfigError, ProviderError, ProviderLostError, ProviderRefusedError
from roomkit.providers.elevenlabs.config import ElevenLabsRealtimeConfig
from roomkit.providers.elevenlabs.faults import ELEVENLABS_CLOSES
from roomkit.providers.elevenlabs.realtime import ELEVENLABS_PROFILE, ElevenLabsRealtimeProvider
from roomkit.providers.elevenlabs.signed_url import fetch_signed_url
from roomkit.testing import ElevenLabsSimulator, SimulatedAgent
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.realtime.provider_events import ProviderEvent
from roomkit.voice.realtime.providers.elevenlabs import ElevenLabsRealtimeProvider as PublicName
from roomkit.voice.wires.port import Endpoint, WireClosed, WirePort, WireRefused

KEY = "xi-secret-key"


class Sink:
    def __init__(self) -> None:
        self.events: list[ProviderEvent] = []

    def on_event(self, event: ProviderEvent) -> None:
        self.events.append(event)

    async def settled(self) -> None:
        return


def config(**changes: object) -> ElevenLabsRealtimeConfig:
    return ElevenLabsRealtimeConfig.model_validate({"api_key": KEY, "agent_id": "agent_1", **changes})


@pytest.fixture(autouse=True)
def _without_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)
    monkeypatch.delenv("ELEVENLABS_AGENT_ID", raising=False)


# --- where ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=agent_1"),
        (
            "wss://api.eu.residency.elevenlabs.io",
            "wss://api.eu.residency.elevenlabs.io/v1/convai/conversation?agent_id=agent_1",
        ),
        ("https://api.us.elevenlabs.io/", "wss://api.us.elevenlabs.io/v1/convai/conversation?agent_id=agent_1"),
        ("HTTP://localhost:9", "ws://localhost:9/v1/convai/conversation?agent_id=agent_1"),
        ("ws://[::1]:9/v1", "ws://[::1]:9/v1/convai/conversation?agent_id=agent_1"),
        ("wss://host/proxy/v1/convai/conversation", "wss://host/proxy/v1/convai/conversation?agent_id=agent_1"),
        ("wss://host/?x=1", "wss://host/v1/convai/conversation?x=1&agent_id=agent_1"),
    ],
)
def test_the_address_follows_from_the_base_url(base_url: str | None, url: str) -> None:
    assert config(base_url=base_url).endpoint().url == url


@pytest.mark.parametrize("base_url", ["api.elevenlabs.io", "ftp://host", "wss://", "wss://[", "wss:///v1"])
def test_a_base_url_that_cannot_work_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        config(base_url=base_url).endpoint()


def test_environment_and_branch_travel_in_the_query() -> None:
    url = config(environment="staging", branch_id="b 1").endpoint().url

    assert url.endswith("?agent_id=agent_1&environment=staging&branch_id=b+1")


def test_the_key_travels_as_a_header_and_nowhere_else() -> None:
    endpoint = config().endpoint()

    assert endpoint.headers == {"xi-api-key": KEY}
    assert KEY not in endpoint.url
    assert KEY not in repr(endpoint)
    assert KEY not in repr(config())


def test_a_public_agent_needs_no_key() -> None:
    assert ElevenLabsRealtimeConfig(agent_id="agent_1").endpoint().headers == {}


def test_key_and_agent_come_from_the_environment_at_each_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ElevenLabsRealtimeConfig()
    monkeypatch.setenv("ELEVENLABS_API_KEY", "xi-env")
    monkeypatch.setenv("ELEVENLABS_AGENT_ID", "agent_env")

    endpoint = settings.endpoint()

    assert endpoint.headers == {"xi-api-key": "xi-env"}
    assert endpoint.url.endswith("agent_id=agent_env")


def test_without_an_agent_nothing_is_dialled() -> None:
    with pytest.raises(ConfigError, match="ELEVENLABS_AGENT_ID"):
        ElevenLabsRealtimeConfig(api_key=SecretStr(KEY)).endpoint()


def test_without_a_key_no_signed_url_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="ELEVENLABS_API_KEY"):
        ElevenLabsRealtimeConfig(agent_id="agent_1", requires_auth=True).signed_url_request()


def test_the_signed_url_is_asked_for_at_the_same_host() -> None:
    url, key = config(base_url="wss://wss.example").signed_url_request()

    assert url == "https://wss.example/v1/convai/conversation/get-signed-url?agent_id=agent_1"
    assert key == KEY


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        config(agent="agent_1")


# --- the signed URL -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """A server that answers every request with these bytes; ``None``: not as long as the block lasts."""
    is_over, has_closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await is_over.wait()
        writer.write(answer or b"")
        writer.close()
        await writer.wait_closed()
        has_closed.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        is_over.set()
        await has_closed.wait()


def http(status: int, body: str = "{}") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


async def test_a_signed_url_comes_from_the_vendor() -> None:
    async with ElevenLabsSimulator(api_key=KEY).serve() as server:
        url = await fetch_signed_url(config(base_url=server.base_url))

    assert url.startswith(server.url + "?agent_id=agent_1&conversation_signature=")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ProviderRefusedError),
        (403, ProviderRefusedError),
        (404, ProviderRefusedError),
        (422, ProviderRefusedError),
        (429, ProviderLostError),
        (500, ProviderLostError),
        (503, ProviderLostError),
    ],
)
async def test_a_signed_url_that_is_refused_says_whether_to_try_again(status: int, kind: type[ProviderError]) -> None:
    async with answering(http(status, f'{{"detail": "your key {KEY} is bad"}}')) as base_url:
        with pytest.raises(kind) as refused:
            await fetch_signed_url(config(base_url=base_url))

    assert refused.value.code == f"http_{status}"
    assert refused.value.retryable is (kind is ProviderLostError)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"signed_url": 5}', '{"signed_url": "http://x"}'])
async def test_an_answer_without_a_url_is_a_loss(body: str) -> None:
    async with answering(http(200, body)) as base_url:
        with pytest.raises(ProviderLostError) as lost:
            await fetch_signed_url(config(base_url=base_url))

    assert lost.value.code == "no_signed_url"


async def test_a_vendor_that_hangs_up_or_is_not_there_is_a_loss() -> None:
    async with answering(b"") as base_url:
        with pytest.raises(ProviderLostError, match="could not be reached"):
            await fetch_signed_url(config(base_url=base_url))
    with pytest.raises(ProviderLostError) as lost:
        await fetch_signed_url(config(base_url=base_url))

    assert lost.value.code == "unreachable"
    assert KEY not in str(lost.value)


async def test_a_vendor_that_does_not_answer_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roomkit.providers.elevenlabs.signed_url.REQUEST_TIMEOUT_S", 0.05)
    async with answering(None) as base_url:
        with pytest.raises(ProviderLostError) as lost:
            await fetch_signed_url(config(base_url=base_url))

    assert lost.value.code == "timeout"


async def test_a_fresh_url_is_bought_for_every_link() -> None:
    bought: list[str] = []

    async def sign(settings: ElevenLabsRealtimeConfig) -> str:
        bought.append(await simulator.sign(settings))
        return bought[-1]

    simulator = ElevenLabsSimulator(agent=SimulatedAgent(is_private=True))
    provider = ElevenLabsRealtimeProvider(config(requires_auth=True), dial=simulator.dial, sign=sign)

    for _ in range(2):
        link = await provider.open_link(LinkConfig("s"), Sink())
        await link.close()

    assert len(set(bought)) == 2


async def test_a_setting_that_cannot_work_costs_no_signed_url() -> None:
    async def sign(_: ElevenLabsRealtimeConfig) -> str:
        raise AssertionError("asked for")

    provider = ElevenLabsRealtimeProvider(config(requires_auth=True), sign=sign)

    with pytest.raises(ConfigError, match="turn_detection"):
        await provider.open_link(LinkConfig("s", provider_config={"turn_detection": 1}), Sink())


async def test_a_wrong_key_on_the_socket_is_refused_for_good() -> None:
    simulator = ElevenLabsSimulator(api_key="xi-right")

    with pytest.raises(ProviderRefusedError, match="needs a key") as refused:
        await ElevenLabsRealtimeProvider(config(), dial=simulator.dial).open_link(LinkConfig("s"), Sink())

    assert refused.value.code == "policy_violation"


async def test_a_refusal_by_status_says_where_the_key_is_to_be_put() -> None:
    async def dial(endpoint: Endpoint) -> WirePort:
        raise WireRefused(401, "no")

    with pytest.raises(ProviderRefusedError, match="ELEVENLABS_API_KEY") as refused:
        await ElevenLabsRealtimeProvider(config(), dial=dial).open_link(LinkConfig("s"), Sink())

    assert refused.value.code == "http_401"


# --- the provider ---------------------------------------------------------------------------------------------------


def test_it_is_made_from_a_config_or_from_keywords() -> None:
    from_keywords = PublicName(api_key=KEY, agent_id="agent_1", requires_auth=True, base_url="wss://h")

    assert from_keywords.config == config(requires_auth=True, base_url="wss://h")
    assert ElevenLabsRealtimeProvider(config()).config == config()
    assert from_keywords.name == "elevenlabs"


def test_the_profile_says_what_the_vendor_lacks() -> None:
    lacks = ("truncates", "deletes_items", "cancels", "manual_turns", "images", "holds_answers", "resumes")

    assert not any(getattr(ELEVENLABS_PROFILE, name) for name in (*lacks, "takes_tools", "reports_usage"))
    assert ELEVENLABS_PROFILE.timed_words
    assert not ELEVENLABS_PROFILE.reconfigures


def test_the_vendor_alone_decides_what_interrupts() -> None:
    policy = ElevenLabsRealtimeProvider(config()).turn_policy(LinkConfig("s"))

    assert not policy.interrupts
    assert policy.answers_by_itself


async def test_tools_are_ignored_with_one_warning_that_names_the_way_out(caplog: pytest.LogCaptureFixture) -> None:
    simulator = ElevenLabsSimulator()
    provider = ElevenLabsRealtimeProvider(config(), dial=simulator.dial)
    with_tools = LinkConfig("s", tools=(ToolSpec("get_slot", "Find a slot", {}),))

    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            link = await provider.open_link(with_tools, Sink())
            await link.close()

    (warning,) = [record.getMessage() for record in caplog.records if "tools" in record.getMessage()]
    assert "client tools of the agent" in warning
    assert simulator.received[0] == {"type": "conversation_initiation_client_data"}


@pytest.mark.parametrize(
    ("code", "retryable"), [(1000, False), (1002, False), (1006, True), (1008, False), (1011, True), (3000, False)]
)
def test_close_codes_say_whether_to_dial_again(code: int, retryable: bool) -> None:
    assert ELEVENLABS_CLOSES.of_close(WireClosed(code)).retryable is retryable


def test_a_set_up_that_is_hung_up_on_says_where_to_look() -> None:
    refusing = WireClosed(1008, "not authorised")

    assert "ELEVENLABS_API_KEY" in ELEVENLABS_CLOSES.of_close(refusing).reason
    assert "ELEVENLABS_API_KEY" not in ELEVENLABS_CLOSES.of_close(refusing, was_up=True).reason


def test_the_public_module_has_this_name_only() -> None:
    import roomkit.voice.realtime.providers.elevenlabs as module

    make: Callable[[], object] = lambda: module.NothingHere  # noqa: E731 -- the name must be looked up late
    with pytest.raises(AttributeError):
        make()
    assert dir(module) == ["ElevenLabsRealtimeProvider"]

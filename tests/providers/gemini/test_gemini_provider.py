"""The provider around the dialect: where it dials and as whom, what it can do, what it warns of and keeps secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

import roomkit
from roomkit.errors import ConfigError
from roomkit.providers.gemini.config import GeminiLiveConfig, live_url
from roomkit.providers.gemini.realtime import GEMINI_PROFILE, GeminiLiveProvider
from roomkit.voice.realtime.commands import LinkConfig
from roomkit.voice.realtime.providers import gemini
from roomkit.voice.wires.port import Endpoint, WirePort, WireRefused

KEY = "AIzaTestTestTestTest"
METHOD = "GenerativeService.BidiGenerateContent"
BETA = f"/ws/google.ai.generativelanguage.v1beta.{METHOD}"
NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"


class Sink:
    def on_event(self, event: object) -> None: ...

    async def settled(self) -> None: ...


@pytest.fixture(autouse=True)
def no_keys_around(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield


async def test_it_dials_googles_address_with_the_key_in_a_header() -> None:
    endpoint = await GeminiLiveProvider(KEY).endpoint(LinkConfig("s"))

    assert endpoint.url == f"wss://generativelanguage.googleapis.com{BETA}"
    assert endpoint.headers == {"x-goog-api-key": KEY}


async def test_the_key_comes_from_the_environment_at_each_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = GeminiLiveProvider()

    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY"):  # the second goes before the first
        monkeypatch.setenv(name, f"key of {name}")
        assert (await provider.endpoint(LinkConfig("s"))).headers == {"x-goog-api-key": f"key of {name}"}


async def test_without_a_key_it_says_where_to_put_one() -> None:
    with pytest.raises(ConfigError, match="GEMINI_API_KEY"):
        await GeminiLiveProvider().endpoint(LinkConfig("s"))


async def test_a_server_of_ones_own_needs_no_key() -> None:
    endpoint = await GeminiLiveProvider(base_url="http://localhost:8765").endpoint(LinkConfig("s"))

    assert (endpoint.url, dict(endpoint.headers)) == (f"ws://localhost:8765{BETA}", {})


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://host", f"wss://host{BETA}"),
        ("wss://host/", f"wss://host{BETA}"),
        ("ws://host:1/gateway", f"ws://host:1/gateway{BETA}"),
        ("wss://host/any/BidiGenerateContent", "wss://host/any/BidiGenerateContent"),
        ("wss://host?x=1", f"wss://host{BETA}?x=1"),
    ],
)
def test_an_address_is_taken_in_any_form(base_url: str, url: str) -> None:
    assert live_url(base_url, "v1beta") == url


@pytest.mark.parametrize("base_url", ["", "host", "ftp://host", "ws://", "ws://[", "://"])
def test_an_address_that_cannot_work_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError):
        live_url(base_url, "v1beta")


async def test_the_alpha_service_is_dialled_for_affective_dialog() -> None:
    config = LinkConfig("s", provider_config={"enable_affective_dialog": True})

    assert ".v1alpha." in (await GeminiLiveProvider(KEY, NATIVE).endpoint(config)).url
    assert ".v1beta." in (await GeminiLiveProvider(KEY).endpoint(config)).url
    assert ".v1." in (await GeminiLiveProvider(KEY, NATIVE, api_version="v1").endpoint(config)).url


async def test_an_ephemeral_token_has_a_door_of_its_own() -> None:
    endpoint = await GeminiLiveProvider("auth_tokens/abc").endpoint(LinkConfig("s"))

    assert endpoint.url.endswith(".v1alpha.GenerativeService.BidiGenerateContentConstrained")
    assert endpoint.headers == {"Authorization": "Token auth_tokens/abc"}


def test_only_a_model_that_can_be_changed_in_place_says_so() -> None:
    assert GeminiLiveProvider(KEY).profile == GEMINI_PROFILE
    assert GEMINI_PROFILE.reconfigures == {"instructions", "tools"}
    assert GeminiLiveProvider(KEY, NATIVE).profile.reconfigures == frozenset()
    assert GEMINI_PROFILE.resumes
    assert not GEMINI_PROFILE.holds_answers


async def test_what_a_model_does_not_take_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def nobody(endpoint: Endpoint) -> WirePort:
        raise WireRefused(0, "nobody there")

    provider = GeminiLiveProvider(KEY, dial=nobody)
    config = LinkConfig("s", provider_config={"thinking_budget": 1024})

    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(roomkit.ProviderLostError):
                await provider.open_link(config, Sink())

    (record,) = caplog.records
    assert "thinking_budget" in record.getMessage()
    assert "extended-thinking" in record.getMessage()


def test_keys_are_never_printed() -> None:
    provider = GeminiLiveProvider(KEY)

    assert KEY not in repr(provider.config) + str(provider.config)
    assert KEY not in repr(provider.config.endpoint())


@pytest.mark.parametrize("wrong", [{"model": ""}, {"api_version": "beta"}, {"voice": "Puck"}])
def test_a_config_that_cannot_work_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GeminiLiveConfig(**wrong)  # type: ignore[arg-type]  # that is what is tried


def test_its_public_name_is_the_guides() -> None:
    assert gemini.GeminiLiveProvider is roomkit.GeminiLiveProvider is GeminiLiveProvider
    assert dir(gemini) == ["GeminiLiveProvider"]
    with pytest.raises(AttributeError):
        _ = gemini.GeminiLive

"""R-0006-75: every vendor's provider takes its settings as one config object or one by one, never both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from roomkit.errors import ConfigError
from roomkit.providers.elevenlabs.config import ElevenLabsRealtimeConfig
from roomkit.providers.elevenlabs.realtime import ElevenLabsRealtimeProvider
from roomkit.providers.gemini.config import GeminiLiveConfig
from roomkit.providers.gemini.realtime import GeminiLiveProvider
from roomkit.providers.openai.config import OpenAIRealtimeConfig
from roomkit.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit.providers.xai.config import XAIRealtimeConfig
from roomkit.providers.xai.realtime import XAIRealtimeProvider

KEY = "secret-0123456789"


@dataclass(frozen=True)
class Vendor:
    """One vendor's provider, its config, and a value for each setting that is not the default."""

    provider: Callable[..., Any]
    config: type[BaseModel]
    settings: dict[str, Any]


COMMON = {"api_key": KEY, "model": "a-model", "base_url": "ws://localhost:9"}
VENDORS = [
    Vendor(OpenAIRealtimeProvider, OpenAIRealtimeConfig, {**COMMON, "organization": "org", "project": "pro"}),
    Vendor(GeminiLiveProvider, GeminiLiveConfig, {**COMMON, "api_version": "v1"}),
    Vendor(XAIRealtimeProvider, XAIRealtimeConfig, {**COMMON, "voice": "ara", "transcription_model": "ears"}),
    Vendor(
        ElevenLabsRealtimeProvider,
        ElevenLabsRealtimeConfig,
        {
            "api_key": KEY,
            "agent_id": "agent_1",
            "requires_auth": True,
            "base_url": "ws://localhost:9",
            "environment": "staging",
            "branch_id": "b",
            "max_duration_s": 60,
        },
    ),
]
EACH_VENDOR = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.config.__name__)
EACH_SETTING = pytest.mark.parametrize(
    ("vendor", "name"),
    [pytest.param(one, name, id=f"{one.config.__name__}.{name}") for one in VENDORS for name in one.settings],
)


@EACH_VENDOR
def test_these_are_all_the_settings_there_are(vendor: Vendor) -> None:
    assert set(vendor.settings) == set(vendor.config.model_fields)


@EACH_VENDOR
def test_settings_one_by_one_and_a_config_of_them_make_the_same_provider(vendor: Vendor) -> None:
    config = vendor.config(**vendor.settings)

    assert vendor.provider(config=config).config is config
    assert vendor.provider(**vendor.settings).config == config


@EACH_SETTING
def test_one_setting_alone_leaves_the_others_at_their_defaults(vendor: Vendor, name: str) -> None:
    setting = {name: vendor.settings[name]}

    assert vendor.provider(**setting).config == vendor.config(**setting)


@EACH_SETTING
def test_a_setting_beside_a_config_is_refused_by_its_name(vendor: Vendor, name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: given beside config; put it into {vendor.config.__name__}$"):
        vendor.provider(config=vendor.config(), **{name: vendor.settings[name]})


@EACH_VENDOR
def test_all_that_is_too_much_is_named_and_no_value_is_told(vendor: Vendor) -> None:
    with pytest.raises(ConfigError) as caught:
        vendor.provider(config=vendor.config(), **vendor.settings)

    names, _, _ = str(caught.value).partition(":")
    assert set(names.split(", ")) == set(vendor.settings)
    assert KEY not in str(caught.value)


@EACH_VENDOR
def test_a_setting_that_is_the_default_is_refused_beside_a_config_too(vendor: Vendor) -> None:
    """Or the config's other value would be what counts, against what was asked for."""
    defaults = {name: field.default for name, field in vendor.config.model_fields.items() if field.default is not None}

    for name, default in defaults.items():
        with pytest.raises(ConfigError, match=f"^{name}: given beside config"):
            vendor.provider(config=vendor.config(), **{name: default})


@EACH_VENDOR
@pytest.mark.parametrize("rubbish", [{}, "key", SecretStr(KEY), 0, False])
def test_what_is_no_config_of_this_vendor_is_refused_without_being_shown(vendor: Vendor, rubbish: Any) -> None:
    with pytest.raises(ConfigError, match=f"^config is of type {type(rubbish).__name__}; it must be ") as caught:
        vendor.provider(config=rubbish)

    assert vendor.config.__name__ in str(caught.value) and KEY not in str(caught.value)


def test_another_vendors_config_is_refused() -> None:
    with pytest.raises(ConfigError, match="config is of type GeminiLiveConfig; it must be OpenAIRealtimeConfig"):
        OpenAIRealtimeProvider(config=GeminiLiveConfig())  # type: ignore[arg-type]  # that is what is tried


@EACH_VENDOR
def test_a_value_a_setting_cannot_have_is_refused_when_the_provider_is_made(vendor: Vendor) -> None:
    for name in set(vendor.settings) & {"model", "max_duration_s", "api_version", "voice"}:
        with pytest.raises(ValidationError, match=name):
            vendor.provider(**{name: ""})


@EACH_VENDOR
@pytest.mark.parametrize("rubbish", [{"api_keys": KEY}, {"api_key": [KEY]}, {"api_key": {"key": KEY}}])
def test_a_key_in_the_wrong_place_is_refused_without_being_shown(vendor: Vendor, rubbish: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="api_key") as caught:
        vendor.config(**rubbish)

    assert KEY not in str(caught.value)

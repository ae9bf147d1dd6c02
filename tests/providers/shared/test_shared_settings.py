"""Keys, addresses and notices of any vendor."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from roomkit.errors import ConfigError
from roomkit.providers.shared.address import socket_address, with_query
from roomkit.providers.shared.keys import key_of, missing_key
from roomkit.providers.shared.notices import Notices, wants_temperature
from roomkit.voice.realtime.commands import LinkConfig


def test_a_key_that_was_given_comes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_KEY", "from the environment")

    assert key_of(SecretStr("given"), "VENDOR_KEY") == "given"


@pytest.mark.parametrize("given_key", [None, SecretStr("")])
def test_without_one_the_first_variable_that_is_set_counts(
    given_key: SecretStr | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST_KEY", "")
    monkeypatch.setenv("SECOND_KEY", "second")

    assert key_of(given_key, "FIRST_KEY", "SECOND_KEY") == "second"
    assert key_of(given_key, "FIRST_KEY") == ""


def test_who_lacks_a_key_reads_where_to_put_it() -> None:
    assert str(missing_key("Vendor", "VENDOR_KEY")) == (
        "Vendor needs a key: set VENDOR_KEY, or pass api_key to the provider"
    )


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("https://host/v1/", "wss://host/v1"),
        ("HTTP://host:8080", "ws://host:8080"),
        ("wss://host/path?deployment=a#part", "wss://host/path?deployment=a"),
        ("ws://[::1]:9/", "ws://[::1]:9"),
    ],
)
def test_a_base_url_becomes_a_sockets_address(base_url: str, address: str) -> None:
    assert socket_address(base_url, "wss://host/v1").geturl() == address


@pytest.mark.parametrize("base_url", ["", "host", "//host", "ftp://host", "wss://", "wss:///v1", "http://[::1"])
def test_one_that_cannot_work_is_refused_with_an_example(base_url: str) -> None:
    with pytest.raises(ConfigError, match=r"base_url is no URL|or wss://host/v1$"):
        socket_address(base_url, "wss://host/v1")


@given(st.text())
def test_any_text_is_an_address_or_a_config_error(base_url: str) -> None:
    try:
        parts = socket_address(base_url, "wss://host/v1")
    except ConfigError:
        return
    assert parts.scheme in ("ws", "wss") and parts.hostname


def test_a_query_keeps_what_it_has() -> None:
    parts = socket_address("wss://host/path?model=theirs&empty=", "wss://host")

    assert with_query(parts, {"model": "ours", "key": "a b&c"}) == "wss://host/path?model=theirs&empty=&key=a+b%26c"


def test_a_sentence_is_said_once_and_another_one_too(caplog: pytest.LogCaptureFixture) -> None:
    notices = Notices(logging.getLogger("roomkit.test"))

    for sentence in ("no temperature", "no seed: 100 %", "no temperature"):
        notices.tell(sentence)

    assert caplog.messages == ["no temperature", "no seed: 100 %"]


@pytest.mark.parametrize(
    ("config", "wants"),
    [
        (LinkConfig("s"), False),
        (LinkConfig("s", temperature=0.0), True),
        (LinkConfig("s", provider_config={"temperature": 0}), True),
        (LinkConfig("s", provider_config={"temperature": None}), False),
    ],
)
def test_a_temperature_may_be_set_in_two_places(config: LinkConfig, wants: bool) -> None:
    assert wants_temperature(config) is wants

"""How a webhook is made, and what it refuses to be made of."""

from __future__ import annotations

import sys

import pytest

from roomkit.channels.webhook import WebhookChannel
from roomkit.channels.webhook_signature import StandardSignature
from roomkit.errors import ConfigError, MissingExtraError
from roomkit.models.enums import ChannelType

SECRET = StandardSignature.new_secret()
URL = "https://erp.example/hook"


def test_a_webhook_calls_itself_what_it_is_told() -> None:
    assert WebhookChannel("a", secret=SECRET).channel_type == ChannelType.WEBHOOK
    assert WebhookChannel("a", secret=SECRET, channel_type=ChannelType.SMS).channel_type == ChannelType.SMS


def test_it_has_one_way_to_know_the_other_side() -> None:
    with pytest.raises(ConfigError, match="one of them"):
        WebhookChannel("a")
    with pytest.raises(ConfigError, match="one of them"):
        WebhookChannel("a", secret=SECRET, signature=StandardSignature(SECRET))


@pytest.mark.parametrize("url", ["", "erp.example/hook", "ftp://erp.example", "file:///etc/passwd", "https://"])
def test_a_url_is_one_that_can_be_posted_to(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        WebhookChannel("a", url=url, secret=SECRET)


@pytest.mark.parametrize("bound", ["request_timeout", "attempts", "max_body_bytes", "max_requests"])
def test_bounds_are_positive(bound: str) -> None:
    with pytest.raises(ConfigError, match=bound):
        WebhookChannel("a", secret=SECRET, **{bound: 0})  # type: ignore[arg-type]  # one of four numbers


@pytest.mark.parametrize("package", ["httpx", "tenacity"])
def test_sending_without_the_extra_says_how_to_install_it_and_taking_in_works(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    assert WebhookChannel("a", secret=SECRET).asgi is not None
    with pytest.raises(MissingExtraError, match=r"roomkit\[webhook\]"):
        WebhookChannel("a", url=URL, secret=SECRET)

"""The provider picker's page in a real Chromium: what it offers, a call, a refusal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from examples.fastapi_providers import create_app
from roomkit.app.server import address_of, bind, serving
from tests.browser.conftest import Watched


@pytest.fixture
def address() -> Iterator[str]:
    """The app served from a thread, with no key but xAI's, which leads nowhere."""
    listener = bind("127.0.0.1", 0)
    stop = threading.Event()
    nowhere = bind("127.0.0.1", 0)
    environ = {"XAI_API_KEY": "k", "XAI_BASE_URL": f"ws://{address_of(nowhere)}"}
    nowhere.close()

    async def main() -> None:
        async with serving(create_app(environ), listener):
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    yield f"http://{address_of(listener)}/"
    stop.set()
    thread.join(15)


def test_the_page_offers_what_can_be_had_and_says_what_the_rest_needs(address: str, watched: Watched) -> None:
    page = watched.page
    page.goto(address)

    page.get_by_label("Local stack, no key").wait_for()

    assert page.get_by_label("Local stack, no key").is_checked()
    assert page.get_by_label("xAI Grok").is_enabled()
    assert page.get_by_label("OpenAI Realtime").is_disabled()
    assert page.get_by_text("set ELEVENLABS_API_KEY and ELEVENLABS_AGENT_ID").is_visible()
    assert watched.complaints == []


def test_a_typed_question_is_answered_by_the_provider_that_was_picked(address: str, watched: Watched) -> None:
    page = watched.page
    page.goto(address)
    page.get_by_label("Local stack, no key").check()

    page.fill("#text", "what time is it")
    page.press("#text", "Enter")

    page.locator("#log .assistant:not(.partial)").first.wait_for(timeout=20_000)
    assert page.locator("#state").inner_text().startswith("local:")
    page.get_by_role("button", name="Hang up").click()
    page.get_by_text("The call is over.").wait_for()
    assert watched.complaints == []


def test_a_provider_that_cannot_be_reached_is_said_on_the_page(address: str, watched: Watched) -> None:
    page = watched.page
    page.goto(address)
    page.get_by_label("xAI Grok").check()

    page.get_by_role("button", name="Call", exact=True).click()

    page.get_by_role("alert").get_by_text("No call").wait_for(timeout=30_000)
    assert page.get_by_role("button", name="Call", exact=True).is_enabled()

"""The support desk's page in a real Chromium: a call, a whisper, a taking over, words that are blocked."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.support_desk import SupportDesk, choose_model, choose_voice
from roomkit.app.server import address_of, bind, serving
from tests.browser.conftest import Watched


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A desk served from a thread; where it is."""
    listener = bind("127.0.0.1", 0)
    stop = threading.Event()

    async def main() -> None:
        desk = SupportDesk(tmp_path / "desk.sqlite3", choose_voice({}), choose_model({}))
        async with desk.kit:
            await desk.open()
            async with serving(desk.app(), listener):
                await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    yield f"http://{address_of(listener)}/"
    stop.set()
    thread.join(15)


class Desk:
    """The page with both sides on it."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._page = watched.page

    def calls_and_says(self, sentence: str) -> None:
        """Has a sentence said, once nobody else is speaking."""
        self._watched.eventually(lambda: self._page.locator("body[data-voice='']").count(), "it is quiet")
        self._page.get_by_role("button", name=sentence, exact=True).click()

    def writes(self, side: str, text: str) -> None:
        self._page.fill(f"#{side}-text", text)
        self._page.press(f"#{side}-text", "Enter")

    def sees(self, side: str, kind: str, text: str) -> None:
        self._page.locator(f"#{side}-log {kind}", has_text=text).first.wait_for(timeout=20_000)

    def bubbles(self, side: str) -> list[str]:
        return self._page.locator(f"#{side}-log .bubble").all_inner_texts()


def test_a_call_is_answered_whispered_into_moderated_and_taken_over(watched: Watched, address: str) -> None:
    page, desk = watched.page, Desk(watched)
    page.set_viewport_size({"width": 1280, "height": 1040})
    page.goto(address)
    page.evaluate("document.body.dataset.voice = ''")

    desk.calls_and_says("What is the status of order 1 2 3 4?")
    desk.sees("caller", ".line.agent", "Order 1 2 3 4 is delivered")
    desk.writes("desk", "Please offer free shipping")
    desk.sees("desk", ".private", "Understood.")
    desk.calls_and_says("What are your opening hours?")
    desk.sees("caller", ".line.agent", "shipping is free")
    desk.calls_and_says("What is the weather in Paris?")
    desk.sees("caller", ".blocked", "not what this desk is for")
    desk.writes("caller", "My PIN is 4321")
    desk.sees("desk", ".blocked", "My PIN is 4321")
    page.click("#take-over")
    desk.sees("caller", ".note", "took over")
    desk.writes("desk", "Maria here. I look after your order myself.")
    desk.sees("caller", ".line.supervisor .how", "spoken")
    if picture := os.environ.get("ROOMKIT_SCREENSHOT"):
        page.screenshot(path=picture)
    page.click("#end")

    whispered = {"Please offer free shipping", "Understood."}
    assert whispered <= set(desk.bubbles("desk"))
    assert not whispered & set(desk.bubbles("caller"))
    assert page.get_by_role("button", name="Hand back").is_visible()


def test_the_supervisors_side_alone_opens_in_a_tab_of_its_own(watched: Watched, address: str) -> None:
    watched.page.goto(f"{address}#supervisor")

    watched.page.locator("#take-over:enabled").wait_for()

    assert watched.page.get_by_role("heading", name="The supervisor").is_visible()
    assert watched.page.get_by_role("heading", name="The caller").is_hidden()


def test_every_control_has_a_name_and_the_page_fits_a_telephone(watched: Watched, address: str) -> None:
    watched.page.set_viewport_size({"width": 360, "height": 720})
    watched.page.goto(address)
    watched.page.locator("#take-over:enabled").wait_for()

    nameless = "button:not([aria-label])"
    assert all(text.strip() for text in watched.page.locator(nameless).all_inner_texts())
    assert watched.page.locator("input:not([type=radio])").count() == watched.page.locator("label.hidden").count()
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 360

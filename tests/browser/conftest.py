"""Chromium for the browser tests: one for the module, a fresh page for each test, and no error on its console."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
ALLOWING_MICROPHONE, ALLOWING_SOUND = FLAGS[-2:]

Launch = Callable[..., Browser]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("browser")


@pytest.fixture(scope="module")
def launch(chromium: str) -> Iterator[Launch]:
    """Starts a Chromium; ``microphone`` is a WAV file that its fake microphone plays once.

    ``without`` are flags it is to do without: those that allow everything, where a page has to ask.
    """
    started: list[Browser] = []

    def start(microphone: Path | None = None, *, without: Sequence[str] = ()) -> Browser:
        fake = [] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}%noloop"]
        flags = [flag for flag in FLAGS if flag not in without]
        started.append(playwright.chromium.launch(executable_path=chromium, args=[*flags, *fake]))
        return started[-1]

    with sync_playwright() as playwright:
        yield start
        for browser in started:
            browser.close()


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Browser:
    return launch()


class Watched:
    """A page and whatever it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def start(self, microphone: bool = True) -> None:
        """As a click on the page would."""
        self.page.evaluate("(microphone) => roomkitVoice.start({microphone})", microphone)

    def eventually(self, true: Callable[[], Any], what: str, timeout_ms: int = 10_000) -> None:
        """Wait, with the page going on, until ``true`` says so."""
        for _ in range(timeout_ms // 20):
            if true():
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"it never came to pass that {what}")


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    watching = Watched(page)
    yield watching
    page.close()
    assert watching.complaints == []

"""Pages that may not use the microphone or may not make a sound, in a real Chromium (RFC 0006, R-0006-64 to 66)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.fake_server import FakeVoice, running
from tests.browser.conftest import ALLOWING_MICROPHONE, ALLOWING_SOUND, Launch, Watched
from tests.browser.test_demo_in_chromium import demo_server

NO_MICROPHONE = {"type": "capabilities", "microphone": False, "speaker": True}
NEITHER = {"type": "capabilities", "microphone": False, "speaker": False}
BOTH = {"type": "capabilities", "microphone": True, "speaker": True}

START_BY_ITSELF = "addEventListener('load', () => setTimeout(() => roomkitVoice.start({microphone: false}), 100))"
"""Without a click, and not by Playwright, whose evaluations count as one."""


def test_a_refused_microphone_leaves_a_conversation_in_text_until_it_is_granted(launch: Launch, tmp_path: Path) -> None:
    context = launch(without=[ALLOWING_MICROPHONE]).new_context()
    watched = Watched(context.new_page())
    page = watched.page
    with demo_server(tmp_path / "demo.sqlite3") as url:
        page.goto(url)
        page.click("#talk")

        page.locator("#state", has_text="No microphone: type").wait_for()
        assert "not allowed" in (page.text_content("#notice") or "")
        page.fill("#text", "What are your opening hours?")
        page.press("#text", "Enter")
        page.locator(".line.assistant", has_text="nine to six").wait_for()

        context.grant_permissions(["microphone"])
        page.click("#talk")

        page.locator("body[data-mic=on]").wait_for()
        assert page.is_hidden("#notice")
        page.click("#end")
        page.locator("body[data-state=ended]").wait_for()
    assert watched.complaints == []


def test_the_server_is_told_that_there_is_no_microphone_and_that_there_is_one(launch: Launch) -> None:
    voice = FakeVoice()
    context = launch(without=[ALLOWING_MICROPHONE]).new_context()
    watched = Watched(context.new_page())
    with running(voice) as address:
        watched.page.goto(f"http://{address}/")
        watched.page.click("#talk")
        watched.eventually(lambda: voice.of_type("capabilities") == [NO_MICROPHONE], "the server is told of the lack")

        context.grant_permissions(["microphone"])
        watched.page.click("#talk")

        watched.eventually(lambda: voice.of_type("capabilities") == [NO_MICROPHONE, BOTH], "and of its end")
        watched.eventually(lambda: len(voice.audio) > 3_200, "and hears the microphone")
    assert watched.complaints == []


def test_a_page_that_may_not_make_a_sound_says_so_until_somebody_clicks(launch: Launch) -> None:
    voice = FakeVoice()
    watched = Watched(launch(without=[ALLOWING_SOUND]).new_page())
    with running(voice) as address:
        watched.page.add_init_script(START_BY_ITSELF)
        watched.page.goto(f"http://{address}/")
        watched.eventually(lambda: voice.of_type("capabilities")[-1:] == [NEITHER], "the server is told")
        watched.page.locator("#state", has_text="No sound here").wait_for()

        watched.page.click("h1")

        watched.eventually(lambda: voice.of_type("capabilities")[-1:] == [NO_MICROPHONE], "the server is told of sound")
        watched.page.evaluate("roomkitVoice.sendText('tone 1')")
        watched.eventually(lambda: voice.of_type("playback"), "it plays")


@pytest.mark.parametrize("missing", ["AudioContext", "AudioWorkletNode"])
def test_a_page_with_nothing_to_play_on_has_a_conversation_all_the_same(
    watched: Watched, tmp_path: Path, missing: str
) -> None:
    watched.page.add_init_script(f"window.{missing} = class {{ constructor() {{ throw new Error('none') }} }};")
    with demo_server(tmp_path / "demo.sqlite3") as url:
        watched.page.goto(url)

        watched.page.get_by_role("button", name="What are your opening hours?").click()

        watched.page.locator(".line.assistant", has_text="nine to six").wait_for()
        watched.page.locator("#state", has_text="type and read").wait_for()
        assert watched.page.evaluate("roomkitVoice.statistics.playedMs") == 0

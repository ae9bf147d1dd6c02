"""The browser client and the page, in a real Chromium against a server that only speaks the protocol."""

from __future__ import annotations

import math
import re
import statistics
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from roomkit.voice.audio.wav import write_wav
from tests.app.fake_server import INPUT_RATE_HZ, FakeVoice, running, tone
from tests.browser.conftest import Launch, Watched


@pytest.fixture
def voice() -> FakeVoice:
    return FakeVoice()


@pytest.fixture
def address(voice: FakeVoice) -> Iterator[str]:
    with running(voice) as address:
        yield address


@pytest.fixture
def demo(watched: Watched, address: str) -> Watched:
    watched.page.goto(f"http://{address}/")
    return watched


def say(demo: Watched, text: str) -> None:
    demo.page.evaluate("(text) => roomkitVoice.sendText(text)", text)


def frequency_hz(pcm: bytes, rate_hz: int) -> float:
    """By the median period, which a hiccup of the fake microphone on a busy machine does not move."""
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    rises = [i for i, (a, b) in enumerate(pairwise(samples)) if a < 0 <= b]
    return rate_hz / statistics.median(b - a for a, b in pairwise(rises))


def test_the_page_loads_and_says_who_answers_and_what_it_knows(demo: Watched) -> None:
    demo.page.get_by_role("button", name="Where is my order?").wait_for()

    assert demo.page.text_content("#provider-name") == "Local stack, no key"
    assert demo.page.text_content("#switch") == "Set OPENAI_API_KEY."
    assert demo.page.is_hidden("#notice")


def test_every_file_of_the_client_comes_with_a_type_that_browsers_run(demo: Watched) -> None:
    for name in ("roomkit-client.js", "capture-worklet.js", "playback-worklet.js", "audio-output.js"):
        response = demo.page.request.get(f"{demo.page.url}{name}")

        assert response.headers["content-type"].startswith("text/javascript")
        assert "default-src 'self'" in response.headers["content-security-policy"]


def test_the_microphone_reaches_the_server_at_the_sessions_rate(
    launch: Launch, voice: FakeVoice, address: str, tmp_path: Path
) -> None:
    write_wav(tmp_path / "mic.wav", tone(4.0, rate_hz=48_000, hz=500.0), 48_000)
    page = launch(tmp_path / "mic.wav").new_page()
    page.goto(f"http://{address}/")
    plain = "{echoCancellation: false, noiseSuppression: false, autoGainControl: false}"

    page.evaluate(
        f"""async () => {{
            const {{ RoomKitVoice }} = await import('/roomkit-client.js');
            window.plain = new RoomKitVoice(`ws://${{location.host}}/voice`, {{ constraints: {plain} }});
            await window.plain.start({{ microphone: true }});
        }}"""
    )
    page.wait_for_timeout(1_500)

    heard = bytes(voice.audio)[8_000:-8_000]
    assert len(heard) > 16_000
    assert frequency_hz(heard, INPUT_RATE_HZ) == pytest.approx(500.0, abs=10.0)


def test_a_browser_that_insists_on_its_own_rate_is_converted_in_the_worklet(
    launch: Launch, voice: FakeVoice, address: str, tmp_path: Path
) -> None:
    write_wav(tmp_path / "mic.wav", tone(4.0, rate_hz=48_000, hz=500.0), 48_000)
    page = launch(tmp_path / "mic.wav").new_page()
    page.add_init_script(
        """const connect = AudioContext.prototype.createMediaStreamSource;
        AudioContext.prototype.createMediaStreamSource = function (stream) {
            if (this.sampleRate === 16000) throw new DOMException("rates differ", "NotSupportedError");
            return connect.call(this, stream);
        };"""
    )
    page.goto(f"http://{address}/")

    page.evaluate("roomkitVoice.start({microphone: true})")
    page.locator("body[data-mic=on]").wait_for()
    page.wait_for_timeout(1_500)

    heard = bytes(voice.audio)[8_000:-8_000]
    assert len(heard) > 16_000
    assert frequency_hz(heard, INPUT_RATE_HZ) == pytest.approx(500.0, abs=10.0)


def test_muting_stops_the_frames_and_tells_the_server(demo: Watched, voice: FakeVoice) -> None:
    demo.start()
    demo.eventually(lambda: voice.audio, "audio arrives")

    demo.page.click("#mute")
    demo.eventually(lambda: voice.of_type("mute"), "the server hears of the mute")
    demo.page.wait_for_timeout(200)
    muted_at = len(voice.audio)
    demo.page.wait_for_timeout(300)

    assert voice.of_type("mute") == [{"type": "mute", "muted": True}]
    assert len(voice.audio) == muted_at


def test_what_was_played_is_reported_and_never_goes_back(demo: Watched, voice: FakeVoice) -> None:
    demo.start(microphone=False)

    say(demo, "tone 0.7")
    demo.eventually(lambda: voice.of_type("playback")[-1:] and voice.of_type("playback")[-1]["played_ms"] == 700, "all")

    reports = [report["played_ms"] for report in voice.of_type("playback")]
    assert reports == sorted(reports)
    assert len(reports) >= 8
    assert {report["epoch"] for report in voice.of_type("playback")} == {0}


def test_less_than_the_prebuffer_is_played_all_the_same(demo: Watched, voice: FakeVoice) -> None:
    demo.start(microphone=False)

    say(demo, "tone 0.02")

    demo.eventually(lambda: [r["played_ms"] for r in voice.of_type("playback")] == [20], "20 ms were played")


def test_a_clear_empties_the_ring_and_counts_anew(demo: Watched, voice: FakeVoice) -> None:
    demo.start(microphone=False)
    say(demo, "tone 8")
    demo.eventually(lambda: len(voice.of_type("playback")) > 3, "it plays")

    say(demo, "clear")
    demo.eventually(lambda: voice.of_type("playback")[-1]["epoch"] == 1, "the clear is acknowledged")

    assert voice.of_type("playback")[-1]["played_ms"] == 0
    assert demo.page.evaluate("roomkitVoice.statistics.bufferedMs") == 0

    say(demo, "tone 0.1")
    demo.eventually(lambda: voice.of_type("playback")[-1]["played_ms"] == 100, "what comes after it is played")


def test_a_conversation_is_shown_with_its_tool_its_time_and_where_it_was_cut(demo: Watched) -> None:
    demo.start(microphone=False)

    say(demo, "say")
    demo.page.locator(".cut").wait_for()

    assert demo.page.text_content(".line.user .bubble") == "Where is my order?"
    assert demo.page.text_content(".line.assistant .unheard") == " and comes on Monday."
    assert demo.page.text_content("#fact-answer") == "241 ms"
    assert "order_status" in (demo.page.text_content(".tool") or "")
    assert demo.page.locator(".tool").count() == 1
    assert re.fullmatch(r"\d+ ms", demo.page.inner_text(".line.assistant .chip"))
    assert demo.page.locator(".partial").count() == 0


def test_words_are_shown_as_words_whatever_they_contain(demo: Watched) -> None:
    demo.page.evaluate(
        """() => roomkitVoice.onTranscript(
            {role: "user", text: "<img src=x onerror=alert(1)>", isFinal: true, itemId: "x"})"""
    )

    assert demo.page.text_content(".bubble") == "<img src=x onerror=alert(1)>"
    assert demo.page.locator(".log img").count() == 0


def test_a_typed_line_starts_a_session_without_a_microphone(demo: Watched, voice: FakeVoice) -> None:
    demo.page.fill("#text", "hello")
    demo.page.press("#text", "Enter")

    demo.eventually(lambda: voice.of_type("text") == [{"type": "text", "text": "hello"}], "the text arrives")
    assert demo.page.text_content(".line.user .bubble") == "hello"
    assert not demo.page.evaluate("roomkitVoice.hasMicrophone")
    assert demo.page.input_value("#text") == ""


def test_escape_stops_the_answer(demo: Watched, voice: FakeVoice) -> None:
    demo.start(microphone=False)
    say(demo, "tone 5")
    demo.eventually(lambda: voice.of_type("playback"), "it plays")

    demo.page.keyboard.press("Escape")

    demo.eventually(lambda: voice.of_type("playback")[-1]["epoch"] == 1, "the answer is cleared")


def test_ending_says_goodbye_and_lets_one_talk_again(demo: Watched, voice: FakeVoice) -> None:
    demo.start()
    demo.page.locator("body[data-mic=on]").wait_for()

    demo.page.click("#end")

    demo.eventually(lambda: not voice.is_open, "the connection closes")
    assert voice.of_type("end") == [{"type": "end"}]
    assert demo.page.text_content("#talk-label") == "Talk again"
    demo.page.click("#talk")
    demo.page.locator("body[data-mic=on]").wait_for()


def test_a_start_that_is_stopped_at_once_leaves_nothing_and_does_not_disturb_the_next(
    demo: Watched, voice: FakeVoice
) -> None:
    demo.page.evaluate(
        """async () => {
            const first = roomkitVoice.start({microphone: true});
            roomkitVoice.stop();
            await Promise.all([first, roomkitVoice.start({microphone: true})]);
        }"""
    )
    demo.page.locator("body[data-mic=on]").wait_for()

    demo.eventually(lambda: len(voice.audio) > 3_200, "the second session hears the microphone")
    assert demo.page.evaluate("roomkitVoice.state") == "live"


def test_a_server_that_says_what_is_no_message_is_survived(demo: Watched, voice: FakeVoice) -> None:
    demo.start(microphone=False)

    say(demo, "rave")
    demo.page.locator("#notice").wait_for()

    assert demo.page.text_content("#notice") == "The server sent what is no message."
    assert demo.page.evaluate("roomkitVoice.state") == "live"


@pytest.mark.parametrize(("order", "words"), [("bye", "The agent said goodbye"), ("die", "The connection was lost")])
def test_the_page_says_why_a_session_ended(demo: Watched, order: str, words: str) -> None:
    demo.start()

    say(demo, order)

    demo.page.locator("body[data-state=ended]").wait_for()
    assert demo.page.text_content("#state") == words


def test_audio_in_json_is_carried_both_ways_too(watched: Watched) -> None:
    voice = FakeVoice(audio_format="base64_json")
    with running(voice) as address:
        watched.page.goto(f"http://{address}/")
        watched.start()

        say(watched, "tone 0.1")

        watched.eventually(lambda: voice.of_type("audio"), "audio arrives as JSON")
        watched.eventually(lambda: [r["played_ms"] for r in voice.of_type("playback")][-1:] == [100], "it is played")
        assert len(voice.of_type("audio")[0]["data"]) == 4 * math.ceil(INPUT_RATE_HZ * 0.02 * 2 / 3)


INSECURE = """
    Object.defineProperty(window, "isSecureContext", { value: false });
    Object.defineProperty(navigator, "mediaDevices", { value: undefined });
    delete window.AudioWorkletNode;
    Object.defineProperty(BaseAudioContext.prototype, "audioWorklet", { value: undefined });
"""


@pytest.fixture
def insecure(watched: Watched, address: str) -> Watched:
    watched.page.add_init_script(INSECURE)
    watched.page.goto(f"http://{address}/")
    return watched


def test_where_browsers_refuse_a_microphone_the_page_says_so(insecure: Watched) -> None:
    insecure.page.locator("#notice").wait_for()

    assert "https or localhost" in (insecure.page.text_content("#notice") or "")
    assert "sample and the text box work" in (insecure.page.text_content("#notice") or "")


def test_without_a_worklet_the_answer_is_played_reported_and_cleared(insecure: Watched, voice: FakeVoice) -> None:
    insecure.start(microphone=False)
    say(insecure, "tone 0.3")
    insecure.eventually(lambda: [r["played_ms"] for r in voice.of_type("playback")][-1:] == [300], "all is played")
    reports = [report["played_ms"] for report in voice.of_type("playback")]

    say(insecure, "tone 5")
    insecure.eventually(lambda: voice.of_type("playback")[-1]["played_ms"] > 320, "it plays on")
    say(insecure, "clear")
    insecure.eventually(
        lambda: voice.of_type("playback")[-1] == {"type": "playback", "played_ms": 0, "epoch": 1}, "clear"
    )

    assert reports == sorted(reports)


def test_a_recording_is_heard_as_if_it_were_the_microphone(insecure: Watched, voice: FakeVoice, tmp_path: Path) -> None:
    insecure.start(microphone=False)
    samples = [round(8_000 * math.sin(2 * math.pi * 500 * i / 44_100)) for i in range(22_050)]
    pcm = struct.pack(f"<{len(samples)}h", *samples)
    write_wav(tmp_path / "me.wav", pcm, 44_100)
    wav = list((tmp_path / "me.wav").read_bytes())

    complete = insecure.page.evaluate("(wav) => roomkitVoice.playSample(new Uint8Array(wav).buffer)", wav)

    assert complete is True
    insecure.eventually(lambda: len(voice.audio) == 2 * 32_000, "half a second and the silence after it arrive")
    assert frequency_hz(bytes(voice.audio)[:15_000], INPUT_RATE_HZ) == pytest.approx(500.0, abs=10.0)
    assert not any(bytes(voice.audio)[-40_000:])


def test_what_is_no_recording_is_said_on_the_page(demo: Watched) -> None:
    demo.page.route("**/samples/*", lambda route: route.fulfill(body=b"no audio"))

    demo.page.click("#sample")

    demo.page.locator("#notice").wait_for()
    assert "could not be played" in (demo.page.text_content("#notice") or "")

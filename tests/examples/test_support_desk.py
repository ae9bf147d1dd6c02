"""The support desk over real sockets: what each side sees, who is heard, what is blocked, and what a restart keeps."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from examples.support_desk import CHAT, DESK, ROOM, SPOKEN, choose_model, choose_voice, objection
from roomkit.app.caller import Line, place_call
from roomkit.kit import RoomKit
from roomkit.models.enums import EventStatus
from roomkit.providers.local.text import LocalTextModel
from roomkit.voice.audio.pcm import silence
from roomkit.voice.audio.wav import parse_wav
from roomkit.voice.tts.espeak import EspeakTts
from tests.examples.conftest import open_desk, side

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite3"


@pytest.mark.parametrize(
    "text",
    ["My PIN is 4321", "card number 4111-1111-1111-1111", "4111 1111 1111 1111", "you IDIOT", "What is the weather?"],
)
def test_what_should_not_be_said_is_objected_to(text: str) -> None:
    assert objection(text)


@pytest.mark.parametrize("text", ["", "What is the status of order 1234?", "Order 1 2 3 4 is late", "It is 17 degrees"])
def test_what_callers_need_to_say_passes(text: str) -> None:
    assert objection(text) is None


def test_a_key_chooses_real_models_and_none_is_needed() -> None:
    environ = {"OPENAI_API_KEY": "sk-secret", "SUPPORT_DESK_MODEL": "openai:some-model"}

    assert (choose_voice(environ).name, choose_model(environ)) == ("openai", "openai:some-model")
    assert (choose_voice({}).name, isinstance(choose_model({}), LocalTextModel)) == ("local", True)


async def spoken(*sentences: str) -> tuple[bytes, int]:
    """The sentences as a caller would say them, with a pause between."""
    tts = EspeakTts("en-us")
    pcm = b""
    for sentence in sentences:
        pcm += b"".join([piece async for piece in tts.synthesize(sentence)]) + silence(1_500.0, tts.rate_hz)
    return pcm, tts.rate_hz


async def test_a_spoken_question_is_answered_aloud_and_a_spoken_sentence_is_blocked(store: Path) -> None:
    heard: list[Line] = []
    async with open_desk(store) as address, side(address, CHAT) as caller, side(address, DESK) as desk:
        pcm, rate_hz = await spoken("What is the weather in Paris?", "What are your opening hours?")

        outcome = await place_call(f"ws://{address}/voice/", pcm, rate_hz, tell=heard.append)

        blocked = await desk.reads("weather in Paris")
        answer = await desk.reads("We are open from nine to six")
        sound = await desk.sees(lambda told: told.get("kind") == "heard" and "nine to six" in told["text"])
        await caller.sees(lambda told: told.get("id") == sound["id"])
    assert outcome.heard_answer
    assert blocked["blocked"] == "That is not what this desk is for."
    assert (answer["who"], answer["is_spoken"], answer["is_private"]) == ("agent", False, False)
    assert [told["id"] for told in caller.events()] == [told["id"] for told in desk.events()]
    assert not any("degrees" in line.text for line in heard)


async def test_a_whisper_reaches_the_agent_and_never_the_caller(store: Path) -> None:
    async with open_desk(store) as address, side(address, CHAT) as caller, side(address, DESK) as desk:
        await desk.does("whisper", "offer her free shipping")
        noted = await desk.reads("Understood.")
        await caller.does("say", "When are you open?")
        answer = await caller.reads("nine to six")
        async with side(address, CHAT) as later:
            missed = later.events()

    assert noted["is_private"]
    assert answer["text"].endswith("shipping is free.")
    assert [told["text"] for told in caller.events()] == ["When are you open?", answer["text"]]
    assert [told["text"] for told in missed] == ["When are you open?", answer["text"]]


async def test_who_takes_over_answers_instead_of_the_agent_until_handing_back(store: Path) -> None:
    async with open_desk(store) as address, side(address, CHAT) as caller, side(address, DESK) as desk:
        await desk.does("say", "too early")
        refused = await desk.sees(lambda told: told["type"] == "error")
        await desk.does("take_over")
        await caller.sees(lambda told: told.get("taken_over") is True)
        await caller.does("say", "When are you open?")
        await desk.reads("When are you open?")
        await desk.does("say", "Maria here: until six.")
        await caller.reads("Maria here")
        await desk.does("hand_back")
        await caller.reads("handed back")
        await caller.does("say", "Where are you?")
        await caller.reads("12 Market Street")

    assert refused["message"] == "Take over first: the agent is answering."
    assert [(told["who"], told["text"]) for told in caller.events()] == [
        ("room", "supervisor took over from agent"),
        ("caller", "When are you open?"),
        ("supervisor", "Maria here: until six."),
        ("room", "supervisor handed back to agent"),
        ("caller", "Where are you?"),
        ("agent", "We are at 12 Market Street, right beside the town hall."),
    ]


async def test_a_callers_side_can_do_nothing_of_a_supervisors(store: Path) -> None:
    rubbish = ["no json", "[]", "{}", '{"type": "dance"}', '{"type": "take_over"}', '{"type": "say", "text": " "}']
    async with open_desk(store) as address, side(address, CHAT) as caller:
        for raw in rubbish:
            await caller.sends(raw)
        await caller.does("whisper", "Where are you?")  # a caller has nobody to whisper to: it is said
        await caller.reads("12 Market Street")

        assert sum(told["type"] == "error" for told in caller.told) == len(rubbish)
        async with connect(f"ws://{address}/chat/voice", proxy=None) as stranger:
            with pytest.raises(ConnectionClosed):
                await stranger.recv()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as POSIX does")
async def test_it_runs_as_a_program_says_where_it_is_and_ends_on_ctrl_c(store: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    arguments = ["-W", "error", "examples/support_desk.py", "--port", "0", "--store", str(store)]
    program = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
    )
    assert program.stdout is not None

    url = (await program.stdout.readline()).decode().split(" at ")[1].split()[0]
    async with httpx.AsyncClient(base_url=url, trust_env=False) as browser:
        page = await browser.get("/")
        config = await browser.get("/config.json")
        sentence = await browser.get("/spoken/0.wav")
        missing = await browser.get(f"/spoken/{len(SPOKEN)}.wav")
        stranger = await browser.get("/", headers={"host": "evil.example"})
    program.send_signal(signal.SIGINT)
    _, complaints = await program.communicate()

    assert (page.status_code, config.json()) == (200, {"spoken": list(SPOKEN), "voice": "local"})
    assert parse_wav(sentence.content)[1] > 0
    assert (missing.status_code, stranger.status_code) == (404, 403)
    assert (program.returncode, complaints) == (0, b"")


async def test_the_timeline_survives_a_restart_whole_and_the_room_goes_on(store: Path) -> None:
    async with open_desk(store) as address, side(address, CHAT) as caller, side(address, DESK) as desk:
        await caller.does("say", "When are you open?")
        await desk.reads("nine to six")
        await caller.does("say", "My PIN is 4321")
        await desk.reads("4321")
        await desk.does("whisper", "say sorry")
        await desk.reads("Understood.")
        await desk.does("take_over")
        await desk.reads("took over")
        before = desk.events()

    async with open_desk(store) as address, side(address, CHAT) as caller, side(address, DESK) as desk:
        after = list(desk.events())
        states = [told for told in desk.told if told["type"] == "state"]
        await desk.does("hand_back")
        await caller.does("say", "Where are you?")
        await caller.reads("Market Street")

    async with RoomKit(store=store) as kit:
        timeline = await kit.get_timeline(ROOM)
    assert after == before
    assert states[0]["taken_over"] is True
    assert [event.index for event in timeline] == list(range(len(timeline)))
    blocked = [(event.text, event.blocked_by) for event in timeline if event.status is EventStatus.BLOCKED]
    assert blocked == [("My PIN is 4321", "moderation")]
    assert "PIN" in (timeline[2].block_reason or "")

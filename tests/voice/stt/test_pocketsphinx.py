"""The real recogniser on a small grammar."""

from __future__ import annotations

import asyncio
import wave
from importlib.resources import as_file, files

import pytest

pytest.importorskip("pocketsphinx", reason="the extra 'local' is not installed")

from roomkit.errors import ConfigError
from roomkit.voice.stt.base import NOTHING_HEARD, Recognition
from roomkit.voice.stt.pocketsphinx import RATE_HZ, WARM_DECODERS, PocketSphinx

GRAMMAR = """#JSGF V1.0;
grammar test;
public <turn> = /0.9/ what is the weather in (paris | london) | /0.1/ (banana | elephant | yesterday)+;
"""
BLOCK_BYTES = 1_024


def question() -> bytes:
    """ "What is the weather in Paris?" """
    with as_file(files("roomkit.app") / "samples" / "three_questions.wav") as path, wave.open(str(path)) as file:
        return bytes(file.readframes(2 * RATE_HZ))


@pytest.fixture
async def engine() -> PocketSphinx:
    return PocketSphinx(GRAMMAR, junk=frozenset({"banana", "elephant", "yesterday"}), written=str.title)


async def recognise(engine: PocketSphinx, pcm: bytes) -> Recognition:
    utterance = engine.open()
    for start in range(0, len(pcm), BLOCK_BYTES):
        utterance.feed(pcm[start : start + BLOCK_BYTES])
    return await utterance.finish()


async def test_a_phrase_of_the_grammar_is_recognised_and_written(engine: PocketSphinx) -> None:
    assert await recognise(engine, question()) == Recognition("What Is The Weather In Paris", 1.0)
    await engine.close()


async def test_guesses_grow_while_the_caller_speaks(engine: PocketSphinx) -> None:
    await engine.warm()
    utterance = engine.open()
    guesses: list[str] = []

    pcm = question()
    for start in range(0, len(pcm), BLOCK_BYTES):
        utterance.feed(pcm[start : start + BLOCK_BYTES])
        await asyncio.sleep(0.005)
        guess = utterance.so_far().text
        if guess and guess not in guesses:
            guesses.append(guess)

    final = (await utterance.finish()).text
    assert final == "What Is The Weather In Paris"
    assert len(guesses) >= 3
    assert final in guesses  # before it was finished
    await engine.close()


async def test_two_utterances_at_once_do_not_mix(engine: PocketSphinx) -> None:
    speech, silence = await asyncio.gather(recognise(engine, question()), recognise(engine, bytes(RATE_HZ)))

    assert speech.text == "What Is The Weather In Paris"
    assert silence.text != speech.text
    await engine.close()


async def test_nothing_fed_is_nothing_heard(engine: PocketSphinx) -> None:
    assert await recognise(engine, b"") == NOTHING_HEARD
    await engine.close()


async def test_an_abandoned_utterance_gives_its_decoder_back(engine: PocketSphinx) -> None:
    await engine.warm()
    for _ in range(20):
        utterance = engine.open()
        utterance.feed(question()[: 20 * BLOCK_BYTES])
        utterance.abandon()
        utterance.abandon()
        utterance.feed(b"\0\0")

    assert (await recognise(engine, question())).text == "What Is The Weather In Paris"
    assert engine.idle_decoders == WARM_DECODERS
    await engine.close()


async def test_a_cancelled_finish_gives_its_decoder_back(engine: PocketSphinx) -> None:
    await engine.warm()
    for _ in range(5):
        utterance = engine.open()
        utterance.feed(question())
        finishing = asyncio.ensure_future(utterance.finish())  # noqa: TID251 -- a task to be cancelled is the subject
        await asyncio.sleep(0)
        finishing.cancel()

    assert (await recognise(engine, question())).text == "What Is The Weather In Paris"
    await recognise(engine, b"")  # the last clean-up comes before this on the engine's thread
    assert engine.idle_decoders >= WARM_DECODERS
    await engine.close()


async def test_an_engine_may_be_closed_twice_and_used_again(engine: PocketSphinx) -> None:
    await engine.close()
    await engine.close()

    assert (await recognise(engine, question())).text is not None
    await engine.close()


@pytest.mark.parametrize("grammar", ["", "public <x> = hello;", "#JSGF V1.0;\ngrammar g;\npublic <x> = qwrtzpx;\n"])
async def test_a_grammar_it_cannot_use_is_refused(grammar: str) -> None:
    engine = PocketSphinx(grammar)

    with pytest.raises(ConfigError):
        await engine.warm()
    await engine.close()

"""The real recogniser on a small grammar."""

from __future__ import annotations

import asyncio
import random
import wave
from collections.abc import AsyncIterator
from importlib.resources import as_file, files

import pytest

pytest.importorskip("pocketsphinx", reason="the extra 'local' is not installed")

from roomkit.errors import ConfigError, ProviderError
from roomkit.voice.stt.base import NOTHING_HEARD, Recognition, WorksAhead
from roomkit.voice.stt.pocketsphinx import RATE_HZ, WARM_DECODERS, PocketSphinx
from roomkit.voice.stt.second_look import USUAL_MEAN, SecondLook
from roomkit.voice.stt.word_network import WordNetwork, network_of

GRAMMAR = """#JSGF V1.0;
grammar test;
public <turn> = /0.9/ what is the weather in (paris | london) | /0.1/ (banana | elephant | yesterday)+;
"""
PHRASES = """#JSGF V1.0;
grammar phrases;
public <turn> = what is the weather in (paris | london);
"""
NETWORK = network_of([("what", "is", "the", "weather", "in", "<city>")], {"<city>": [("paris",), ("london",)]})
"""The same phrases as a network."""

BLOCK_BYTES = 1_024


def question() -> bytes:
    """ "What is the weather in Paris?" """
    with as_file(files("roomkit.app") / "samples" / "three_questions.wav") as path, wave.open(str(path)) as file:
        return bytes(file.readframes(2 * RATE_HZ))


def backwards() -> bytes:
    """The sounds of speech, and no words."""
    return memoryview(question()).cast("h")[::-1].tobytes()


@pytest.fixture
async def engine() -> PocketSphinx:
    return PocketSphinx(GRAMMAR, junk=frozenset({"banana", "elephant", "yesterday"}), written=str.title)


@pytest.fixture
async def twice() -> AsyncIterator[PocketSphinx]:
    """An engine that looks twice."""
    engine = PocketSphinx(GRAMMAR, phrases=PHRASES, junk=frozenset({"banana", "elephant", "yesterday"}))
    await engine.warm()
    yield engine
    await engine.close()


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


@pytest.mark.parametrize("network", [WordNetwork(()), network_of([("qwrtzpx",)])])
async def test_a_network_it_cannot_use_is_refused(network: WordNetwork) -> None:
    engine = PocketSphinx(network)

    with pytest.raises(ConfigError):
        await engine.warm()
    await engine.close()


async def test_a_network_is_heard_like_the_grammar_it_stands_for() -> None:
    junk = frozenset({"banana", "elephant", "yesterday"})
    engine = PocketSphinx(NETWORK.or_any_of(junk), phrases=NETWORK, junk=junk)

    assert await recognise(engine, question()) == Recognition("what is the weather in paris", 1.0)
    assert (await recognise(engine, backwards())).text in ("", None)
    await engine.close()


async def test_the_second_look_hears_the_phrase_too(twice: PocketSphinx) -> None:
    assert await recognise(twice, question()) == Recognition("what is the weather in paris", 1.0)


async def test_speech_that_only_comes_nearest_to_a_phrase_is_refused(twice: PocketSphinx) -> None:
    assert (await recognise(twice, backwards())).text in ("", None)


@pytest.mark.parametrize("pcm", [b"", bytes(RATE_HZ), b"\0\0", b"\xff\x7f" * 4_000])
async def test_what_is_not_speech_is_no_phrase_at_the_second_look_either(twice: PocketSphinx, pcm: bytes) -> None:
    assert not (await recognise(twice, pcm)).text


async def test_a_pause_has_the_final_word_ready_before_the_end(twice: PocketSphinx) -> None:
    utterance = twice.open()
    assert isinstance(utterance, WorksAhead)
    utterance.feed(question())

    utterance.pause()
    await idle(twice)

    assert utterance.so_far() == Recognition("what is the weather in paris", 1.0)
    assert await utterance.finish() == Recognition("what is the weather in paris", 1.0)
    await idle(twice)
    assert twice.idle_decoders == WARM_DECODERS


async def test_what_was_worked_out_in_a_pause_is_dropped_when_the_caller_goes_on(twice: PocketSphinx) -> None:
    pcm = question()
    half = len(pcm) // 2 // BLOCK_BYTES * BLOCK_BYTES
    utterance = twice.open()
    utterance.feed(pcm[:half])
    utterance.pause()
    await idle(twice)

    utterance.resume()
    utterance.feed(pcm[half:])

    assert await utterance.finish() == Recognition("what is the weather in paris", 1.0)


async def test_a_turn_that_ends_while_the_pause_is_worked_on_waits_for_it(twice: PocketSphinx) -> None:
    utterance = twice.open()
    utterance.feed(question())
    utterance.pause()

    assert await utterance.finish() == Recognition("what is the weather in paris", 1.0)
    await idle(twice)
    assert twice.idle_decoders == WARM_DECODERS


async def test_pauses_of_an_utterance_that_is_over_are_ignored(twice: PocketSphinx) -> None:
    utterance = twice.open()
    utterance.feed(question())
    utterance.pause()
    utterance.abandon()

    utterance.pause()
    utterance.resume()
    await idle(twice)

    assert utterance.so_far() == NOTHING_HEARD
    assert twice.idle_decoders == WARM_DECODERS


async def test_a_phrase_grammar_it_cannot_use_is_refused() -> None:
    engine = PocketSphinx(GRAMMAR, phrases="nonsense")

    with pytest.raises(ConfigError):
        await engine.warm()
    await engine.close()


async def test_a_second_look_that_fails_costs_one_utterance(
    twice: PocketSphinx, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no more frames")

    with monkeypatch.context() as broken:
        broken.setattr(SecondLook, "look", fail)
        with pytest.raises(ProviderError):
            await recognise(twice, question())

    assert (await recognise(twice, question())).text == "what is the weather in paris"
    assert twice.idle_decoders == WARM_DECODERS


async def test_the_first_look_knows_how_loud_the_utterance_is(
    twice: PocketSphinx,
) -> None:
    await idle(twice)
    decoder = twice.decoders.lease()  # the engine's thread is idle

    nothing = twice.decoders.heard(decoder)
    decoder.process_raw(random.Random(7).randbytes(RATE_HZ))  # as loud as can be
    noise = twice.decoders.heard(decoder)

    assert nothing.mean == pytest.approx(USUAL_MEAN, abs=0.01)
    assert noise.mean[0] > USUAL_MEAN[0] + 10  # the first value is the loudness
    decoder.end_utt()
    twice.decoders.give_back(decoder)


async def idle(engine: PocketSphinx) -> None:
    """Wait until the engine's thread has done all it was given."""
    await asyncio.get_running_loop().run_in_executor(engine.thread, lambda: None)

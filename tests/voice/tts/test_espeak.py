"""The real synthesiser."""

from __future__ import annotations

import asyncio
from array import array

import pytest

pytest.importorskip("espeakng_loader", reason="the extra 'espeak' is not installed")

from roomkit.voice.tts.espeak import AUDIBLE_PEAK, EspeakTts


async def said(text: str, *, voice: str | None = None, rate: float = 1.0) -> bytes:
    return b"".join([pcm async for pcm in EspeakTts().synthesize(text, voice=voice, rate=rate)])


async def test_a_sentence_becomes_audio_that_begins_with_sound() -> None:
    pcm = await said("Hello, this is the shop.")

    assert len(pcm) % 2 == 0
    assert 0.8 < len(pcm) / 2 / 22_050 < 4
    assert abs(array("h", pcm)[0]) >= AUDIBLE_PEAK


async def test_slower_takes_longer() -> None:
    normal, slow = await said("How can I help you?"), await said("How can I help you?", rate=0.6)

    assert len(slow) > 1.2 * len(normal)


@pytest.mark.parametrize("text", ["", " \n\t", "\x00\x01\x1b", "...", "\ud800", "🙂"])
async def test_what_cannot_be_spoken_is_left_out(text: str) -> None:
    assert len(await said(text)) < 22_050 * 2 * 4


async def test_control_characters_do_not_end_a_sentence() -> None:
    assert len(await said("hello\x00 hello hello hello")) > 1.5 * len(await said("hello"))


async def test_another_voice_sounds_different() -> None:
    tts = EspeakTts()
    await tts.warm()

    assert tts.knows_voice("en-gb")
    assert tts.knows_voice("en-us+f3")
    assert await said("water", voice="en-gb") != await said("water", voice="en-us+f3")


@pytest.mark.parametrize("voice", ["alloy", "", "en-us+", "en-us+nobody", "../../etc/passwd"])
async def test_a_voice_it_lacks_is_not_known(voice: str) -> None:
    tts = EspeakTts()
    await tts.warm()

    assert not tts.knows_voice(voice)


async def test_closing_the_iterator_stops_the_engine() -> None:
    tts = EspeakTts()
    long = "one two three four five six seven eight nine ten " * 200
    chunks = tts.synthesize(long)
    await anext(chunks)

    await chunks.aclose()

    async with asyncio.timeout(5):  # the one engine is free again at once, or this would wait for minutes of speech
        assert [pcm async for pcm in tts.synthesize("ready")]


async def test_two_callers_share_the_engine() -> None:
    alone = await said("What time is it?")

    both = await asyncio.gather(said("What time is it?"), said("What time is it?"))

    assert [len(pcm) for pcm in both] == pytest.approx([len(alone)] * 2, rel=0.05)  # its breath is random

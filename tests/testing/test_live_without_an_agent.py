"""A live simulator whose cascade does not fit together: the client is told and let go, and nothing hangs."""

from __future__ import annotations

import asyncio

from roomkit.providers.local.brain import ShopBrain
from roomkit.testing import OpenAISimulator
from roomkit.voice.pipeline.provider import CascadeProvider
from roomkit.voice.stt.pocketsphinx import PocketSphinx
from roomkit.voice.tts.espeak import EspeakTts
from tests.testing.openai_client import Client, settle

ANSWER_TIMEOUT_S = 10.0
GRAMMAR = "#JSGF V1.0;\ngrammar shop;\npublic <shop> = hello;\n"


class TelephoneVad:
    """Listens at another rate than the recogniser."""

    rate_hz = 8_000
    block_bytes = 512

    def speech_probability(self, block: bytes) -> float:
        return 0.0

    def reset(self) -> None:
        return


async def test_the_client_is_told_that_there_is_no_agent() -> None:
    provider = CascadeProvider(stt=PocketSphinx(GRAMMAR), tts=EspeakTts(), model=ShopBrain(), vad=TelephoneVad)
    client = await Client.dial(OpenAISimulator(live=provider))
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while client.closed is None:
            await settle(10)
    await provider.close()

    assert "the VAD listens at 8000 Hz" in client.last("error")["error"]["message"]
    assert client.closed.code == 1011

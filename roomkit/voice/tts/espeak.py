"""Speech synthesis with espeak-ng, in process: the first sound after a millisecond, any text, a robot's voice.

**espeak-ng is GPL-3**; whoever installs the extra ``espeak`` accepts that for the installation. It is loaded by ctypes
from the espeakng-loader wheel, which bundles library and voices. The library is one per process and not thread-safe.

Invariant: the library is called from `_THREAD` only; callbacks come on it too.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import re
import threading
from array import array
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from roomkit._extras import require
from roomkit.errors import ProviderError
from roomkit.voice.tts.cues import spoken

DEFAULT_VOICE = "en-us"
NORMAL_WORDS_PER_MINUTE = 165
"""A little slower than espeak's 175: over a phone the default is hurried."""

CHUNK_MS = 60
AUDIBLE_PEAK = 200
"""Samples below this (-44 dBFS) before the first sound are silence the engine puts there: 20-50 ms of waiting."""

# speak_lib.h of espeak-ng 1.52
_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_POS_CHARACTER: Final = 1
_CHARS_UTF8: Final = 1
_END_PAUSE: Final = 0x1000
_PARAMETER_RATE: Final = 1

_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+|[\ud800-\udfff]")
_VARIANT = re.compile(r"\+(?:[mf][1-8]|croak|whisper|whisperf|klatt[1-6]?)")

Emit = Callable[[bytes], bool]
"""Takes PCM on the engine's thread; ``False`` stops the engine."""


class _Voice(ctypes.Structure):
    """``espeak_VOICE``: only its first fields are read, so the rest is not declared (the library owns the memory)."""

    _fields_ = (("name", ctypes.c_char_p), ("languages", ctypes.c_void_p), ("identifier", ctypes.c_char_p))


class _Library:
    """The shared library; every method on `_THREAD`."""

    def __init__(self) -> None:
        loader = require("espeakng_loader", extra="espeak", why="the local synthesiser")
        self._lib = ctypes.CDLL(str(loader.get_library_path()))
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._emit: Emit | None = None
        self._callback = _SynthCallback(self._on_chunk)  # kept: the library holds only the pointer
        data = str(loader.get_data_path()).encode()
        self.rate_hz = int(self._lib.espeak_Initialize(_SYNCHRONOUS, CHUNK_MS, data, _DONT_EXIT))
        if self.rate_hz <= 0:
            raise ProviderError("espeak-ng could not be initialised", code="tts_failed")
        self._lib.espeak_SetSynthCallback(self._callback)
        self.voices = self._list_voices()

    def say(self, text: str, voice: str, rate: float, emit: Emit) -> None:
        """Synthesise; returns when all is said or ``emit`` said stop."""
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ProviderError("espeak-ng refused a voice it lists", code="tts_failed")
        self._lib.espeak_SetParameter(_PARAMETER_RATE, round(NORMAL_WORDS_PER_MINUTE * rate), 0)
        utf8 = text.encode()
        self._emit = emit
        try:
            code = self._lib.espeak_Synth(
                utf8, ctypes.c_size_t(len(utf8) + 1), 0, _POS_CHARACTER, 0, _CHARS_UTF8 | _END_PAUSE, None, None
            )
        finally:
            self._emit = None
        if code != 0:
            raise ProviderError(f"espeak-ng failed with code {code}", code="tts_failed")

    def _on_chunk(self, wav: ctypes._Pointer[ctypes.c_short], sample_count: int, _events: int | None) -> int:
        if not wav or sample_count <= 0 or self._emit is None:
            return 0
        return 0 if self._emit(ctypes.string_at(wav, sample_count * 2)) else 1

    def _list_voices(self) -> dict[str, str]:
        """Names and languages, each with the identifier `say` takes (names and languages are not all accepted)."""
        identifiers: dict[str, str] = {}
        for entry in self._lib.espeak_ListVoices(None):
            if not entry:
                break
            identifier = entry.contents.identifier.decode()
            for name in (entry.contents.name.decode(), *_languages(entry.contents.languages)):
                identifiers.setdefault(name, identifier)
        return identifiers


def _languages(raw: int | None) -> Iterator[str]:
    """``espeak_VOICE.languages``: for each a byte of priority and a C string; a byte of 0 ends them."""
    while raw and ctypes.string_at(raw, 1) != b"\0":
        language = ctypes.string_at(raw + 1)
        yield language.decode()
        raw += len(language) + 2


_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roomkit-tts")


@functools.cache
def _library() -> _Library:
    """The process's library, loaded on the first call; on `_THREAD` only."""
    return _Library()


class EspeakTts:
    """A `TextToSpeech`. All objects share the process's one engine.

    Args:
        voice: An espeak-ng voice or language (``"en-us"``, ``"en-gb"``, ``"fr"``), with a variant if wanted
            (``"en-us+f3"``).

    Raises:
        MissingExtraError: espeakng-loader is not installed.
    """

    def __init__(self, voice: str = DEFAULT_VOICE) -> None:
        require("espeakng_loader", extra="espeak", why="the local synthesiser")
        self._voice = voice
        self._voices: Mapping[str, str] = {}
        self._rate_hz = 22_050

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    async def warm(self) -> None:
        """See `TextToSpeech.warm`.

        Raises:
            ProviderError: The library does not start.
        """
        if not self._voices:
            library = await asyncio.get_running_loop().run_in_executor(_THREAD, _library)
            self._voices, self._rate_hz = library.voices, library.rate_hz

    def knows_voice(self, voice: str) -> bool:
        """Whether the engine has the voice; only known once `warm` has run."""
        name, plus, variant = voice.partition("+")
        return name in self._voices and (not plus or _VARIANT.fullmatch(plus + variant) is not None)

    def _identifier(self, voice: str) -> str:
        name, plus, variant = voice.partition("+")
        return self._voices.get(name, name) + plus + variant

    async def synthesize(
        self, text: str, *, voice: str | None = None, rate: float = 1.0
    ) -> AsyncGenerator[bytes, None]:
        """See `TextToSpeech.synthesize`; chunks of 60 ms, without the silence before the first sound, and cues."""
        await self.warm()
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[bytes | None] = asyncio.Queue()  # bounded by the sentence: the caller cuts texts up
        stopped = threading.Event()

        def emit(pcm: bytes) -> bool:
            if not stopped.is_set():
                try:
                    loop.call_soon_threadsafe(chunks.put_nowait, pcm)
                except RuntimeError:  # the loop is closed: nobody listens any more
                    stopped.set()
            return not stopped.is_set()

        sayable = spoken(_UNSPEAKABLE.sub(" ", text))
        saying = loop.run_in_executor(_THREAD, _say, sayable, self._identifier(voice or self._voice), rate, emit)
        saying.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            began = False
            while (pcm := await chunks.get()) is not None:
                audible = pcm if began else _from_first_sound(pcm)
                if audible:
                    began = True
                    yield audible
            await saying
        finally:
            stopped.set()

    async def close(self) -> None:
        """Nothing to release: the engine is the process's."""


def _say(text: str, voice: str, rate: float, emit: Emit) -> None:
    _library().say(text, voice, rate, emit)


def _from_first_sound(pcm: bytes) -> bytes:
    """The chunk from its first audible sample on; empty if there is none."""
    for index, sample in enumerate(array("h", pcm)):
        if abs(sample) >= AUDIBLE_PEAK:
            return pcm[index * 2 :]
    return b""

"""`OpenAISimulator`: the OpenAI Realtime server on a real socket, or in memory, playing the same script.

It decides who is let in and which script a connection plays; getting in is `door`, the connection itself
`connection`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal

from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.testing.simulators.openai.connection import Dialled, audio_bytes
from roomkit.testing.simulators.openai.director import OpenAIDirector
from roomkit.testing.simulators.openai.door import Door, Manners, Serving
from roomkit.testing.simulators.openai.rules import Refusal
from roomkit.testing.simulators.openai.session import Close, OpenAISimulatorSession
from roomkit.testing.simulators.openai.tables import CLIENT_EVENTS
from roomkit.testing.simulators.record import Record
from roomkit.testing.simulators.script import Script
from roomkit.voice.wires.port import Endpoint, WirePort

MANNERS: Final = Manners(CLIENT_EVENTS, key_subprotocol="openai-insecure-api-key.", subprotocol="realtime")


class OpenAISimulator:
    """The OpenAI Realtime server (GA protocol) as a test wants it.

    Args:
        script: What it does; or a function making a script for each connection. By default it just answers.
        api_key: The only key it lets in; by default any, but there must be one.
        bad_key: How another key is turned away: HTTP 401 on the upgrade, or close 3000 after it.
        keep_audio: Keep the caller's audio; see `OpenAISimulatorSession.caller_audio`.
        on_log: Told each line of the log as it is written.
        clock: Where ids and times come from.

    Attributes:
        scripts: One for each connection (the same one again and again unless `script` is a function).
        sessions: The protocol state of each connection, oldest first, ended ones included.
    """

    def __init__(
        self,
        script: Script | Callable[[], Script] | None = None,
        *,
        api_key: str | None = None,
        bad_key: Literal["status", "close"] = "status",
        keep_audio: bool = False,
        on_log: Callable[[str], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._make_script = script_maker(script)
        self._api_key = api_key
        self._bad_key = bad_key
        self._keep_audio = keep_audio
        self._clock = clock
        self._record = Record(audio_bytes, on_log)
        self._door = Door(self._refusal, self._begin, manners=MANNERS, record=self._record, clock=clock)
        self.scripts: list[Script] = []
        self.sessions: list[OpenAISimulatorSession] = []

    @property
    def received(self) -> list[dict[str, Any]]:
        """The clients' events in order, refused ones included; see `Record.received`."""
        return self._record.received

    @property
    def log(self) -> list[str]:
        """One line an event, both directions; see `Record.log`."""
        return self._record.log

    def assert_done(self) -> None:
        """Check every script; see `Script.assert_done`."""
        for script in self.scripts or [self._make_script()]:
            script.assert_done()

    async def dial(self, endpoint: Endpoint) -> WirePort:
        """Open a connection in memory; a `roomkit.voice.wires.port.Dialler`.

        Raises:
            WireRefused: No key, the wrong one, or the wrong path.
        """
        return await self._door.dial(endpoint)

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> AbstractAsyncContextManager[Serving]:
        """Listen on a real port (0: any free one) for as long as the block lasts.

        Raises:
            OSError: The address cannot be bound.
        """
        return self._door.serve(host, port)

    def _refusal(self, dialled: Dialled) -> tuple[int, str] | None:
        if self._bad_key == "status" and self._api_key not in (None, dialled.key):
            return 401, "Incorrect API key provided"
        return None

    def _begin(self, dialled: Dialled, now_ms: float) -> OpenAIDirector:
        session = OpenAISimulatorSession(
            new_id=self._clock.new_id,
            model=dialled.model,
            now_ms=now_ms,
            wall_s=self._clock.wall().timestamp(),
            keep_audio=self._keep_audio,
        )
        self.sessions.append(session)
        turned_away = self._turned_away(dialled)
        if turned_away is not None:
            session.take()
            session.refuse(turned_away[0])
            session.close(turned_away[1].code, turned_away[1].reason)
        script = self._make_script()
        if script not in self.scripts:
            self.scripts.append(script)
        return OpenAIDirector(session, script, now_ms)

    def _turned_away(self, dialled: Dialled) -> tuple[Refusal, Close] | None:
        """Refusals the real server sends only after the upgrade."""
        if dialled.is_beta:
            text = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
            return Refusal("beta_api_shape_disabled", text), Close(
                4000, "invalid_request_error.beta_api_shape_disabled"
            )
        if self._api_key not in (None, dialled.key):
            refusal = Refusal("invalid_api_key", "Incorrect API key provided.")
            return refusal, Close(3000, "invalid_request_error.invalid_api_key")
        if not dialled.model:
            refusal = Refusal("missing_model", "You must provide a model parameter.", "model")
            return refusal, Close(4000, "invalid_request_error.missing_model")
        return None


def script_maker(script: Script | Callable[[], Script] | None) -> Callable[[], Script]:
    """A function that gives the script for the next connection."""
    if callable(script):
        return script
    the_script = script or Script()
    return lambda: the_script

"""A provider without a vendor, for tests: records every command, simulates everything a vendor says.

When ``await provider.simulate_…()`` returns, its effect is visible: transcripts asked and published, tools run, hooks
begun. No sleep is needed in a test. `MockRealtimeTransport` is the client side.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from roomkit.errors import NotFoundError, ProviderError
from roomkit.models.session import VoiceSession
from roomkit.voice.backends.mock import MockCall, MockVoiceBackend
from roomkit.voice.realtime.commands import Command, InjectText, LinkConfig, SendAudio, ToolResult
from roomkit.voice.realtime.profile import Profile, TurnPolicy
from roomkit.voice.realtime.provider import ProviderLink, ProviderSink, RealtimeVoiceProvider
from roomkit.voice.realtime.provider_events import (
    Audio,
    LinkLost,
    LinkReady,
    ProviderEvent,
    ProviderFault,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    Role,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)

__all__ = ["MockCall", "MockRealtimeProvider", "MockRealtimeTransport"]

MOCK_PROFILE = Profile(
    name="mock",
    reconfigures=frozenset({"instructions", "voice", "tools", "temperature", "provider_config"}),
    truncates=True,
    deletes_items=True,
    manual_turns=True,
    images=True,
    image_types=frozenset({"image/png", "image/jpeg"}),
    tells_speech=True,
    holds_answers=True,
)


class _MockLink:
    """The provider link of one session, and where its conversation stands."""

    def __init__(self, provider: MockRealtimeProvider, config: LinkConfig, sink: ProviderSink) -> None:
        self._provider = provider
        self.session_id = config.session_id
        self.sink = sink
        self.is_closed = False
        self.turn = 0
        self.response = 0
        self.response_is_open = False
        self.speech_item = ""

    @property
    def response_id(self) -> str:
        return f"response-{self.response}"

    @property
    def buffered_bytes(self) -> int:
        return 0

    def send(self, command: Command) -> None:
        if not self.is_closed:
            self._provider._record(self.session_id, command)  # noqa: SLF001 -- the link is its provider's other half

    async def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._provider.calls.append(MockCall("disconnect", {"session_id": self.session_id}))


class MockRealtimeProvider(RealtimeVoiceProvider):
    """A provider that does as the test says.

    Args:
        model: What it says its model is.
        profile: What it claims it can do.
        policy: How turns go.
        rate_hz: What its link takes and gives; default: what the session asks for.

    Attributes:
        calls: Every command, ``connect`` and ``disconnect``, oldest first, by the command's name in snake case.
        sent_audio: ``(session_id, pcm)`` of the caller.
        injected_texts: ``(session_id, text, role)``.
        tool_results: ``(session_id, call_id, result)``.
        refuse_with: Raised by the next dials, first to last.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        profile: Profile = MOCK_PROFILE,
        policy: TurnPolicy | None = None,
        rate_hz: int | None = None,
    ) -> None:
        self._model = model
        self.calls: list[MockCall] = []
        self.sent_audio: list[tuple[str, bytes]] = []
        self.injected_texts: list[tuple[str, str, str]] = []
        self.tool_results: list[tuple[str, str, str]] = []
        self.refuse_with: list[ProviderError] = []
        self._profile = profile
        self._policy = policy or TurnPolicy()
        self._rate_hz = rate_hz
        self._links: dict[str, _MockLink] = {}

    @property
    def profile(self) -> Profile:
        """As given."""
        return self._profile

    @property
    def model(self) -> str | None:
        """As given."""
        return self._model

    def turn_policy(self, config: LinkConfig) -> TurnPolicy:
        """As given."""
        return self._policy

    async def open_link(self, config: LinkConfig, sink: ProviderSink) -> ProviderLink:
        """Ready at once, unless ``refuse_with`` says otherwise."""
        self.calls.append(MockCall("connect", {"session_id": config.session_id, "config": config}))
        if self.refuse_with:
            raise self.refuse_with.pop(0)
        previous = self._links.get(config.session_id)
        link = self._links[config.session_id] = _MockLink(self, config, sink)
        if previous is not None:  # a vendor's ids are not used again
            link.turn, link.response = previous.turn + 1, previous.response + 1
        sink.on_event(
            LinkReady(
                self._rate_hz or config.input_rate_hz,
                self._rate_hz or config.output_rate_hz,
                f"mock-{config.session_id}",
                is_resumed=config.resume is not None and self._profile.resumes,
            )
        )
        return link

    # --- what a vendor would say ----------------------------------------------------------------------------------

    async def simulate_audio(self, session: VoiceSession | str, pcm: bytes, *, item_id: str | None = None) -> None:
        """The agent speaks; belongs to the response that is open, or to the next one."""
        link = self._link(session)
        item = f"item-{link.response}" if item_id is None else item_id
        await self._deliver(link, Audio(pcm, link.response_id, item))

    async def simulate_transcription(
        self,
        session: VoiceSession | str,
        text: str,
        role: Role = "assistant",
        is_final: bool = True,
        *,
        item_id: str | None = None,
    ) -> None:
        """Words of either side. ``text`` is the whole utterance so far."""
        link = self._link(session)
        if role == "assistant":
            item = f"item-{link.response}" if item_id is None else item_id
            await self._deliver(link, Transcript(role, text, is_final, item, link.response_id))
            if is_final and not link.response_is_open:
                link.response += 1
        else:
            item = link.speech_item or f"turn-{link.turn}" if item_id is None else item_id
            if is_final and item_id is None:
                link.speech_item = ""
                link.turn += 1
            await self._deliver(link, Transcript(role, text, is_final, item))

    async def simulate_speech_start(self, session: VoiceSession | str) -> None:
        """The vendor hears the caller begin."""
        link = self._link(session)
        link.speech_item = f"turn-{link.turn}"
        await self._deliver(link, SpeechStarted(link.speech_item))

    async def simulate_speech_end(self, session: VoiceSession | str) -> None:
        """The vendor hears the caller stop."""
        link = self._link(session)
        link.speech_item = link.speech_item or f"turn-{link.turn}"
        await self._deliver(link, SpeechStopped(link.speech_item))

    async def simulate_tool_call(
        self, session: VoiceSession | str, call_id: str, name: str, arguments: Mapping[str, Any] | str | None = None
    ) -> None:
        """The agent asks for a tool; a string is passed on as it is (to send what is not JSON)."""
        link = self._link(session)
        text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
        await self._deliver(link, ToolCall(call_id, name, text, link.response_id))

    async def simulate_tool_cancelled(self, session: VoiceSession | str, *call_ids: str) -> None:
        """The agent does not want results any more."""
        await self._deliver(self._link(session), ToolCallCancelled(call_ids))

    async def simulate_response_start(self, session: VoiceSession | str) -> None:
        """The agent begins an answer."""
        link = self._link(session)
        link.response_is_open = True
        await self._deliver(link, ResponseStarted(link.response_id))

    async def simulate_response_end(
        self,
        session: VoiceSession | str,
        status: ResponseStatus = "completed",
        *,
        usage: Mapping[str, float] | None = None,
    ) -> None:
        """The vendor is done generating it, and counts what it used (`ResponseDone.usage`)."""
        link = self._link(session)
        response_id, link.response_is_open = link.response_id, False
        link.response += 1
        await self._deliver(link, ResponseDone(response_id, status, usage or {}))

    async def simulate_error(self, session: VoiceSession | str, code: str, message: str) -> None:
        """The vendor reports an error; the link stays."""
        await self._deliver(self._link(session), ProviderFault(code, message))

    async def simulate_event(self, session: VoiceSession | str, event: ProviderEvent) -> None:
        """Whatever else a vendor may say."""
        await self._deliver(self._link(session), event)

    async def simulate_disconnect(
        self, session: VoiceSession | str, *, code: str = "1006", reason: str = "simulated", retryable: bool = True
    ) -> None:
        """The link drops."""
        link = self._link(session)
        link.is_closed = True
        await self._deliver(link, LinkLost(code, reason, retryable))

    # --- details --------------------------------------------------------------------------------------------------

    def methods(self, session: VoiceSession | str | None = None) -> list[str]:
        """The methods of `calls`, of one session or of all."""
        wanted = None if session is None else _id_of(session)
        return [call.method for call in self.calls if wanted is None or call.args.get("session_id") == wanted]

    def _record(self, session_id: str, command: Command) -> None:
        args = {field.name: getattr(command, field.name) for field in dataclasses.fields(command)}
        self.calls.append(MockCall(_snake(type(command).__name__), {"session_id": session_id, **args}))
        match command:
            case SendAudio(pcm):
                self.sent_audio.append((session_id, pcm))
            case InjectText(text, role):
                self.injected_texts.append((session_id, text, role))
            case ToolResult(call_id, _, output):
                self.tool_results.append((session_id, call_id, output))

    async def _deliver(self, link: _MockLink, event: ProviderEvent) -> None:
        link.sink.on_event(event)
        await link.sink.settled()

    def _link(self, session: VoiceSession | str) -> _MockLink:
        link = self._links.get(_id_of(session))
        if link is None:
            raise NotFoundError(f"no link of session {_id_of(session)} on this provider")
        return link


class MockRealtimeTransport(MockVoiceBackend):
    """The client side of a test: see `MockVoiceBackend`."""


def _id_of(session: VoiceSession | str) -> str:
    return session if isinstance(session, str) else session.id


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()

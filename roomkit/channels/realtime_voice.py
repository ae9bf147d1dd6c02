"""RealtimeVoiceChannel: speech-to-speech in a room. A façade over the session engine (`roomkit.voice.session`).

It begins sessions, each with its settings, its agent and its door to the room, and changes their agents. Not in here:
what can be done to a call that is running (`live_calls`), anything about audio or turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from roomkit.channels.live_calls import LiveCalls
from roomkit.channels.voice_agents import VoiceAgents
from roomkit.clock import SYSTEM_CLOCK, Clock
from roomkit.core.locks import is_inside_a_lock
from roomkit.core.room_port import NullRoomPort
from roomkit.core.tools import ToolCatalog, ToolHandler
from roomkit.models.enums import ChannelCategory, ChannelType
from roomkit.models.recording import Recording
from roomkit.models.session import VoiceSession
from roomkit.models.usage import Usage
from roomkit.telemetry.prices import PriceTable
from roomkit.voice.backends.base import VoiceBackend
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.account.budget import Budget
from roomkit.voice.session.account.room_budget import RoomBudget
from roomkit.voice.session.engine import Session
from roomkit.voice.session.handoff import Handoff
from roomkit.voice.session.inside import is_inside
from roomkit.voice.session.links.candidates import Entry, candidates_of, led_by
from roomkit.voice.session.reconfigure import AgentChanges, reconfigure
from roomkit.voice.session.settings import AgentSettings, DegradeTo, OnLate, PartialTranscripts, SessionSettings
from roomkit.voice.session.typed import take_typed

if TYPE_CHECKING:
    from roomkit.core.ports import RoomPort
    from roomkit.models.channel import ChannelBinding


class RealtimeVoiceChannel(LiveCalls):
    """Binds a speech-to-speech provider to an audio transport, and makes what was said part of the room.

    Works without a kit too: then every hook allows and nothing is stored.

    Args:
        channel_id: Unique in its kit.
        provider: The model side; of a list (providers, agents with one) the next serves when one cannot.
        transport: Carries callers.
        system_prompt: The agent's instructions.
        voice: A voice of the provider.
        tools: `Tool` objects, function dicts and vendor-native tools, mixed.
        temperature: Sampling temperature; ignored with a warning where the vendor has none.
        input_sample_rate: Client to provider, Hz.
        output_sample_rate: Provider to client, Hz.
        transport_sample_rate: What the transport carries, Hz, both ways; default: the two above.
        emit_transcription_events: Make finals room events.
        tool_handler: ``(name, arguments)`` for tools that have no handler of their own.
        mute_on_tool_call: Keep the caller's audio from the provider while a tool runs.
        tool_result_max_length: Characters of a tool result the provider gets; longer ones are cut with a notice.
        provider_config: The vendor's own settings.
        greeting: Said by the agent as soon as the session is active.
        agents: Named agents; the first one takes the calls. What they leave out is the channel's.
        partial_transcripts: ``"always"`` shows partials even while an ON_TRANSCRIPTION hook could stop the final.
        transcription_timeout_s: Longest wait for the verdict on a transcript; then it counts as blocked.
        hold_answers: Ask for each answer only after the verdict on the caller's words; without a transcript there is
            no verdict and no answer.
        client_grace_ms: How long a client that dropped may take to come back.
        lead_ms: Most agent audio a client may hold ahead of its playback.
        recording: Record every session, from its beginning or on request.
        output_guard_ms: Longest that the agent's audio waits for ON_TRANSCRIPTION hooks to judge its words; 0: never.
        output_guard_on_late: When that was not enough: ``"release"`` lets the audio go and counts it on
            ``session.late_verdicts``, ``"cut"`` stops the answer.
        tool_timeout_s: Longest run of one tool.
        degrade_to: ``"text"``: when no provider can be had any more, the call goes on in writing until one can.
        stall_timeout_s: A provider silent for this long while it owes an answer is given up; ``None``: never.
        prices: What vendors charge; default: the table that ships, which knows few.
        budget: How much a session may use; ``metadata["budget"]`` overrides it.
        room_budget: How much the sessions of a room may use together.
        clock: Time and ids, when there is no kit to take them from.

    Raises:
        ConfigError: A tool that is none, or a rate or a guard that cannot be.
    """

    default_type: ClassVar[ChannelType] = ChannelType.REALTIME_VOICE
    default_category: ClassVar[ChannelCategory] = ChannelCategory.TRANSPORT

    def __init__(
        self,
        channel_id: str,
        *,
        provider: Entry | Sequence[Entry],
        transport: VoiceBackend,
        system_prompt: str | None = None,
        voice: str | None = None,
        tools: Sequence[Any] | None = None,
        temperature: float | None = None,
        input_sample_rate: int = 16_000,
        output_sample_rate: int = 24_000,
        transport_sample_rate: int | None = None,
        emit_transcription_events: bool = True,
        tool_handler: ToolHandler | None = None,
        mute_on_tool_call: bool = False,
        tool_result_max_length: int = 16_384,
        provider_config: Mapping[str, Any] | None = None,
        greeting: str | None = None,
        agents: Sequence[Agent] = (),
        partial_transcripts: PartialTranscripts = "auto",
        transcription_timeout_s: float = 2.0,
        hold_answers: bool = False,
        client_grace_ms: float = 0.0,
        lead_ms: float = 200.0,
        recording: Recording | None = None,
        output_guard_ms: float = 0.0,
        output_guard_on_late: OnLate = "release",
        tool_timeout_s: float = 30.0,
        stall_timeout_s: float | None = 8.0,
        degrade_to: DegradeTo | None = None,
        prices: PriceTable | None = None,
        budget: Budget | None = None,
        room_budget: RoomBudget | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(channel_id)
        self._candidates = candidates_of(provider, hold_answers=hold_answers)
        self.provider = self._candidates[0].provider
        self.transport = transport
        self._settings = SessionSettings(
            agent=AgentSettings(
                system_prompt=system_prompt, voice=voice, temperature=temperature,
                catalog=ToolCatalog(tools, tool_handler), provider_config=dict(provider_config or {}),
                vendor=self.provider.name,
            ),
            tool_handler=tool_handler, input_rate_hz=input_sample_rate, output_rate_hz=output_sample_rate,
            transport_rate_hz=transport_sample_rate, emit_transcription_events=emit_transcription_events,
            mute_on_tool_call=mute_on_tool_call, tool_result_max_length=tool_result_max_length,
            tool_timeout_s=tool_timeout_s, stall_timeout_s=stall_timeout_s, degrade_to=degrade_to,
            transcription_timeout_s=transcription_timeout_s, partial_transcripts=partial_transcripts,
            greeting=greeting, hold_answers=hold_answers, client_grace_ms=client_grace_ms, lead_ms=lead_ms,
            recording=recording, output_guard_ms=output_guard_ms, output_guard_on_late=output_guard_on_late,
            prices=prices, budget=budget, room_budget=room_budget,
        )  # fmt: skip
        self._agents = VoiceAgents(
            agents, providers=[c.provider for c in self._candidates], hand_over=self.hand_over_to
        )
        self._agents.check(self._settings)
        self._clock = clock

    # --- sessions -------------------------------------------------------------------------------------------------

    async def start_session(
        self, room_id: str, participant_id: str, connection: Any = None, *, metadata: Mapping[str, Any] | None = None
    ) -> VoiceSession:
        """Begin a caller's session; returns when it is ACTIVE.

        Creates the room and attaches the channel when they are missing. A session the participant has in the room on
        this channel is replaced; one whose client dropped within ``client_grace_ms`` goes on with this connection.

        Args:
            room_id: The conversation.
            participant_id: The caller.
            connection: The transport's handle of the client's connection.
            metadata: Kept on the session; ``system_prompt``, ``voice``, ``temperature``, ``tools``, ``greeting`` and
                ``provider_config``, ``recording`` override the channel's for this session.

        Raises:
            AccessDeniedError: The room is closed or has used up its budget, or the channel was detached from it.
            ConfigError: Something in the configuration cannot work.
            ProviderRefusedError: The vendor said no.
            ProviderLostError: The vendor could not be reached.
            ClientGoneError: The client left meanwhile.
            SessionStateError: The channel is closed, or the session ended meanwhile, as by its room's budget.
        """
        merged = {**(metadata or {}), **await self.transport.admit(connection)}
        agent = self._agents.first(merged)
        settings = self._agents.at_start(agent, self._settings, merged)
        port, binding = await self._enter(room_id, participant_id)
        previous = self._live.of_caller(room_id, participant_id)
        if previous is not None and previous.waits_for_client:
            await previous.resume(connection)
            return previous.view
        if settings.room_budget is not None:
            settings = replace(settings, room_account=await settings.room_budget.account_of(room_id, self._used_in))
        session = self._new_session(room_id, participant_id, connection, merged, settings, port, agent)
        if binding is not None:
            session.permit(can_write=binding.can_write, can_read=binding.agent_can_be_heard)
        await self._live.run(session)
        return session.view

    async def reconfigure_session(
        self,
        session: VoiceSession | str,
        *,
        system_prompt: str | None = None,
        voice: str | None = None,
        tools: Sequence[Any] | None = None,
        temperature: float | None = None,
        provider_config: Mapping[str, Any] | None = None,
        provider: RealtimeVoiceProvider | None = None,
    ) -> None:
        """Change the agent of one running session; what is omitted is kept.

        In place where the vendor can; otherwise a new link is opened first, told the conversation, and switched to
        between turns. From one of the session's own hooks or tools a switch is only recorded: it follows the turn, and
        what goes wrong then is told to ON_ERROR.

        Raises:
            ConfigError: The new settings cannot work; nothing was changed.
            NotFoundError: The session is over.
            ProviderError: The new link could not be opened; the old one stays.
        """
        live = self._live.get(session)
        if tools is not None:
            tools = self._agents.with_transfers(self._agents.find(live.view.agent), tools)
        changes = AgentChanges(system_prompt, voice, tools, temperature, provider_config)
        await reconfigure(live, changes, provider)

    async def hand_over_to(
        self, session: VoiceSession | str, agent: Agent | str, *, summary: str = "", reason: str = ""
    ) -> None:
        """Let another agent serve a running session, from between two turns on; returns when it does.

        In place where the vendor can, else over a new link. The next agent knows the conversation and is told the
        reason and the summary; its greeting is said, or an answer that is owed is its own. From one of the session's
        own hooks or tools, or a hook of the room, this is only recorded, and what goes wrong then told to ON_ERROR.

        Raises:
            ConfigError: The agent cannot serve; nothing was changed.
            NotFoundError: The session is over, or there is no agent of that name.
            ProviderError: Its link could not be opened; the old agent goes on.
            SessionStateError: Another handoff is under way, or agents passed the call around too often in one turn.
        """
        live = self._live.get(session)
        base = self._settings.overridden_by(live.view.metadata)
        handoff = self._agents.handoff(self._agents.get(agent), base, live.provider, reason=reason, summary=summary)
        await live.change_agent(handoff, waits=not is_inside(live.view.id) and not is_inside_a_lock())

    async def close(self) -> None:
        """End every session, then the transport and the provider. Idempotent."""
        await self._live.close()
        await self.transport.close()
        for provider in (*(each.provider for each in self._candidates), *self._agents.providers):
            await provider.close()

    # --- details --------------------------------------------------------------------------------------------------

    async def _enter(self, room_id: str, participant_id: str) -> tuple[RoomPort, ChannelBinding | None]:
        if self.host is None:
            return NullRoomPort(), None
        await self.host.ensure_room(room_id)
        binding = await self.host.ensure_attached(room_id)
        await self.host.ensure_participant(room_id, participant_id)
        return self.host.room_port(room_id), binding

    async def _used_in(self, room_id: str) -> Usage:
        return Usage() if self.host is None else await self.host.usage(room_id)

    def _new_session(
        self,
        room_id: str,
        participant_id: str,
        connection: Any,
        metadata: dict[str, Any],
        settings: SessionSettings,
        port: RoomPort,
        agent: Agent | None,
    ) -> Session:
        clock = self._clock or (self.host.clock if self.host is not None else SYSTEM_CLOCK)
        view = VoiceSession(
            id=clock.new_id("vs"),
            room_id=room_id,
            participant_id=participant_id,
            channel_id=self.channel_id,
            agent=None if agent is None else agent.name,
            created_at=clock.wall(),
            metadata=metadata,
        )
        return Session(
            view,
            provider=led_by(self._agents.provider_of(agent), self._candidates),
            transport=self.transport,
            connection=connection,
            settings=settings,
            port=port,
            clock=clock,
            typed=take_typed,
            fallback=self._fallback(settings, metadata),
        )

    def _fallback(
        self, settings: SessionSettings, metadata: Mapping[str, Any]
    ) -> Callable[[RealtimeVoiceProvider], Handoff] | None:
        if settings.fallback is None:
            return None
        agent, base = self._agents.get(settings.fallback), self._settings.overridden_by(metadata)
        return lambda now: self._agents.handoff(agent, base, now, reason="the budget is used up", summary="")

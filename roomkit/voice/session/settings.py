"""What one session was told: the channel's settings with the session's own on top. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from roomkit.core.tools import ToolCatalog, ToolHandler
from roomkit.errors import ConfigError
from roomkit.models.recording import Recording
from roomkit.telemetry.prices import PriceTable
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.commands import LinkConfig, ToolSpec
from roomkit.voice.session.account.budget import Budget
from roomkit.voice.session.account.room_budget import RoomAccount, RoomBudget

DegradeTo = Literal["text"]
PartialTranscripts = Literal["auto", "always"]
OnLate = Literal["release", "cut"]


MAX_GUARD_MS = 10_000.0
"""Longest `output_guard_ms`: nobody waits longer than this for an answer to be judged."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Who the agent is: everything `reconfigure` may change of a running session.

    Attributes:
        vendor: The provider's name that the voice, the vendor-native tools and ``provider_config`` were written for;
            ``None``: any.
    """

    system_prompt: str | None = None
    voice: str | None = None
    temperature: float | None = None
    catalog: ToolCatalog = field(default_factory=ToolCatalog)
    provider_config: Mapping[str, Any] = field(default_factory=dict)
    vendor: str | None = None


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How the session runs; see `RealtimeVoiceChannel` for what each means to its user.

    Attributes:
        room_account: Of the session's own room, by ``room_budget``.

    Raises:
        ConfigError: A sample rate or a budget that cannot be.
    """

    agent: AgentSettings = field(default_factory=AgentSettings)
    tool_handler: ToolHandler | None = None
    input_rate_hz: int = 16_000
    output_rate_hz: int = 24_000
    transport_rate_hz: int | None = None
    emit_transcription_events: bool = True
    mute_on_tool_call: bool = False
    tool_result_max_length: int = 16_384
    tool_timeout_s: float = 30.0
    stall_timeout_s: float | None = 8.0
    degrade_to: DegradeTo | None = None
    transcription_timeout_s: float = 2.0
    partial_transcripts: PartialTranscripts = "auto"
    hold_answers: bool = False
    greeting: str | None = None
    client_grace_ms: float = 0.0
    lead_ms: float = 200.0
    output_guard_ms: float = 0.0
    output_guard_on_late: OnLate = "release"
    prices: PriceTable | None = None
    budget: Budget | None = None
    room_budget: RoomBudget | None = None
    room_account: RoomAccount | None = None
    recording: Recording | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.room_budget, RoomBudget | None):
            raise ConfigError("room_budget is a RoomBudget, which several channels may share, or None for none")
        if self.degrade_to not in (None, "text"):
            raise ConfigError(f'degrade_to is "text" or None, not {self.degrade_to!r}')
        if not 0.0 <= self.output_guard_ms <= MAX_GUARD_MS:
            raise ConfigError(f"output_guard_ms is from 0 (off) to {MAX_GUARD_MS:g}, not {self.output_guard_ms}")
        if self.output_guard_on_late not in get_args(OnLate):
            raise ConfigError(f'output_guard_on_late is "release" or "cut", not {self.output_guard_on_late!r}')
        for rate_hz in (self.input_rate_hz, self.output_rate_hz, self.transport_rate_hz):
            if rate_hz is not None and not 4_000 <= rate_hz <= 192_000:
                raise ConfigError(f"a sample rate of {rate_hz} Hz cannot be: 8000, 16000, 24000 and 48000 are usual")

    @property
    def fallback(self) -> Agent | str | None:
        """Who takes over when a budget is used up: of the session's own, if that names somebody, else of the room's."""
        budgets = (self.budget, None if self.room_budget is None else self.room_budget.limits)
        return next((each.fallback for each in budgets if each is not None and each.fallback is not None), None)

    def overridden_by(self, metadata: Mapping[str, Any]) -> SessionSettings:
        """These settings with a session's own on top, by top-level key; an explicit ``None`` is kept as such.

        Args:
            metadata: ``system_prompt``, ``voice``, ``temperature``, ``tools``, ``greeting``, ``provider_config``,
                ``budget``, ``recording``; other keys are the application's.

        Raises:
            ConfigError: A value that cannot work.
        """
        own = {name: metadata[name] for name in ("system_prompt", "voice", "temperature") if name in metadata}
        if "tools" in metadata:
            own["catalog"] = ToolCatalog(metadata["tools"], self.tool_handler)
        vendor = metadata.get("provider_config") or {}
        if not isinstance(vendor, Mapping):
            raise ConfigError("metadata['provider_config'] is a dict of the vendor's settings")
        own["provider_config"] = {**self.agent.provider_config, **vendor}
        budget = metadata.get("budget", self.budget)
        if not isinstance(budget, Budget | None):
            raise ConfigError("metadata['budget'] is a Budget, or None for none")
        recording = metadata.get("recording", self.recording)
        if not isinstance(recording, Recording | None):
            raise ConfigError("metadata['recording'] is a Recording, or None for none")
        greeting = metadata.get("greeting", self.greeting)
        return replace(self, agent=replace(self.agent, **own), greeting=greeting, budget=budget, recording=recording)

    def with_agent(self, agent: AgentSettings) -> SessionSettings:
        """The same session with another agent."""
        return replace(self, agent=agent)

    def link_config(self, session_id: str) -> LinkConfig:
        """What the provider link should be."""
        agent = self.agent
        return LinkConfig(
            session_id=session_id,
            instructions=agent.system_prompt,
            voice=agent.voice,
            tools=tuple(
                ToolSpec(tool["name"], tool["description"], tool["parameters"]) for tool in agent.catalog.definitions
            ),
            vendor_tools=agent.catalog.vendor_tools,
            temperature=agent.temperature,
            input_rate_hz=self.input_rate_hz,
            output_rate_hz=self.output_rate_hz,
            provider_config=agent.provider_config,
            hold_answers=self.hold_answers,
        )

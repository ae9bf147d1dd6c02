"""The agents of one voice channel: who there is, whom each may hand over to, and what each gets of the channel's.

It stands beside the channel, above the sessions, because only the channel knows the defaults that an `Agent` leaves
out. Not in here: how a call changes hands (`voice.session.handoff`). Invariant: every agent known here can serve: its
tools fit together and all whom it may hand over to are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from roomkit.core.tools import ToolCatalog, cut_to
from roomkit.errors import ConfigError, NotFoundError, RoomKitError
from roomkit.models.tool_call import Tool
from roomkit.voice.realtime.agent import Agent
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.handoff import Handoff
from roomkit.voice.session.inside import CURRENT_SESSION_ID
from roomkit.voice.session.settings import AgentSettings, SessionSettings

MAX_SUMMARY_CHARS: Final = 4_000
"""Of a summary, and of a reason: a page; the conversation itself goes along anyway."""


class HandOver(Protocol):
    """`RealtimeVoiceChannel.hand_over_to`."""

    async def __call__(self, session: str, agent: Agent | str, *, summary: str = "", reason: str = "") -> None: ...


_TRANSFER_PARAMETERS: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "description": "Why the call is handed over, in a few words."},
        "summary": {"type": "string", "description": "What the next agent should know: who calls, what was said."},
    },
}


class VoiceAgents:
    """The agents of a channel; also none.

    Args:
        agents: The first one takes the calls. Those they name in ``handoffs`` as objects need not be listed.
        providers: The channel's own, the preferred one first, for agents without one.
        hand_over: What a transfer tool does.

    Raises:
        ConfigError: Two agents of one name, or a handoff to an agent there is none of.
    """

    def __init__(
        self, agents: Sequence[Agent], *, providers: Sequence[RealtimeVoiceProvider], hand_over: HandOver
    ) -> None:
        self._by_name: dict[str, Agent] = {}
        self._providers = list(providers)
        self._hand_over = hand_over
        for agent in agents:
            self._enter(agent)
        for agent in self._by_name.values():
            for target in _names(agent.handoffs):
                if target not in self._by_name:
                    raise ConfigError(f"agent {agent.name!r} hands over to {target!r}, but {self._there_are()}")

    @property
    def providers(self) -> list[RealtimeVoiceProvider]:
        """Those of agents that bring their own."""
        return [agent.provider for agent in self._by_name.values() if agent.provider is not None]

    def check(self, settings: SessionSettings) -> None:
        """See that each could serve under the channel's settings.

        Raises:
            ConfigError: One cannot: a tool has the name of a handoff, or its provider cannot hold answers.
        """
        for agent in self._by_name.values():
            self.settings_of(agent, settings, self.provider_of(agent))

    def find(self, name: str | None) -> Agent | None:
        """An agent by name, if there is one."""
        return None if name is None else self._by_name.get(name)

    def get(self, agent: Agent | str) -> Agent:
        """An agent by name; an `Agent` itself need not be known.

        Raises:
            NotFoundError: There is none of that name; says which there are.
        """
        if isinstance(agent, Agent):
            return agent
        found = self.find(agent)
        if found is None:
            raise NotFoundError(f"no agent is called {agent!r:.80}: {self._there_are()}")
        return found

    def first(self, metadata: Mapping[str, Any]) -> Agent | None:
        """Who takes a call: ``metadata["agent"]``, else the first.

        Raises:
            NotFoundError: There is none of that name.
        """
        if (wanted := metadata.get("agent")) is not None and self._by_name:
            return self.get(wanted)
        return next(iter(self._by_name.values()), None)

    def provider_of(self, agent: Agent | None) -> RealtimeVoiceProvider:
        """Who does an agent's speaking at the start of a call."""
        return self._providers[0] if agent is None or agent.provider is None else agent.provider

    # --- what an agent gets -----------------------------------------------------------------------------------------

    def settings_of(self, agent: Agent, base: SessionSettings, provider: RealtimeVoiceProvider) -> SessionSettings:
        """How a session runs with an agent.

        Args:
            agent: Who serves.
            base: How it would run without agents: the channel's settings, the session's own on top.
            provider: Who does the speaking; what belongs to another vendor is left out.

        Raises:
            ConfigError: It cannot serve: a tool has the name of a handoff, or the provider cannot hold answers.
        """
        if base.hold_answers and not provider.profile.holds_answers:
            raise ConfigError(f"agent {agent.name!r} cannot serve with hold_answers: {provider.name} answers by itself")
        default = base.agent
        own_fits = provider.name == (agent.provider or self._providers[0]).name
        default_fits = provider.name == self._providers[0].name
        settings = AgentSettings(
            vendor=provider.name,
            system_prompt=_first(agent.system_prompt, default.system_prompt),
            voice=_first(agent.voice if own_fits else None, default.voice if default_fits else None),
            temperature=_first(agent.temperature, default.temperature),
            catalog=self._catalog(agent, base),
            provider_config={
                **(default.provider_config if default_fits else {}),
                **((agent.provider_config or {}) if own_fits else {}),
            },
        )
        return base.with_agent(settings)

    def at_start(self, agent: Agent | None, channels: SessionSettings, metadata: Mapping[str, Any]) -> SessionSettings:
        """How a session begins: the channel's settings, the agent's over them, the session's own over both.

        Raises:
            ConfigError: A value that cannot work.
        """
        if agent is None:
            return channels.overridden_by(metadata)
        settings = self.settings_of(agent, channels, self.provider_of(agent))
        if agent.greeting is not None:
            settings = replace(settings, greeting=agent.greeting)
        if "tools" in metadata:
            metadata = {**metadata, "tools": self.with_transfers(agent, metadata["tools"])}
        return settings.overridden_by(metadata)

    def handoff(
        self, agent: Agent, base: SessionSettings, now: RealtimeVoiceProvider, *, reason: str, summary: str
    ) -> Handoff:
        """What is to happen for an agent to serve.

        Args:
            agent: The next one; without a provider of its own it is the channel's that speaks.
            base: See `settings_of`.
            now: The provider the call is with; kept where it will do.
            reason: In a few words.
            summary: What the agent should know.

        Raises:
            ConfigError: It cannot serve.
        """
        provider = agent.provider or (now if now in self._providers else self._providers[0])
        settings = self.settings_of(agent, base, provider)
        reason, summary = cut_to(reason, MAX_SUMMARY_CHARS), cut_to(summary, MAX_SUMMARY_CHARS)
        return Handoff(agent.name, settings, provider, agent.greeting, reason, summary)

    def with_transfers(self, agent: Agent | None, tools: Sequence[Any] | None) -> list[Any]:
        """Tools, and after them one for each handoff the agent may make."""
        targets = () if agent is None else agent.handoffs
        return [*(tools or ()), *(self._transfer(self.get(target)) for target in targets)]

    # --- details ----------------------------------------------------------------------------------------------------

    def _enter(self, agent: object) -> None:
        if not isinstance(agent, Agent):
            raise ConfigError(f"agents is a list of Agent objects, not of {type(agent).__name__}")
        known = self._by_name.setdefault(agent.name, agent)
        if known is not agent:
            raise ConfigError(f"two agents are called {agent.name!r}")
        for target in agent.handoffs:
            if isinstance(target, Agent) and self._by_name.get(target.name) is not target:
                self._enter(target)

    def _catalog(self, agent: Agent, base: SessionSettings) -> ToolCatalog:
        catalog = base.agent.catalog if agent.tools is None else ToolCatalog(agent.tools, base.tool_handler)
        transfers = self.with_transfers(agent, ())
        for name in {str(definition["name"]) for definition in catalog.definitions} & {each.name for each in transfers}:
            raise ConfigError(f"agent {agent.name!r} has a tool {name!r}, the name of one of its handoffs: rename it")
        return catalog.extended(transfers) if transfers else catalog

    def _transfer(self, target: Agent) -> Tool:
        async def transfer(reason: str = "", summary: str = "") -> dict[str, str]:
            try:
                await self._hand_over(CURRENT_SESSION_ID.get() or "", target, reason=reason, summary=summary)
            except RoomKitError as error:  # for the agent: it goes on with the call
                return {"error": str(error)}
            return {"status": f"the call is being handed over to {target.name}; say nothing more"}

        description = f"Hand the call over to {target.name}. {target.description}".strip()
        return Tool(f"transfer_to_{target.name}", description, _TRANSFER_PARAMETERS, transfer)

    def _there_are(self) -> str:
        return f"there are: {', '.join(sorted(self._by_name))}" if self._by_name else "the channel has no agents"


def _names(handoffs: Iterable[Agent | str]) -> list[str]:
    return [each if isinstance(each, str) else each.name for each in handoffs]


def _first(own: Any, default: Any) -> Any:
    return default if own is None else own

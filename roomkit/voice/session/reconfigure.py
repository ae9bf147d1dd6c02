"""Another agent for a running session: what changes, and whether the link can change in place (R-0006-52).

Not in here: how a new link is opened and switched to (`provider_side`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Final

from roomkit.core.tools import ToolCatalog
from roomkit.voice.realtime.commands import UpdateSession
from roomkit.voice.realtime.profile import Profile
from roomkit.voice.realtime.provider import RealtimeVoiceProvider
from roomkit.voice.session.engine import Session
from roomkit.voice.session.settings import SessionSettings

_WIRE_NAMES: Final = {"system_prompt": "instructions", "catalog": "tools"}
"""What `Profile.reconfigures` calls the settings it names otherwise."""


@dataclass(frozen=True, slots=True)
class AgentChanges:
    """What is to change of a session's agent; ``None`` is kept."""

    system_prompt: str | None = None
    voice: str | None = None
    tools: Sequence[Any] | None = None
    temperature: float | None = None
    provider_config: Mapping[str, Any] | None = None

    def named(self, settings: SessionSettings) -> dict[str, Any]:
        """The changes as fields of `AgentSettings`.

        Args:
            settings: What is changed.

        Raises:
            ConfigError: A tool that is none.
        """
        changes: dict[str, Any] = {
            "system_prompt": self.system_prompt,
            "voice": self.voice,
            "temperature": self.temperature,
            "catalog": None if self.tools is None else ToolCatalog(self.tools, settings.tool_handler),
            "provider_config": (
                None if self.provider_config is None else {**settings.agent.provider_config, **self.provider_config}
            ),
        }
        return {name: value for name, value in changes.items() if value is not None}


def fits_in_place(changed: Mapping[str, Any], profile: Profile) -> bool:
    """Whether a live link of this vendor can take these changes."""
    wire_names = {_WIRE_NAMES.get(name, name) for name in changed}
    if not profile.temperature:
        wire_names.discard("temperature")  # a portable wish the vendor lacks is no reason for a new link
    return wire_names <= profile.reconfigures


def for_vendor(settings: SessionSettings, vendor: str) -> SessionSettings:
    """The settings without what was written for another vendor: its voice, its tools, its own keys."""
    agent = settings.agent
    if agent.vendor in (None, vendor):
        return settings
    catalog = copy(agent.catalog)
    catalog.vendor_tools = ()
    return settings.with_agent(replace(agent, voice=None, provider_config={}, catalog=catalog, vendor=vendor))


async def reconfigure(live: Session, changes: AgentChanges, provider: RealtimeVoiceProvider | None = None) -> None:
    """Change the agent: in place where the vendor can, else by a hand-over.

    From inside one of the session's own hooks or tools a hand-over is only recorded; it follows the turn.

    Raises:
        ConfigError: The new settings cannot work; nothing was changed.
        ProviderError: The new link could not be opened; the old one stays.
    """
    before = live.settings if provider is None else for_vendor(live.settings, provider.name)
    changed = changes.named(before)
    settings = before.with_agent(replace(before.agent, **changed))
    if provider is None and fits_in_place(changed, live.provider.profile):
        live.send(UpdateSession(live.link_config(settings)))
        live.settings = settings
    else:
        await live.hand_over(settings, provider or live.provider)

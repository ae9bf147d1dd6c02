"""`Agent`: who speaks with the caller, as one value that can be handed a call.

It stands beside the provider contract, below the sessions, so that a channel, a hand-over and a failover list name the
same thing. Not in here: when a call changes hands (`voice.session.handoff`) and what an agent left out means for a
channel (`channels.voice_agents`). Invariant: a name is one that every vendor takes as part of a tool's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from roomkit.errors import ConfigError
from roomkit.voice.realtime.provider import RealtimeVoiceProvider

MAX_NAME_CHARS: Final = 48
"""With ``transfer_to_`` before it a tool's name stays below the 64 characters every vendor takes."""
_NAME: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME_CHARS}}}")


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent of a voice channel.

    What is left out (``None``) is the channel's; but ``voice`` and ``provider_config`` only where the agent speaks
    through the same vendor: no vendor knows another's voices.

    Attributes:
        name: Letters, digits, ``_`` and ``-``, at most 48; unique among the agents that know each other.
        description: What it is for, told to the agents that may hand over to it.
        system_prompt: Its instructions.
        voice: A voice of its provider.
        tools: Its tools, in place of the channel's; ``()`` for none.
        temperature: Sampling temperature.
        provider: Who does its speaking, if not the provider the call is with.
        provider_config: The vendor's own settings, on top of the channel's.
        greeting: Said as soon as the call is its own.
        handoffs: The agents it may hand the call to, as `Agent` or by name (two that know each other need a name).

    Raises:
        ConfigError: The name cannot be part of a tool's name, or ``handoffs`` holds something else.
    """

    name: str
    description: str = ""
    system_prompt: str | None = None
    voice: str | None = None
    tools: Sequence[Any] | None = None
    temperature: float | None = None
    provider: RealtimeVoiceProvider | None = None
    provider_config: Mapping[str, Any] | None = None
    greeting: str | None = None
    handoffs: Sequence[Agent | str] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"an agent's name is letters, digits, _ and -, {MAX_NAME_CHARS} at most, not {self.name!r:.80}"
            )
        if isinstance(self.handoffs, str) or not all(isinstance(each, Agent | str) for each in self.handoffs):
            raise ConfigError(f"handoffs of agent {self.name!r} is a list of agents or their names")

"""RoomKit: voice agents and people in one conversation.

Everything an application uses can be imported from here, and loads when first used (PEP 562): importing the package
itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from roomkit.channels.ai import AIChannel
    from roomkit.channels.base import ChannelBase
    from roomkit.channels.cli import CLIChannel as CLIChannel
    from roomkit.channels.realtime_voice import RealtimeVoiceChannel
    from roomkit.channels.webhook import WebhookChannel as WebhookChannel
    from roomkit.channels.websocket import WebSocketChannel
    from roomkit.clock import Clock
    from roomkit.core.ports import (
        Channel,
        ChannelHost,
        IdentityChallenge,
        IdentityResolver,
        ModelMessage,
        ModelReply,
        ModelRequest,
        ModelToolCall,
        PartialViewer,
        RoomLocks,
        StreamingTextModel,
        TextModel,
    )
    from roomkit.errors import (
        AccessDeniedError,
        ClientGoneError,
        ConfigError,
        DeliveryError,
        MissingExtraError,
        NotFoundError,
        ProviderError,
        ProviderLostError,
        ProviderRefusedError,
        RealtimeConnectionError,
        RealtimeError,
        RoomKitError,
        SessionStateError,
        StoreError,
        WireError,
    )
    from roomkit.kit import RoomKit
    from roomkit.models.channel import ChannelBinding, ChannelCapabilities, ChannelMessage, ChannelOutput
    from roomkit.models.content import (
        AudioContent,
        CompositeContent,
        DeleteContent,
        EditContent,
        EventContent,
        LocationContent,
        MediaContent,
        RichContent,
        SystemContent,
        TemplateContent,
        TextContent,
        ToolCallContent,
        VideoContent,
        plain_text,
    )
    from roomkit.models.context import RoomContext
    from roomkit.models.delivery import DeliveryStatusEvent, InboundMessage, InboundResult
    from roomkit.models.enums import (
        Access,
        ChannelCategory,
        ChannelDirection,
        ChannelType,
        EventStatus,
        EventType,
        HookExecution,
        HookTrigger,
        RoomStatus,
    )
    from roomkit.models.event import DeliveryResult, EventSource, RoomEvent
    from roomkit.models.framework import EphemeralEvent, FrameworkEvent
    from roomkit.models.generation import GenerationEvent, PartialReply
    from roomkit.models.hook import HookResult, InjectedEvent
    from roomkit.models.identity import Address, Identity, IdentityStatus
    from roomkit.models.participant import Participant, ParticipantRole
    from roomkit.models.recording import Recording, RecordingEvent
    from roomkit.models.room import Room, RoomTimers
    from roomkit.models.session import EndReason, LinkState, SessionState, VoiceSession
    from roomkit.models.tool_call import Tool, ToolCallEvent
    from roomkit.models.usage import Usage
    from roomkit.models.voice import (
        AudioLevelEvent,
        BargeInEvent,
        BudgetEvent,
        DtmfEvent,
        ErrorEvent,
        SessionEvent,
        SpeechEvent,
        SpokenTextEvent,
        TextInjectedEvent,
        TranscriptionEvent,
        TurnEvent,
    )
    from roomkit.providers.ai.mock import MockAIProvider
    from roomkit.providers.mcp.tools import MCPTools
    from roomkit.store.base import ConversationStore
    from roomkit.store.memory import MemoryStore
    from roomkit.store.postgresql import PostgreSQLStore
    from roomkit.store.sqlite import SQLiteStore
    from roomkit.telemetry.prices import Price, PriceTable
    from roomkit.voice.backends.mock import MockVoiceBackend
    from roomkit.voice.backends.websocket import WebSocketRealtimeTransport
    from roomkit.voice.realtime.agent import Agent
    from roomkit.voice.realtime.breaker import BreakerPolicy, CircuitBreaker
    from roomkit.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
    from roomkit.voice.realtime.providers.elevenlabs import ElevenLabsRealtimeProvider
    from roomkit.voice.realtime.providers.gemini import GeminiLiveProvider
    from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider
    from roomkit.voice.realtime.providers.xai import XAIRealtimeProvider
    from roomkit.voice.session.account.budget import Budget
    from roomkit.voice.session.account.room_budget import RoomBudget

__all__ = [  # noqa: RUF022 -- grouped by source file
    # roomkit.kit
    "RoomKit",
    # roomkit.clock
    "Clock",
    # roomkit.errors
    "RoomKitError",
    "ConfigError",
    "MissingExtraError",
    "NotFoundError",
    "AccessDeniedError",
    "SessionStateError",
    "StoreError",
    "DeliveryError",
    "RealtimeError",
    "ProviderError",
    "RealtimeConnectionError",
    "ProviderRefusedError",
    "ProviderLostError",
    "WireError",
    "ClientGoneError",
    # roomkit.models.enums
    "Access",
    "ChannelCategory",
    "ChannelDirection",
    "ChannelType",
    "EventStatus",
    "EventType",
    "HookExecution",
    "HookTrigger",
    "RoomStatus",
    # roomkit.models.content
    "AudioContent",
    "CompositeContent",
    "DeleteContent",
    "EditContent",
    "EventContent",
    "LocationContent",
    "MediaContent",
    "RichContent",
    "SystemContent",
    "TemplateContent",
    "TextContent",
    "ToolCallContent",
    "VideoContent",
    "plain_text",
    # roomkit.models.event
    "DeliveryResult",
    "EventSource",
    "RoomEvent",
    # roomkit.models.room
    "Room",
    "RoomTimers",
    # roomkit.models.identity
    "Address",
    "Identity",
    "IdentityStatus",
    # roomkit.models.participant
    "Participant",
    "ParticipantRole",
    # roomkit.models.channel
    "ChannelBinding",
    "ChannelCapabilities",
    "ChannelMessage",
    "ChannelOutput",
    # roomkit.models.context
    "RoomContext",
    # roomkit.models.delivery
    "DeliveryStatusEvent",
    "InboundMessage",
    "InboundResult",
    # roomkit.models.hook
    "HookResult",
    "InjectedEvent",
    # roomkit.models.tool_call
    "Tool",
    "ToolCallEvent",
    # roomkit.models.generation
    "GenerationEvent",
    "PartialReply",
    # roomkit.models.framework
    "EphemeralEvent",
    "FrameworkEvent",
    # roomkit.models.recording
    "Recording",
    "RecordingEvent",
    # roomkit.models.session
    "EndReason",
    "LinkState",
    "SessionState",
    "VoiceSession",
    # roomkit.models.usage
    "Usage",
    # roomkit.models.voice
    "AudioLevelEvent",
    "BargeInEvent",
    "BudgetEvent",
    "DtmfEvent",
    "ErrorEvent",
    "SessionEvent",
    "SpeechEvent",
    "SpokenTextEvent",
    "TextInjectedEvent",
    "TranscriptionEvent",
    "TurnEvent",
    # roomkit.core.ports
    "Channel",
    "ChannelHost",
    "IdentityChallenge",
    "IdentityResolver",
    "ModelMessage",
    "ModelReply",
    "ModelRequest",
    "ModelToolCall",
    "PartialViewer",
    "RoomLocks",
    "StreamingTextModel",
    "TextModel",
    # roomkit.telemetry.prices
    "Price",
    "PriceTable",
    # roomkit.voice.session.account.budget
    "Budget",
    # roomkit.voice.session.account.room_budget
    "RoomBudget",
    # roomkit.store.base
    "ConversationStore",
    # roomkit.store.memory
    "MemoryStore",
    # roomkit.store.postgresql
    "PostgreSQLStore",
    # roomkit.store.sqlite
    "SQLiteStore",
    # roomkit.channels.base
    "ChannelBase",
    # roomkit.channels.ai
    "AIChannel",
    # roomkit.channels.cli
    "CLIChannel",
    # roomkit.channels.realtime_voice
    "RealtimeVoiceChannel",
    # roomkit.channels.webhook
    "WebhookChannel",
    # roomkit.channels.websocket
    "WebSocketChannel",
    # roomkit.providers.ai.mock
    "MockAIProvider",
    # roomkit.providers.mcp.tools
    "MCPTools",
    # roomkit.voice.backends.mock
    "MockVoiceBackend",
    # roomkit.voice.backends.websocket
    "WebSocketRealtimeTransport",
    # roomkit.voice.realtime.agent
    "Agent",
    # roomkit.voice.realtime.breaker
    "BreakerPolicy",
    "CircuitBreaker",
    # roomkit.voice.realtime.mock
    "MockRealtimeProvider",
    "MockRealtimeTransport",
    # roomkit.voice.realtime.providers.elevenlabs
    "ElevenLabsRealtimeProvider",
    # roomkit.voice.realtime.providers.gemini
    "GeminiLiveProvider",
    # roomkit.voice.realtime.providers.openai
    "OpenAIRealtimeProvider",
    # roomkit.voice.realtime.providers.xai
    "XAIRealtimeProvider",
]

_MODULES: Final = {
    "roomkit.kit": "RoomKit",
    "roomkit.clock": "Clock",
    "roomkit.errors": (
        "RoomKitError ConfigError MissingExtraError NotFoundError AccessDeniedError SessionStateError "
        "StoreError DeliveryError RealtimeError ProviderError RealtimeConnectionError ProviderRefusedError "
        "ProviderLostError WireError ClientGoneError "
    ),
    "roomkit.models.enums": (
        "Access ChannelCategory ChannelDirection ChannelType EventStatus EventType HookExecution HookTrigger "
        "RoomStatus "
    ),
    "roomkit.models.content": (
        "AudioContent CompositeContent DeleteContent EditContent EventContent LocationContent MediaContent "
        "RichContent SystemContent TemplateContent TextContent ToolCallContent VideoContent plain_text "
    ),
    "roomkit.models.event": "DeliveryResult EventSource RoomEvent",
    "roomkit.models.room": "Room RoomTimers",
    "roomkit.models.identity": "Address Identity IdentityStatus",
    "roomkit.models.participant": "Participant ParticipantRole",
    "roomkit.models.channel": "ChannelBinding ChannelCapabilities ChannelMessage ChannelOutput",
    "roomkit.models.context": "RoomContext",
    "roomkit.models.delivery": "DeliveryStatusEvent InboundMessage InboundResult",
    "roomkit.models.hook": "HookResult InjectedEvent",
    "roomkit.models.tool_call": "Tool ToolCallEvent",
    "roomkit.models.generation": "GenerationEvent PartialReply",
    "roomkit.models.framework": "EphemeralEvent FrameworkEvent",
    "roomkit.models.recording": "Recording RecordingEvent",
    "roomkit.models.session": "EndReason LinkState SessionState VoiceSession",
    "roomkit.models.usage": "Usage",
    "roomkit.models.voice": (
        "AudioLevelEvent BargeInEvent BudgetEvent DtmfEvent ErrorEvent SessionEvent SpeechEvent SpokenTextEvent "
        "TextInjectedEvent TranscriptionEvent TurnEvent "
    ),
    "roomkit.core.ports": (
        "Channel ChannelHost IdentityChallenge IdentityResolver ModelMessage ModelReply ModelRequest ModelToolCall "
        "PartialViewer RoomLocks StreamingTextModel TextModel "
    ),
    "roomkit.telemetry.prices": "Price PriceTable",
    "roomkit.voice.session.account.budget": "Budget",
    "roomkit.voice.session.account.room_budget": "RoomBudget",
    "roomkit.store.base": "ConversationStore",
    "roomkit.store.memory": "MemoryStore",
    "roomkit.store.postgresql": "PostgreSQLStore",
    "roomkit.store.sqlite": "SQLiteStore",
    "roomkit.channels.base": "ChannelBase",
    "roomkit.channels.ai": "AIChannel",
    "roomkit.channels.cli": "CLIChannel",
    "roomkit.channels.realtime_voice": "RealtimeVoiceChannel",
    "roomkit.channels.webhook": "WebhookChannel",
    "roomkit.channels.websocket": "WebSocketChannel",
    "roomkit.providers.ai.mock": "MockAIProvider",
    "roomkit.providers.mcp.tools": "MCPTools",
    "roomkit.voice.backends.mock": "MockVoiceBackend",
    "roomkit.voice.backends.websocket": "WebSocketRealtimeTransport",
    "roomkit.voice.realtime.agent": "Agent",
    "roomkit.voice.realtime.breaker": "BreakerPolicy CircuitBreaker",
    "roomkit.voice.realtime.mock": "MockRealtimeProvider MockRealtimeTransport",
    "roomkit.voice.realtime.providers.elevenlabs": "ElevenLabsRealtimeProvider",
    "roomkit.voice.realtime.providers.gemini": "GeminiLiveProvider",
    "roomkit.voice.realtime.providers.openai": "OpenAIRealtimeProvider",
    "roomkit.voice.realtime.providers.xai": "XAIRealtimeProvider",
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

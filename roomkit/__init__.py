"""RoomKit: voice agents and people in one conversation.

Everything an application uses can be imported from here, and loads when first used (PEP 562): importing the package
itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from roomkit.channels.ai import AIChannel as AIChannel
    from roomkit.channels.base import ChannelBase as ChannelBase
    from roomkit.channels.realtime_voice import RealtimeVoiceChannel as RealtimeVoiceChannel
    from roomkit.channels.websocket import WebSocketChannel as WebSocketChannel
    from roomkit.clock import Clock as Clock
    from roomkit.core.ports import (
        Channel as Channel,
    )
    from roomkit.core.ports import (
        ChannelHost as ChannelHost,
    )
    from roomkit.core.ports import (
        IdentityResolver as IdentityResolver,
    )
    from roomkit.core.ports import (
        ModelMessage as ModelMessage,
    )
    from roomkit.core.ports import (
        ModelReply as ModelReply,
    )
    from roomkit.core.ports import (
        ModelRequest as ModelRequest,
    )
    from roomkit.core.ports import (
        ModelToolCall as ModelToolCall,
    )
    from roomkit.core.ports import (
        RoomLocks as RoomLocks,
    )
    from roomkit.core.ports import (
        TextModel as TextModel,
    )
    from roomkit.errors import (
        AccessDeniedError as AccessDeniedError,
    )
    from roomkit.errors import (
        ClientGoneError as ClientGoneError,
    )
    from roomkit.errors import (
        ConfigError as ConfigError,
    )
    from roomkit.errors import (
        DeliveryError as DeliveryError,
    )
    from roomkit.errors import (
        MissingExtraError as MissingExtraError,
    )
    from roomkit.errors import (
        NotFoundError as NotFoundError,
    )
    from roomkit.errors import (
        ProviderError as ProviderError,
    )
    from roomkit.errors import (
        ProviderLostError as ProviderLostError,
    )
    from roomkit.errors import (
        ProviderRefusedError as ProviderRefusedError,
    )
    from roomkit.errors import (
        RealtimeConnectionError as RealtimeConnectionError,
    )
    from roomkit.errors import (
        RealtimeError as RealtimeError,
    )
    from roomkit.errors import (
        RoomKitError as RoomKitError,
    )
    from roomkit.errors import (
        SessionStateError as SessionStateError,
    )
    from roomkit.errors import (
        StoreError as StoreError,
    )
    from roomkit.errors import (
        WireError as WireError,
    )
    from roomkit.kit import RoomKit as RoomKit
    from roomkit.models.channel import (
        ChannelBinding as ChannelBinding,
    )
    from roomkit.models.channel import (
        ChannelCapabilities as ChannelCapabilities,
    )
    from roomkit.models.channel import (
        ChannelMessage as ChannelMessage,
    )
    from roomkit.models.channel import (
        ChannelOutput as ChannelOutput,
    )
    from roomkit.models.content import (
        AudioContent as AudioContent,
    )
    from roomkit.models.content import (
        CompositeContent as CompositeContent,
    )
    from roomkit.models.content import (
        DeleteContent as DeleteContent,
    )
    from roomkit.models.content import (
        EditContent as EditContent,
    )
    from roomkit.models.content import (
        EventContent as EventContent,
    )
    from roomkit.models.content import (
        LocationContent as LocationContent,
    )
    from roomkit.models.content import (
        MediaContent as MediaContent,
    )
    from roomkit.models.content import (
        RichContent as RichContent,
    )
    from roomkit.models.content import (
        SystemContent as SystemContent,
    )
    from roomkit.models.content import (
        TemplateContent as TemplateContent,
    )
    from roomkit.models.content import (
        TextContent as TextContent,
    )
    from roomkit.models.content import (
        ToolCallContent as ToolCallContent,
    )
    from roomkit.models.content import (
        VideoContent as VideoContent,
    )
    from roomkit.models.content import (
        plain_text as plain_text,
    )
    from roomkit.models.context import RoomContext as RoomContext
    from roomkit.models.delivery import (
        DeliveryStatusEvent as DeliveryStatusEvent,
    )
    from roomkit.models.delivery import (
        InboundMessage as InboundMessage,
    )
    from roomkit.models.delivery import (
        InboundResult as InboundResult,
    )
    from roomkit.models.enums import (
        Access as Access,
    )
    from roomkit.models.enums import (
        ChannelCategory as ChannelCategory,
    )
    from roomkit.models.enums import (
        ChannelDirection as ChannelDirection,
    )
    from roomkit.models.enums import (
        ChannelType as ChannelType,
    )
    from roomkit.models.enums import (
        EventStatus as EventStatus,
    )
    from roomkit.models.enums import (
        EventType as EventType,
    )
    from roomkit.models.enums import (
        HookExecution as HookExecution,
    )
    from roomkit.models.enums import (
        HookTrigger as HookTrigger,
    )
    from roomkit.models.enums import (
        RoomStatus as RoomStatus,
    )
    from roomkit.models.event import (
        DeliveryResult as DeliveryResult,
    )
    from roomkit.models.event import (
        EventSource as EventSource,
    )
    from roomkit.models.event import (
        RoomEvent as RoomEvent,
    )
    from roomkit.models.framework import EphemeralEvent as EphemeralEvent
    from roomkit.models.framework import FrameworkEvent as FrameworkEvent
    from roomkit.models.generation import GenerationEvent as GenerationEvent
    from roomkit.models.hook import HookResult as HookResult
    from roomkit.models.hook import InjectedEvent as InjectedEvent
    from roomkit.models.participant import Participant as Participant
    from roomkit.models.participant import ParticipantRole as ParticipantRole
    from roomkit.models.room import Room as Room
    from roomkit.models.room import RoomTimers as RoomTimers
    from roomkit.models.session import (
        EndReason as EndReason,
    )
    from roomkit.models.session import (
        LinkState as LinkState,
    )
    from roomkit.models.session import (
        SessionState as SessionState,
    )
    from roomkit.models.session import (
        VoiceSession as VoiceSession,
    )
    from roomkit.models.tool_call import Tool as Tool
    from roomkit.models.tool_call import ToolCallEvent as ToolCallEvent
    from roomkit.models.voice import (
        AudioLevelEvent as AudioLevelEvent,
    )
    from roomkit.models.voice import (
        BargeInEvent as BargeInEvent,
    )
    from roomkit.models.voice import (
        DtmfEvent as DtmfEvent,
    )
    from roomkit.models.voice import (
        ErrorEvent as ErrorEvent,
    )
    from roomkit.models.voice import (
        SessionEvent as SessionEvent,
    )
    from roomkit.models.voice import (
        SpeechEvent as SpeechEvent,
    )
    from roomkit.models.voice import (
        TextInjectedEvent as TextInjectedEvent,
    )
    from roomkit.models.voice import (
        TranscriptionEvent as TranscriptionEvent,
    )
    from roomkit.models.voice import (
        TurnEvent as TurnEvent,
    )
    from roomkit.providers.ai.mock import MockAIProvider as MockAIProvider
    from roomkit.store.base import ConversationStore as ConversationStore
    from roomkit.store.memory import MemoryStore as MemoryStore
    from roomkit.store.sqlite import SQLiteStore as SQLiteStore
    from roomkit.voice.backends.mock import MockVoiceBackend as MockVoiceBackend
    from roomkit.voice.backends.websocket import WebSocketRealtimeTransport as WebSocketRealtimeTransport
    from roomkit.voice.realtime.mock import (
        MockRealtimeProvider as MockRealtimeProvider,
    )
    from roomkit.voice.realtime.mock import (
        MockRealtimeTransport as MockRealtimeTransport,
    )
    from roomkit.voice.realtime.providers.openai import OpenAIRealtimeProvider as OpenAIRealtimeProvider

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
    # roomkit.models.framework
    "EphemeralEvent",
    "FrameworkEvent",
    # roomkit.models.session
    "EndReason",
    "LinkState",
    "SessionState",
    "VoiceSession",
    # roomkit.models.voice
    "AudioLevelEvent",
    "BargeInEvent",
    "DtmfEvent",
    "ErrorEvent",
    "SessionEvent",
    "SpeechEvent",
    "TextInjectedEvent",
    "TranscriptionEvent",
    "TurnEvent",
    # roomkit.core.ports
    "Channel",
    "ChannelHost",
    "IdentityResolver",
    "ModelMessage",
    "ModelReply",
    "ModelRequest",
    "ModelToolCall",
    "RoomLocks",
    "TextModel",
    # roomkit.store.base
    "ConversationStore",
    # roomkit.store.memory
    "MemoryStore",
    # roomkit.store.sqlite
    "SQLiteStore",
    # roomkit.channels.base
    "ChannelBase",
    # roomkit.channels.ai
    "AIChannel",
    # roomkit.channels.realtime_voice
    "RealtimeVoiceChannel",
    # roomkit.channels.websocket
    "WebSocketChannel",
    # roomkit.providers.ai.mock
    "MockAIProvider",
    # roomkit.voice.backends.mock
    "MockVoiceBackend",
    # roomkit.voice.backends.websocket
    "WebSocketRealtimeTransport",
    # roomkit.voice.realtime.mock
    "MockRealtimeProvider",
    "MockRealtimeTransport",
    # roomkit.voice.realtime.providers.openai
    "OpenAIRealtimeProvider",
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
    "roomkit.models.participant": "Participant ParticipantRole",
    "roomkit.models.channel": "ChannelBinding ChannelCapabilities ChannelMessage ChannelOutput",
    "roomkit.models.context": "RoomContext",
    "roomkit.models.delivery": "DeliveryStatusEvent InboundMessage InboundResult",
    "roomkit.models.hook": "HookResult InjectedEvent",
    "roomkit.models.tool_call": "Tool ToolCallEvent",
    "roomkit.models.generation": "GenerationEvent",
    "roomkit.models.framework": "EphemeralEvent FrameworkEvent",
    "roomkit.models.session": "EndReason LinkState SessionState VoiceSession",
    "roomkit.models.voice": (
        "AudioLevelEvent BargeInEvent DtmfEvent ErrorEvent SessionEvent SpeechEvent TextInjectedEvent "
        "TranscriptionEvent TurnEvent "
    ),
    "roomkit.core.ports": (
        "Channel ChannelHost IdentityResolver ModelMessage ModelReply ModelRequest ModelToolCall RoomLocks TextModel "
    ),
    "roomkit.store.base": "ConversationStore",
    "roomkit.store.memory": "MemoryStore",
    "roomkit.store.sqlite": "SQLiteStore",
    "roomkit.channels.base": "ChannelBase",
    "roomkit.channels.ai": "AIChannel",
    "roomkit.channels.realtime_voice": "RealtimeVoiceChannel",
    "roomkit.channels.websocket": "WebSocketChannel",
    "roomkit.providers.ai.mock": "MockAIProvider",
    "roomkit.voice.backends.mock": "MockVoiceBackend",
    "roomkit.voice.backends.websocket": "WebSocketRealtimeTransport",
    "roomkit.voice.realtime.mock": "MockRealtimeProvider MockRealtimeTransport",
    "roomkit.voice.realtime.providers.openai": "OpenAIRealtimeProvider",
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

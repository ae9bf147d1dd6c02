"""The simulator's tables against the vendor's own models: the same keys, so neither side may drift unseen."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from openai.types import realtime
from openai.types.realtime import RealtimeClientEvent
from openai.types.realtime.realtime_audio_input_turn_detection import SemanticVad, ServerVad
from openai.types.realtime.realtime_response_create_params import RealtimeResponseCreateParams
from openai.types.realtime.realtime_tools_config_union import Mcp
from pydantic import BaseModel

from roomkit.testing.simulators.openai import tables
from roomkit.testing.simulators.rules import Either, Record, Rule, Tagged


def record(rule: Rule) -> Record:
    assert isinstance(rule, Record), rule
    return rule


def tagged(rule: Rule, tag: str) -> Record:
    assert isinstance(rule, Tagged), rule
    return record(rule.rules[tag])


def inside(rule: Rule, *path: str) -> Rule:
    """The rule at a path of keys; of alternatives, the object."""
    for key in path:
        rule = record(rule).keys[key]
        if isinstance(rule, Either):
            rule = next(one for one in rule.rules if isinstance(one, Record | Tagged))
    return rule


SESSION = tagged(tables.SESSION, "realtime")
MESSAGES = tables.ITEM.rules["message"]


@pytest.mark.parametrize(
    ("rule", "model"),
    [
        (SESSION, realtime.RealtimeSessionCreateRequest),
        (inside(SESSION, "audio"), realtime.RealtimeAudioConfig),
        (inside(SESSION, "audio", "input"), realtime.RealtimeAudioConfigInput),
        (inside(SESSION, "audio", "output"), realtime.RealtimeAudioConfigOutput),
        (tables.TRANSCRIPTION, realtime.AudioTranscription),
        (tagged(tables.TURN_DETECTION, "server_vad"), ServerVad),
        (tagged(tables.TURN_DETECTION, "semantic_vad"), SemanticVad),
        (tagged(tables.TOOL, "function"), realtime.RealtimeFunctionTool),
        (tagged(tables.TOOL, "mcp"), Mcp),
        (tables.RESPONSE, RealtimeResponseCreateParams),
        (tagged(MESSAGES, "user"), realtime.RealtimeConversationItemUserMessage),
        (tagged(MESSAGES, "system"), realtime.RealtimeConversationItemSystemMessage),
        (tagged(MESSAGES, "assistant"), realtime.RealtimeConversationItemAssistantMessage),
        (tagged(tables.ITEM, "function_call"), realtime.RealtimeConversationItemFunctionCall),
        (tagged(tables.ITEM, "function_call_output"), realtime.RealtimeConversationItemFunctionCallOutput),
        (tagged(tables.ITEM, "mcp_approval_response"), realtime.RealtimeMcpApprovalResponse),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_table_has_exactly_the_keys_of_the_vendors_model(rule: Record, model: type[BaseModel]) -> None:
    assert set(rule.keys) == set(model.model_fields)


def client_event_models() -> dict[str, Any]:
    union = get_args(RealtimeClientEvent)[0]
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(union)}


def test_every_client_event_of_the_vendor_is_known_with_its_keys() -> None:
    theirs = {type_: set(model.model_fields) for type_, model in client_event_models().items()}

    assert {type_: set(rule.keys) for type_, rule in tables.CLIENT_EVENTS.items()} == theirs

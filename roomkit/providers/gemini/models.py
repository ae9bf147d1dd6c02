"""What a family of Gemini Live models takes, as data: the families differ in more than quality.

Read off the model's id; an id that says nothing gets everything that was asked for, for the service knows better. Not
in here: how a setting is written (`setup`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Thinking = Literal["any", "budget", "level", "none"]


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """One family's peculiarities.

    Attributes:
        name: For messages.
        thinking: How much it thinks is set as a token budget, as a level, either or not at all.
        needs_thinking_level: A set-up without a level is refused.
        affective_dialog: It can mirror the caller's mood when asked to.
        proactive_audio: It may be allowed to stay silent or begin; ``False``: always so, or never, but not to be set.
        language_code: It can be told what language to speak; else it hears for itself.
        async_tools: Whether functions may run beside the conversation: as declared, always, or never.
        is_async_by_default: A function that says nothing of it runs beside the conversation.
        updates_context: Instructions and tools can be replaced on a live link.
        takes_turns: ``clientContent`` is taken at any time; else only as the history before the conversation.
    """

    name: str
    thinking: Thinking = "any"
    needs_thinking_level: bool = False
    affective_dialog: bool = True
    proactive_audio: bool = True
    language_code: bool = True
    async_tools: Literal["optional", "always", "never"] = "optional"
    is_async_by_default: bool = False
    updates_context: bool = False
    takes_turns: bool = True


UNKNOWN: Final = ModelFamily("this model")
GEMINI_2: Final = ModelFamily("Gemini 2", thinking="budget", affective_dialog=False, proactive_audio=False)
NATIVE_AUDIO_2_5: Final = ModelFamily("Gemini 2.5 native audio", thinking="budget", language_code=False)
GEMINI_3_1: Final = ModelFamily(
    "Gemini 3.1",
    thinking="level",
    affective_dialog=False,
    proactive_audio=False,
    language_code=False,
    async_tools="never",
    takes_turns=False,
)
GEMINI_3_8: Final = ModelFamily(
    "Gemini 3.8",
    thinking="none",
    affective_dialog=False,
    proactive_audio=False,
    language_code=False,
    is_async_by_default=True,
    updates_context=True,
)
EXTENDED_THINKING_3_8: Final = ModelFamily(
    "Gemini 3.8 extended thinking",
    thinking="level",
    needs_thinking_level=True,
    affective_dialog=False,
    proactive_audio=False,
    language_code=False,
    async_tools="always",
    is_async_by_default=True,
    updates_context=True,
)

_VERSION: Final = re.compile(r"(\d{1,3})\.(\d{1,3})")


def family_of(model: str) -> ModelFamily:
    """The family of a model id, with or without its path (``models/…``)."""
    model_id = model.rsplit("/", 1)[-1]
    found = _VERSION.search(model_id)
    if found is None:
        return UNKNOWN
    version = int(found[1]), int(found[2])
    if version >= (3, 8):
        return EXTENDED_THINKING_3_8 if "extended-thinking" in model_id else GEMINI_3_8
    if version >= (3, 0):
        return GEMINI_3_1
    return NATIVE_AUDIO_2_5 if "native-audio" in model_id else GEMINI_2


def resource_name(model: str) -> str:
    """The model as the wire wants it: a bare id is one of ``models/``."""
    return model if "/" in model else f"models/{model}"

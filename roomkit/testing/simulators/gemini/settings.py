"""The set-up of a simulated session: what follows from it, and what a model refuses of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

_INVALID: Final = "Request contains an invalid argument."
_UNSUPPORTED: Final = "Operation is not implemented, or supported, or enabled."
_DETECTION: Final[Mapping[str, Any]] = {}


class Refused(Exception):  # noqa: N818 -- it is an answer: a close frame
    """The service hangs up.

    Attributes:
        code: The close code: 1007 for what is wrong in itself, 1008 for what is not there or not for this model. Where
            the vendor's reason is not known, it is ours.
    """

    def __init__(self, reason: str, *, code: int = 1007) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Settings:
    """A set-up that was accepted.

    Attributes:
        setup: It, in lowerCamel.
        model: The model's id without its path.
    """

    setup: Json
    model: str

    @classmethod
    def read(cls, setup: Json, *, is_alpha: bool) -> Settings:
        """Check a well-formed ``setup`` against what its model takes.

        Raises:
            Refused: It takes less.
        """
        settings = cls(setup, setup["model"].rsplit("/", 1)[-1])
        generation = setup.get("generationConfig", {})
        if "/" not in setup["model"]:
            raise Refused(f"{setup['model']} is not found for API version v1beta.", code=1008)
        if generation.get("responseModalities", ["AUDIO"]) != ["AUDIO"]:
            raise Refused(_INVALID)
        if "enableAffectiveDialog" in generation and (not is_alpha or settings.is_newest):
            raise Refused("Unknown name \"enableAffectiveDialog\" at 'setup.generationConfig': Cannot find field.")
        thinking = generation.get("thinkingConfig", {})
        if settings.is_newest:
            settings._check_newest(thinking)
        elif settings.takes_history_only:
            settings._check_3_1(thinking)
        return settings

    def _check_3_1(self, thinking: Mapping[str, Any]) -> None:
        if "thinkingBudget" in thinking:
            raise Refused(_INVALID)
        if any(one.get("behavior") == "NON_BLOCKING" for one in self.functions):
            raise Refused(_UNSUPPORTED, code=1008)

    def _check_newest(self, thinking: Mapping[str, Any]) -> None:
        if self.setup.get("proactivity", {}).get("proactiveAudio") is False:
            raise Refused("Proactive audio cannot be switched off for this model.")
        if "extended-thinking" in self.model:
            if "thinkingLevel" not in thinking:
                raise Refused("This model requires a thinking level.")
            if any(one.get("behavior") == "BLOCKING" for one in self.functions):
                raise Refused(_UNSUPPORTED, code=1008)
        elif thinking:
            raise Refused("Thinking is not supported by this model.")

    @property
    def is_newest(self) -> bool:
        return "3.8" in self.model

    @property
    def takes_history_only(self) -> bool:
        """Whether ``clientContent`` is for the history alone."""
        return "3.1" in self.model

    @property
    def waits_for_history(self) -> bool:
        wanted: bool = self.setup.get("historyConfig", {}).get("initialHistoryInClientContent", False)
        return wanted

    @property
    def detection(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.setup.get("realtimeInputConfig", {}).get(
            "automaticActivityDetection", _DETECTION
        )
        return found

    @property
    def is_manual(self) -> bool:
        disabled: bool = self.detection.get("disabled", False)
        return disabled

    @property
    def interrupts(self) -> bool:
        handling: str | None = self.setup.get("realtimeInputConfig", {}).get("activityHandling")
        return handling != "NO_INTERRUPTION"

    @property
    def instructions(self) -> str:
        """The system instruction's text."""
        parts = self.setup.get("systemInstruction", {}).get("parts", [])
        return "\n\n".join(part["text"] for part in parts if part.get("text"))

    @property
    def functions(self) -> list[Json]:
        """The declared functions."""
        return [one for tool in self.setup.get("tools", []) for one in tool.get("functionDeclarations", [])]

    def is_async(self, name: str) -> bool:
        """Whether the function runs beside the conversation."""
        behavior = next((one.get("behavior") for one in self.functions if one["name"] == name), None)
        return behavior == "NON_BLOCKING" if behavior else self.is_newest

    def updated(self, update: Mapping[str, Any]) -> Settings:
        """With what a ``contextUpdate`` replaces.

        Raises:
            Refused: The model is older than that.
        """
        if not self.is_newest:
            raise Refused('Invalid JSON payload received. Unknown name "contextUpdate": Cannot find field.')
        setup = {**self.setup}
        if "systemInstruction" in update:
            setup["systemInstruction"] = update["systemInstruction"]
        if "tools" in update:
            setup["tools"] = update["tools"].get("tools", [])
        return Settings(setup, self.model)

    def check_turns(self, turns: Sequence[Mapping[str, Any]], *, is_history: bool) -> None:
        """Raise `Refused` for contents the model would not take now."""
        if self.takes_history_only and not is_history:
            raise Refused(_INVALID)
        is_strict = self.is_newest or self.takes_history_only
        for turn in turns:
            if turn.get("role", None if is_strict else "user") not in ("user", "model"):
                raise Refused("Please use a valid role: user, model.")

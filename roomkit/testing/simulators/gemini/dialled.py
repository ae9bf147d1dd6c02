"""What a client asked for when it dialled the Gemini Live service. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from roomkit.testing.simulators.door import Upgrade

_SERVICE: Final = "/ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
PATH: Final = _SERVICE.format("v1beta")
_PATHS: Final = frozenset(
    {
        _SERVICE.format("v1"),
        _SERVICE.format("v1beta"),
        _SERVICE.format("v1alpha"),
        _SERVICE.format("v1alpha") + "Constrained",
    }
)
"""The last one is for ephemeral tokens."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a client asked for when it connected."""

    path: str
    key: str

    @classmethod
    def read(cls, upgrade: Upgrade) -> Dialled:
        """Read an upgrade: a key or a token, in any of the places for them."""
        token = upgrade.headers.get("authorization", "").removeprefix("Token ").removeprefix("Bearer ")
        asked = upgrade.query.get("key") or upgrade.query.get("access_token", "")
        return cls(upgrade.path.replace("//", "/"), upgrade.headers.get("x-goog-api-key") or token or asked)

    @property
    def is_known(self) -> bool:
        """Whether the service answers there."""
        return self.path in _PATHS

    @property
    def is_alpha(self) -> bool:
        return ".v1alpha." in self.path

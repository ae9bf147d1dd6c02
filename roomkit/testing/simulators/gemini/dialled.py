"""What a client asked for when it dialled the Gemini Live service. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from roomkit.testing.simulators.door import Upgrade

_SERVICE: Final = "/ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
PATH: Final = _SERVICE.format("v1beta")
_PATHS: Final = re.compile(re.escape(_SERVICE).replace(r"\{\}", "(v1|v1beta|v1alpha)") + "(Constrained)?")


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
        return _PATHS.fullmatch(self.path) is not None

    @property
    def is_alpha(self) -> bool:
        return ".v1alpha." in self.path

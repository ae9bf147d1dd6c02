"""What a client asked for when it dialled a server of this protocol, and how such a server is reached. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from roomkit.testing.simulators.door import HttpAnswer, Manners, Upgrade
from roomkit.testing.simulators.openai.reading import audio_bytes

PATH: Final = "/v1/realtime"
READ_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Above the vendor's limit on an append, so that too much audio is refused in words and not by a dead socket."""


def manners(subprotocol: str) -> Manners:
    """Of a server that chooses the subprotocol that begins so."""
    return Manners(PATH, "/v1", subprotocol, READ_LIMIT_BYTES, audio_bytes)


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a client asked for when it connected."""

    path: str
    model: str
    key: str
    is_beta: bool
    conversation_id: str = ""

    @classmethod
    def read(cls, upgrade: Upgrade, key_subprotocol: str) -> Dialled:
        """Read an upgrade.

        Args:
            upgrade: As it came.
            key_subprotocol: How a browser, which cannot set headers, begins the subprotocol that holds its key.
        """
        keys = [one.removeprefix(key_subprotocol) for one in upgrade.subprotocols if one.startswith(key_subprotocol)]
        if (authorization := upgrade.headers.get("authorization", "")).startswith("Bearer "):
            keys.insert(0, authorization.removeprefix("Bearer ").strip())
        return cls(
            path=upgrade.path,
            model=upgrade.query.get("model", ""),
            key=keys[0] if keys else "",
            is_beta="realtime=v1" in upgrade.headers.get("openai-beta", ""),
            conversation_id=upgrade.query.get("conversation_id", ""),
        )

    @property
    def refusal(self) -> HttpAnswer | None:
        """What any server of this protocol refuses: another path, and no key."""
        if self.path.rstrip("/") != PATH:
            return 404, f"the simulator answers at {PATH}"
        if not self.key:
            return 401, "Missing bearer authentication in header"
        return None

"""The session's settings on the simulated xAI server, and what they are to the OpenAI session within. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomkit.testing.simulators.openai.conversation import Event
from roomkit.testing.simulators.sound import PCM_RATE_HZ
from roomkit.testing.simulators.xai.tables import RESERVED_NAMES, TOP_KEYS, default_session, full_turn_detection


class Settings:
    """One session's.

    Attributes:
        session: As the client set it up, in xAI's shape.
    """

    def __init__(self, session_id: str, model: str) -> None:
        self.session = default_session(session_id, model)

    @property
    def input_rate_hz(self) -> int:
        """Of the caller's audio."""
        return int(self.session["audio"]["input"]["format"].get("rate", PCM_RATE_HZ))

    @property
    def wants_memory(self) -> bool:
        """The client opted in to come back to this conversation."""
        return bool(self.session.get("resumption", {}).get("enabled"))

    @property
    def detects_turns(self) -> bool:
        """Whether the server listens for the end of speech."""
        return bool((self.session["turn_detection"] or {}).get("type"))

    @property
    def has_clash(self) -> bool:
        """A function of the client's has a name that a native tool reserves; nothing can be answered then."""
        tools = self.session["tools"]
        names = {tool["name"] for tool in tools if tool["type"] == "function"}
        return any(names & RESERVED_NAMES.get(tool["type"], frozenset()) for tool in tools)

    def update(self, wanted: Mapping[str, Any]) -> None:
        """Take what is known of ``wanted``; the rest is ignored, as it is by the real server."""
        self.session.update({key: wanted[key] for key in TOP_KEYS if key in wanted})
        for side in ("input", "output"):
            self.session["audio"][side].update(wanted.get("audio", {}).get(side, {}))
        if self.detects_turns:
            self.session["turn_detection"] = full_turn_detection(self.session["turn_detection"])

    def for_openai(self) -> Event:
        """The ``session.update`` that makes the session within behave so; its audio stays at its own rate."""
        detection: dict[str, Any] | None = None
        if self.detects_turns:
            wanted = self.session["turn_detection"]
            detection = {**wanted, "create_response": wanted["create_response"] and not self.has_clash}
        audio = {"turn_detection": detection, "transcription": self.session["audio"]["input"].get("transcription")}
        return {"type": "session.update", "session": {"type": "realtime", "audio": {"input": audio}}}

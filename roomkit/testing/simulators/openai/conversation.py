"""The conversation the simulated server keeps: items in order, and what may be done to them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from roomkit.testing.simulators.rules import Refusal

Event = dict[str, Any]


class Refused(Exception):  # noqa: N818 -- it is an answer to the client, not a failure of the simulator
    """The server will not do it."""

    def __init__(self, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, message, param)


@dataclass(slots=True, eq=False)
class Item:
    """One item.

    Attributes:
        body: As the wire shows it.
        audio_ms: Of the assistant's audio sent so far; what a truncation is measured against.
    """

    body: dict[str, Any]
    audio_ms: float = 0.0

    @property
    def id(self) -> str:
        return str(self.body["id"])


class Conversation:
    """Items in order. Bodies are handed out as copies: what was sent does not change afterwards."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._calls: dict[str, str] = {}
        self.has_assistant_audio = False

    def add(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Put ``item`` after ``previous_item_id`` (``"root"``: at the front; `None`: at the end).

        Returns:
            The id of the item before it, if any.

        Raises:
            Refused: The id is taken, or there is no such previous item.
        """
        if any(one.id == item.id for one in self._items):
            raise Refused("item_create_duplicate_item_id", _problem("adding", f"'{item.id}' already exists"), "item.id")
        at = len(self._items)
        if previous_item_id == "root":
            at = 0
        elif previous_item_id is not None:
            at = 1 + self._items.index(self.find(previous_item_id, "create", "adding", "previous_item_id"))
        if item.body["type"] == "function_call":
            self._calls[item.body["call_id"]] = item.body["name"]
        self._items.insert(at, item)
        return self._items[at - 1].id if at else None

    def before(self, item: Item) -> str | None:
        """The id of the item before this one; `None` at the front, or when it was deleted meanwhile."""
        at = self._items.index(item) if item in self._items else 0
        return self._items[at - 1].id if at else None

    def require_call(self, call_id: str) -> None:
        """Check that the model made this call.

        Raises:
            Refused: Nobody did.
        """
        if call_id not in self._calls:
            text = f"Tool call ID '{call_id}' not found in conversation."
            raise Refused("invalid_tool_call_id", text, "item.call_id")

    def call_name(self, call_id: str) -> str:
        """Which function a call was for; empty if there was no such call."""
        return self._calls.get(call_id, "")

    def find(self, item_id: str, verb: str, doing: str, param: str = "item_id") -> Item:
        """The item with this id; ``verb`` and ``doing`` word the refusal."""
        for item in self._items:
            if item.id == item_id:
                return item
        raise Refused(f"item_{verb}_invalid_{param}", _problem(doing, f"'{item_id}' does not exist"), param)

    def delete(self, item_id: str) -> None:
        self._items.remove(self.find(item_id, "delete", "deleting"))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut the assistant's audio of an item; its transcript goes with it.

        Raises:
            Refused: No such item, not the model's audio, or the audio is shorter than that.
        """
        item = self.find(item_id, "truncate", "truncating")
        content = item.body.get("content", [])
        if item.body.get("role") != "assistant" or not item.audio_ms:
            raise Refused("invalid_value", "Only model output audio messages can be truncated", "item_id")
        if content_index >= max(1, len(content)):
            raise Refused("invalid_value", f"Content index {content_index} does not exist", "content_index")
        if audio_end_ms > item.audio_ms:
            text = f"Audio content of {item.audio_ms:.0f}ms is already shorter than {audio_end_ms}ms"
            raise Refused("invalid_value", text)
        item.audio_ms = audio_end_ms
        for part in content:
            part.pop("transcript", None)

    def show(self, item_id: str) -> Event:
        """A copy of an item's body."""
        return deepcopy(self.find(item_id, "retrieve", "retrieving").body)


def _problem(doing: str, what: str) -> str:
    return f"Error {doing} item: the item with id {what}."

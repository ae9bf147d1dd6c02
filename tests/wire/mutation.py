"""Messages that went wrong: recorded frames with something broken in them, the same ones for the same seed.

Three kinds of damage, as wires and vendors do it: values of another type or size at a place where something else was,
keys lost or repeated or moved, and text cut, spliced or with foreign bytes in it. Most results are still JSON, so that
they reach the code that reads fields; some are not.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from roomkit.voice.wires.port import WireMessage
from tests.wire.replay import lines_of

ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1.5, 10**30, -(10**400), float("inf"), float("nan"), "", "\x00", "\ud800", "A", "AAA=",
    "é" * 50, "x" * 2_000, [], {}, [[]], [None, 1], {"type": None}, {"id": {}}, [{}] * 20,
)  # fmt: skip
"""What stands where something else is expected."""

_ID: Final = re.compile(r"(?:^|_|[a-z])(?:id|Id)$")
"""Keys that name something: ``id``, ``item_id``, ``callId``."""


def mutations(seed_frames: Sequence[WireMessage], count: int, seed: int) -> Iterator[WireMessage]:
    """``count`` damaged messages made from ``seed_frames``.

    Args:
        seed_frames: Good ones: JSON text, or the same as bytes.
        count: How many; every frame gets its turn.
        seed: The same seed gives the same messages.
    """
    random = Random(seed)
    for number in range(count):
        frame = seed_frames[number % len(seed_frames)]
        yield damaged(frame, seed_frames[random.randrange(len(seed_frames))], random)


def damaged(frame: WireMessage, other: WireMessage, random: Random) -> WireMessage:
    """``frame`` with one kind of damage, maybe taken from ``other``; both are JSON objects with something in them."""
    return random.choice(_DAMAGES)(frame, other, random)


def renamed(frame: WireMessage, number: int) -> WireMessage:
    """``frame`` as a server would send it that never uses an id twice, in its ``number``-th conversation."""
    event = json.loads(frame)
    for holder, key in [*_places(event)]:
        if isinstance(key, str) and _ID.search(key):
            value = holder[key]
            holder[key] = f"{value}-{number}" if isinstance(value, str) else value
    return _like(frame, json.dumps(event, separators=(",", ":")))


def frames_of(recordings: Sequence[Path]) -> list[WireMessage]:
    """What the servers of these recordings said, as text."""
    return [json.dumps(line["got"]) for recording in recordings for line in lines_of(recording) if "got" in line]


def _other_value(frame: WireMessage, other: WireMessage, random: Random) -> WireMessage:
    event = json.loads(frame)
    for _ in range(random.randint(1, 3)):
        holder, key = random.choice([*_places(event)])
        holder[key] = copy.deepcopy(random.choice(ODD_VALUES))
    return _like(frame, json.dumps(event))


def _lost_key(frame: WireMessage, _: WireMessage, random: Random) -> WireMessage:
    event = json.loads(frame)
    holder, key = random.choice([*_places(event)])
    del holder[key]
    return _like(frame, json.dumps(event))


def _foreign_value(frame: WireMessage, other: WireMessage, random: Random) -> WireMessage:
    event = json.loads(frame)
    holder, key = random.choice([*_places(event)])
    from_holder, from_key = random.choice([*_places(json.loads(other))])
    holder[key] = from_holder[from_key]
    return _like(frame, json.dumps(event))


def _foreign_type(frame: WireMessage, other: WireMessage, random: Random) -> WireMessage:
    """The body of one event under the name of another."""
    return _like(frame, json.dumps({**json.loads(frame), "type": json.loads(other).get("type")}))


def _cut(frame: WireMessage, _: WireMessage, random: Random) -> WireMessage:
    return frame[: random.randrange(len(frame))]


def _spliced(frame: WireMessage, other: WireMessage, random: Random) -> WireMessage:
    at, end = random.randrange(len(frame)), random.randrange(len(other))
    return _text(frame)[:at] + _text(other)[end:]


def _smudged(frame: WireMessage, other: WireMessage, random: Random) -> WireMessage:
    raw = bytearray(frame.encode() if isinstance(frame, str) else frame)
    for _ in range(random.randint(1, 4)):
        raw[random.randrange(len(raw))] = random.randrange(256)
    return raw.decode("utf-8", "replace") if random.random() < 0.5 else bytes(raw)


def _nested(frame: WireMessage, _: WireMessage, random: Random) -> WireMessage:
    depth = random.choice((10, 1_000, 100_000))
    return _like(frame, "[" * depth + _text(frame) + "]" * random.choice((0, depth)))


_Damage = Callable[[WireMessage, WireMessage, Random], WireMessage]
_DAMAGES: Final[tuple[_Damage, ...]] = (
    _other_value, _other_value, _other_value, _lost_key, _lost_key, _foreign_value, _foreign_type, _cut, _spliced,
    _smudged, _nested,
)  # fmt: skip


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every ``holder[key]`` in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in list(items):
        yield value, key
        yield from _places(inside)


def _text(frame: WireMessage) -> str:
    return frame if isinstance(frame, str) else frame.decode()


def _like(frame: WireMessage, text: str) -> WireMessage:
    return text if isinstance(frame, str) else text.encode()

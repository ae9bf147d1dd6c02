"""A conversation as bytes, a step a line, and how it is changed into another one. Pure.

A line that begins with ``@`` is something we do (a command, time that passes), any other a message. Changes know what
a step is and mostly what JSON is: bytes flipped at random would hardly ever reach the code behind the parser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from roomkit.voice.wires.port import WireMessage
from tests.wire.mutation import damaged

OURS: Final = b"@"

MAX_STEPS: Final = 64
"""Long enough for several answers; an input that fails should be readable."""


def steps_of(data: bytes) -> list[bytes]:
    """The steps of a conversation."""
    return [line for line in data.split(b"\n")[:MAX_STEPS] if line]


def as_bytes(messages: Sequence[WireMessage]) -> bytes:
    """A conversation of these steps."""
    return b"\n".join(each if isinstance(each, bytes) else each.encode("utf-8", "replace") for each in messages)


def as_message(step: bytes, *, is_binary: bool = False) -> WireMessage:
    """A step as it arrives: text, or bytes where the wire is binary or it is no text."""
    if is_binary:
        return step
    try:
        return step.decode()
    except UnicodeDecodeError:
        return step


def changed(data: bytes, known: Sequence[bytes], random: Random) -> bytes:
    """Another conversation made of this one.

    Args:
        data: It.
        known: Steps that mean something, to be put in.
        random: Decides.
    """
    steps = steps_of(data) or [random.choice(known)]
    for _ in range(random.randint(1, 3)):
        random.choice(_CHANGES)(steps, known, random)
    return b"\n".join(steps[:MAX_STEPS])


def _damage(steps: list[bytes], known: Sequence[bytes], random: Random) -> None:
    at, other = random.randrange(len(steps)), random.choice(known)
    if not (_is_object(steps[at]) and _is_object(other)):  # something we do, or damaged already
        _insert(steps, known, random)
        return
    try:
        step = damaged(steps[at], other, random)
    except RecursionError:  # nested deeper than can be walked: as bad as it can get
        return
    steps[at] = as_bytes([step]).replace(b"\n", b" ")


def _is_object(step: bytes) -> bool:
    try:
        value = json.loads(step)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and bool(value)


def _insert(steps: list[bytes], known: Sequence[bytes], random: Random) -> None:
    steps.insert(random.randint(0, len(steps)), random.choice(known))


def _repeat(steps: list[bytes], known: Sequence[bytes], random: Random) -> None:
    steps.insert(random.randint(0, len(steps)), random.choice(steps))


def _drop(steps: list[bytes], known: Sequence[bytes], random: Random) -> None:
    if len(steps) > 1:
        del steps[random.randrange(len(steps))]


def _swap(steps: list[bytes], known: Sequence[bytes], random: Random) -> None:
    first, second = random.randrange(len(steps)), random.randrange(len(steps))
    steps[first], steps[second] = steps[second], steps[first]


_CHANGES: Final[tuple[Callable[[list[bytes], Sequence[bytes], Random], None], ...]] = (
    _damage, _damage, _damage, _insert, _insert, _repeat, _drop, _swap,
)  # fmt: skip

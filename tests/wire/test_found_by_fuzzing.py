"""Whatever was ever found by ``make fuzz``, played again; and the conversations it begins with.

A file of ``tests/wire/found/<target>`` is such a conversation, cut down to what it takes, a step a line.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from fuzz.steps import MAX_STEPS, as_bytes, changed, steps_of
from fuzz.targets import TARGETS

FOUND = Path(__file__).parent / "found"
FILES = sorted(FOUND.glob("*/*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_was_found_once_is_never_found_again(file: Path) -> None:
    TARGETS[file.parent.name].play(file.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_target_begins_with_is_taken(name: str) -> None:
    seeds = TARGETS[name].seeds()

    assert seeds
    for seed in seeds:
        TARGETS[name].play(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_conversations_changed_at_random_are_taken(name: str) -> None:
    target, random = TARGETS[name], Random(3)
    data = target.seeds()[0]

    for _ in range(60):
        data = changed(data, target.known, random)
        target.play(data)


def test_a_changed_conversation_is_another_one_of_whole_steps() -> None:
    target, random = TARGETS["xai"], Random(5)
    data = as_bytes(target.known[:4])

    changes = {changed(data, target.known, random) for _ in range(50)}

    assert len(changes) > 40
    assert all(0 < len(steps_of(each)) <= MAX_STEPS for each in changes)
    assert sum(set(steps_of(each)) <= set(target.known) for each in changes) < len(changes)

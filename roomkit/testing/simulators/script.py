"""A script: steps in order, where it stands, and whether it went as written.

A script is one performance. It belongs to the simulator, not to a connection: after `drop` it goes on with whoever
dials next. For several callers at once give the simulator a function that makes a script for each. Not in here: what
a step does (`steps`) and how a vendor's server does it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roomkit.errors import ConfigError
from roomkit.testing.simulators import steps as steps_module
from roomkit.testing.simulators.steps import ANYTHING, Loop, Step

STEP_NAMES: Mapping[str, Callable[..., Step]] = {
    name: getattr(steps_module, name)
    for name in (
        "hear", "transcribe", "say", "call_tool", "expect", "expect_tool_result",
        "wait", "stall", "drop", "error", "raw", "loop",
    )
}  # fmt: skip


class Script:
    """What the simulated provider does, step by step.

    Args:
        steps: See `roomkit.testing.simulators.steps`. After the last one, turns get the default answer.

    Raises:
        ConfigError: A `loop` with nothing before it.
    """

    def __init__(self, *steps: Step) -> None:
        if steps and isinstance(steps[0], Loop):
            raise ConfigError("a script cannot begin with loop(): there is nothing to repeat")
        self._steps = steps
        self._position = 0
        self._failure = ""

    @classmethod
    def load(cls, path: str | Path) -> Script:
        """Read a script from a ``.json`` file (a list of steps) or a ``.toml`` file (``[[steps]]``).

        A step is its name (``"loop"``) or one pair: ``{"say": "Hello."}``, ``{"say": {"text": "Hi.", "seconds": 2}}``.

        Raises:
            ConfigError: The file is missing or is not a script; names the step.
        """
        return cls(*steps_from(_read(Path(path))))

    @property
    def current(self) -> Step | None:
        """The step it waits at; `None` once it is over."""
        return self._steps[self._position] if self._position < len(self._steps) else None

    @property
    def failure(self) -> str:
        """How the client left the script; empty while all is well."""
        return self._failure

    def advance(self) -> None:
        """Go on to the next step; from `loop` to the first."""
        self._position = 0 if isinstance(self.current, Loop) else self._position + 1

    def fail(self, why: str) -> None:
        """Record the first thing that went otherwise than written. What follows is not performed."""
        self._failure = self._failure or f"step {self._position + 1}, {self.current!r}:\n{why}"
        self._position = len(self._steps)

    def assert_done(self) -> None:
        """Check that every step was performed.

        Raises:
            AssertionError: It failed (with the difference), or steps are left (with the first of them).
        """
        if self._failure:
            raise AssertionError(self._failure)
        if self.current is not None and not any(isinstance(step, Loop) for step in self._steps):
            left = len(self._steps) - self._position
            raise AssertionError(f"{left} of {len(self._steps)} steps were not performed; next: {self.current!r}")


def steps_from(entries: Any) -> Iterator[Step]:
    """Read steps from parsed JSON or TOML.

    Raises:
        ConfigError: An entry is not a step; counts from 1.
    """
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ConfigError("a script is a list of steps")
    for number, entry in enumerate(entries, start=1):
        name, value = _name_and_value(entry, number)
        if name not in STEP_NAMES:
            raise ConfigError(f"step {number}: no step is called {name!r}; there are {', '.join(STEP_NAMES)}")
        make = STEP_NAMES[name]
        try:
            yield make() if value is None else make(**value) if isinstance(value, dict) else make(value)
        except TypeError as problem:
            raise ConfigError(f"step {number} ({name}): {problem}") from None


def differences(wanted: Any, got: Any, path: str = "") -> Iterator[str]:
    """Each place where ``got`` is not what was ``wanted``, as a line; extra keys of mappings are no difference."""
    if wanted is ANYTHING:
        return
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        for key, value in wanted.items():
            here = f"{path}.{key}" if path else str(key)
            if key in got:
                yield from differences(value, got[key], here)
            else:
                yield f"  {here}: expected {value!r}, but it is missing"
    elif isinstance(wanted, list | tuple) and isinstance(got, list) and len(wanted) == len(got):
        for index, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif wanted != got:
        yield f"  {path}: expected {wanted!r}, got {got!r}"


def _name_and_value(entry: Any, number: int) -> tuple[str, Any]:
    if isinstance(entry, str):
        return entry, None
    if isinstance(entry, dict) and len(entry) == 1:
        return next(iter(entry.items()))
    raise ConfigError(f'step {number}: a step is a name or one pair, such as {{"say": "Hello."}}')


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text).get("steps") if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as problem:
        raise ConfigError(f"{path.name} cannot be read as a script: {problem}") from problem

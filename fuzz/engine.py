"""One target under the fuzzer, in a process of its own: ``python -m fuzz.engine TARGET [libFuzzer options]``.

`__main__` starts it. The only place that knows the fuzzer (Atheris, which is libFuzzer with Python's branches).
"""

from __future__ import annotations

import sys
from random import Random
from typing import Final

import atheris

# the package is loaded here and nowhere before, so that its branches are counted
with atheris.instrument_imports(include=["roomkit"]):
    from fuzz.steps import changed
    from fuzz.targets import TARGETS

BLIND_SHARE: Final = 0.1
"""How often the fuzzer's own changes are made, which know no JSON."""


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]

    def mutate(data: bytes, max_bytes: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < BLIND_SHARE:
            return bytes(atheris.Mutate(data, max_bytes))
        return changed(data, target.known, random)[:max_bytes]

    atheris.Setup(sys.argv, target.play, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

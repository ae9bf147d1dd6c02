"""``python -m bench``: measure every server and the parts, print one table. Under three minutes on two cores.

``--quick`` leaves out the ramp; names choose servers (``python -m bench own picows``).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import uvloop

from bench.process import CORES, LOAD_CORE, ROOT, ServerProcess
from bench.provider import Provider
from bench.scenario import SESSIONS, Figures, Scenario
from bench.serve import KINDS
from bench.table import Part, table

STARTS = 3


async def measure(kind: str, *, ramp: bool) -> Figures:
    """One server, start to end."""
    provider = Provider()
    await provider.listen()
    starts_ms = []
    for _ in range(STARTS - 1):
        with ServerProcess(kind, provider.port) as server:
            starts_ms.append(server.start_ms)
    with ServerProcess(kind, provider.port) as server:
        figures = await Scenario(server, provider).run(ramp=ramp)
    figures.start_ms = statistics.median([*starts_ms, figures.start_ms])
    return figures


def import_ms() -> float:
    """What ``import roomkit`` takes in a fresh interpreter: the median of five."""
    code = "import time; t = time.perf_counter(); import roomkit; print((time.perf_counter() - t) * 1000)"
    runs = [subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) for _ in range(5)]
    return statistics.median(float(run) for run in runs)


def measured_parts() -> list[Part]:
    """What `bench.parts` measures, in a process of its own."""
    lines = subprocess.check_output([sys.executable, "-m", "bench.parts"], cwd=ROOT, text=True).splitlines()
    return [(label, ours, floor) for label, ours, floor in map(json.loads, lines)]


def machine() -> str:
    """One line on where the figures come from."""
    return f"{platform.machine()}, {len(CORES)} cores, Python {platform.python_version()}"


class Neighbours:
    """How much of the machine somebody else used while we measured: figures are as good as this is small."""

    def __init__(self) -> None:
        self._began_s = time.perf_counter()
        self._busy_s = self._others_s()

    def __str__(self) -> str:
        share = (self._others_s() - self._busy_s) / (time.perf_counter() - self._began_s) / len(CORES)
        return f"other processes used {max(0.0, share):.0%} of the machine meanwhile"

    @staticmethod
    def _others_s() -> float:
        user, nice, system, _idle, _wait, *interrupts = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]
        busy_s = sum(map(int, (user, nice, system, *interrupts))) / os.sysconf("SC_CLK_TCK")
        ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return busy_s - sum(each.ru_utime + each.ru_stime for each in ours)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("servers", nargs="*", choices=[[], *KINDS], help="which servers; all without a name")
    parser.add_argument("--quick", action="store_true", help="no ramp")
    parser.add_argument("--no-parts", action="store_true", help="servers only")
    options = parser.parse_args()
    began, neighbours = time.perf_counter(), Neighbours()
    print(f"{machine()}; {SESSIONS} sessions, 24 kHz, 20 ms frames, both directions steady\n", flush=True)
    os.sched_setaffinity(0, {LOAD_CORE})
    # A collection would be a pause of the clock that both ends share.
    gc.disable()
    columns = {}
    for kind in options.servers or KINDS:
        columns[kind] = uvloop.run(measure(kind, ramp=not options.quick))
        print(f"  {kind} measured, {time.perf_counter() - began:.0f} s so far", flush=True)
    parts = [] if options.no_parts else [("import roomkit, ms", import_ms(), None), *measured_parts()]
    print("\n" + table(columns, parts), flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s in all; {neighbours}")


if __name__ == "__main__":
    main()

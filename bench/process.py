"""A server under test: its process, the core it is pinned to, what it used of time and memory (Linux /proc)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
START_TIMEOUT_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """``python -m bench.serve KIND``, from its start (`start_ms` to the first accepted connection) to its end."""

    def __init__(self, kind: str, provider_port: int) -> None:
        self.port = free_port()
        self._command = [sys.executable, "-m", "bench.serve", kind, str(self.port), str(provider_port)]
        self.start_ms = 0.0

    def __enter__(self) -> ServerProcess:
        began = time.perf_counter()
        # numpy's thread pool would leave the core we pinned; one thread is what a frame needs anyway.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(self._command, cwd=ROOT, env=environment)
        os.sched_setaffinity(self._process.pid, {SERVER_CORE})
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                if self._process.poll() is not None or time.perf_counter() - began > START_TIMEOUT_S:
                    self.__exit__(None, None, None)
                    raise RuntimeError(f"the server did not start: {' '.join(self._command[2:])}") from None
                time.sleep(0.001)
        self.start_ms = (time.perf_counter() - began) * 1000.0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def cpu_ms(self) -> float:
        """Processor time used so far by all its threads."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    def rss_kb(self) -> float:
        """Memory it holds right now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024

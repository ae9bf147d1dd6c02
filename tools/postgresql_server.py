"""A PostgreSQL server of one's own, in a temporary folder, reached by a Unix socket: for tests and measurements.

The server refuses to run as root; as root it is started as Debian's user ``postgres``. Invariant: what `stop` leaves
behind is nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

START_TIMEOUT_S = 30.0
POLL_S = 0.02
USER = "postgres"
OTHER_USER = USER if os.geteuid() == 0 else None
"""Who runs the server, if not we ourselves."""

NO_GROUPS: list[str] | None = [] if OTHER_USER else None


def find_server() -> Path | None:
    """The folder of the newest installed ``postgres`` and ``initdb``; ``None``: there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if installed:
        return installed[-1].parent
    return Path(on_path).resolve().parent if on_path else None


class PostgreSQLServer:
    """One server with one empty database.

    Args:
        binaries: From `find_server`.
        is_durable: Off: nothing is flushed to disk. It survives the kill of any process, but not of the machine.
    """

    def __init__(self, binaries: Path, *, is_durable: bool = False) -> None:
        self._binaries = binaries
        self._is_durable = is_durable
        self._folder = Path(tempfile.mkdtemp(prefix="roomkit-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        if OTHER_USER:
            shutil.chown(self._folder, USER, USER)
        self._run("initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")

    @property
    def dsn(self) -> str:
        """Where to connect."""
        return f"postgresql:///postgres?host={self._folder}&user={USER}"

    def start(self) -> None:
        """Start the server and return when it takes connections.

        Raises:
            RuntimeError: It ended, or did not answer in time.
        """
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if self._is_durable else "off",
            "max_connections": "60",
            "shared_buffers": "32MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, *options],
                stdout=log,
                stderr=log,
                user=OTHER_USER,
                group=OTHER_USER,
                extra_groups=NO_GROUPS,
                cwd="/",  # one the other user may enter
            )
        deadline = time.perf_counter() + START_TIMEOUT_S
        while not self._accepts():
            if self._process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError("PostgreSQL did not start: " + (self._folder / "log").read_text()[-2_000:])
            time.sleep(POLL_S)

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT cuts connections and tidies up, SIGQUIT is a crash. The data stays."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End the server and remove its data."""
        self.halt(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _accepts(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", str(self._folder)]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [str(self._binaries / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            user=OTHER_USER,
            group=OTHER_USER,
            extra_groups=NO_GROUPS,
            cwd="/",
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()}")

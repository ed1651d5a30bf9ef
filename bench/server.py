"""A real gateway in its own process, pinned to one core, on a data directory of its own."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

try:
    from pysqlite3 import dbapi2 as sqlite3
except ImportError:
    import sqlite3

KEY = {"X-Api-Key": "key_test_abc123", "X-Api-Secret": "secret_test_xyz789"}
WEBHOOK_SECRET = "whsec_test_abc123"
FROM_SOURCE = (sys.executable, "-m", "gateway")
REAL_DISK = "/var/tmp"  # /tmp may be memory, where a commit costs nothing
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
LOOK_AGAIN_S = 0.005
LISTENING = re.compile(rb"is listening on http://127\.0\.0\.1:(\d+)")


class Server:
    """Use as a context: the process is up inside and gone after. The port is another one after every start."""

    def __init__(
        self,
        *,
        core: int | None = None,
        environment: dict[str, str] | None = None,
        program: Sequence[str] = FROM_SOURCE,
    ):
        self._core = core
        self._environment = environment or {}
        self._program = program
        self.data = Path(tempfile.mkdtemp(prefix="gateway-bench-", dir=REAL_DISK))
        self.process: subprocess.Popen | None = None
        self.port = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)
        shutil.rmtree(self.data, ignore_errors=True)

    def start(self) -> float:
        """Starts the process and returns the seconds until it answered."""
        began = time.perf_counter()
        self.launch()
        self.wait_until_up()
        return time.perf_counter() - began

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        self.port, self._spoken = 0, self._log_size()
        command = [*self._program, "serve", "--demo", "--data", str(self.data), "--port", "0"]
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=os.environ | self._environment, stdout=log, stderr=log, preexec_fn=self._pin
            )

    def wait_until_up(self) -> None:
        """Returns when the process that was launched answers; raises RuntimeError if it ends, or takes too long."""
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while not self._is_up():
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"the server did not start:\n{self.log()}")
            time.sleep(LOOK_AGAIN_S)

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log()}")
        if not self.port:
            with (self.data / "server.log").open("rb") as log:
                log.seek(self._spoken)
                said = LISTENING.search(log.read())
            self.port = int(said[1]) if said else 0
        return bool(self.port) and self._answers()

    def _answers(self) -> bool:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            return self.get("/health")["status"] == "healthy"
        return False

    def stop(self, how: int) -> float:
        """Sends a signal and returns the seconds until the process was gone."""
        began = time.perf_counter()
        self.process.send_signal(how)
        self.process.wait(STOP_TIMEOUT_S)
        return time.perf_counter() - began

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Another command of the same program on the same data."""
        return subprocess.run(
            [*self._program, *arguments, "--data", str(self.data)],
            env=os.environ | self._environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def get(self, path: str) -> dict:
        return self.send("GET", path)

    def send(self, method: str, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers=KEY | {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def select(self, sql: str, *values) -> list[tuple]:
        """Asks the database file itself, read-only, which costs the server nothing."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data / 'gateway.db'}?mode=ro", uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def cpu_s(self) -> float:
        """The CPU time of the process so far, user and system."""
        stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._pids())
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Resident memory."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _pids(self) -> list[int]:
        """The process, and the child in which the packed program runs."""
        pid = self.process.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def log(self) -> str:
        return (self.data / "server.log").read_text("utf-8", "replace")

    def _log_size(self) -> int:
        log = self.data / "server.log"
        return log.stat().st_size if log.exists() else 0

    def _pin(self) -> None:
        if self._core is not None:
            os.sched_setaffinity(0, {self._core})

"""A real gateway in its own process, pinned to one core, on a data directory of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

KEY = {"X-Api-Key": "key_test_abc123", "X-Api-Secret": "secret_test_xyz789"}
START_TIMEOUT_S = 20


class Server:
    """Use as a context: the process is up inside and gone after."""

    def __init__(self, *, core: int | None = None, environment: dict[str, str] | None = None, data: str | None = None):
        self._core = core
        self._environment = environment or {}
        self._own_data = data is None
        self.data = Path(data or tempfile.mkdtemp(prefix="gateway-bench-", dir="/var/tmp"))
        self.port = _free_port()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGTERM)
        if self._own_data:
            shutil.rmtree(self.data, ignore_errors=True)

    def start(self) -> float:
        """Starts the process and returns the seconds until it answered."""
        began = time.perf_counter()
        command = [sys.executable, "-m", "gateway", "serve", "--demo", "--data", str(self.data), "--port", str(self.port)]
        self.process = subprocess.Popen(
            command,
            env=os.environ | self._environment,
            stderr=open(self.data / "server.log", "ab"),  # noqa: SIM115 (the child owns it)
            preexec_fn=self._pin,
        )
        while time.perf_counter() - began < START_TIMEOUT_S:
            try:
                self.get("/health")
                return time.perf_counter() - began
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.01)
        raise RuntimeError(f"the server did not start; see {self.data / 'server.log'}")

    def stop(self, how: int) -> float:
        """Sends a signal and returns the seconds until the process was gone."""
        began = time.perf_counter()
        self.process.send_signal(how)
        self.process.wait(15)
        return time.perf_counter() - began

    def _pin(self) -> None:
        if self._core is not None:
            os.sched_setaffinity(0, {self._core})

    def get(self, path: str) -> dict:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=KEY)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def send(self, method: str, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode(),
            headers=KEY | {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return round(int(line.split()[1]) / 1024, 1)
        return 0.0


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]

"""A shop that notes when each webhook came, in a process of its own; one that hangs can be had as well."""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench import receiver
from bench.server import WEBHOOK_SECRET

QUIET_S = 0.3  # after the last that is expected, so that one too many is noticed
TIMEOUT_S = 120
LOOK_AGAIN_S = 0.02


class Webhook(NamedTuple):
    """What the shop noted of one webhook."""

    event_id: str
    at_ms: float
    genuine: bool


class Inbox:
    """A running shop as its starter sees it."""

    def __init__(self, port: int, log: Path):
        self.url = f"http://127.0.0.1:{port}/webhooks"
        self._log = log

    def count(self) -> int:
        return self._log.read_bytes().count(b"\n")

    def all(self, count: int) -> list[Webhook]:
        """Everything that came, once it is as much as expected and it has gone quiet."""
        give_up_at = time.monotonic() + TIMEOUT_S
        while self.count() < count:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"after {TIMEOUT_S} s {count - self.count()} webhooks are missing")
            time.sleep(LOOK_AGAIN_S)
        time.sleep(QUIET_S)
        lines = (line.split() for line in self._log.read_text().splitlines())
        return [Webhook(event_id, float(at_ms), verdict == "genuine") for event_id, at_ms, verdict in lines]


@contextlib.contextmanager
def running(hang_s: float = 0.0) -> Iterator[Inbox]:
    """Starts a shop; with `hang_s` it takes that long for every webhook."""
    with tempfile.NamedTemporaryFile(prefix="gateway-bench-") as log:
        command = [sys.executable, "-m", "bench.inbox", "--hang", str(hang_s), "--log", log.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as process:
            try:
                yield Inbox(int(process.stdout.readline()), Path(log.name))
            finally:
                process.terminate()


class _Noting(receiver.Inbox):
    def _note(self, headers: dict[str, str], body: bytes) -> None:
        at_ms = time.time() * 1000
        genuine = json.loads(body)["id"] == headers["webhook-id"] and self._is_signed(headers, body)
        print(headers["webhook-id"], f"{at_ms:.1f}", "genuine" if genuine else "forged", file=self._log)


class _Hanging(receiver.Connection):
    def __init__(self, inbox: receiver.Inbox, hang_s: float):
        super().__init__(inbox)
        self._hang_s = hang_s

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self._hang_s, self._at_last, data)

    def _at_last(self, data: bytes) -> None:
        if not self._transport.is_closing():
            super().data_received(data)


async def _serve(inbox: receiver.Inbox, hang_s: float) -> None:
    def connected():
        return _Hanging(inbox, hang_s) if hang_s else receiver.Connection(inbox)

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hang", type=float, default=0.0, help="seconds to take for every webhook")
    parser.add_argument("--log", type=Path, required=True, help="note every webhook here")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(_Noting(WEBHOOK_SECRET, options.log, 0.0), options.hang))


if __name__ == "__main__":
    main()

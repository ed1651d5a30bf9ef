"""A merchant's server that does nothing but take webhooks, fast, in a process of its own.

It answers GET with how many it has taken. With a log it also checks both signatures and notes every webhook, and it
may refuse a share of them.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import uvloop

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Receiver:
    """A running receiver as its starter sees it."""

    def __init__(self, port: int):
        self.url = f"http://127.0.0.1:{port}/webhooks"

    def count(self) -> int:
        """How many webhooks it has taken so far."""
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            return json.load(answer)["count"]


@contextlib.contextmanager
def running(*, core: int | None = None, log: Path | None = None, refuse: float = 0.0) -> Iterator[Receiver]:
    """Starts a receiver; `refuse` is the share of webhooks that it answers with 503."""
    command = [sys.executable, "-m", "bench.receiver", "--refuse", str(refuse)]
    command += ["--core", str(core)] if core is not None else []
    command += ["--log", str(log)] if log else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as process:
        try:
            yield Receiver(int(process.stdout.readline()))
        finally:
            process.terminate()


class Inbox:
    """What has been taken, and what becomes of the next."""

    def __init__(self, secret: str, log: Path | None, refuse: float):
        self.count = 0
        self._key = secret.encode()
        self._log = log.open("a", buffering=1) if log else None
        self._refuse = refuse

    def answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            shown = json.dumps({"count": self.count}).encode()
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(shown) + shown
        if self._refuse and random.random() < self._refuse:
            return REFUSED
        self.count += 1
        if self._log:
            self._note(_headers(head), body)
        return OK

    def _note(self, headers: dict[str, str], body: bytes) -> None:
        """One line: the id that the receiver would tell twins by, the delivery's, and whether all of it is genuine."""
        told = json.loads(body)
        genuine = told["id"] == headers["webhook-id"] and told["event"] == headers["x-webhook-event"]
        genuine = genuine and self._is_signed(headers, body)
        print(headers["webhook-id"], headers["x-webhook-id"], "genuine" if genuine else "forged", file=self._log)

    def _is_signed(self, headers: dict[str, str], body: bytes) -> bool:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        standard = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        return (
            headers["x-webhook-signature"] == hmac.digest(self._key, body, hashlib.sha256).hex()
            and f"v1,{standard}" in headers["webhook-signature"].split()
        )


class Connection(asyncio.Protocol):
    """Cuts what comes in into requests and answers each."""

    def __init__(self, inbox: Inbox):
        self._inbox = inbox
        self._received = b""

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, found, rest = self._received.partition(b"\r\n\r\n")
            length = content_length(head)
            if not found or len(rest) < length:
                return
            self._received = rest[length:]
            self._transport.write(self._inbox.answer(head, rest[:length]))


def content_length(head: bytes) -> int:
    """The length of the body that belongs to a head."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}


async def _serve(inbox: Inbox) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(inbox), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, help="pin the process to this core")
    parser.add_argument("--secret", default="whsec_test_abc123", help="what the webhooks are signed with")
    parser.add_argument("--log", type=Path, help="note every webhook here")
    parser.add_argument("--refuse", type=float, default=0.0, help="share of webhooks that are answered with 503")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(Inbox(options.secret, options.log, options.refuse)))


if __name__ == "__main__":
    main()

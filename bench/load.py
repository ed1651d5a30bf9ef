"""A load generator: one event loop, many keep-alive connections, a latency for every answer.

Written on raw asyncio protocols, so that the client needs a fraction of the server's time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvloop


@dataclass
class Result:
    """What came back: how many of each status, how long each took (seconds), the bodies where they were kept."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)

    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        ordered = sorted(self.latencies)
        return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 2)


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(port: int, requests: Iterator[bytes], connections: int, keep_bodies: bool = False) -> Result:
    """Sends all requests over so many connections, each the next as soon as the last is answered."""
    return uvloop.run(_run(port, iter(requests), connections, keep_bodies))


async def _run(port: int, requests: Iterator[bytes], connections: int, keep_bodies: bool) -> Result:
    loop, result = asyncio.get_running_loop(), Result()
    started = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: _Client(requests, result, keep_bodies), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    for client in clients:
        client.next()
    await asyncio.gather(*(client.finished for client in clients))
    result.seconds = time.perf_counter() - started
    return result


class _Client(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], result: Result, keep_bodies: bool):
        self._requests, self._result, self._keep_bodies = requests, result, keep_bodies
        self._received = b""
        self.finished = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self._transport = transport

    def connection_lost(self, error):
        if not self.finished.done():
            self._result.statuses["connection lost"] += 1
            self.finished.set_result(None)

    def next(self):
        following = next(self._requests, None)
        if following is None:
            self.finished.set_result(None)
            return self._transport.close()
        self._sent_at = time.perf_counter()
        self._transport.write(following)

    def data_received(self, data):
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        self._result.latencies.append(time.perf_counter() - self._sent_at)
        self._result.statuses[int(head[9:12])] += 1
        if self._keep_bodies:
            self._result.bodies.append(body)
        self._received = b""
        self.next()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0

"""A load generator: one event loop, many keep-alive connections, a latency for every answer.

Written on raw asyncio protocols, so that the client needs a fraction of the server's time.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import uvloop

from bench.receiver import content_length


class Answer(NamedTuple):
    """What came back for a request."""

    request: bytes
    status: int
    head: bytes
    body: bytes


@dataclass
class Result:
    """What came back: how many of each status, how long each took (seconds), the answers where they were kept."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    answers: list[Answer] = field(default_factory=list)

    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        ordered = sorted(self.latencies)
        return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 2)

    def errors(self, expected: int) -> int:
        """Answers with another status than the expected one, lost connections among them."""
        return self.statuses.total() - self.statuses[expected]


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def encoded(body: dict) -> bytes:
    """A JSON body."""
    return json.dumps(body).encode()


def run(port: int, requests: Iterable[bytes], connections: int, keep_answers: bool = False) -> Result:
    """Sends all requests over so many connections, each the next as soon as the last is answered."""
    return uvloop.run(_run(port, iter(requests), connections, keep_answers))


async def _run(port: int, requests: Iterator[bytes], connections: int, keep_answers: bool) -> Result:
    loop, result = asyncio.get_running_loop(), Result()
    clients = [
        (await loop.create_connection(lambda: _Client(requests, result, keep_answers), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    started = time.perf_counter()
    for client in clients:
        client.next()
    await asyncio.gather(*(client.finished for client in clients))
    result.seconds = time.perf_counter() - started
    return result


class _Client(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], result: Result, keep_answers: bool):
        self._requests, self._result, self._keep_answers = requests, result, keep_answers
        self._received = b""
        self.finished = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self._transport = transport

    def connection_lost(self, error):
        if not self.finished.done():
            self._result.statuses["connection lost"] += 1
            self.finished.set_result(None)

    def next(self):
        self._request = next(self._requests, None)
        if self._request is None:
            self.finished.set_result(None)
            return self._transport.close()
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data):
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < content_length(head):
            return
        self._result.latencies.append(time.perf_counter() - self._sent_at)
        status = int(head[9:12])
        self._result.statuses[status] += 1
        if self._keep_answers:
            self._result.answers.append(Answer(self._request, status, head, body))
        self._received = b""
        self.next()

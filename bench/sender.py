"""What one webhook costs the sender: CPU and latency against a receiver in a second process, on loopback."""

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import threading
import time
from ipaddress import ip_network

import uvloop

from gateway import signatures
from gateway.jobs.sender import Request, Sender

BODY = json.dumps(
    {
        "id": "evt_Ab3dEf6hIj9kLm2n",
        "event": "payment.success",
        "timestamp": 1705315870,
        "data": {"payment": {"id": "pay_0123456789abcdef", "notes": {"text": "x" * 400}}},
    },
    separators=(",", ":"),
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--host", default="127.0.0.1", help="a name such as localhost measures the resolver, too")
    parser.add_argument("--sign", action="store_true", help="make the headers of a delivery for every request")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=receive, args=(theirs,), daemon=True)
    receiver.start()
    print(json.dumps(measure(f"http://{options.host}:{ours.recv()}/hook", options)))
    receiver.terminate()


def measure(url: str, options) -> dict:
    sender = Sender(allow_private=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
    sender.start()
    run(sender, url, 500, options)  # Connections are opened here.
    cpu_s, started_s = cpu_seconds(), time.perf_counter()
    latencies_ms = run(sender, url, options.requests, options)
    cpu_s, elapsed_s = cpu_seconds() - cpu_s, time.perf_counter() - started_s
    sender.stop(1)
    return {
        "requests": options.requests,
        "concurrency": options.concurrency,
        "signed": options.sign,
        "cpu_us_per_request": round(cpu_s / options.requests * 1e6, 1),
        "requests_per_s": round(options.requests / elapsed_s),
        "p50_ms": round(statistics.median(latencies_ms), 2),
        "p99_ms": round(statistics.quantiles(latencies_ms, n=100)[98], 2),
    }


def run(sender: Sender, url: str, count: int, options) -> list[float]:
    """Keeps `concurrency` requests in flight until `count` were answered, each sent by the answer to another."""
    finished = threading.Event()
    latencies_ms: list[float] = []
    left = iter(range(count))

    def send_next() -> None:
        if next(left, None) is None:
            return
        started_s = time.perf_counter()
        sender.send(Request(url, headers(options.sign), BODY, 10), lambda answer: answered(answer, started_s))

    def answered(answer, started_s: float) -> None:
        assert answer.status == 200, answer
        latencies_ms.append((time.perf_counter() - started_s) * 1000)
        send_next()
        if len(latencies_ms) == count:
            finished.set()

    for _ in range(min(count, options.concurrency)):
        send_next()
    assert finished.wait(120), "the receiver stopped answering"
    return latencies_ms


def headers(signed: bool) -> dict[str, str]:
    return made_headers() if signed else FIXED_HEADERS


def made_headers() -> dict[str, str]:
    return signatures.webhook_headers(
        event_id="evt_Ab3dEf6hIj9kLm2n",
        event="payment.success",
        body=BODY,
        secret=SECRET,
        previous_secret=None,
        delivery_id="3f0c6f5e-2f5a-4a51-9d36-6d1f0a5b7c88",
        at_s=int(time.time()),
    )


SECRET = signatures.new_secret()
FIXED_HEADERS = made_headers()


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Receiver(asyncio.Protocol):
    """Answers every request whose body ends in this piece; the sender writes a request in one."""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(BODY):
            self.transport.write(ANSWER)


def receive(pipe) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


if __name__ == "__main__":
    main()

"""Senders for tests, on either event loop, and the short way to send with them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from ipaddress import ip_network

from gateway.jobs import sender as sender_module
from gateway.jobs.sender import Answer, Request, Sender

EVENT_LOOPS = ["uvloop", "asyncio"]
DEADLINE_S = 0.5  # Of attempts that are meant to reach it, long enough to get there on a busy machine.
PATIENCE_S = 10.0  # Of all others: no test should fail because somebody else used the processor.
SLACK_S = 3.0  # How late a deadline may be noticed; short of what no deadline would cost.
HEADERS = {"Content-Type": "application/json", "X-Webhook-Event": "payment.success"}
BODY = b'{"id":"evt_0123456789abcdef"}'
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def senders(event_loop: str, monkeypatch) -> Iterator[Callable[..., Sender]]:
    """For a fixture: a function that starts senders on this kind of event loop; they are stopped after the test."""
    if event_loop == "asyncio":
        monkeypatch.setattr(sender_module, "uvloop", None)
    started = []

    def start(allow_private=LOOPBACK, resolve=None) -> Sender:
        started.append(Sender(allow_private, resolve))
        started[-1].start()
        return started[-1]

    yield start
    for sender in started:
        sender.stop(0)
        assert sender.in_flight == 0


def sent(sender: Sender, url: str, timeout_s: float = PATIENCE_S, headers=HEADERS, body=BODY) -> "Future[Answer]":
    """What the answer will be."""
    answer: Future[Answer] = Future()
    sender.send(Request(url, headers, body, timeout_s), answer.set_result)
    return answer


def post(sender: Sender, url: str, timeout_s: float = PATIENCE_S, **changes) -> Answer:
    """The answer, which must be there by the deadline."""
    return sent(sender, url, timeout_s, **changes).result(timeout_s + SLACK_S)

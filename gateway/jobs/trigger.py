"""A realistic event for whoever writes a receiver: made up, signed and sent at once, and recorded nowhere.

It is not written to the tables, because books, totals and the log tell of what has happened.
"""

import uuid
from concurrent.futures import Future
from ipaddress import ip_network
from typing import NamedTuple

from gateway import endpoints, events, samples, signatures, webhook_objects
from gateway.clock import now_ms
from gateway.config import Config
from gateway.crypto import MasterKey
from gateway.ids import new_id
from gateway.jobs.sender import Answer, Request, Sender
from gateway.objects import Owner, encode
from gateway.webhook_objects import EndpointRow

SLACK_S = 5.0

# Whoever may run commands on this machine may call it, too.
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Told(NamedTuple):
    """An endpoint and what it answered."""

    url: str
    answer: Answer


def trigger(store, master: MasterKey, config: Config, owner: Owner, event_type: str) -> list[Told]:
    """Sends an event of this type to every endpoint of the owner that listens to it; returns what they answered."""
    listening = store.read_now(endpoints.listening, owner, event_type)
    sender = Sender((*config.private_networks, *LOOPBACK))
    sender.start()
    try:
        requests = [_request(row, master, config.webhooks.timeout, event_type) for row in listening]
        answers: list[Future] = [Future() for _ in requests]
        for request, answer in zip(requests, answers, strict=True):
            sender.send(request, answer.set_result)
        return [
            Told(request.url, answer.result(request.timeout_s + SLACK_S))
            for request, answer in zip(requests, answers, strict=True)
        ]
    finally:
        sender.stop(0)


def _request(row: EndpointRow, master: MasterKey, timeout_s: float, event_type: str) -> Request:
    now, event_id = now_ms(), new_id("evt")
    noun, shown = samples.sample(row.owner, event_type, webhook_objects.endpoint(row))
    body = events.body(event_id, event_type, now, noun, encode(shown))
    secret, previous = endpoints.secrets(row, master, now)
    headers = signatures.webhook_headers(
        event_id=event_id,
        event=event_type,
        body=body,
        secret=secret,
        previous_secret=previous,
        delivery_id=str(uuid.uuid4()),
        at_s=now // 1000,
    )
    assert row.url, "only endpoints with a URL listen"
    return Request(row.url, headers, body, row.timeout_s or timeout_s)

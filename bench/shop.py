"""The requests that a shop's server sends: orders, then one payment for each, every one with a key of its own."""

import json
import uuid
from collections.abc import Iterator

from bench import load
from bench.server import KEY, Server

CONNECTIONS = 64


def order_requests(count: int) -> Iterator[bytes]:
    body = load.encoded({"amount": 50_000, "receipt": "bench", "notes": {"purpose": "₹ 500, measured"}})
    return (load.request("POST", "/api/v1/orders", _with_key(), body) for _ in range(count))


def payment_requests(order_ids: list[str]) -> Iterator[bytes]:
    for order_id in order_ids:
        body = load.encoded({"order_id": order_id, "method": "upi", "vpa": "success@razorpay"})
        yield load.request("POST", "/api/v1/payments", _with_key(), body)


def make_orders(server: Server, count: int) -> list[str]:
    """Creates so many orders and returns their ids."""
    made = load.run(server.port, order_requests(count), CONNECTIONS, keep_answers=True)
    assert not made.errors(201), made.statuses
    return [json.loads(answer.body)["id"] for answer in made.answers]


def pay(server: Server, order_ids: list[str]) -> load.Result:
    """Pays every order once, over 64 connections, from requests that were made before."""
    return load.run(server.port, list(payment_requests(order_ids)), CONNECTIONS)


def _with_key() -> dict[str, str]:
    return KEY | {"Idempotency-Key": str(uuid.uuid4())}

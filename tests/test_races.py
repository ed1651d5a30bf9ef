"""Many at once over HTTP: however they arrive, one of them wins and the others are told so."""

import itertools
import json
import signal
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest

from bench import load
from bench.server import KEY, Server

INSTANT_BANK = {"GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0"}
PAY = {"method": "upi", "vpa": "success@razorpay"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(environment=INSTANT_BANK) as server:
        yield server


def at_once(server: Server, *requests: tuple[str, dict], key: str | None = None) -> list[load.Answer]:
    """All requests over connections of their own, each with a key of its own unless one is given."""
    sent = [
        load.request("POST", f"/api/v1{path}", KEY | {"Idempotency-Key": key or uuid.uuid4().hex}, load.encoded(body))
        for path, body in requests
    ]
    return load.run(server.port, sent, len(sent), keep_answers=True).answers


def statuses(answers: list[load.Answer]) -> Counter:
    return Counter(answer.status for answer in answers)


def order(server: Server, **fields) -> str:
    return server.send("POST", "/api/v1/orders", {"amount": 50_000, **fields})["id"]


def paid(server: Server, **fields) -> str:
    """A payment that has succeeded."""
    payment = server.send("POST", "/api/v1/payments", {"order_id": order(server, **fields), **PAY})
    looks = (server.get(f"/api/v1/payments/{payment['id']}")["status"] for _ in itertools.count())
    assert next(status for status in looks if status in ("success", "failed")) == "success"
    return payment["id"]


def test_fifty_requests_with_one_key_make_one_payment(server: Server):
    order_id = order(server)
    answers = at_once(server, *[("/payments", {"order_id": order_id, **PAY})] * 50, key="one for fifty")
    assert set(statuses(answers)) <= {201, 409}
    [body] = {answer.body for answer in answers if answer.status == 201}
    assert server.select("SELECT id FROM payments WHERE order_id = ?", order_id) == [(json.loads(body)["id"],)]


def test_a_key_still_has_its_answer_after_a_kill_and_takes_no_other_request(server: Server):
    request = ("/payments", {"order_id": order(server), **PAY})
    [first] = at_once(server, request, key="kept over a kill")
    server.stop(signal.SIGKILL)
    server.start()
    [again] = at_once(server, request, key="kept over a kill")
    [other] = at_once(server, ("/payments", request[1] | {"vpa": "failure@razorpay"}), key="kept over a kill")
    assert (again.status, again.body) == (201, first.body)
    assert b"\r\nidempotent-replayed: true" in again.head.lower()
    assert (other.status, json.loads(other.body)["error"]["code"]) == (422, "IDEMPOTENCY_ERROR")


def test_of_twenty_payments_for_one_order_one_lives(server: Server):
    order_id = order(server)
    answers = at_once(server, *[("/payments", {"order_id": order_id, **PAY})] * 20)
    assert statuses(answers) == {201: 1, 409: 19}
    assert len(server.select("SELECT id FROM payments WHERE order_id = ?", order_id)) == 1


def test_of_fifty_full_refunds_one_is_made(server: Server):
    payment_id = paid(server)
    answers = at_once(server, *[(f"/payments/{payment_id}/refunds", {"amount": 50_000})] * 50)
    assert statuses(answers) == {201: 1, 400: 49}
    assert server.select("SELECT amount_refunded FROM payments WHERE id = ?", payment_id) == [(50_000,)]


def test_partial_refunds_never_add_up_to_more_than_was_captured(server: Server):
    payment_id = paid(server)
    answers = at_once(server, *[(f"/payments/{payment_id}/refunds", {"amount": 15_000})] * 20)
    assert statuses(answers) == {201: 3, 400: 17}
    assert server.select("SELECT amount FROM refunds WHERE payment_id = ?", payment_id) == [(15_000,)] * 3


def test_a_payment_is_captured_once_or_cancelled_never_both(server: Server):
    payment_id = paid(server, capture="manual")
    path = f"/payments/{payment_id}"
    answers = at_once(server, *[(f"{path}/capture", {}), (f"{path}/cancel", {})] * 10)
    assert statuses(answers)[200] == 1
    assert set(statuses(answers)) <= {200, 400, 409}
    [(status, captured)] = server.select("SELECT status, captured FROM payments WHERE id = ?", payment_id)
    assert (status, captured) in [("success", 1), ("cancelled", 0)]

"""The running gateway on PostgreSQL and Redis: the same answers, and the same winners where many come at once."""

import itertools
import json
import signal
from collections import Counter

import pytest

from bench import load
from bench.server import KEY, Server
from gateway.web.dashboard import ROUTES
from tests.calling import Caller
from tests.visitor import Visitor

PAY = {"method": "upi", "vpa": "success@razorpay"}


@pytest.fixture
def server(postgres_url: str, redis_url: str):
    environment = {
        "DATABASE_URL": postgres_url, "REDIS_URL": redis_url,
        "GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0",
    }  # fmt: skip
    with Server(environment=environment) as server:
        yield server


def at_once(server: Server, count: int, path: str, body: dict, *keys: str) -> list[load.Answer]:
    given = itertools.cycle(keys or [""])
    headers = [KEY | ({"Idempotency-Key": key} if key else {}) for key in itertools.islice(given, count)]
    requests = [load.request("POST", f"/api/v1{path}", each, load.encoded(body)) for each in headers]
    return load.run(server.port, requests, count, keep_answers=True).answers


def test_every_page_of_the_dashboard_on_postgresql(server: Server):
    """Also with a letter in its query that PostgreSQL cannot even be asked about."""
    visitor = Visitor(server, "test@example.com", "test1234")
    for route in ROUTES:
        if route.method == "GET" and "<" not in route.path and route.path not in ("/live", "/login/code"):
            for query in ("", "?q=%00&before=%00&endpoint=%00&currency=%00", "?after=%00&status=%00"):
                assert visitor.get(f"/dashboard{route.path}{query}").status < 500, route.path + query


def test_a_day_on_postgresql_and_redis(server: Server):
    alice = Caller(server)
    order = alice.order(notes={"price": "₹ 500"})
    first_paid = alice.paid(order, method="card", card={
        "number": "4242 4242 4242 4242", "expiry_month": 12, "expiry_year": 2030, "cvv": "737", "holder_name": "Asha",
    })  # fmt: skip
    assert (first_paid["status"], first_paid["card_last4"]) == ("success", "4242")

    shared = alice.order()
    answers = at_once(server, 50, "/payments", {"order_id": shared["id"], **PAY}, "one key for all")
    assert set(statuses(answers)) <= {201, 409}
    assert len({answer.body for answer in answers if answer.status == 201}) == 1

    contested = alice.order()
    answers = at_once(server, 20, "/payments", {"order_id": contested["id"], **PAY})
    assert statuses(answers) == {201: 1, 409: 19}

    payment = alice.paid()
    answers = at_once(server, 50, f"/payments/{payment['id']}/refunds", {"amount": 50_000})
    assert statuses(answers) == {201: 1, 400: 49}

    many = [json.loads(answer.body)["id"] for answer in at_once(server, 100, "/orders", {"amount": 50_000})]
    assert len(set(many)) == 100
    assert alice("GET", "/orders?limit=1").json["total"] == 104

    request = ("POST", "/orders", {"amount": 12_345})
    before = alice(*request, key="kept over a kill")
    server.stop(signal.SIGKILL)
    server.start()
    again = alice(*request, key="kept over a kill")
    assert (again.status, again.body, again.headers["Idempotent-Replayed"]) == (201, before.body, "true")
    assert alice.paid()["status"] == "success"
    wait_until_all_is_done(alice)
    checked = server.run("check")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert "Traceback" not in server.log()


def statuses(answers: list[load.Answer]) -> Counter:
    return Counter(answer.status for answer in answers)


def wait_until_all_is_done(alice: Caller) -> None:
    while (jobs := alice("GET", "/test/jobs/status").json)["pending"] + jobs["processing"]:
        pass

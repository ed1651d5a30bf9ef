"""The API over HTTP, resource by resource: addresses, statuses, shapes, and what everybody may ask."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench.server import Server
from gateway import __version__
from gateway.merchants import DEMO_MERCHANT_ID
from gateway.objects import Order, Payment, Refund
from tests.calling import BOB, Caller, add_merchant

LIST = ["data", "total", "limit", "offset", "has_more"]
PUBLIC_ORDER = [
    "id", "entity", "amount", "amount_due", "currency", "status", "merchant_name", "mode", "created_at",
]  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with Server(environment={"GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0"}) as server:
        yield server


@pytest.fixture(scope="module")
def alice(server: Server) -> Caller:
    return Caller(server)


@pytest.fixture(scope="module")
def stranger(server: Server) -> Caller:
    return Caller(server, {})


# What a merchant does


def test_an_order_is_made_shown_and_listed(alice: Caller):
    answer = alice("POST", "/orders", {"amount": 50_000, "receipt": "r-1", "notes": {"a": "₹ 🍵"}})
    assert (answer.status, list(answer.json)) == (201, list(Order.__struct_fields__))
    order = answer.json
    assert "₹ 🍵".encode() in answer.body
    shown, listed = alice("GET", f"/orders/{order['id']}"), alice("GET", "/orders?receipt=r-1")
    assert (shown.status, shown.json, listed.status) == (200, order, 200)
    assert list(listed.json) == LIST
    assert listed.json["data"] == [order]


def test_a_payment_is_answered_before_the_bank_is_asked(alice: Caller):
    order = alice.order()
    answer = alice("POST", "/payments", {"order_id": order["id"], "method": "upi", "vpa": "success@razorpay"})
    assert (answer.status, answer.json["status"]) == (201, "pending")
    assert list(answer.json) == list(Payment.__struct_fields__)
    paid = alice.paid()
    assert (paid["status"], paid["captured"]) == ("success", True)
    assert alice("GET", f"/orders/{paid['order_id']}").json["status"] == "paid"
    assert alice("GET", f"/orders/{paid['order_id']}/payments").json["data"] == [paid]
    assert alice("GET", f"/payments?order_id={paid['order_id']}&status=success&method=upi").json["data"] == [paid]


def test_a_capture_is_for_all_or_a_part_with_or_without_a_body(alice: Caller):
    for body, taken in ((None, 50_000), ({}, 50_000), ({"amount": 20_000}, 20_000)):
        payment = alice.paid(alice.order(capture="manual"))
        captured = alice("POST", f"/payments/{payment['id']}/capture", body)
        assert (captured.status, captured.json["amount_captured"]) == (200, taken)
        again = alice("POST", f"/payments/{payment['id']}/capture", body)
        assert (again.status, again.json["error"]) == (400, {
            "code": "BAD_REQUEST_ERROR", "description": "Payment not in capturable state", "reason": "not_capturable",
        })  # fmt: skip


def test_a_payment_is_cancelled_once(alice: Caller):
    payment = alice.paid(alice.order(capture="manual"))
    cancelled = alice("POST", f"/payments/{payment['id']}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    assert alice("POST", f"/payments/{payment['id']}/cancel").status == 400
    assert alice("POST", f"/payments/{payment['id']}/capture").status == 400


def test_a_refund_is_made_shown_and_listed(alice: Caller):
    payment = alice.paid()
    path = f"/payments/{payment['id']}/refunds"
    answer = alice("POST", path, {"amount": 20_000, "reason": "zerbrochen ₹", "notes": {"a": "b"}})
    assert (answer.status, list(answer.json)) == (201, list(Refund.__struct_fields__))
    refund_id = answer.json["id"]
    while (refund := alice("GET", f"/refunds/{refund_id}").json)["status"] == "pending":
        pass
    assert (refund["status"], refund["amount"], refund["reason"]) == ("processed", 20_000, "zerbrochen ₹")
    assert alice("GET", path).json["data"] == [refund]
    assert alice("GET", f"/refunds?payment_id={payment['id']}&status=processed").json["data"] == [refund]
    too_much = alice("POST", path, {"amount": 30_001})
    assert (too_much.status, too_much.json["error"]["description"]) == (400, "Refund amount exceeds available amount")
    assert alice("POST", path).json["amount"] == 30_000


def test_a_second_payment_while_one_lives_is_a_conflict(alice: Caller):
    order = alice.order(capture="manual")
    alice.paid(order)
    second = alice("POST", "/payments", {"order_id": order["id"], "method": "upi", "vpa": "success@razorpay"})
    assert (second.status, second.code, second.reason) == (409, "CONFLICT_ERROR", "payment_alive")


def test_the_balance_and_the_statistics_follow(server: Server):
    carol = add_merchant(server, "carol@shop.test", "carols cakes")
    assert carol("GET", "/balance").json == {"entity": "balance", "mode": "test", "balances": []}
    payment = carol.paid(carol.order(amount=70_000))
    carol.paid(carol.order(amount=1_000), method="upi", vpa="failure@razorpay")
    carol("POST", f"/payments/{payment['id']}/refunds", {"amount": 20_000})
    while (balance := carol("GET", "/balance").json["balances"]) != [
        {"currency": "INR", "available": 50_000, "refunding": 0}
    ]:
        assert balance[0]["available"] == 50_000
    statistics = carol("GET", "/stats?from=2020-01-01&to=2099-01-01").json
    assert statistics["success_rate"] == 50
    assert statistics["by_status"] == {"success": 1, "failed": 1}
    assert statistics["amounts"] == [{"currency": "INR", "captured": 70_000, "refunded": 20_000}]
    assert carol("GET", "/stats?to=2020-01-01").json["total_transactions"] == 0


def test_a_cursor_walks_through_everything(server: Server):
    dora = add_merchant(server, "dora@shop.test", "doras dolls")
    made = [dora.order()["id"] for _ in range(7)][::-1]
    seen, query = [], "limit=3"
    while query:
        page = dora("GET", f"/orders?{query}").json
        seen += [order["id"] for order in page["data"]]
        query = page["has_more"] and f"limit=3&after={seen[-1]}"
    assert seen == made
    assert [order["id"] for order in dora("GET", "/orders?limit=2&offset=5").json["data"]] == made[5:]


def test_a_repeated_request_is_replayed_on_every_post(alice: Caller):
    payment = alice.paid(alice.order(capture="manual"))
    requests = [
        ("/orders", {"amount": 50_000}),
        (f"/payments/{payment['id']}/capture", {"amount": 20_000}),
        (f"/payments/{payment['id']}/refunds", {"amount": 100}),
        ("/webhook_endpoints", {"url": "http://127.0.0.1:9/x"}),
        ("/payment_links", {"amount": 50_000}),
    ]
    for path, body in requests:
        first, again = (alice("POST", path, body, key=f"twice {path}") for _ in range(2))
        assert first.status in (200, 201)
        assert (again.status, again.body) == (first.status, first.body)
        assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
        other = alice("POST", path, {"amount": 777} if "amount" in body else {"url": "http://127.0.0.1:9/y"},
                      key=f"twice {path}")  # fmt: skip
        assert (other.status, other.code) == (422, "IDEMPOTENCY_ERROR")


def test_the_order_of_fields_and_spaces_make_no_other_request(alice: Caller):
    first = alice("POST", "/orders", b'{"amount":50000,"receipt":"r"}', key="spelt")
    again = alice("POST", "/orders", b' { "receipt" : "r" , "amount" : 50000 } ', key="spelt")
    assert (again.body, again.headers["Idempotent-Replayed"]) == (first.body, "true")


def test_of_a_cvv_not_even_a_fingerprint_is_kept(alice: Caller):
    """So another CVV makes no other request; another number does."""
    card = {"number": "4111111111111111", "expiry_month": 12, "expiry_year": 2030, "cvv": "737", "holder_name": "Asha"}
    body = {"order_id": alice.order()["id"], "method": "card", "card": card}
    first = alice("POST", "/payments", body, key="card")
    again = alice("POST", "/payments", body | {"card": card | {"cvv": "738"}}, key="card")
    assert (again.body, again.headers["Idempotent-Replayed"]) == (first.body, "true")
    assert alice("POST", "/payments", body | {"card": card | {"number": "4242424242424242"}}, key="card").status == 422


def test_two_merchants_may_use_the_same_key(server: Server, alice: Caller):
    bob = add_merchant(server, **BOB)
    first, second = (caller("POST", "/orders", {"amount": 50_000}, key="same") for caller in (alice, bob))
    assert (first.status, second.status) == (201, 201)
    assert second.json["merchant_id"] == bob.merchant_id != first.json["merchant_id"]


# What a customer's browser does


def test_a_customer_sees_an_order_and_no_more(alice: Caller, stranger: Caller):
    order = alice.order(notes={"secret": "margin"}, receipt="internal")
    answer = stranger("GET", f"/orders/{order['id']}/public")
    assert (answer.status, list(answer.json)) == (200, PUBLIC_ORDER)
    assert (answer.json["merchant_name"], answer.json["mode"]) == ("Test Merchant", "test")
    for hidden in ("margin", "internal", DEMO_MERCHANT_ID, "secret_test", "attempts"):
        assert hidden not in answer.body.decode()


def test_a_customer_pays_what_the_order_says(alice: Caller, stranger: Caller):
    order = alice.order(amount=12_345)
    body = {"order_id": order["id"], "method": "upi", "vpa": "success@razorpay", "key": "key_test_abc123"}
    started = stranger("POST", "/payments/public", body, key="customer")
    assert (started.status, started.json["status"], started.json["amount"]) == (201, "pending", 12_345)
    assert stranger("POST", "/payments/public", body, key="customer").body == started.body
    path = f"/payments/{started.json['id']}/public"
    while (shown := stranger("GET", path).json)["status"] in ("pending", "processing"):
        pass
    assert shown["status"] == "success"
    assert re.fullmatch("[0-9a-f]{64}", shown["signature"])
    assert DEMO_MERCHANT_ID not in stranger("GET", path).body.decode()
    assert stranger("POST", "/payments/public", body).code == "CONFLICT_ERROR"


@pytest.mark.parametrize("key", ["key_test_nobody", "key_live_abc123", "bob's"])
def test_a_key_that_is_not_the_orders_opens_nothing(server: Server, alice: Caller, stranger: Caller, key):
    if key == "bob's":
        key = add_merchant(server, "bob2@shop.test", "bobs bikes").credentials["X-Api-Key"]
    order = alice.order()
    assert stranger("GET", f"/orders/{order['id']}/public?key={key}").status == 404
    body = {"order_id": order["id"], "method": "upi", "vpa": "success@razorpay", "key": key}
    assert stranger("POST", "/payments/public", body).status == 404
    assert alice("GET", f"/orders/{order['id']}").json["attempts"] == 0


# What anybody may ask


def test_health_can_be_asked_for_without_a_body(stranger: Caller):
    """As many who watch from outside do."""
    answer = stranger("HEAD", "/health")
    assert (answer.status, answer.body) == (200, b"")


def test_health_says_who_and_how(stranger: Caller):
    answer = stranger("GET", "/health")
    assert answer.status == 200
    assert list(answer.json) == ["status", "database", "queue", "worker", "version", "timestamp"]
    assert (answer.json["status"], answer.json["version"]) == ("healthy", __version__)


def test_metrics_are_prometheus(stranger: Caller, alice: Caller):
    alice.paid()
    answer = stranger("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = answer.body.decode().splitlines()
    assert any(line.startswith('gateway_payments{status="success"} ') for line in lines)
    assert all(re.fullmatch(r"#.*|[a-z_]+(\{.*\})? [0-9.e+]+", line) for line in lines)


def test_the_jobs_tell_what_they_are_doing(stranger: Caller, alice: Caller):
    alice.paid()
    answer = stranger("GET", "/test/jobs/status")
    assert list(answer.json) == ["pending", "processing", "completed", "failed", "worker_status"]
    assert answer.json["worker_status"] == "running"
    assert answer.json["completed"] >= 1


def test_the_demo_says_who_it_is(stranger: Caller):
    assert stranger("GET", "/test/merchant").json == {
        "id": DEMO_MERCHANT_ID, "email": "test@example.com", "api_key": "key_test_abc123", "seeded": True,
    }  # fmt: skip


def test_every_answer_has_an_id_of_its_own(stranger: Caller, alice: Caller):
    answers = [
        *(caller("GET", path) for caller, path in ((alice, "/orders"), (stranger, "/orders"), (stranger, "/nothing"))),
        *(stranger("GET", "/health"), alice("POST", "/orders", b"{"), alice("DELETE", "/orders")),
    ]
    assert [answer.status for answer in answers] == [200, 401, 404, 200, 400, 405]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == len(answers)
    assert all(re.fullmatch("req_[A-Za-z0-9]{16}", request_id) for request_id in ids)


def test_reads_and_writes_by_many_at_once_all_get_their_own_answer(alice: Caller):
    def one(number: int) -> bool:
        order = alice.order(amount=1_000 + number)
        return alice("GET", f"/orders/{order['id']}").json == order and order["amount"] == 1_000 + number

    with ThreadPoolExecutor(20) as threads:
        assert all(threads.map(one, range(200)))

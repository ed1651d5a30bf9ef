"""Lists: newest first, page by page or by cursor, filtered, and each merchant's own."""

from pathlib import Path

import pytest

from gateway import clock, deliveries, payments, refunds
from gateway.db import Transaction, open_store
from gateway.lists import Page
from gateway.objects import Owner
from tests.scenes import UPI_FAILS, WALLET, Scene, Shop, card, refusal


@pytest.fixture
def orders(alice: Shop) -> list[dict]:
    """Twelve, newest first."""
    return [alice.order(100 + number, receipt=f"r{number % 2}") for number in range(12)][::-1]


def ids(listed: dict | list) -> list[str]:
    return [each["id"] for each in (listed["data"] if isinstance(listed, dict) else listed)]


def test_the_newest_ten_come_first(alice: Shop, orders):
    listed = alice.list_orders()
    assert {name: listed[name] for name in ("total", "limit", "offset", "has_more")} == {
        "total": 12, "limit": 10, "offset": 0, "has_more": True,
    }  # fmt: skip
    assert listed["data"] == orders[:10]


@pytest.mark.parametrize(
    ("limit", "offset", "first", "last", "more"),
    [(5, 0, 0, 5, True), (5, 5, 5, 10, True), (5, 10, 10, 12, False), (12, 0, 0, 12, False), (5, 12, 0, 0, False)],
)
def test_pages_by_offset(alice: Shop, orders, limit, offset, first, last, more):
    listed = alice.list_orders(Page(limit, offset))
    assert ids(listed) == ids(orders[first:last])
    assert (listed["total"], listed["limit"], listed["offset"], listed["has_more"]) == (12, limit, offset, more)


def test_a_cursor_goes_through_all_without_missing_or_repeating_any(alice: Shop, orders):
    seen, after, pages = [], None, 0
    while True:
        listed = alice.list_orders(Page(limit=5, after=after))
        seen += ids(listed)
        pages += 1
        if not listed["has_more"]:
            break
        after = seen[-1]
        alice.order()  # What comes meanwhile does not shift the pages.
    assert seen == ids(orders)
    assert pages == 3


def test_a_cursor_that_is_not_ones_own_is_refused(alice: Shop, bob: Shop):
    for stranger in ("order_doesnotexist123", bob.order()["id"], alice.live.order()["id"]):
        assert refusal(alice.list_orders, Page(after=stranger)) == (400, "BAD_REQUEST_ERROR", "after")


def test_orders_are_filtered_by_status_receipt_and_time(alice: Shop, orders):
    paid = alice.paid({"id": orders[3]["id"]})
    assert ids(alice.list_orders(status="paid")) == [paid["order_id"]]
    assert alice.list_orders(status="attempted")["data"] == []
    assert alice.list_orders(receipt="r1")["total"] == 6
    clock.forward(3600)
    late, now = alice.order(receipt="late"), clock.now_ms()
    assert ids(alice.list_orders(since=now - 60_000)) == [late["id"]]
    assert late["id"] not in ids(alice.list_orders(Page(100), until=now - 60_000))
    assert alice.list_orders(since=now + 60_000)["total"] == 0


def test_payments_are_filtered_by_order_method_status_and_time(scene: Scene, alice: Shop):
    order = alice.order()
    failed = alice.paid(order, UPI_FAILS)
    paid = alice.paid(order, card())
    other = alice.paid(instrument=WALLET)
    assert ids(alice.list_payments()) == ids([other, paid, failed])
    assert ids(alice.list_payments(order_id=order["id"])) == ids([paid, failed])
    assert ids(alice.list_payments(status="success")) == ids([other, paid])
    assert ids(alice.list_payments(method="card")) == ids([paid])
    assert ids(alice.list_payments(order_id=order["id"], status="failed", method="upi")) == ids([failed])
    assert alice.list_payments(method="netbanking")["total"] == 0
    assert alice.list_payments(since=clock.now_ms() + 1)["total"] == 0


def test_refunds_are_filtered_by_payment_and_status(scene: Scene, alice: Shop):
    first, second = alice.paid(), alice.paid()
    done = alice.refunded(first, 100)
    waiting = alice.refund(second, 100)
    assert ids(alice.list_refunds()) == ids([waiting, done])
    assert ids(alice.list_refunds(payment_id=first["id"])) == ids([done])
    assert ids(alice.list_refunds(status="pending")) == ids([waiting])
    scene.work()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_cursor_costs_the_same_however_long_the_list_is(scene: Scene, alice: Shop):
    """The last page is found through the index, without a look at the pages before it."""
    plan = scene.rows(
        "EXPLAIN QUERY PLAN SELECT id FROM payments WHERE merchant_id = ? AND mode = ? AND seq < ?"
        " ORDER BY seq DESC LIMIT ?", "alice", "test", 1_000, 11,
    )  # fmt: skip
    assert len(plan) == 1
    assert "SEARCH payments USING" in plan[0][-1]
    assert "seq<?" in plan[0][-1]


class Explaining(Transaction):
    """Notes how SQLite finds the rows of every list."""

    __slots__ = ("plan",)

    def __init__(self, execute):
        super().__init__(execute)
        self.plan = ""

    def all(self, sql: str, params=()) -> list:
        self.plan += "\n".join(row[3] for row in super().all(f"EXPLAIN QUERY PLAN {sql}", params))
        return super().all(sql, params)


@pytest.mark.parametrize(
    ("listed", "of", "index"),
    [
        (payments.list_payments, "order_id", "payments_order_id_seq"),
        (refunds.list_refunds, "payment_id", "refunds_payment_id"),
        (deliveries.list_events, "object_id", "events_object_id"),
    ],
)
def test_what_belongs_to_one_object_is_found_without_reading_all_that_the_owner_has(
    sqlite_template: Path, listed, of, index
):
    store = open_store(f"sqlite:///{sqlite_template}")
    store.start()

    def plan(tx) -> str:
        explaining = Explaining(tx.execute)
        listed(explaining, Owner("alice", "test"), Page(), **{of: "some_one"})
        return explaining.plan

    assert f"INDEX {index} ({of}=?)" in store.read_now(plan)
    store.close()

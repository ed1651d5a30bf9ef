"""Double entry: every posting sums to 0, nothing is booked twice, and the balance is what the entries say."""

import psycopg
import pytest

from gateway import ledger, totals
from gateway.db.sqlite import sqlite3
from tests.scenes import REFUND_FAILS, UPI_FAILS, Scene, Shop, card

TAKEN = (sqlite3.IntegrityError, psycopg.errors.UniqueViolation)


def book(scene: Scene) -> dict[str, int]:
    """What stands in each account."""
    rows = scene.rows("SELECT account, CAST(sum(amount) AS BIGINT) FROM ledger_entries GROUP BY account")
    return dict(rows)


def balances(shop: Shop) -> list[dict]:
    return shop.scene.store.read_now(ledger.balances, shop.owner)


def rupees(available: int, refunding: int = 0) -> list[dict]:
    return [{"currency": "INR", "available": available, "refunding": refunding}]


def test_nothing_moves_before_a_capture(scene: Scene, alice: Shop):
    alice.authorised(), alice.paid(instrument=UPI_FAILS), alice.cancel(alice.pay()), alice.pay()
    assert book(scene) == {}
    assert balances(alice) == []


def test_a_capture_the_bank_owes_us_and_we_owe_the_merchant(scene: Scene, alice: Shop):
    alice.paid(alice.order(50_000))
    assert book(scene) == {"bank": 50_000, "merchant": -50_000}
    assert balances(alice) == rupees(50_000)


def test_a_partial_capture_books_that_part(scene: Scene, alice: Shop):
    alice.capture(alice.authorised(50_000), 20_000)
    assert book(scene) == {"bank": 20_000, "merchant": -20_000}


def test_a_refund_is_on_its_way_until_the_bank_has_done_it(scene: Scene, alice: Shop):
    payment = alice.paid(alice.order(50_000))
    alice.refund(payment, 20_000)
    assert book(scene) == {"bank": 50_000, "merchant": -30_000, "refunds": -20_000}
    assert balances(alice) == rupees(30_000, refunding=20_000)
    scene.work()
    assert book(scene) == {"bank": 30_000, "merchant": -30_000, "refunds": 0}
    assert balances(alice) == rupees(30_000)


def test_a_failed_refund_is_booked_back_and_not_erased(scene: Scene, alice: Shop):
    payment = alice.paid(instrument=card(REFUND_FAILS))
    refund = alice.refunded(payment, 20_000)
    scene.later(6)
    assert book(scene) == {"bank": 50_000, "merchant": -50_000, "refunds": 0}
    assert balances(alice) == rupees(50_000)
    postings = scene.values("SELECT DISTINCT posting FROM ledger_entries ORDER BY posting")
    assert postings == [f"capture:{payment['id']}", f"refund:{refund['id']}", f"refund_failed:{refund['id']}"]


def test_every_currency_has_its_own_balance(alice: Shop):
    for amount, currency in ((5, "JPY"), (500, "USD"), (7, "JPY"), (1_234, "KWD")):
        alice.paid(alice.order(amount, currency=currency))
    assert balances(alice) == [
        {"currency": "JPY", "available": 12, "refunding": 0},
        {"currency": "KWD", "available": 1_234, "refunding": 0},
        {"currency": "USD", "available": 500, "refunding": 0},
    ]


def test_a_balance_is_the_merchants_own_and_of_one_mode(alice: Shop, bob: Shop):
    alice.paid(alice.order(50_000))
    bob.paid(bob.order(30_000))
    assert balances(alice) == rupees(50_000)
    assert balances(bob) == rupees(30_000)
    assert balances(alice.live) == []


def test_every_posting_sums_to_nothing(scene: Scene, alice: Shop):
    for number in range(1, 6):
        alice.refunded(alice.paid(alice.order(number * 1_000)), number * 100)
    assert scene.values("SELECT posting FROM ledger_entries GROUP BY posting, currency HAVING sum(amount) <> 0") == []
    assert sum(book(scene).values()) == 0


def test_the_same_thing_is_never_booked_twice(scene: Scene, alice: Shop):
    payment = alice.paid()
    before = scene.rows("SELECT * FROM ledger_entries ORDER BY posting, account")
    with pytest.raises(TAKEN):
        scene.store.write_now(ledger.captured, alice.owner, payment["id"], 50_000, "INR")
    assert scene.rows("SELECT * FROM ledger_entries ORDER BY posting, account") == before


def test_what_does_not_balance_is_not_written(scene: Scene, alice: Shop):
    with pytest.raises(AssertionError, match="sums to 0"):
        scene.store.write_now(ledger._post, alice.owner, "odd", "INR", {"bank": 1, "merchant": 1})
    assert book(scene) == {}


def test_a_shop_with_more_money_than_a_64_bit_integer_can_hold_still_has_a_balance(scene: Scene, alice: Shop):
    most = 2**53 - 1

    def book_many(tx):
        for number in range(1_025):
            ledger.captured(tx, alice.owner, f"pay_{number}", most, "INR")

    scene.store.write_now(book_many)
    assert balances(alice) == rupees(1_025 * most)
    scene.alter("DELETE FROM ledger_entries")


def test_such_a_shop_does_not_stop_the_totals_of_others(scene: Scene, alice: Shop, bob: Shop):
    for _ in range(3):
        for _ in range(500):
            alice.pay(alice.order(2**53 - 1))
        scene.work()
        totals.catch_up(scene.store)
    bob.paid(bob.order(1_000))
    totals.catch_up(scene.store)
    totals_of = "SELECT sum(count), max(amount) FROM totals WHERE what = 'captured' AND merchant_id = ?"
    assert scene.rows(totals_of, "bob") == [(1, 1_000)]
    ((count, amount),) = scene.rows(totals_of, "alice")
    assert (count, amount > 2**60) == (1_500, True)

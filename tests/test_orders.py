"""Orders: what a merchant may ask for, what is shown of it, and to whom."""

import re

import msgspec
import pytest

from gateway import money, orders
from gateway.errors import BadRequest
from gateway.orders import NewOrder
from tests.scenes import UPI_FAILS, Shop, refusal


def test_an_order_is_shown_as_the_contract_says(alice: Shop):
    order = alice.order(50_000, receipt="rcpt-1", notes={"table": "7"})
    assert re.fullmatch(r"order_[A-Za-z0-9]{16}", order["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", order["created_at"])
    assert order == alice.the_order(order)
    assert {name: order[name] for name in order if name not in ("id", "created_at", "updated_at")} == {
        "entity": "order", "merchant_id": "alice", "amount": 50_000, "amount_paid": 0, "amount_due": 50_000,
        "currency": "INR", "receipt": "rcpt-1", "notes": {"table": "7"}, "status": "created", "attempts": 0,
        "capture": "automatic",
    }  # fmt: skip


def test_its_status_follows_what_happens_to_it(alice: Shop):
    order = alice.order()
    assert order["status"] == "created"
    alice.paid(order, UPI_FAILS)
    attempted = alice.the_order(order)
    assert (attempted["status"], attempted["attempts"], attempted["amount_due"]) == ("attempted", 1, 50_000)
    alice.paid(order)
    paid = alice.the_order(order)
    assert (paid["status"], paid["attempts"], paid["amount_paid"], paid["amount_due"]) == ("paid", 2, 50_000, 0)


def test_a_partial_capture_pays_that_part(alice: Shop):
    order = alice.order(50_000, capture="manual")
    alice.capture(alice.paid(order), 30_000)
    paid = alice.the_order(order)
    assert (paid["status"], paid["amount_paid"], paid["amount_due"]) == ("paid", 30_000, 20_000)


def test_a_refund_leaves_it_paid(alice: Shop):
    order = alice.order()
    alice.refunded(alice.paid(order))
    assert alice.the_order(order)["status"] == "paid"


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(100, "INR"), (money.MAX_AMOUNT, "INR"), (1, "JPY"), (100, "USD"), (100, "KWD"), (12_345, "BHD")],
)
def test_amounts_are_kept_to_the_last_unit(alice: Shop, amount, currency):
    order = alice.order(amount, currency=currency)
    payment = alice.paid(order)
    assert (payment["amount"], payment["amount_captured"], payment["currency"]) == (amount, amount, currency)
    assert alice.the_order(order)["amount_paid"] == amount


TOO_MANY_NOTES = {f"note {number}": "x" for number in range(16)}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": 99}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": -100}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({"amount": 0, "currency": "JPY"}, "amount"),
        ({"amount": 99, "currency": "KWD"}, "amount"),
        ({"currency": "inr"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"notes": {"key": "x" * 257}}, "notes"),
        ({"notes": {"k" * 257: "x"}}, "notes"),
        ({"notes": TOO_MANY_NOTES}, "notes"),
    ],
)
def test_what_nobody_can_pay_is_refused(fields, field):
    with pytest.raises(BadRequest) as refused:
        orders.check(NewOrder(**{"amount": 50_000} | fields))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("fields", "about"),
    [
        ({}, "amount"),
        ({"amount": "100"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 100, "receipt": "r" * 41}, "receipt"),
        ({"amount": 100, "receipt": 7}, "receipt"),
        ({"amount": 100, "notes": []}, "notes"),
        ({"amount": 100, "notes": {"a": 1}}, "notes"),
        ({"amount": 100, "capture": "later"}, "capture"),
        ({"amount": 100, "status": "paid"}, "status"),
    ],
)
def test_what_the_types_refuse(fields, about):
    with pytest.raises(msgspec.ValidationError, match=about):
        msgspec.convert(fields, NewOrder)


def test_the_limits_themselves_are_allowed(alice: Shop):
    notes = {f"{number:0256}": "ü" * 256 for number in range(15)}
    order = alice.order(receipt="r" * 40, notes=notes)
    assert alice.the_order(order)["notes"] == notes


@pytest.mark.parametrize(
    ("notes", "shown"),
    [
        ({}, []),
        ({"b": "1", "a": "2"}, ["b", "a"]),
        ({"b": "1", "10": "2", "9": "3", "a": "4", "0": "5"}, ["0", "9", "10", "b", "a"]),
        ({"01": "1", "1": "2"}, ["1", "01"]),
        ({"4294967295": "1", "4294967294": "2"}, ["4294967294", "4294967295"]),
        ({"-1": "1", "1.5": "2", "3": "3"}, ["3", "-1", "1.5"]),
    ],
)
def test_notes_come_in_the_order_in_which_javascript_would_print_them(alice: Shop, notes, shown):
    order = alice.order(notes=notes)
    assert list(order["notes"]) == list(alice.the_order(order)["notes"]) == shown
    assert order["notes"] == notes


def test_an_order_may_say_how_it_is_captured(alice: Shop):
    assert alice.order(capture="manual")["capture"] == "manual"
    assert alice.order(capture="automatic")["capture"] == "automatic"


def test_nobody_else_finds_it(alice: Shop, bob: Shop):
    order = alice.order()
    for stranger in (bob, alice.live):
        assert refusal(stranger.the_order, order) == (404, "NOT_FOUND_ERROR", "order_id")
        assert refusal(stranger.pay, order)[:2] == (404, "NOT_FOUND_ERROR")
        assert stranger.list_orders()["data"] == []
    assert alice.the_order(order)["attempts"] == 0

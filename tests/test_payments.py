"""Payments as merchants ask for them: what is accepted, what may be captured or cancelled, and what stays secret."""

import re

import msgspec
import pytest

from gateway import payments
from gateway.errors import GatewayError
from gateway.objects import Payment
from tests.scenes import DECLINED, NETBANKING, UPI, UPI_FAILS, VISA, WALLET, Scene, Shop, card, refusal

ALIVE = (409, "CONFLICT_ERROR", "payment_alive")
PAID = (409, "CONFLICT_ERROR", "order_paid")
NOT_CAPTURABLE = (400, "BAD_REQUEST_ERROR", "not_capturable")
NOT_CANCELLABLE = (400, "BAD_REQUEST_ERROR", "not_cancellable")


# Starting


def test_a_payment_is_pending_and_shown_as_the_contract_says(alice: Shop):
    order = alice.order(50_000)
    payment = alice.pay(order, card(VISA, holder_name="Asha Rao"))
    assert re.fullmatch(r"pay_[A-Za-z0-9]{16}", payment["id"])
    assert payment == alice.payment(payment)
    assert payment["created_at"] == payment["updated_at"]
    assert {name: payment[name] for name in payment if name not in ("id", "created_at", "updated_at")} == {
        "entity": "payment", "order_id": order["id"], "merchant_id": "alice", "amount": 50_000, "currency": "INR",
        "method": "card", "status": "pending", "captured": False, "amount_captured": 0, "amount_refunded": 0,
        "refund_status": None, "vpa": None, "bank": None, "wallet": None, "card_network": "visa", "card_last4": "1111",
        "card": {
            "network": "visa", "last4": "1111", "expiry_month": 12, "expiry_year": 2030, "holder_name": "Asha Rao",
        },
        "error_code": None, "error_description": None, "error_reason": None,
    }  # fmt: skip
    assert list(payment) == list(Payment.__struct_fields__)


@pytest.mark.parametrize(
    ("instrument", "shown"),
    [
        (UPI, {"vpa": "success@razorpay"}),
        (NETBANKING, {"bank": "HDFC"}),
        (WALLET, {"wallet": "paytm"}),
        (card(), {"card_network": "visa", "card_last4": "1111"}),
    ],
)
def test_every_method_shows_what_belongs_to_it_and_nothing_else(alice: Shop, instrument, shown):
    payment = alice.pay(instrument=instrument)
    about = ("vpa", "bank", "wallet", "card_network", "card_last4")
    assert {name: payment[name] for name in about if payment[name] is not None} == shown
    assert payment["method"] == instrument["method"]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"method": "upi"}, "INVALID_VPA", "vpa"),
        ({"method": "upi", "vpa": "nobody"}, "INVALID_VPA", "vpa"),
        ({"method": "upi", "vpa": "a@b@c"}, "INVALID_VPA", "vpa"),
        ({"method": "upi", "vpa": "asha@okbank", "bank": "HDFC"}, "BAD_REQUEST_ERROR", "bank"),
        ({"method": "netbanking"}, "BAD_REQUEST_ERROR", "bank"),
        ({"method": "netbanking", "bank": "H D F C"}, "BAD_REQUEST_ERROR", "bank"),
        ({"method": "wallet"}, "BAD_REQUEST_ERROR", "wallet"),
        ({"method": "wallet", "wallet": "paytm", "vpa": "a@b"}, "BAD_REQUEST_ERROR", "vpa"),
        ({"method": "card"}, "BAD_REQUEST_ERROR", "card"),
        ({"method": "card", "token": "tok_nobody"}, "BAD_REQUEST_ERROR", "token"),
        (UPI | {"card": card()["card"]}, "BAD_REQUEST_ERROR", "card"),
        (card("4111111111111112"), "INVALID_CARD", "card.number"),
        (card("411111111111111"), "INVALID_CARD", "card.number"),
        (card(cvv="73"), "INVALID_CARD", "card.cvv"),
        (card(cvv="7373"), "INVALID_CARD", "card.cvv"),
        (card("378282246310005", cvv="737"), "INVALID_CARD", "card.cvv"),
        (card(expiry_month=13), "INVALID_CARD", "card.expiry_month"),
        (card(expiry_year=2020), "EXPIRED_CARD", "card.expiry_year"),
        (card(holder_name=""), "INVALID_CARD", "card.holder_name"),
    ],
)
def test_what_no_bank_would_take_is_refused_before_anything_is_written(fields, code, field):
    with pytest.raises(GatewayError) as refused:
        payments.check(msgspec.convert({"order_id": "order_1", **fields}, payments.NewPayment))
    assert (refused.value.status, refused.value.code, refused.value.field) == (400, code, field)
    assert "4111" not in refused.value.description


def test_the_reply_comes_before_any_bank_is_asked(scene: Scene, alice: Shop):
    payment = alice.pay()
    assert scene.charges() == {}
    assert scene.history(payment["id"]) == ["pending"]
    assert alice.event_types() == ["payment.created", "payment.pending"]


def test_live_payments_never_see_the_simulator(scene: Scene, alice: Shop):
    order = alice.live.order()
    assert refusal(alice.live.pay, order) == (400, "BAD_REQUEST_ERROR", "no_processor")
    assert alice.live.the_order(order)["attempts"] == 0


# One that lives per order


def test_a_second_payment_while_one_lives_is_refused_in_every_state(scene: Scene, alice: Shop):
    order = alice.order(capture="manual")
    alice.pay(order)
    assert refusal(alice.pay, order) == ALIVE
    scene.change_bank(delay_s=5)
    scene.work()
    assert refusal(alice.pay, order) == ALIVE
    scene.later(5)
    assert refusal(alice.pay, order) == ALIVE
    assert alice.the_order(order)["attempts"] == 1
    assert len(alice.list_payments()["data"]) == 1


def test_a_paid_order_takes_no_more(alice: Shop):
    order = alice.order()
    alice.paid(order)
    assert refusal(alice.pay, order) == PAID


@pytest.mark.parametrize("ending", ["failed", "cancelled before", "cancelled after"])
def test_after_one_has_failed_or_was_cancelled_the_next_may_come(scene: Scene, alice: Shop, ending):
    order = alice.order(capture="manual")
    if ending == "failed":
        alice.paid(order, UPI_FAILS)
    elif ending == "cancelled before":
        alice.cancel(alice.pay(order))
    else:
        alice.cancel(alice.paid(order))
    second = alice.paid(order)
    assert second["status"] == "success"
    assert alice.the_order(order)["attempts"] == 2
    alice.capture(second)
    assert refusal(alice.pay, order) == PAID


# Capture


def test_automatic_capture_happens_with_the_authorisation(scene: Scene, alice: Shop):
    order = alice.order()
    payment = alice.paid(order)
    assert (payment["status"], payment["captured"], payment["amount_captured"]) == ("success", True, 50_000)
    assert alice.event_types() == [
        "payment.created", "payment.pending", "payment.success", "payment.captured", "order.paid",
    ]  # fmt: skip
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 0)


@pytest.mark.parametrize(("asked", "taken"), [(None, 50_000), (50_000, 50_000), (20_000, 20_000), (100, 100)])
def test_what_was_authorised_is_captured_in_full_or_in_part(scene: Scene, alice: Shop, asked, taken):
    payment = alice.authorised()
    assert (payment["status"], payment["captured"], payment["amount_captured"]) == ("success", False, 0)
    assert alice.event_types()[-1] == "payment.success"
    captured = alice.capture(payment, asked)
    assert (captured["captured"], captured["amount_captured"], captured["amount"]) == (True, taken, 50_000)
    assert alice.event_types()[-2:] == ["payment.captured", "order.paid"]
    assert scene.charges()[payment["id"]] == ("succeeded", 0, 0)
    scene.work()
    assert scene.charges()[payment["id"]] == ("succeeded", taken, 0)
    assert alice.payment(payment) == captured


def test_a_capture_happens_once(scene: Scene, alice: Shop):
    payment = alice.authorised()
    alice.capture(payment, 20_000)
    assert refusal(alice.capture, payment, 30_000) == NOT_CAPTURABLE
    assert refusal(alice.capture, payment, 20_000) == NOT_CAPTURABLE
    scene.work()
    assert refusal(alice.capture, payment) == NOT_CAPTURABLE
    assert alice.payment(payment)["amount_captured"] == 20_000


@pytest.mark.parametrize("amount", [50_001, 99, 0, -1, 2**63])
def test_no_more_than_was_authorised_and_no_nonsense(alice: Shop, amount):
    payment = alice.authorised()
    assert refusal(alice.capture, payment, amount) == (400, "BAD_REQUEST_ERROR", "amount")
    assert alice.payment(payment) == payment


def test_a_capture_that_the_bank_did_not_answer_is_repeated_until_it_is_done(scene: Scene, alice: Shop):
    payment = alice.authorised()
    alice.capture(payment)
    claimed = scene.claim()
    scene.settle(claimed, None)
    scene.later(1)
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 0)
    assert scene.values("SELECT id FROM payments WHERE due_at IS NOT NULL") == []


# Cancel


def test_before_the_bank_knows_cancelling_is_enough(scene: Scene, alice: Shop):
    payment = alice.cancel(alice.pay())
    assert payment["status"] == "cancelled"
    scene.work()
    assert scene.charges() == {}
    assert alice.event_types() == ["payment.created", "payment.pending", "payment.cancelled"]
    assert scene.history(payment["id"]) == ["pending", "cancelled"]


def test_while_the_bank_thinks_the_charge_is_withdrawn(scene: Scene, alice: Shop):
    scene.change_bank(delay_s=5)
    payment = alice.paid()
    assert payment["status"] == "processing"
    assert alice.cancel(payment)["status"] == "cancelled"
    scene.work()
    assert scene.charges()[payment["id"]] == ("voided", 0, 0)
    assert scene.history(payment["id"]) == ["pending", "processing", "cancelled"]


def test_what_was_authorised_is_voided(scene: Scene, alice: Shop):
    payment = alice.authorised()
    assert alice.cancel(payment)["status"] == "cancelled"
    scene.work()
    assert scene.charges()[payment["id"]] == ("voided", 0, 0)
    assert scene.history(payment["id"]) == ["pending", "processing", "success", "cancelled"]


def test_a_bank_that_had_captured_already_gives_the_money_back(scene: Scene, alice: Shop):
    """The bank decides between our look at the payment and the void."""
    scene.change_bank(delay_s=5)
    payment = alice.paid()
    alice.cancel(payment)
    scene.later(6)
    assert alice.status(payment) == "cancelled"
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 0), "the refund takes its time at the bank"
    scene.later(6)
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 50_000)
    assert scene.values("SELECT id FROM payments WHERE due_at IS NOT NULL") == []
    assert scene.rows("SELECT * FROM ledger_entries") == []


def test_a_cancellation_that_overtakes_the_bank_wins(scene: Scene, alice: Shop):
    """The bank's answer is on its way while the merchant cancels: the answer changes nothing, the void follows."""
    payment = alice.pay()
    claimed = scene.claim()
    outcome = scene.ask(claimed)
    assert outcome.status == "succeeded"
    alice.cancel(payment)
    scene.settle(claimed, outcome)
    assert alice.status(payment) == "cancelled"
    scene.work()
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 50_000)
    assert alice.event_types() == ["payment.created", "payment.pending", "payment.cancelled"]


@pytest.mark.parametrize("instrument", [UPI_FAILS, card(DECLINED)])
def test_what_the_bank_refuses_meanwhile_needs_no_void(scene: Scene, alice: Shop, instrument):
    scene.change_bank(delay_s=5)
    payment = alice.paid(instrument=instrument)
    alice.cancel(payment)
    scene.later(6)
    assert alice.status(payment) == "cancelled"
    assert scene.charges()[payment["id"]] == ("failed", 0, 0)
    assert scene.values("SELECT id FROM payments WHERE due_at IS NOT NULL") == []


def test_final_payments_stay_what_they_are(scene: Scene, alice: Shop):
    captured, failed = alice.paid(), alice.paid(instrument=UPI_FAILS)
    cancelled = alice.cancel(alice.pay())
    for payment in (captured, failed, cancelled):
        assert refusal(alice.cancel, payment) == NOT_CANCELLABLE
        assert refusal(alice.capture, payment) == NOT_CAPTURABLE
        assert alice.payment(payment) == payment


def test_only_what_is_authorised_can_be_captured(scene: Scene, alice: Shop):
    scene.change_bank(delay_s=5)
    payment = alice.pay()
    assert refusal(alice.capture, payment) == NOT_CAPTURABLE
    scene.work()
    assert refusal(alice.capture, payment) == NOT_CAPTURABLE


# Secrets of a card


def test_the_number_is_sealed_and_the_cvv_is_not_written_at_all(scene: Scene, alice: Shop):
    payment = alice.pay(instrument=card(VISA, cvv="737"))
    (sealed,) = scene.values("SELECT sealed FROM sealed_cards")
    assert VISA.encode() not in bytes(sealed)
    assert scene.cvvs.get(payment["id"]) == "737"
    assert "737" not in repr(scene.cvvs)
    assert repr(msgspec.convert(card()["card"], payments.CardFields)) == "CardFields(***)"


@pytest.mark.parametrize("ending", ["success", "failed", "cancelled", "cancelled while processing"])
def test_the_sealed_number_is_gone_when_the_payment_is_final(scene: Scene, alice: Shop, ending):
    if ending == "cancelled while processing":
        scene.change_bank(delay_s=5)
    payment = alice.pay(instrument=card(DECLINED if ending == "failed" else VISA))
    if ending != "cancelled":
        scene.work()
    if ending.startswith("cancelled"):
        alice.cancel(payment)
    assert alice.status(payment) == ending.split()[0]
    assert scene.rows("SELECT * FROM sealed_cards") == []
    if not ending.startswith("cancelled"):
        assert scene.cvvs.get(payment["id"]) is None


def test_the_same_card_has_the_same_fingerprint_and_nobody_can_compute_it(scene: Scene, alice: Shop):
    alice.pay(instrument=card(VISA))
    alice.pay(instrument=card("4111 1111 1111 1111"))
    alice.pay(instrument=card("4242424242424242"))
    first, second, third = scene.values("SELECT card_fingerprint FROM payments ORDER BY seq")
    assert first == second != third
    assert re.fullmatch("[0-9a-f]{64}", first)


def test_strangers_see_and_do_nothing(scene: Scene, alice: Shop, bob: Shop):
    payment = alice.authorised()
    for stranger in (bob, alice.live):
        for call in (stranger.payment, stranger.capture, stranger.cancel, stranger.refund):
            assert refusal(call, payment)[:2] == (404, "NOT_FOUND_ERROR")
        assert stranger.list_payments()["data"] == []
    assert alice.payment(payment) == payment

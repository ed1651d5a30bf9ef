"""What the checkout page shows of an order, whatever has happened to it."""

import msgspec
import pytest

from gateway import checkout, checkout_sheet, merchant_settings, payments
from gateway.errors import BadRequest, Conflict, NotFound, RateLimited
from tests.scenes import NO_MONEY, THREE_D_SECURE, UPI, card

ATTEMPTS_MAX = 3
QR = {"method": "upi", "flow": "qr"}


def state(scene, order, attempts_max=ATTEMPTS_MAX):
    return scene.store.read_now(checkout_sheet.of_order, order["id"], None, attempts_max).state


def pay_as_customer(scene, order, instrument):
    new = checkout.check(msgspec.convert({"order_id": order["id"], **instrument}, checkout.NewPublicPayment))
    return msgspec.json.decode(scene.store.write_now(checkout.pay, scene.desk, new, None, None, ATTEMPTS_MAX))["id"]


def test_a_new_order_shows_the_form(scene, alice):
    assert state(scene, alice.order()) == "form"


@pytest.mark.parametrize(
    ("instrument", "at_first", "then"),
    [
        (UPI, "processing", "success"),
        (card(NO_MONEY), "processing", "form"),
        (card(THREE_D_SECURE), "processing", "challenge"),
        (QR, "qr", "qr"),
    ],
)
def test_the_newest_payment_decides(scene, alice, instrument, at_first, then):
    order = alice.order()
    pay_as_customer(scene, order, instrument)
    assert state(scene, order) == at_first
    scene.work()
    assert state(scene, order) == then


@pytest.mark.parametrize(("answer", "then"), [("approved", "success"), ("declined", "form"), ("cancelled", "form")])
@pytest.mark.parametrize("instrument", [card(THREE_D_SECURE), QR])
def test_the_customers_answer_decides_what_waited_for_it(scene, alice, instrument, answer, then):
    order = alice.order()
    payment_id = pay_as_customer(scene, order, instrument)
    scene.work()
    scene.customer(payment_id, answer)
    scene.work()
    assert state(scene, order) == then


def test_an_authorised_payment_is_a_success_for_its_payer(scene, alice):
    payment = alice.authorised()
    order = {"id": payment["order_id"]}
    assert state(scene, order) == "success"
    alice._do(payments.cancel, alice.owner, payment["id"])
    assert state(scene, order) == "form"
    scene.work()


def exhaust(scene, order, every_s=0):
    """All the attempts that a customer has."""
    for _ in range(ATTEMPTS_MAX):
        pay_as_customer(scene, order, card(NO_MONEY))
        scene.later(every_s)


def test_after_too_many_attempts_the_page_is_closed(scene, alice):
    order = alice.order()
    assert state(scene, order) == "form"
    exhaust(scene, order)
    assert state(scene, order) == "closed"
    assert state(scene, order, attempts_max=0) == "form"
    assert state(scene, alice.order()) == "form"


def test_too_many_attempts_are_refused_until_the_oldest_is_an_hour_old(scene, alice):
    order = alice.order()
    exhaust(scene, order, every_s=600)
    with pytest.raises(RateLimited) as refused:
        pay_as_customer(scene, order, UPI)
    assert (refused.value.reason, refused.value.code) == ("too_many_attempts", "RATE_LIMIT_ERROR")
    assert 1_795 <= refused.value.retry_after_s <= 1_800
    scene.later(refused.value.retry_after_s)
    assert state(scene, order) == "form"
    pay_as_customer(scene, order, card(NO_MONEY))
    scene.work()
    assert state(scene, order) == "closed"


def test_attempts_are_counted_after_a_restart_too(scene, alice):
    order = alice.order()
    exhaust(scene, order)
    scene.restart()
    with pytest.raises(RateLimited):
        pay_as_customer(scene, order, UPI)


def test_only_customers_are_counted_out(scene, alice):
    order = alice.order()
    exhaust(scene, order)
    assert alice.paid(order)["status"] == "success"
    with pytest.raises(Conflict):
        pay_as_customer(scene, order, UPI)


def test_customers_read_the_name_that_the_merchant_chose(scene, alice):
    order = alice.order()

    def shown():
        public = scene.store.read_now(checkout.show_order, order["id"], None)
        sheet = scene.store.read_now(checkout_sheet.of_order, order["id"], None, ATTEMPTS_MAX)
        assert public.merchant_name == sheet.merchant_name
        return public.merchant_name

    assert shown() == "Alice's Tea"
    scene.store.write_now(lambda tx: merchant_settings.change(tx, alice.owner.merchant_id, display_name="Tea & Co"))
    assert shown() == "Tea & Co"


def test_a_qr_code_is_there_at_once_and_decided_at_once_however_slow_the_bank_is(scene, alice):
    scene.change_bank(delay_s=10)
    order = alice.order()
    payment_id = pay_as_customer(scene, order, QR)
    scene.work()
    assert alice.status({"id": payment_id}) == "requires_action"
    scene.customer(payment_id, "approved")
    scene.work()
    assert alice.status({"id": payment_id}) == "success"


def test_nobody_looks_at_an_order_with_anothers_key(scene, alice):
    with pytest.raises(NotFound):
        scene.store.read_now(checkout_sheet.of_order, alice.order()["id"], "key_test_0000000000000000", ATTEMPTS_MAX)
    with pytest.raises(NotFound):
        scene.store.read_now(checkout_sheet.of_payment, "pay_0000000000000000", ATTEMPTS_MAX)


@pytest.mark.parametrize(
    "change", [{"method": "card"}, {"vpa": "a@bank"}, {"bank": "HDFC"}, {"wallet": "paytm"}, {"token": "tok_1"}]
)
def test_a_qr_code_goes_with_upi_and_nothing_else(change):
    with pytest.raises(BadRequest):
        checkout.check(msgspec.convert({"order_id": "order_1", **QR, **change}, checkout.NewPublicPayment))

"""Cards that customers agreed to have kept: only then, only after a success, only for them, and never a CVV."""

import json

import msgspec
import pytest

from gateway import check, checkout, clock, saved_cards
from gateway.errors import BadRequest, ExpiredCard, InvalidCard, NotFound
from gateway.lists import Page
from gateway.objects import Owner
from tests.scenes import DECLINED, MASTER, NO_MONEY, THREE_D_SECURE, UPI, VISA, card, refusal

ASHA, RAVI = "a" * 43, "r" * 43
CVV = "737"


def pay(scene, shop, instrument, secret=ASHA, order=None):
    """A customer pays at the shop's checkout; returns the payment's id before the bank has done anything."""
    new = msgspec.convert({"order_id": (order or shop.order())["id"], **instrument}, checkout.NewPublicPayment)
    checked = checkout.check(new, secret)
    return json.loads(scene.store.write_now(checkout.pay, scene.desk, checked, secret, None, 0))["id"]


def save(scene, shop, number=VISA, secret=ASHA, **fields):
    """The customer agrees; returns the token."""
    payment_id = pay(scene, shop, card(number, **fields) | {"save_card": True}, secret)
    scene.work()
    return scene.store.read_now(saved_cards.of_payment, shop.owner, payment_id).id


def cards_of(scene, shop, secret=ASHA):
    return [row.id for row in scene.store.read_now(saved_cards.of_customer, shop.owner, secret)]


def with_token(token, cvv=CVV):
    return {"method": "card", "token": token, "cvv": cvv}


# Saving


def test_a_card_is_saved_when_its_payment_succeeds(scene, alice):
    payment_id = pay(scene, alice, card() | {"save_card": True})
    assert cards_of(scene, alice) == []
    scene.work()
    (token,) = cards_of(scene, alice)
    assert token.startswith("tok_")
    assert alice.status({"id": payment_id}) == "success"
    assert scene.rows("SELECT * FROM sealed_cards") == []


def test_nothing_is_saved_unless_the_customer_agreed(scene, alice):
    pay(scene, alice, card())
    scene.work()
    assert cards_of(scene, alice) == []
    assert scene.rows("SELECT * FROM customers") == scene.rows("SELECT * FROM saved_cards") == []


@pytest.mark.parametrize("number", [DECLINED, NO_MONEY])
def test_a_declined_payment_saves_nothing(scene, alice, number):
    pay(scene, alice, card(number) | {"save_card": True})
    scene.work()
    assert scene.rows("SELECT * FROM saved_cards") == scene.rows("SELECT * FROM sealed_cards") == []


@pytest.mark.parametrize(("answer", "count"), [("approved", 1), ("declined", 0), ("cancelled", 0)])
def test_with_3d_secure_it_is_the_customers_answer_that_counts(scene, alice, answer, count):
    payment_id = pay(scene, alice, card(THREE_D_SECURE) | {"save_card": True})
    scene.work()
    scene.restart()
    scene.customer(payment_id, answer)
    scene.work()
    assert len(cards_of(scene, alice)) == count
    assert scene.rows("SELECT * FROM sealed_cards") == []


def test_a_payment_that_was_cancelled_meanwhile_saves_nothing(scene, alice):
    payment_id = pay(scene, alice, card() | {"save_card": True})
    payment = scene.claim()
    outcome = scene.ask(payment)
    alice.cancel({"id": payment_id})
    scene.settle(payment, outcome)
    scene.work()
    assert scene.rows("SELECT * FROM saved_cards") == []


def test_the_number_is_sealed_for_its_token_and_no_cvv_is_anywhere(scene, alice):
    token = save(scene, alice)
    ((sealed, *others),) = scene.rows("SELECT sealed, * FROM saved_cards")
    assert MASTER.unseal(sealed, token) == VISA
    stored = repr(others) + repr(scene.rows("SELECT * FROM customer_payments"))
    assert VISA not in stored and CVV not in stored


def test_only_a_hash_of_the_customers_secret_is_stored_and_another_one_for_every_shop(scene, alice, bob):
    save(scene, alice)
    save(scene, bob)
    hashes = scene.values("SELECT secret_hash FROM customers")
    assert len(set(hashes)) == 2
    assert ASHA not in repr(scene.rows("SELECT * FROM customers"))


def test_the_same_card_saved_again_keeps_its_token_and_takes_the_new_date(scene, alice):
    token = save(scene, alice)
    assert save(scene, alice, expiry_year=2033) == token
    (row,) = scene.store.read_now(saved_cards.of_customer, alice.owner, ASHA)
    assert (row.id, row.expiry_year) == (token, 2033)
    alice.paid(instrument={"method": "card", "token": token})


@pytest.mark.parametrize(
    ("instrument", "secret", "field"),
    [
        (UPI | {"save_card": True}, ASHA, "save_card"),
        (card() | {"save_card": True}, None, "save_card"),
        ({"method": "card", "token": "tok_0000000000000000"}, ASHA, "cvv"),
        (card() | {"cvv": CVV}, ASHA, "cvv"),
        (card() | with_token("tok_0000000000000000"), ASHA, "token"),
        (with_token("tok_0000000000000000") | {"save_card": True}, ASHA, "save_card"),
        (with_token("tok_\x00"), ASHA, "token"),
    ],
)
def test_what_does_not_go_together_is_refused(scene, alice, instrument, secret, field):
    with pytest.raises(BadRequest) as refused:
        pay(scene, alice, instrument, secret)
    assert refused.value.field == field


# Paying with a saved card


def test_the_customer_pays_with_the_saved_card_and_its_cvv(scene, alice):
    token = save(scene, alice)
    payment_id = pay(scene, alice, with_token(token))
    scene.work()
    payment = alice.payment({"id": payment_id})
    assert (payment["status"], payment["card_last4"], payment["card_network"]) == ("success", "1111", "visa")
    assert scene.store.read_now(saved_cards.of_payment, alice.owner, payment_id).id == token
    assert scene.rows("SELECT * FROM sealed_cards") == []
    assert cards_of(scene, alice) == [token]


@pytest.mark.parametrize("cvv", ["", "73", "7377", "abc", "٧٣٧"])
def test_a_wrong_cvv_is_told_before_anything_is_done(scene, alice, cvv):
    token, order = save(scene, alice), alice.order()
    with pytest.raises(InvalidCard) as refused:
        pay(scene, alice, with_token(token, cvv), order=order)
    assert refused.value.field == "cvv"
    assert alice.the_order(order)["attempts"] == 0


def test_a_cvv_that_died_with_the_process_is_not_done_without(scene, alice):
    token = save(scene, alice)
    payment_id = pay(scene, alice, with_token(token))
    scene.restart()
    scene.work()
    assert alice.payment({"id": payment_id})["error_reason"] == "card_data_lost"


def test_the_merchants_server_pays_without_a_cvv_even_after_a_restart(scene, alice):
    payment = alice.pay(instrument={"method": "card", "token": save(scene, alice)})
    scene.restart()
    scene.work()
    assert alice.status(payment) == "success"


@pytest.mark.parametrize("secret", [RAVI, None])
def test_a_token_without_its_customers_cookie_pays_nothing_in_public(scene, alice, secret):
    token = save(scene, alice)
    with pytest.raises(NotFound):
        pay(scene, alice, with_token(token), secret)


def test_another_shop_neither_sees_nor_charges_the_card(scene, alice, bob):
    token = save(scene, alice)
    assert cards_of(scene, bob) == []
    with pytest.raises(NotFound):
        pay(scene, bob, with_token(token))
    assert refusal(bob.pay, instrument={"method": "card", "token": token}) == (404, "NOT_FOUND_ERROR", "token")
    assert cards_of(scene, alice.live) == []


def test_an_expired_saved_card_says_so(scene, alice):
    token = save(scene, alice, expiry_month=12, expiry_year=2026)
    order = alice.order()
    clock.forward(60 * 24 * 3600)
    with pytest.raises(ExpiredCard):
        pay(scene, alice, with_token(token), order=order)
    assert refusal(alice.pay, order, {"method": "card", "token": token}) == (400, "EXPIRED_CARD", "token")


# Seeing and removing


def test_the_merchant_lists_a_customers_tokens(scene, alice, bob):
    first, second = save(scene, alice), save(scene, alice, "5555555555554444")
    save(scene, alice, secret=RAVI)
    customer_id = scene.store.read_now(saved_cards.find_customer, alice.owner, ASHA)
    listed = scene.store.read_now(saved_cards.list_tokens, alice.owner, customer_id, Page())
    assert [token.id for token in listed["data"]] == [second, first]
    assert listed["total"] == 2
    shown = msgspec.to_builtins(listed["data"][1])
    assert shown["card"] == {
        "network": "visa", "last4": "1111", "expiry_month": 12, "expiry_year": 2030, "holder_name": "Asha Rao",
    }  # fmt: skip
    assert (shown["entity"], shown["method"], shown["customer_id"]) == ("token", "card", customer_id)
    for owner in (bob.owner, Owner(alice.owner.merchant_id, "live")):
        with pytest.raises(NotFound):
            scene.store.read_now(saved_cards.list_tokens, owner, customer_id, Page())


def test_a_removed_card_is_gone_number_and_all(scene, alice):
    token = save(scene, alice)
    customer_id = scene.store.read_now(saved_cards.find_customer, alice.owner, ASHA)
    gone = scene.store.write_now(saved_cards.remove, alice.owner, customer_id, token)
    assert msgspec.to_builtins(gone) == {"id": token, "entity": "token", "deleted": True}
    assert scene.rows("SELECT * FROM saved_cards") == []
    assert refusal(alice.pay, instrument={"method": "card", "token": token})[0] == 404


def test_a_payment_under_way_is_not_stopped_by_the_removal(scene, alice):
    token = save(scene, alice)
    payment = alice.pay(instrument={"method": "card", "token": token})
    scene.store.write_now(saved_cards.remove_own, token, ASHA)
    scene.work()
    assert alice.status(payment) == "success"


def test_nobody_removes_anothers_card(scene, alice, bob):
    token, other = save(scene, alice), save(scene, bob, secret=RAVI)
    customers = {
        secret: scene.store.read_now(saved_cards.find_customer, shop.owner, secret)
        for shop, secret in ((alice, ASHA), (bob, RAVI))
    }
    for owner, customer, wanted in (
        (bob.owner, customers[ASHA], token),
        (bob.owner, customers[RAVI], token),
        (alice.owner, customers[RAVI], token),
        (alice.live.owner, customers[ASHA], token),
        (alice.owner, customers[ASHA], other),
    ):
        with pytest.raises(NotFound):
            scene.store.write_now(saved_cards.remove, owner, customer, wanted)
    for secret in (RAVI, None, "x"):
        with pytest.raises(NotFound):
            scene.store.write_now(saved_cards.remove_own, token, secret)
    assert len(scene.rows("SELECT * FROM saved_cards")) == 2


# What `gateway check` finds


@pytest.mark.parametrize(
    ("accident", "finding"),
    [
        ("UPDATE customer_payments SET agreed = 0", "nobody agreed to"),
        ("DELETE FROM customer_payments", "nobody agreed to"),
        ("UPDATE saved_cards SET customer_id = 'cust_0000000000000000'", "nobody agreed to"),
        ("UPDATE saved_cards SET fingerprint = 'another card'", "nobody agreed to"),
        ("DELETE FROM status_changes WHERE to_status = 'success'", "nobody agreed to"),
        ("UPDATE saved_cards SET merchant_id = 'bob'", "another merchant or mode than their customer"),
    ],
)
def test_a_number_that_nobody_agreed_to_is_found(scene_to_break, accident, finding):
    token = save(scene_to_break, scene_to_break.alice)
    assert check.findings(scene_to_break) == []
    scene_to_break.alter(accident)
    assert any(finding in line and token in line for line in check.findings(scene_to_break))

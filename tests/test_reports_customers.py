"""What a merchant sees of customers: who they are, their cards without numbers, their payments, nobody else's."""

import pytest

from gateway import clock, reports, saved_cards
from gateway.errors import NotFound
from gateway.reports.lists import Cursor
from tests.scenes import DECLINED, VISA, card
from tests.test_saved_cards import ASHA, RAVI, pay, save, with_token

MASTERCARD = "5555555555554444"


def customers(scene, shop, cursor=None):
    return scene.store.read_now(reports.customers.search, shop.owner, cursor or Cursor())


def customer(scene, shop, customer_id):
    return scene.store.read_now(reports.customers.customer, shop.owner, customer_id)


def id_of(scene, shop, secret=ASHA):
    return scene.store.read_now(saved_cards.find_customer, shop.owner, secret)


def test_a_customer_has_cards_payments_and_a_last_time(scene, alice):
    first = save(scene, alice)
    clock.forward(3600)
    second = save(scene, alice, MASTERCARD)
    clock.forward(3600)
    payment_id = pay(scene, alice, with_token(first))
    scene.work()
    (found,) = customers(scene, alice).rows
    assert found.id == id_of(scene, alice) and found.payments == 3
    assert [(card.id, card.network, card.last4) for card in found.cards] == [
        (first, "visa", "1111"), (second, "mastercard", "4444"),
    ]  # fmt: skip
    assert clock.rfc3339(found.seen_at) == alice.payment({"id": payment_id})["created_at"]
    assert found.seen_at - found.created_at >= 7_200_000


def test_the_payments_of_a_customer_come_newest_first_with_those_that_failed(scene, alice, monkeypatch):
    token = save(scene, alice)
    made = []
    for instrument in (card(DECLINED) | {"save_card": True}, with_token(token)):
        clock.forward(1)
        made.append(pay(scene, alice, instrument))
    pay(scene, alice, card())
    scene.work()
    found, payments = customer(scene, alice, id_of(scene, alice))
    assert [payment.id for payment in payments][:2] == made[::-1] and found.payments == 3
    monkeypatch.setattr(reports.customers, "PAYMENTS_MAX", 1)
    found, payments = customer(scene, alice, found.id)
    assert [payment.id for payment in payments] == made[1:] and found.payments == 3


def test_a_customer_whose_card_is_gone_stays_with_the_payments(scene, alice):
    scene.store.write_now(saved_cards.remove_own, save(scene, alice), ASHA)
    (found,) = customers(scene, alice).rows
    assert (found.cards, found.payments) == ([], 1)


def test_neither_numbers_nor_secrets_are_shown(scene, alice):
    save(scene, alice)
    shown = repr(customer(scene, alice, id_of(scene, alice))[0])
    assert VISA not in shown and ASHA not in shown and "sealed" not in shown


def test_pages_of_customers_neither_skip_nor_repeat(scene, alice, monkeypatch):
    monkeypatch.setattr(reports.lists, "PAGE_ROWS", 2)
    made = []
    for letter in "vwxyz":
        save(scene, alice, secret=letter * 43)
        made.append(id_of(scene, alice, letter * 43))
    first = customers(scene, alice)
    second = customers(scene, alice, Cursor(before=first.older))
    third = customers(scene, alice, Cursor(before=second.older))
    assert [row.id for found in (first, second, third) for row in found.rows] == made[::-1] and third.older is None
    assert customers(scene, alice, Cursor(after=third.newer)).rows == second.rows


def test_another_shop_or_mode_sees_no_customer(scene, alice, bob):
    save(scene, alice)
    save(scene, bob, secret=RAVI)
    customer_id = id_of(scene, alice)
    assert [row.id for row in customers(scene, bob).rows] == [id_of(scene, bob, RAVI)]
    assert customers(scene, alice.live).rows == []
    for shop in (bob, alice.live):
        with pytest.raises(NotFound):
            customer(scene, shop, customer_id)
        for cursor in (Cursor(before=customer_id), Cursor(after=customer_id)):
            with pytest.raises(NotFound):
                customers(scene, shop, cursor)


def test_a_payment_names_its_customer_where_there_is_one(scene, alice):
    known, unknown = pay(scene, alice, card() | {"save_card": True}), pay(scene, alice, card())

    def named(payment_id):
        return scene.store.read_now(reports.payments.detail, alice.owner, payment_id).customer_id

    assert named(known) == id_of(scene, alice) and named(unknown) is None

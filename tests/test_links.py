"""Payment links: a short address that leads to an order, until it expires or is cancelled."""

import contextlib
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import pytest

from gateway import checkout, links
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.lists import Page
from tests.scenes import UPI

BASE = "https://pay.example"


def link_of(shop, **fields):
    new = links.check(msgspec.convert({"amount": 50_000, **fields}, links.NewLink))
    return msgspec.json.decode(shop._do(links.create, shop.owner, new, "automatic", BASE))


def look(shop, link):
    return shop._see(links.show, shop.owner, link["id"], BASE)


def pay(scene, link):
    new = checkout.check(msgspec.convert({"order_id": link["order_id"], **UPI}, checkout.NewPublicPayment))
    scene.store.write_now(checkout.pay, scene.desk, new, None, None, 20)


def in_an_hour():
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def test_a_link_is_an_order_with_a_short_address(alice):
    link = link_of(alice, amount=99_900, description=" First flush ", receipt="INV-1", notes={"a": "b"})
    code = link["short_url"].removeprefix(f"{BASE}/l/")
    assert (link["amount"], link["description"], link["status"]) == (99_900, "First flush", "created")
    assert link["qr_url"] == f"{BASE}/l/{code}/qr.svg"
    assert alice._see(links.order_of, code) == link["order_id"]
    assert link["notes"] == {"a": "b"}


def test_paying_the_order_pays_the_link(scene, alice):
    link = link_of(alice)
    pay(scene, link)
    scene.work()
    assert look(alice, link).status == "paid"


def test_after_its_time_nobody_can_start_to_pay(scene, alice):
    link = link_of(alice, expires_at=in_an_hour())
    scene.later(3_601)
    assert look(alice, link).status == "expired"
    with pytest.raises(Conflict) as refusal:
        pay(scene, link)
    assert refusal.value.reason == "link_expired"


def test_a_cancelled_link_stays_cancelled(scene, alice):
    link = link_of(alice)
    for _ in range(2):
        alice._do(links.cancel, alice.owner, link["id"], BASE)
        assert look(alice, link).status == "cancelled"
    with pytest.raises(Conflict):
        pay(scene, link)


def test_a_payment_under_way_survives_the_end_of_its_link(scene, alice):
    link = link_of(alice)
    pay(scene, link)
    alice._do(links.cancel, alice.owner, link["id"], BASE)
    scene.work()
    assert look(alice, link).status == "paid"
    with pytest.raises(BadRequest):
        alice._do(links.cancel, alice.owner, link["id"], BASE)


def test_links_are_their_merchants_own(alice, bob):
    link = link_of(alice)
    with pytest.raises(NotFound):
        look(bob, link)
    with pytest.raises(NotFound):
        bob._do(links.cancel, bob.owner, link["id"], BASE)
    assert bob._see(links.list_links, bob.owner, Page(), BASE)["data"] == []
    assert [shown.id for shown in alice._see(links.list_links, alice.owner, Page(), BASE)["data"]] == [link["id"]]


def test_links_are_listed_by_what_has_become_of_them(scene, alice):
    paid, cancelled, expired, created = (link_of(alice, expires_at=in_an_hour()) for _ in range(4))
    pay(scene, paid)
    scene.work()
    for link in (paid, cancelled):
        with contextlib.suppress(BadRequest):
            alice._do(links.cancel, alice.owner, link["id"], BASE)
    assert listed(alice, order_id=created["order_id"]) == listed(alice, status="created")[:1] == [created["id"]]
    scene.later(3_601)
    open_still = link_of(alice)
    found = {status: listed(alice, status=status) for status in links.STATUSES}
    assert found == {
        "created": [open_still["id"]],
        "paid": [paid["id"]],
        "expired": [created["id"], expired["id"]],
        "cancelled": [cancelled["id"]],
    }


def listed(shop, **filters):
    return [link.id for link in shop._see(partial(links.list_links, **filters), shop.owner, Page(), BASE)["data"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2090-01-01T00:00:00"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"expires_at": "soon"},
        {"description": "x" * 256},
        {"description": "two\nlines"},
        {"amount": 1},
        {"currency": "XXX"},
        {"colour": "red"},
    ],
)
def test_what_no_link_can_be_is_refused(fields):
    with pytest.raises((BadRequest, msgspec.ValidationError)):
        links.check(msgspec.convert({"amount": 50_000, **fields}, links.NewLink))

"""Customers in the dashboard: who agreed to have a card kept, what they paid, and taking a card away."""

from sanic.response import HTTPResponse

from gateway import audit, cards, clock, reports, saved_cards
from gateway.web import forms
from gateway.web.checkout_words import NETWORKS
from gateway.web.sessions import Visit


async def customers(visit: Visit) -> HTTPResponse:
    found = await visit.read(reports.customers.search, visit.owner, forms.cursor(visit))
    return visit.page("customers.html", found=found, networks=NETWORKS)


async def customer(visit: Visit) -> HTTPResponse:
    found, payments = await visit.read(reports.customers.customer, visit.owner, _id(visit))
    return visit.page(
        "customer.html", customer=found, payments=payments, networks=NETWORKS,
        expired=lambda card: cards.is_expired(card.expiry_month, card.expiry_year, clock.now_ms()),
    )  # fmt: skip


async def remove_card(visit: Visit) -> HTTPResponse:
    customer_id, token = _id(visit), forms.object_id(visit, "token_id", "tok")
    await visit.write(_remove, visit.actor, visit.owner, customer_id, token)
    return visit.go(f"/dashboard/customers/{customer_id}", "card_removed")


def _remove(tx, actor, owner, customer_id: str, token: str) -> None:
    card = saved_cards.find(tx, owner, token)
    saved_cards.remove(tx, owner, customer_id, token)
    audit.record(tx, actor, "card.remove", token, f"{card.network} •••• {card.last4}")


def _id(visit: Visit) -> str:
    return forms.object_id(visit, "customer_id", "cust")

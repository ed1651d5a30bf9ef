"""What the dashboard shows of customers: the browsers that agreed to have a card kept, and what they paid."""

from typing import NamedTuple

from gateway import statements
from gateway.errors import NotFound
from gateway.objects import Owner, PaymentRow
from gateway.reports.lists import Cursor, Found, page

COLUMNS = "seq, id, created_at"
PAYMENTS_MAX = 100

# From the customer to the payments, never the other way round: there may be a million of those.
_PAYMENTS = "FROM customer_payments c CROSS JOIN payments p WHERE p.id = c.payment_id AND c.customer_id = ?"


class Card(NamedTuple):
    """A saved card but its number, which stays where it is."""

    id: str
    network: str
    last4: str
    expiry_month: int
    expiry_year: int
    holder_name: str
    created_at: int
    used_at: int | None


class Customer(NamedTuple):
    """A customer with their cards, the number of their payments, and when the last of these began."""

    id: str
    created_at: int
    cards: list[Card]
    payments: int
    seen_at: int


def search(tx, owner: Owner, cursor: Cursor) -> Found:
    """A page of customers, newest first."""

    def row(seq: int, customer_id: str, created_at: int) -> Customer:
        return _customer(tx, customer_id, created_at)

    return page(tx, "customers", COLUMNS, owner, row, cursor)


def customer(tx, owner: Owner, customer_id: str) -> tuple[Customer, list[PaymentRow]]:
    """A customer with their newest payments; raises NotFound for anybody else's."""
    found = tx.one(
        "SELECT created_at FROM customers WHERE id = ? AND merchant_id = ? AND mode = ?", (customer_id, *owner)
    )
    if not found:
        raise NotFound("There is no such customer.")
    columns = ", ".join(f"p.{column}" for column in statements.PAYMENT_COLUMNS.split(", "))
    rows = tx.all(
        f"SELECT {columns} {_PAYMENTS} ORDER BY p.created_at DESC, p.seq DESC LIMIT ?", (customer_id, PAYMENTS_MAX)
    )
    return _customer(tx, customer_id, *found), [PaymentRow(*row) for row in rows]


def of_payment(tx, payment_id: str) -> str | None:
    """The customer who made a payment, if it has to do with a saved card."""
    found = tx.one("SELECT customer_id FROM customer_payments WHERE payment_id = ?", (payment_id,))
    return found[0] if found else None


def _customer(tx, customer_id: str, created_at: int) -> Customer:
    count, last_at = tx.one(f"SELECT count(*), max(p.created_at) {_PAYMENTS}", (customer_id,))
    cards = tx.all(
        f"SELECT {', '.join(Card._fields)} FROM saved_cards WHERE customer_id = ?"
        " ORDER BY coalesce(used_at, created_at) DESC, seq DESC",
        (customer_id,),
    )
    return Customer(customer_id, created_at, [Card(*card) for card in cards], count, last_at or created_at)

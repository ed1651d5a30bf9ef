"""Orders: what a customer shall pay for, and how much of it is paid."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway import lists, money, objects, preferences, statements, states, strict_json
from gateway.clock import now_ms
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.ids import new_id
from gateway.objects import OrderRow, Owner

RECEIPT_LENGTH_MAX = 40
NOTES_MAX = 15
NOTE_LENGTH_MAX = 256

Notes = Annotated[dict[str, str], Meta(description="up to 15 pairs of strings of 256 characters")]


class NewOrder(Struct, forbid_unknown_fields=True):
    """What a merchant says of a new order."""

    amount: Annotated[
        money.Amount, Meta(description="in the currency's minor unit, from 100 (zero-decimal currencies: from 1)")
    ]
    currency: str = "INR"
    receipt: Annotated[str, Meta(max_length=RECEIPT_LENGTH_MAX)] | None = None
    notes: Notes | None = None
    capture: objects.Capture | None = None


def create(tx, owner: Owner, new: NewOrder, default_capture: str) -> bytes:
    """Writes an order and returns it as JSON; raises BadRequest."""
    now = now_ms()
    row = tx.one(
        statements.INSERT_ORDER,
        (
            new_id("order"),
            *owner,
            new.amount,
            0,
            new.currency,
            new.receipt,
            stored_notes(new.notes),
            "created",
            0,
            new.capture or preferences.capture_mode(tx, owner.merchant_id, default_capture),
            now,
            now,
        ),
    )
    return objects.encode(objects.order(OrderRow(*row)))


def check(new: NewOrder) -> NewOrder:
    """Refuses what the types alone do not: currencies, amounts and notes; call it before the transaction."""
    money.check_currency(new.currency)
    money.check_amount(new.amount, new.currency)
    check_notes(new.notes)
    return new


def find(tx, owner: Owner, order_id: str) -> OrderRow:
    """The owner's order; raises NotFound for anybody else's."""
    row = tx.one(statements.SELECT_ORDER, (order_id, *owner))
    if not row:
        raise NotFound("No such order.", field="order_id")
    return OrderRow(*row)


def show(tx, owner: Owner, order_id: str) -> objects.Order:
    return objects.order(find(tx, owner, order_id))


def public(tx, order_id: str) -> tuple[Owner, OrderRow]:
    """An order for whoever knows its id, with the merchant and mode it belongs to; raises NotFound."""
    found = tx.one("SELECT merchant_id, mode FROM orders WHERE id = ?", (order_id,))
    if not found:
        raise NotFound("No such order.", field="order_id")
    owner = Owner(*found)
    return owner, find(tx, owner, order_id)


def list_orders(tx, owner: Owner, page: lists.Page, status=None, since=None, until=None, receipt=None) -> dict:
    filters = {"status = ?": status, "receipt = ?": receipt, "created_at >= ?": since, "created_at <= ?": until}
    return lists.select(tx, "orders", statements.ORDER_COLUMNS, owner, page, filters, OrderRow, objects.order)


def attempt(tx, owner: Owner, order_id: str) -> OrderRow:
    """Counts an attempt to pay the order; raises NotFound, or Conflict where it is paid."""
    row = tx.one(statements.ATTEMPT_ORDER, (now_ms(), order_id, *owner))
    if row:
        return OrderRow(*row)
    find(tx, owner, order_id)
    raise Conflict("This order is already paid.", reason="order_paid")


def hold(tx, order_id: str) -> None:
    """Keeps the order's row until the commit.

    Who changes an order and its payment takes the order first: in the other order, somebody who starts a payment and
    somebody who settles one wait for each other on PostgreSQL.
    """
    tx.execute(statements.HOLD_ORDER, (order_id,))


def paid(tx, order_id: str, amount: int) -> OrderRow:
    """Marks the order as paid by a capture of `amount`; the caller has made sure that it happens once."""
    now = now_ms()
    row = tx.one(statements.PAY_ORDER, (amount, now, order_id))
    assert row, "an order is paid once"
    states.remember(tx, order_id, "attempted", "paid", now)
    return OrderRow(*row)


def check_notes(notes: dict | None) -> None:
    """Refuses more or longer notes than the contract allows."""
    for key, value in (notes or {}).items():
        if len(key) > NOTE_LENGTH_MAX or len(value) > NOTE_LENGTH_MAX:
            raise BadRequest(f"Keys and values of notes have at most {NOTE_LENGTH_MAX} characters.", field="notes")
    if notes and len(notes) > NOTES_MAX:
        raise BadRequest(f"There can be at most {NOTES_MAX} notes.", field="notes")


def stored_notes(notes: dict | None) -> str:
    """Notes in the order in which JavaScript would print them, so that a webhook's signature can be recomputed."""
    return objects.encode(strict_json.js_key_order(notes)).decode() if notes else "{}"

"""Payment links: an order with a short address of its own, to be sent to a customer or printed as a QR code."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from gateway import lists, objects, orders
from gateway.clock import now_ms, rfc3339
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.ids import new_id, random_letters
from gateway.models import PaymentLink
from gateway.objects import Owner

CODE_LENGTH = 10  # 59 bits: nobody finds a link by trial
DESCRIPTION_LENGTH_MAX = 255
TIME_MAX_MS = 253_402_300_799_999  # the end of the year 9999, which is as far as times can be written
STATUSES = ("created", "paid", "expired", "cancelled")
COLUMNS = "seq, id, merchant_id, mode, code, order_id, description, expires_at, cancelled_at, created_at"


class NewLink(orders.NewOrder):
    """An order, and what its link says of it."""

    description: Annotated[str, Meta(max_length=DESCRIPTION_LENGTH_MAX)] = ""
    expires_at: Annotated[datetime, Meta(tz=True, description="after it nobody can start to pay")] | None = None


class LinkRow(Struct):
    seq: int
    id: str
    merchant_id: str
    mode: str
    code: str
    order_id: str
    description: str
    expires_at: int | None
    cancelled_at: int | None
    created_at: int

    def closed(self) -> str | None:
        """Why nobody can start to pay any more: `expired` or `cancelled`; None while the link is open."""
        if self.cancelled_at is not None:
            return "cancelled"
        return "expired" if self.expires_at is not None and self.expires_at <= now_ms() else None


class Link(Struct, kw_only=True):
    """A short address at which an order is paid."""

    id: str
    entity: Literal["payment_link"] = "payment_link"
    merchant_id: str
    order_id: str
    short_url: str
    qr_url: str
    amount: int
    currency: str
    description: str
    receipt: str | None
    notes: dict[str, str]
    status: Literal["created", "paid", "expired", "cancelled"]
    expires_at: str | None
    created_at: str


def check(new: NewLink) -> NewLink:
    """Refuses what no link can be; raises BadRequest. Call it before the transaction."""
    orders.check(new)
    if not new.description.isprintable():
        raise BadRequest("The description must be printable characters.", field="description")
    if new.expires_at and not now_ms() < _in_ms(new.expires_at) <= TIME_MAX_MS:
        raise BadRequest("expires_at must be in the future.", field="expires_at")
    return new


def create(tx, owner: Owner, new: NewLink, default_capture: str, base_url: str) -> bytes:
    """Writes the order and its link and returns the link as JSON."""
    order = orders.NewOrder(new.amount, new.currency, new.receipt, new.notes, new.capture)
    order_id = msgspec.json.decode(orders.create(tx, owner, order, default_capture))["id"]
    link_id = new_id("plink")
    PaymentLink.insert(
        id=link_id,
        merchant_id=owner.merchant_id,
        mode=owner.mode,
        code=random_letters(CODE_LENGTH),
        order_id=order_id,
        description=new.description.strip(),
        expires_at=_in_ms(new.expires_at) if new.expires_at else None,
        created_at=now_ms(),
    ).execute()
    return objects.encode(show(tx, owner, link_id, base_url))


def show(tx, owner: Owner, link_id: str, base_url: str) -> Link:
    """The owner's link; raises NotFound for anybody else's."""
    return _shown(tx, base_url, _find(tx, "id = ? AND merchant_id = ? AND mode = ?", (link_id, *owner)))


def list_links(
    tx, owner: Owner, page: lists.Page, base_url: str,
    status: str | None = None, order_id: str | None = None, since: int | None = None, until: int | None = None,
) -> dict:  # fmt: skip
    filters = {
        _status_is(): status, "order_id = ?": order_id, "created_at >= ?": since, "created_at <= ?": until
    }  # fmt: skip
    return lists.select(tx, "payment_links", COLUMNS, owner, page, filters, LinkRow, partial(_shown, tx, base_url))


def _status_is() -> str:
    """What `_shown` says of a link's status, as a condition."""
    return f"""
        CASE WHEN (SELECT status FROM orders WHERE orders.id = payment_links.order_id) = 'paid' THEN 'paid'
             WHEN cancelled_at IS NOT NULL THEN 'cancelled'
             WHEN expires_at <= {now_ms()} THEN 'expired'
             ELSE 'created' END = ?
    """


def cancel(tx, owner: Owner, link_id: str, base_url: str) -> bytes:
    """Closes a link for good, unless it is paid; safe to repeat. A payment under way goes on. Returns it as JSON."""
    link = show(tx, owner, link_id, base_url)
    if link.status == "paid":
        raise BadRequest("A link that is paid cannot be cancelled.", reason="link_paid")
    tx.execute("UPDATE payment_links SET cancelled_at = ? WHERE id = ? AND cancelled_at IS NULL", (now_ms(), link_id))
    return objects.encode(show(tx, owner, link_id, base_url))


def order_of(tx, code: str) -> str:
    """The order behind a short address; raises NotFound."""
    if not code.isalnum():
        raise NotFound("No such payment link.")
    return _find(tx, "code = ?", (code,)).order_id


def of_order(tx, order_id: str) -> LinkRow | None:
    row = tx.one(f"SELECT {COLUMNS} FROM payment_links WHERE order_id = ?", (order_id,))
    return LinkRow(*row) if row else None


def check_open(tx, order_id: str) -> None:
    """Raises Conflict where the order belongs to a link that has expired or was cancelled."""
    link = of_order(tx, order_id)
    if reason := link and link.closed():
        raise Conflict("This payment link can no longer be used.", reason=f"link_{reason}")


def address(base_url: str, code: str) -> str:
    return f"{base_url}/l/{code}"


def _find(tx, condition: str, values: tuple) -> LinkRow:
    row = tx.one(f"SELECT {COLUMNS} FROM payment_links WHERE {condition}", values)
    if not row:
        raise NotFound("No such payment link.")
    return LinkRow(*row)


def _shown(tx, base_url: str, row: LinkRow) -> Link:
    order = orders.show(tx, Owner(row.merchant_id, row.mode), row.order_id)
    return Link(
        id=row.id,
        merchant_id=row.merchant_id,
        order_id=row.order_id,
        short_url=address(base_url, row.code),
        qr_url=address(base_url, row.code) + "/qr.svg",
        amount=order.amount,
        currency=order.currency,
        description=row.description,
        receipt=order.receipt,
        notes=order.notes,
        status="paid" if order.status == "paid" else row.closed() or "created",
        expires_at=rfc3339(row.expires_at),
        created_at=rfc3339(row.created_at),
    )


def _in_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)

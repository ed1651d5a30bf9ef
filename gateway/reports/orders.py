"""What the dashboard shows of orders, refunds and payment links."""

from typing import NamedTuple

from gateway import links, orders, statements
from gateway.ids import SHAPE
from gateway.objects import OrderRow, Owner, PaymentRow, RefundRow
from gateway.reports.lists import ALWAYS, Condition, Cursor, Found, Span, page
from gateway.reports.payments import like

ORDER_STATUSES = ("created", "attempted", "paid")
REFUND_STATUSES = ("pending", "processed", "failed")
PAYMENTS_MAX = 100


class OrderFilters(NamedTuple):
    status: str | None = None
    text: str = ""
    span: Span = ALWAYS


class RefundFilters(NamedTuple):
    status: str | None = None
    text: str = ""
    span: Span = ALWAYS


class LinkOf(NamedTuple):
    """A link with its order's amount and whether it is paid."""

    link: links.LinkRow
    order: OrderRow

    @property
    def id(self) -> str:
        return self.link.id

    @property
    def status(self) -> str:
        return "paid" if self.order.status == "paid" else self.link.closed() or "open"


def search_orders(tx, owner: Owner, filters: OrderFilters, cursor: Cursor) -> Found:
    return page(
        tx, "orders", statements.ORDER_COLUMNS, owner, OrderRow, cursor,
        span=filters.span, conditions=order_conditions(filters), named=_named(filters.text, "id"),
    )  # fmt: skip


def _named(text: str, *columns: str) -> Condition | None:
    """Those that an id names, in columns with an index."""
    if not SHAPE.fullmatch(text):
        return None
    return Condition("(" + " OR ".join(f"{column} = ?" for column in columns) + ")", (text,) * len(columns))


def order_conditions(filters: OrderFilters) -> list[Condition]:
    found = []
    if filters.status:
        found.append(Condition("status = ?", (filters.status,)))
    if filters.text:
        words = like(filters.text)
        columns = " OR ".join(f"lower({column}) LIKE ? ESCAPE '!'" for column in ("id", "receipt", "notes"))
        found.append(Condition(f"({columns})", (words, words, words)))
    return found


def search_refunds(tx, owner: Owner, filters: RefundFilters, cursor: Cursor) -> Found:
    return page(
        tx, "refunds", statements.REFUND_COLUMNS, owner, RefundRow, cursor,
        span=filters.span, conditions=refund_conditions(filters), named=_named(filters.text, "id", "payment_id"),
    )  # fmt: skip


def refund_conditions(filters: RefundFilters) -> list[Condition]:
    found = []
    if filters.status:
        found.append(Condition("status = ?", (filters.status,)))
    if filters.text:
        words = like(filters.text)
        columns = " OR ".join(f"lower({column}) LIKE ? ESCAPE '!'" for column in ("id", "payment_id", "reason"))
        found.append(Condition(f"({columns})", (words, words, words)))
    return found


def search_links(tx, owner: Owner, cursor: Cursor) -> Found:
    def row(*columns) -> LinkOf:
        link = links.LinkRow(*columns)
        return LinkOf(link, orders.find(tx, owner, link.order_id))

    return page(tx, "payment_links", links.COLUMNS, owner, row, cursor)


def order(tx, owner: Owner, order_id: str) -> tuple[OrderRow, list[PaymentRow], links.LinkRow | None]:
    """An order with its attempts to pay and its link; raises NotFound."""
    found = orders.find(tx, owner, order_id)
    rows = tx.all(
        f"SELECT {statements.PAYMENT_COLUMNS} FROM payments WHERE order_id = ? ORDER BY seq DESC LIMIT ?",
        (order_id, PAYMENTS_MAX),
    )
    return found, [PaymentRow(*row) for row in rows], links.of_order(tx, order_id)

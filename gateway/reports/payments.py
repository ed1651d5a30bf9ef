"""What the dashboard shows of payments: the filtered list, and everything that is known about one of them."""

import re
from typing import NamedTuple

from gateway import payments, statements
from gateway.ids import SHAPE
from gateway.objects import Owner, PaymentRow, RefundRow
from gateway.reports import customers
from gateway.reports.lists import ALWAYS, Condition, Cursor, Found, Span, page

TEXT_LENGTH_MAX = 100
TIMELINE_MAX = 500
STATUSES = ("pending", "processing", "requires_action", "success", "failed", "cancelled")
SEARCHED = ("vpa", "card_holder_name", "bank", "wallet", "id")
METHODS = ("upi", "card", "netbanking", "wallet")


class Filters(NamedTuple):
    """Which payments; None and empty stand for all."""

    status: str | None = None
    method: str | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    text: str = ""
    span: Span = ALWAYS

    @property
    def any(self) -> bool:
        return self != Filters()


class Moment(NamedTuple):
    """One line of a payment's timeline: when, what kind of thing, and its details as they are stored."""

    at_ms: int
    kind: str  # status, event, delivery, attempt, ledger
    subject: str
    title: str
    detail: str
    link: str = ""


class Detail(NamedTuple):
    payment: PaymentRow
    receipt: str | None
    notes: str
    refunds: list[RefundRow]
    timeline: list[Moment]
    customer_id: str | None

    @property
    def refundable(self) -> int:
        return self.payment.amount_captured - self.payment.amount_refunded


def search(tx, owner: Owner, filters: Filters, cursor: Cursor) -> Found:
    """A page of payments, newest first. What names one of them by an id is looked up, however old it is."""
    return page(
        tx, "payments", statements.PAYMENT_COLUMNS, owner, PaymentRow, cursor,
        span=filters.span, conditions=conditions(filters), named=_named(filters.text),
    )  # fmt: skip


def _named(text: str) -> Condition | None:
    """The payments that an id names: its own, its order's, its refund's."""
    if not SHAPE.fullmatch(text):
        return None
    return Condition(
        "seq IN (SELECT seq FROM payments WHERE id = ? UNION SELECT seq FROM payments WHERE order_id = ?"
        " UNION SELECT p.seq FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.id = ?)",
        (text, text, text),
    )


def conditions(filters: Filters) -> list[Condition]:
    """The filters but the time, as SQL."""
    found = []
    if filters.status:
        found.append(Condition("status = ?", (filters.status,)))
    if filters.method:
        found.append(Condition("method = ?", (filters.method,)))
    if filters.amount_min is not None:
        found.append(Condition("amount >= ?", (filters.amount_min,)))
    if filters.amount_max is not None:
        found.append(Condition("amount <= ?", (filters.amount_max,)))
    if filters.text:
        found.append(_about(filters.text[:TEXT_LENGTH_MAX]))
    return found


def _about(text: str) -> Condition:
    """Ids are looked up; other words are looked for in UPI address, card, bank, receipt and notes."""
    if named := _named(text):
        return named
    if re.fullmatch(r"\d{4}", text, re.ASCII):
        return Condition(f"(card_last4 = ? OR vpa LIKE ? ESCAPE '!' OR {_OF_ORDER})", (text, *(like(text),) * 3))
    own = " OR ".join(f"lower({column}) LIKE ? ESCAPE '!'" for column in SEARCHED)
    return Condition(f"({own} OR {_OF_ORDER})", (like(text),) * (len(SEARCHED) + 2))


_OF_ORDER = (
    "EXISTS (SELECT 1 FROM orders o WHERE o.id = payments.order_id"
    " AND (lower(o.receipt) LIKE ? ESCAPE '!' OR lower(o.notes) LIKE ? ESCAPE '!'))"
)


def like(text: str) -> str:
    """A pattern for `LIKE … ESCAPE '!'` that finds the words anywhere, in any case."""
    escaped = re.sub(r"([!%_])", r"!\1", text.strip().lower())
    return f"%{escaped}%"


def detail(tx, owner: Owner, payment_id: str) -> Detail:
    """Everything about one payment; raises NotFound for anybody else's."""
    payment = payments.find(tx, owner, payment_id)
    receipt, notes = tx.one("SELECT receipt, notes FROM orders WHERE id = ?", (payment.order_id,))
    refunds = [
        RefundRow(*row)
        for row in tx.all(
            f"SELECT {statements.REFUND_COLUMNS} FROM refunds WHERE payment_id = ? ORDER BY seq", (payment_id,)
        )
    ]
    customer_id = customers.of_payment(tx, payment_id)
    return Detail(payment, receipt, notes, refunds, _timeline(tx, payment, refunds), customer_id)


def _timeline(tx, payment: PaymentRow, refunds: list[RefundRow]) -> list[Moment]:
    """What happened to the payment and its refunds, oldest first: each change, event, delivery, attempt and posting."""
    ids = [payment.id, *(refund.id for refund in refunds)]
    marks = ", ".join("?" * len(ids))
    changes = tx.all(
        f"SELECT created_at, object_id, from_status, to_status FROM status_changes WHERE object_id IN ({marks})"
        " ORDER BY seq LIMIT ?",
        (*ids, TIMELINE_MAX),
    )
    moments = [Moment(at, "status", subject, after, before or "") for at, subject, before, after in changes]
    moments += _announcements(tx, ids, marks)
    postings = [f"capture:{payment.id}"]
    for refund in refunds:
        postings += [f"refund:{refund.id}", f"refund_processed:{refund.id}", f"refund_failed:{refund.id}"]
    booked = tx.all(
        "SELECT created_at, posting, account, currency, amount FROM ledger_entries"
        f" WHERE posting IN ({', '.join('?' * len(postings))}) ORDER BY created_at, posting, amount DESC",
        postings,
    )
    moments += [
        Moment(at, "ledger", posting.partition(":")[2], account, f"{amount} {currency}", posting.partition(":")[0])
        for at, posting, account, currency, amount in booked
    ]
    # Sorting is stable: at the same millisecond a change comes before its event, and that before its deliveries.
    return sorted(moments, key=lambda moment: moment.at_ms)


def _announcements(tx, ids: list[str], marks: str) -> list[Moment]:
    events = tx.all(
        f"SELECT id, type, object_id, created_at FROM events WHERE object_id IN ({marks}) ORDER BY seq LIMIT ?",
        (*ids, TIMELINE_MAX),
    )
    moments = [Moment(at, "event", subject, event_type, event_id) for event_id, event_type, subject, at in events]
    if not events:
        return moments
    subject_of = {event_id: subject for event_id, _, subject, _ in events}
    attempts = tx.all(
        "SELECT a.created_at, d.id, d.event_id, d.event_type, a.attempt, a.response_code, a.error FROM deliveries d"
        " JOIN delivery_attempts a ON a.delivery_id = d.id"
        f" WHERE d.event_id IN ({', '.join('?' * len(events))}) ORDER BY a.seq LIMIT ?",
        (*subject_of, TIMELINE_MAX),
    )
    return moments + [
        Moment(at, "attempt", subject_of[event_id], event_type, str(code or error or ""), delivery_id)
        for at, delivery_id, event_id, event_type, attempt, code, error in attempts
    ]

"""Lists as files: CSV and JSON of exactly what a filter finds, a bounded number of rows at a time."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from gateway import money, objects, reports, statements
from gateway.clock import rfc3339
from gateway.objects import OrderRow, Owner, PaymentRow, RefundRow
from gateway.reports.lists import ALWAYS, Condition, Source, Span
from gateway.reports.payments import Filters

ROWS_AT_ONCE = 500

# What a spreadsheet takes for a formula when a cell begins with it (OWASP, CSV Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

PAYMENT_HEADING = (
    "id", "order_id", "created_at", "status", "method", "currency", "amount", "amount_captured", "amount_refunded",
    "vpa", "card_network", "card_last4", "card_holder_name", "bank", "wallet", "error_code", "error_reason",
    "error_description", "updated_at",
)  # fmt: skip
ORDER_HEADING = (
    "id", "created_at", "status", "currency", "amount", "amount_paid", "attempts", "receipt", "notes",
)  # fmt: skip
REFUND_HEADING = (
    "id", "payment_id", "created_at", "processed_at", "status", "currency", "amount", "reason", "notes",
    "error_description",
)  # fmt: skip


class Export(NamedTuple):
    """Whose rows of which table, and how a row becomes an object."""

    table: str
    columns: str
    owner: Owner
    show: Callable
    heading: tuple[str, ...]
    span: Span = ALWAYS
    conditions: tuple[Condition, ...] = ()


def payments(owner: Owner, filters: Filters) -> Export:
    conditions = tuple(reports.payments.conditions(filters))
    return Export("payments", statements.PAYMENT_COLUMNS, owner, _payment, PAYMENT_HEADING, filters.span, conditions)


def orders(owner: Owner, span: Span, conditions) -> Export:
    return Export("orders", statements.ORDER_COLUMNS, owner, _order, ORDER_HEADING, span, tuple(conditions))


def refunds(owner: Owner, span: Span, conditions) -> Export:
    return Export("refunds", statements.REFUND_COLUMNS, owner, _refund, REFUND_HEADING, span, tuple(conditions))


def piece(tx, export: Export, before: int | None) -> tuple[list[dict], int | None]:
    """The next rows, and where the one after begins; None at the end. Each piece is a read of its own."""
    source = Source(tx, export.table, export.columns, export.owner, export.span, export.conditions)
    rows, reached = source.search(before, ROWS_AT_ONCE)
    return [export.show(*row) for row in rows], rows[-1][0] if len(rows) == ROWS_AT_ONCE else reached


def as_csv(rows: Iterable[Iterable]) -> str:
    """Lines of a CSV file after RFC 4180; no cell can become a formula."""
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(value) for value in row] for row in rows)
    return text.getvalue()


def as_json(rows: list[dict], *, first: bool) -> Iterator[str]:
    """The elements of a JSON array, each on its line, with commas between."""
    for row in rows:
        yield ("" if first else ",\n") + objects.encode(row).decode()
        first = False


def _harmless(value) -> str:
    """Numbers and our own words stay; text that a spreadsheet would run gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return str(value)


def _payment(*columns) -> dict:
    row = PaymentRow(*columns)
    return {
        "id": row.id,
        "order_id": row.order_id,
        "created_at": rfc3339(row.created_at),
        "status": row.status,
        "method": row.method,
        "currency": row.currency,
        **_money(row, "amount", "amount_captured", "amount_refunded"),
        "vpa": row.vpa,
        "card_network": row.card_network,
        "card_last4": row.card_last4,
        "card_holder_name": row.card_holder_name,
        "bank": row.bank,
        "wallet": row.wallet,
        "error_code": row.error_code,
        "error_reason": row.error_reason,
        "error_description": row.error_description,
        "updated_at": rfc3339(row.updated_at),
    }


def _order(*columns) -> dict:
    row = OrderRow(*columns)
    return {
        "id": row.id,
        "created_at": rfc3339(row.created_at),
        "status": row.status,
        "currency": row.currency,
        **_money(row, "amount", "amount_paid"),
        "attempts": row.attempts,
        "receipt": row.receipt,
        "notes": row.notes,
    }


def _refund(*columns) -> dict:
    row = RefundRow(*columns)
    return {
        "id": row.id,
        "payment_id": row.payment_id,
        "created_at": rfc3339(row.created_at),
        "processed_at": rfc3339(row.processed_at),
        "status": row.status,
        "currency": row.currency,
        **_money(row, "amount"),
        "reason": row.reason,
        "notes": row.notes,
        "error_description": row.error_description,
    }


def _money(row, *names: str) -> dict:
    """Amounts as decimals, which is what whoever opens the file adds up."""
    return {name: _decimal(getattr(row, name), row.currency) for name in names}


def _decimal(amount: int, currency: str) -> str:
    places = money.exponent(currency)
    digits = str(amount).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits

"""What the API, the webhooks and the docs show of an order, a payment, a refund: one type for each.

The same types render answers and describe them in the OpenAPI document. `…Row` types hold a row as it is stored.
"""

from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from gateway.clock import rfc3339

Mode = Literal["test", "live"]
Method = Literal["upi", "card", "netbanking", "wallet"]
OrderStatus = Literal["created", "attempted", "paid"]
PaymentStatus = Literal["pending", "processing", "requires_action", "success", "failed", "cancelled"]
RefundStatus = Literal["pending", "processed", "failed"]
Capture = Literal["automatic", "manual"]

encode = msgspec.json.encode


class Owner(NamedTuple):
    """Whose object it is, and in which of the two worlds it lives."""

    merchant_id: str
    mode: str


class OrderRow(Struct):
    seq: int
    id: str
    merchant_id: str
    mode: str
    amount: int
    amount_paid: int
    currency: str
    receipt: str | None
    notes: str
    status: str
    attempts: int
    capture: str
    created_at: int
    updated_at: int


class PaymentRow(Struct):
    seq: int
    id: str
    merchant_id: str
    mode: str
    order_id: str
    amount: int
    currency: str
    method: str
    status: str
    capture: str
    captured: int
    amount_captured: int
    amount_refunded: int
    vpa: str | None
    bank: str | None
    wallet: str | None
    card_network: str | None
    card_last4: str | None
    card_expiry_month: int | None
    card_expiry_year: int | None
    card_holder_name: str | None
    card_fingerprint: str | None
    processor: str
    processor_reference: str | None
    step: str | None
    action: str | None
    action_expires_at: int | None
    error_code: str | None
    error_description: str | None
    error_reason: str | None
    created_at: int
    updated_at: int
    due_at: int | None
    claimed_until: int | None
    work_attempts: int

    @property
    def owner(self) -> Owner:
        return Owner(self.merchant_id, self.mode)


class RefundRow(Struct):
    seq: int
    id: str
    merchant_id: str
    mode: str
    payment_id: str
    amount: int
    currency: str
    reason: str | None
    notes: str
    status: str
    step: str | None
    error_code: str | None
    error_description: str | None
    error_reason: str | None
    created_at: int
    processed_at: int | None
    updated_at: int
    due_at: int | None
    claimed_until: int | None
    work_attempts: int

    @property
    def owner(self) -> Owner:
        return Owner(self.merchant_id, self.mode)


class Order(Struct, kw_only=True):
    """Something a customer shall pay for."""

    id: str
    entity: Literal["order"] = "order"
    merchant_id: str
    amount: int
    amount_paid: int
    amount_due: int
    currency: str
    receipt: str | None
    notes: dict[str, str]
    status: OrderStatus
    attempts: int
    capture: Capture
    created_at: str
    updated_at: str


class Card(Struct):
    """What may be shown of a card."""

    network: str
    last4: str
    expiry_month: int
    expiry_year: int
    holder_name: str | None


class Payment(Struct, kw_only=True):
    """One attempt to pay an order."""

    id: str
    entity: Literal["payment"] = "payment"
    order_id: str
    merchant_id: str
    amount: int
    currency: str
    method: Method
    status: PaymentStatus
    captured: bool
    amount_captured: int
    amount_refunded: int
    refund_status: Literal["partial", "full"] | None
    vpa: str | None
    card: Card | None
    card_network: str | None
    card_last4: str | None
    bank: str | None
    wallet: str | None
    error_code: str | None
    error_description: str | None
    error_reason: str | None
    created_at: str
    updated_at: str


class Refund(Struct, kw_only=True):
    """Money on its way back to the customer."""

    id: str
    entity: Literal["refund"] = "refund"
    payment_id: str
    amount: int
    currency: str
    reason: str | None
    notes: dict[str, str]
    status: RefundStatus
    error_code: str | None
    error_description: str | None
    error_reason: str | None
    created_at: str
    processed_at: str | None


def order(row: OrderRow) -> Order:
    return Order(
        id=row.id,
        merchant_id=row.merchant_id,
        amount=row.amount,
        amount_paid=row.amount_paid,
        amount_due=row.amount - row.amount_paid,
        currency=row.currency,
        receipt=row.receipt,
        notes=notes(row.notes),
        status=row.status,
        attempts=row.attempts,
        capture=row.capture,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
    )


def payment(row: PaymentRow) -> Payment:
    return Payment(
        id=row.id,
        order_id=row.order_id,
        merchant_id=row.merchant_id,
        amount=row.amount,
        currency=row.currency,
        method=row.method,
        status=row.status,
        captured=bool(row.captured),
        amount_captured=row.amount_captured,
        amount_refunded=row.amount_refunded,
        refund_status=_refund_status(row),
        vpa=row.vpa,
        card=_card(row),
        card_network=row.card_network,
        card_last4=row.card_last4,
        bank=row.bank,
        wallet=row.wallet,
        error_code=row.error_code,
        error_description=row.error_description,
        error_reason=row.error_reason,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
    )


def refund(row: RefundRow) -> Refund:
    return Refund(
        id=row.id,
        payment_id=row.payment_id,
        amount=row.amount,
        currency=row.currency,
        reason=row.reason,
        notes=notes(row.notes),
        status=row.status,
        error_code=row.error_code,
        error_description=row.error_description,
        error_reason=row.error_reason,
        created_at=rfc3339(row.created_at),
        processed_at=rfc3339(row.processed_at),
    )


def notes(stored: str) -> dict:
    return msgspec.json.decode(stored) if stored != "{}" else {}


def _refund_status(row: PaymentRow) -> str | None:
    if not row.amount_refunded:
        return None
    return "full" if row.amount_refunded == row.amount_captured else "partial"


def _card(row: PaymentRow) -> Card | None:
    if row.card_last4 is None:
        return None
    return Card(
        row.card_network, row.card_last4, row.card_expiry_month, row.card_expiry_year, row.card_holder_name
    )


class CurrencyBalance(Struct):
    currency: str
    available: int
    refunding: int


class Balance(Struct, kw_only=True):
    """What the gateway owes the merchant, per currency."""

    mode: Mode
    balances: list[CurrencyBalance]
    entity: Literal["balance"] = "balance"


class CurrencyVolume(Struct):
    currency: str
    captured: int
    refunded: int


class Stats(Struct, kw_only=True):
    """How business went in a period; `success_rate` in percent of the payments that are finished."""

    total_transactions: int
    success_rate: float | None
    by_status: dict[str, int]
    by_method: dict[str, int]
    amounts: list[CurrencyVolume]
    entity: Literal["stats"] = "stats"

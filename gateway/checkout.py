"""What a customer may see of an order and a payment, and how a customer pays: the order's id is the capability."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from gateway import links, merchant_settings, merchants, objects, orders, payments, saved_cards, signatures, statements
from gateway.clock import now_ms, rfc3339
from gateway.crypto import MasterKey, Secret
from gateway.errors import BadRequest, NotFound, RateLimited
from gateway.objects import Owner, PaymentRow

ATTEMPTS_COUNT_MS = 3600 * 1000


class NewPublicPayment(payments.NewPayment):
    """A payment as the checkout page starts it; the amount comes from the order alone."""

    key: str | None = None
    flow: Annotated[
        Literal["qr"], Meta(description="for upi without vpa: the payer approves in the app that a QR code opens")
    ] | None = None
    cvv: Annotated[str, Meta(description="for token: the payer is asked for it again")] | None = None
    save_card: Annotated[bool, Meta(description="for card: the payer agreed to have it kept in this browser")] = False

    def __repr__(self) -> str:
        return "NewPublicPayment(***)"


class PublicDraft(Struct, frozen=True):
    """A customer's payment that has passed every check which needs no database."""

    draft: payments.Draft
    save_card: bool


class PublicOrder(Struct, kw_only=True):
    """An order as its customer sees it."""

    id: str
    entity: Literal["order"] = "order"
    amount: int
    amount_due: int
    currency: str
    status: objects.OrderStatus
    merchant_name: str
    mode: objects.Mode
    created_at: str


class PublicPayment(Struct, kw_only=True):
    """A payment as its payer sees it; `signature` proves a success to the merchant's server."""

    id: str
    entity: Literal["payment"] = "payment"
    order_id: str
    amount: int
    currency: str
    method: objects.Method
    status: objects.PaymentStatus
    action: str | None
    card_network: str | None
    card_last4: str | None
    vpa: str | None
    error_code: str | None
    error_description: str | None
    error_reason: str | None
    signature: str | None
    created_at: str


def show_order(tx, order_id: str, key_id: str | None) -> PublicOrder:
    """The order for whoever knows its id; a key, where given, must be of the same merchant and mode."""
    owner, order = orders.public(tx, order_id)
    check_key(tx, owner, key_id)
    return PublicOrder(
        id=order.id,
        amount=order.amount,
        amount_due=order.amount - order.amount_paid,
        currency=order.currency,
        status=order.status,
        merchant_name=merchant_settings.shown_name(tx, owner.merchant_id),
        mode=owner.mode,
        created_at=rfc3339(order.created_at),
    )


def check(new: NewPublicPayment, secret: str | None = None) -> PublicDraft:
    """Refuses what no bank would take, and a card to be saved in a browser that could not be recognised again."""
    if new.save_card and new.card is None:
        raise BadRequest("save_card goes with card and nothing else.", field="save_card")
    if new.save_card and not secret:
        raise BadRequest("This browser keeps no cookie, so it would not find the card again.", field="save_card")
    if (new.cvv is None) != (new.token is None):
        raise BadRequest("A saved card needs token and cvv.", field="cvv")
    draft = _check_flow(new)
    if new.cvv is not None:
        draft = msgspec.structs.replace(draft, cvv=Secret(new.cvv))
    return PublicDraft(draft, new.save_card)


def _check_flow(new: NewPublicPayment) -> payments.Draft:
    """Like `payments.check`, but for UPI by QR code, which needs no address."""
    if new.flow is None:
        return payments.check(new)
    if new.method != "upi" or any((new.vpa, new.card, new.token, new.bank, new.wallet)):
        raise BadRequest("flow qr goes with method upi and nothing else.", field="flow")
    return payments.Draft(new.order_id, "upi")


def pay(
    tx, desk: payments.Desk, new: PublicDraft, secret: str | None, key_id: str | None, attempts_max: int
) -> bytes:
    """Starts a payment for the order's customer, whom `secret` tells from others with saved cards.

    Raises RateLimited after too many attempts, and what `Desk.start` raises.
    """
    draft = new.draft
    owner, order = orders.public(tx, draft.order_id)
    check_key(tx, owner, key_id)
    links.check_open(tx, order.id)
    if order.status != "paid":
        check_attempts(tx, order.id, attempts_max)
    if draft.token:
        saved_cards.check_own(tx, owner, draft.token, secret)
    payment_id = msgspec.json.decode(desk.start(tx, owner, draft))["id"]
    if new.save_card and secret:
        saved_cards.agree(tx, owner, payment_id, secret)
    return objects.encode(_public(payments.find(tx, owner, payment_id), None))


def check_attempts(tx, order_id: str, attempts_max: int) -> None:
    """Raises RateLimited where an order was tried too often of late: a thief tests stolen cards like that."""
    wait_ms = (open_again_at(tx, order_id, attempts_max) or 0) - now_ms()
    if wait_ms > 0:
        raise RateLimited(
            "There were too many attempts to pay this order. Try again later.",
            retry_after_s=-(-wait_ms // 1000),
            reason="too_many_attempts",
        )


def open_again_at(tx, order_id: str, attempts_max: int) -> int | None:
    """When the order may be tried again, in ms; None where it may be now. Its payments of the last hour count."""
    if not attempts_max:
        return None
    first = tx.one(
        "SELECT created_at FROM payments WHERE order_id = ? AND created_at > ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
        (order_id, now_ms() - ATTEMPTS_COUNT_MS, attempts_max - 1),
    )
    return first[0] + ATTEMPTS_COUNT_MS if first else None


def show_payment(tx, payment_id: str, master: MasterKey, key_id: str | None = None) -> PublicPayment:
    """The payment for whoever knows its id; `key_id` names the key whose secret signs a success."""
    row = tx.one(statements.SELECT_PAYMENT_BY_ID, (payment_id,))
    if not row:
        raise NotFound("No such payment.", field="payment_id")
    payment = PaymentRow(*row)
    check_key(tx, payment.owner, key_id)
    return _public(payment, signature(tx, payment, master, key_id))


def check_key(tx, owner: Owner, key_id: str | None) -> None:
    """Raises NotFound where a key is given that is not of this merchant and mode, or not valid any more."""
    if key_id is None:
        return
    key = merchants.find_key(tx, key_id) if key_id.isprintable() else None
    if not key or key.revoked_at is not None or key.owner != owner:
        raise NotFound("No such order for this key.", field="key")


def signature(tx, payment: PaymentRow, master: MasterKey, key_id: str | None) -> str | None:
    """HMAC-SHA256 of `order_id|payment_id` under the key's secret (Razorpay's scheme); None without a success.

    Where no key is named, the merchant's newest one signs.
    """
    if payment.status != "success":
        return None
    key = merchants.find_key(tx, key_id) if key_id else merchants.newest_key(tx, payment.owner)
    if not key:
        return None
    secret = master.unseal(key.secret_sealed, key.id)
    return signatures.checkout_signature(secret, payment.order_id, payment.id)


def _public(row: PaymentRow, signature: str | None) -> PublicPayment:
    return PublicPayment(
        id=row.id,
        order_id=row.order_id,
        amount=row.amount,
        currency=row.currency,
        method=row.method,
        status=row.status,
        action=row.action,
        card_network=row.card_network,
        card_last4=row.card_last4,
        vpa=row.vpa,
        error_code=row.error_code,
        error_description=row.error_description,
        error_reason=row.error_reason,
        signature=signature,
        created_at=rfc3339(row.created_at),
    )

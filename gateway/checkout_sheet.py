"""The checkout page before it is drawn: an order, who sells, what was tried already, and so what can be done now."""

from typing import NamedTuple

from gateway import checkout, links, merchant_settings, orders, statements
from gateway.errors import NotFound
from gateway.merchant_settings import Settings
from gateway.objects import OrderRow, Owner, PaymentRow

LIVE = ("pending", "processing", "requires_action")


class Sheet(NamedTuple):
    """All that a page about an order needs, read in one transaction."""

    owner: Owner
    order: OrderRow
    merchant_name: str
    settings: Settings
    link: links.LinkRow | None
    payment: PaymentRow | None
    open_again_at: int | None

    @property
    def state(self) -> str:
        """`form`, `processing`, `challenge`, `qr`, `success`, or `closed` where nothing more can be done."""
        if self.payment and self.payment.status == "success":
            return "success"
        if self.payment and self.payment.status in LIVE:
            return _state_of(self.payment)
        return "closed" if self.closed else "form"

    @property
    def closed(self) -> str | None:
        """Why nobody can pay: `paid`, `expired`, `cancelled` or `too_many_attempts`."""
        if self.order.status == "paid":
            return "paid"
        if self.link and self.link.closed():
            return self.link.closed()
        return "too_many_attempts" if self.open_again_at else None


def of_order(tx, order_id: str, key_id: str | None, attempts_max: int) -> Sheet:
    """The sheet of an order; a key, where given, must be of its merchant and mode. Raises NotFound."""
    owner, order = orders.public(tx, order_id)
    checkout.check_key(tx, owner, key_id)
    row = tx.one(
        f"SELECT {statements.PAYMENT_COLUMNS} FROM payments WHERE order_id = ? ORDER BY seq DESC LIMIT 1", (order_id,)
    )
    return _sheet(tx, owner, order, PaymentRow(*row) if row else None, attempts_max)


def of_payment(tx, payment_id: str, attempts_max: int) -> Sheet:
    """The sheet as one payment saw it, whatever was tried after it. Raises NotFound."""
    row = tx.one(statements.SELECT_PAYMENT_BY_ID, (payment_id,))
    if not row:
        raise NotFound("No such payment.", field="payment_id")
    payment = PaymentRow(*row)
    return _sheet(tx, payment.owner, orders.find(tx, payment.owner, payment.order_id), payment, attempts_max)


def is_qr(payment: PaymentRow) -> bool:
    """Whether the payer approves in a UPI app that was reached by a QR code or a link."""
    return payment.method == "upi" and payment.vpa is None


def waits_for_payer(payment: PaymentRow) -> bool:
    """Whether nothing goes on before the payer acts, so that they may give it up as well."""
    return payment.status == "requires_action" or (is_qr(payment) and payment.status in LIVE)


def _state_of(payment: PaymentRow) -> str:
    if is_qr(payment):
        return "qr"
    return "challenge" if payment.status == "requires_action" else "processing"


def _sheet(tx, owner: Owner, order: OrderRow, payment: PaymentRow | None, attempts_max: int) -> Sheet:
    settings = merchant_settings.find(tx, owner.merchant_id)
    name = merchant_settings.shown_name(tx, owner.merchant_id)
    open_again_at = checkout.open_again_at(tx, order.id, attempts_max)
    return Sheet(owner, order, name, settings, links.of_order(tx, order.id), payment, open_again_at)

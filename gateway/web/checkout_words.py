"""What the checkout's scripts say, and how a payment is put into words."""

from collections.abc import Callable

from gateway import cards, vpa
from gateway.clock import now_ms, rfc3339
from gateway.objects import PaymentRow
from gateway.saved_cards import SavedRow

NETWORKS = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "rupay": "RuPay",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
    "maestro": "Maestro",
}

Translate = Callable[[str], str]


def for_scripts(_: Translate, amount: str) -> dict:
    """The texts that checkout-page.js puts on the page."""
    return {
        "paid": _("Amount paid"),
        "pay": _("Pay {amount}").format(amount=amount),
        "payByQr": _("Pay {amount} by QR code").format(amount=amount),
        "payInApp": _("Pay {amount} by UPI app").format(amount=amount),
        "numberMissing": _("Enter the card number."),
        "numberWrong": _("This card number is not right. Please check the digits."),
        "expiryMissing": _("Enter when the card expires."),
        "expiryWrong": _("Write month and year, such as 08/28."),
        "expired": _("This card has expired. Please use another one."),
        "cvvMissing": _("Enter the CVV."),
        "cvvWrong": _("The CVV has {digits} digits.").format(digits=cards.USUAL_CVV_LENGTH),
        "cvvWrongAmex": _("The CVV has {digits} digits.").format(digits=cards.CVV_LENGTH["amex"]),
        "nameMissing": _("Enter the name on the card."),
        "vpaWrong": _("A UPI ID looks like name@bank."),
        "bankMissing": _("Choose your bank."),
        "walletMissing": _("Choose a wallet."),
        "methodMissing": _("Choose how to pay."),
        "notSent": _("This could not be sent. Please try again."),
        "notSaved": _("This browser cannot remember the card. Take the tick away to pay without."),
        "notRemovable": _("The card could not be removed. Please try again."),
        "removed": _("The card was removed."),
        "tooFast": _("Too many tries in a short time. Please wait a moment."),
        "networks": NETWORKS | {"unknown": _("Card")},
    }


def closed(_: Translate, reason: str, wait_s: int = 0) -> dict:
    """Title and text of a page on which nothing can be paid, or not before `wait_s` have passed."""
    minutes = -(-wait_s // 60)
    title, text = {
        "paid": (_("This order is already paid"), _("There is nothing more to pay. You can close this page.")),
        "expired": (_("This payment link has expired"), _("Please ask the shop for a new one.")),
        "cancelled": (_("This payment link was cancelled"), _("Please ask the shop if you still want to pay.")),
        "too_many_attempts": (
            _("Too many attempts"),
            _("You have not been charged. For safety, this order can be tried again in {minutes} min.").format(
                minutes=minutes
            ),
        ),
        "missing": (
            _("There is nothing to pay here"),
            _("The address is incomplete or wrong. Please go back to the shop and try again."),
        ),
    }[reason]
    return {"title": title, "text": text}


def payment(_: Translate, row: PaymentRow) -> dict:
    """A payment as its page shows it."""
    return {
        "id": row.id,
        "order_id": row.order_id,
        "status": row.status,
        "paid_with": paid_with(_, row),
        "at": rfc3339(row.updated_at),
        "error": _error(_, row),
    }


def paid_with(_: Translate, row: PaymentRow) -> str:
    """Which card, address, bank or wallet: enough to recognise it, not enough to use it."""
    if row.method == "card":
        return f"{NETWORKS.get(row.card_network or '', _('Card'))} •••• {row.card_last4}"
    if row.method == "netbanking":
        return vpa.BANKS.get(row.bank or "", row.bank or "")
    if row.method == "wallet":
        return vpa.WALLETS.get(row.wallet or "", row.wallet or "")
    return f"UPI · {_masked(row.vpa)}" if row.vpa else "UPI"


def saved_card(_: Translate, row: SavedRow) -> dict:
    """A saved card as its owner recognises it."""
    return {
        "token": row.id,
        "network": row.network,
        "name": f"{NETWORKS.get(row.network, _('Card'))} •••• {row.last4}",
        "expiry": f"{row.expiry_month:02d}/{row.expiry_year % 100:02d}",
        "expired": cards.is_expired(row.expiry_month, row.expiry_year, now_ms()),
    }


def _masked(address: str) -> str:
    name, _, handle = address.partition("@")
    return f"{name[:2]}•••@{handle}"


def _error(_: Translate, row: PaymentRow) -> dict | None:
    if row.status not in ("failed", "cancelled"):
        return None
    if row.status == "cancelled":
        return {"code": "PAYMENT_CANCELLED", "description": _("The payment was cancelled before it was finished.")}
    return {"code": row.error_code, "description": _(row.error_description or "The bank declined the payment.")}

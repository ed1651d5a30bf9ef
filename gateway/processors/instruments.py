"""The test cards and UPI addresses that Razorpay and Stripe document, and what the simulated bank does with each.

Error codes and reasons are the documented words of the vendor whose instrument it is, so that code written against
either vendor's test data finds what it expects.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway import cards
from gateway.processors import Charge

THREE_D_SECURE = "three_d_secure"
UPI_APP = "upi_app"

# In plain words, for payers too: that a card was reported lost or stolen is between its owner and the bank.
_DECLINED = "The bank declined the card. Please contact the bank or use another card."
_DESCRIPTIONS = {
    "authentication_failed": "The bank could not verify the payer.",
    "card_declined": _DECLINED,
    "card_disabled_for_online_payments": "The card is not enabled for online payments. The bank can enable it.",
    "card_number_invalid": "The bank does not know this card number. Please check it or use another card.",
    "card_velocity_exceeded": "The card was used too often or for too much money lately.",
    "challenge_expired": "The payment was not approved in time.",
    "expired_card": "The card has expired. Please use another card.",
    "fraudulent": "The payment was blocked because it looks risky. Please use another way to pay.",
    "gateway_technical_error": "The bank has a technical problem. Please try again in a few minutes.",
    "generic_decline": _DECLINED,
    "incorrect_cvc": "The security code of the card is wrong.",
    "incorrect_number": "The card number is wrong.",
    "insufficient_fund": "There is not enough money in the account.",
    "insufficient_funds": "There is not enough money in the account.",
    "lost_card": _DECLINED,
    "payment_cancelled": "The payment was cancelled before it was finished.",
    "payment_failed": "The bank declined the payment. Please try again or use another way to pay.",
    "payment_timed_out": "The bank did not answer in time. No money was taken; please try again.",
    "processing_error": "The bank could not process the card. Please try again in a few minutes.",
    "refund_failed": "The payer's bank returned the refund. Please pay the customer back in another way.",
    "stolen_card": _DECLINED,
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of a charge: it is paid unless it has an `error_code`.

    `action` is asked of the payer first; a bank that is not `answering` leaves the submit unanswered; `refund` is
    `slow` or `failing`; `note` tells readers of the documentation what is special.
    """

    error_code: str | None = None
    error_reason: str | None = None
    error_description: str | None = None
    action: str | None = None
    answering: bool = True
    refund: str | None = None
    note: str = ""

    def in_words(self) -> str:
        result = f"failed: {self.error_code} / {self.error_reason}" if self.error_code else "succeeded"
        steps = [f"asks for {self.action}, then {result}" if self.action else result]
        return "; ".join(steps + [self.note] * bool(self.note))


class Documented(NamedTuple):
    """A row of the table that the documentation shows."""

    instrument: str
    kind: str
    effect: str


def decline(code: str, reason: str, **extra) -> Effect:
    return Effect(error_code=code, error_reason=reason, error_description=_DESCRIPTIONS[reason], **extra)


def _paid(note: str = "", **extra) -> Effect:
    return Effect(note=note, **extra)


def _challenged(effect: Effect, note: str = "") -> Effect:
    return replace(effect, action=THREE_D_SECURE, note=note)


_NO_DISPUTE = "no dispute is opened"
_NO_CHECKS = "the simulated bank does not compare addresses or codes"

_RAZORPAY_CARDS = (
    ("4100280000001007 5500670000001002 6527658900001005 36082800091007 340256000401007", _paid()),
    ("5555555555554444 5105105105105100 5104060000000008 4012888888881881", _paid("international")),
    ("4718609108204366 5104015555555558", _paid("for subscriptions")),
    ("5241810000000000", _paid("for instalments")),
    (
        "4100280000090000 5305620000060000",
        decline(
            "BAD_REQUEST_ERROR",
            "payment_timed_out",
            answering=False,
            note="the bank does not answer the submit; inquiries find the outcome",
        ),
    ),
    ("4100280000080001 5305620000050001", decline("BAD_REQUEST_ERROR", "insufficient_fund")),
    ("4100280000070002 5305620000040002", decline("BAD_REQUEST_ERROR", "payment_cancelled")),
    ("4100280000060003 4100280000050004 4100280000040005", decline("BAD_REQUEST_ERROR", "card_declined")),
    ("5305620000030003 5305620000020004 5305620000010005", decline("BAD_REQUEST_ERROR", "card_declined")),
    ("4100280000030006 5305620000000006", decline("BAD_REQUEST_ERROR", "card_disabled_for_online_payments")),
    ("4100280000010008 5305620000080008", decline("BAD_REQUEST_ERROR", "card_number_invalid")),
    ("4100280000020007 5305620000090007", decline("GATEWAY_ERROR", "gateway_technical_error")),
    ("4100280000000009 5305620000070009", decline("GATEWAY_ERROR", "authentication_failed")),
)

_STRIPE_CARDS = (
    ("4242424242424242 4000056655665556 2223003122003222 378282246310005 6011111111111117", _paid()),
    ("3056930009020004 3566002020360505 6200000000000005", _paid()),
    ("4000000000000002", decline("card_declined", "generic_decline")),
    ("4000000000009995", decline("card_declined", "insufficient_funds")),
    ("4000000000009987", decline("card_declined", "lost_card")),
    ("4000000000009979", decline("card_declined", "stolen_card")),
    ("4000000000006975", decline("card_declined", "card_velocity_exceeded")),
    ("4000000000000069", decline("expired_card", "expired_card")),
    ("4000000000000127", decline("incorrect_cvc", "incorrect_cvc")),
    ("4000000000000119", decline("processing_error", "processing_error")),
    (
        "4242424242424241",
        decline("incorrect_number", "incorrect_number", note="the gateway refuses it before a bank is asked"),
    ),
    ("4000000000000341", decline("card_declined", "generic_decline", note="may be saved, never charged")),
    ("4100000000000019", decline("card_declined", "fraudulent", note="always blocked")),
    ("4000000000004954", decline("card_declined", "fraudulent", note="highest risk: blocked, Radar's default")),
    ("4000000000009235", _paid("elevated risk: let through, Radar's default")),
    ("4000000000000101 4000000000000036 4000000000000028 4000000000000010 4000000000000044", _paid(_NO_CHECKS)),
    ("4000000000000259 4000000000002685 4000000000001976 4000000000005423 4000000404000079", _paid(_NO_DISPUTE)),
    ("4000000000007726", _paid("a refund stays pending for a while, then succeeds", refund="slow")),
    ("4000000000005126", _paid("a refund stays pending for a while, then fails", refund="failing")),
    ("4000000000000077 4000003720000278", _paid("there are no pending balances to skip")),
    ("4000002500003155", _challenged(_paid(), "unless set up, which the simulated bank does not know")),
    ("4000002760003184", _challenged(_paid())),
    ("4000003800000446", _challenged(_paid(), "the payer is present, so being set up already changes nothing")),
    ("4000008260003178", _challenged(decline("card_declined", "insufficient_funds"))),
    ("4000000000003220", _challenged(_paid())),
    ("4000008400001629", _challenged(decline("card_declined", "generic_decline"))),
    ("4000008400001280", decline("card_declined", "processing_error", note="the 3-D Secure lookup fails")),
    ("4000000000003055 4000000000003097", _paid("3-D Secure is optional and not asked for")),
)

_UPI = {
    "success@razorpay": _paid(),
    "failure@razorpay": decline("BAD_REQUEST_ERROR", "payment_failed"),
}
_UPI_APP_OR_QR = Effect(action=UPI_APP, note="the payer approves or declines in the UPI app")
_CARDS = {number: effect for numbers, effect in _RAZORPAY_CARDS + _STRIPE_CARDS for number in numbers.split()}

_WITHOUT_CARD = decline("BAD_REQUEST_ERROR", "card_number_invalid")


def effect_of(charge: Charge) -> Effect | None:
    """The documented effect of the charge's instrument; None leaves the outcome to chance."""
    if charge.method == "card":
        return _CARDS.get(charge.card.number) if charge.card else _WITHOUT_CARD
    if charge.method == "upi":
        return _UPI.get(charge.vpa.lower()) if charge.vpa else _UPI_APP_OR_QR
    return None


def declined_by_chance(method: str) -> Effect:
    """How a charge fails whose instrument has no documented effect."""
    return decline("BAD_REQUEST_ERROR", "card_declined" if method == "card" else "payment_failed")


def documented() -> list[Documented]:
    """Every instrument with a fixed effect, in the order of the vendors' own pages."""
    upi = [Documented(vpa, "UPI address", effect.in_words()) for vpa, effect in _UPI.items()]
    upi.append(Documented("(no address)", "UPI app or QR code", _UPI_APP_OR_QR.in_words()))
    return upi + [
        Documented(number, f"{cards.network(number)} card", effect.in_words()) for number, effect in _CARDS.items()
    ]

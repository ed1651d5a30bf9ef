"""The documented test instruments, as the vendors' own pages tell them."""

import pytest

from gateway import cards, vpa
from gateway.processors import Card, Charge, instruments

BAD, GATEWAY = "BAD_REQUEST_ERROR", "GATEWAY_ERROR"

# instrument(s) | error_code | error_reason | action; written from reference/payments.md 4.4 and 4.5, not from the code.
DOCUMENTED = [
    ("success@razorpay", None, None, None),
    ("failure@razorpay", BAD, "payment_failed", None),
    ("4100280000001007 5500670000001002 6527658900001005 36082800091007 340256000401007", None, None, None),
    ("5555555555554444 5105105105105100 5104060000000008 4012888888881881", None, None, None),
    ("4718609108204366 5104015555555558 5241810000000000", None, None, None),
    ("4100280000090000 5305620000060000", BAD, "payment_timed_out", None),
    ("4100280000080001 5305620000050001", BAD, "insufficient_fund", None),
    ("4100280000070002 5305620000040002", BAD, "payment_cancelled", None),
    ("4100280000060003 4100280000050004 4100280000040005", BAD, "card_declined", None),
    ("5305620000030003 5305620000020004 5305620000010005", BAD, "card_declined", None),
    ("4100280000030006 5305620000000006", BAD, "card_disabled_for_online_payments", None),
    ("4100280000010008 5305620000080008", BAD, "card_number_invalid", None),
    ("4100280000020007 5305620000090007", GATEWAY, "gateway_technical_error", None),
    ("4100280000000009 5305620000070009", GATEWAY, "authentication_failed", None),
    ("4242424242424242 4000056655665556 2223003122003222 378282246310005 6011111111111117", None, None, None),
    ("3056930009020004 3566002020360505 6200000000000005", None, None, None),
    ("4000000000000002 4000000000000341", "card_declined", "generic_decline", None),
    ("4000000000009995", "card_declined", "insufficient_funds", None),
    ("4000000000009987", "card_declined", "lost_card", None),
    ("4000000000009979", "card_declined", "stolen_card", None),
    ("4000000000006975", "card_declined", "card_velocity_exceeded", None),
    ("4000000000000069", "expired_card", "expired_card", None),
    ("4000000000000127", "incorrect_cvc", "incorrect_cvc", None),
    ("4000000000000119", "processing_error", "processing_error", None),
    ("4242424242424241", "incorrect_number", "incorrect_number", None),
    ("4100000000000019 4000000000004954", "card_declined", "fraudulent", None),
    ("4000000000009235", None, None, None),
    ("4000000000000101 4000000000000036 4000000000000028 4000000000000010 4000000000000044", None, None, None),
    ("4000000000000259 4000000000002685 4000000000001976 4000000000005423 4000000404000079", None, None, None),
    ("4000000000007726 4000000000005126 4000000000000077 4000003720000278", None, None, None),
    ("4000002500003155 4000002760003184 4000003800000446 4000000000003220", None, None, "three_d_secure"),
    ("4000008260003178", "card_declined", "insufficient_funds", "three_d_secure"),
    ("4000008400001629", "card_declined", "generic_decline", "three_d_secure"),
    ("4000008400001280", "card_declined", "processing_error", None),
    ("4000000000003055 4000000000003097", None, None, None),
]
ROWS = [(instrument, *rest) for several, *rest in DOCUMENTED for instrument in several.split()]


@pytest.mark.parametrize(("instrument", "code", "reason", "action"), ROWS)
def test_every_instrument_does_what_its_vendor_documents(instrument, code, reason, action):
    effect = instruments.effect_of(charge_with(instrument))
    assert (effect.error_code, effect.error_reason, effect.action) == (code, reason, action)
    assert bool(effect.error_description) == bool(code)


def test_the_table_for_the_documentation_shows_all_of_them_and_no_others():
    shown = [row.instrument for row in instruments.documented()]
    assert sorted(shown) == sorted([instrument for instrument, *_ in ROWS] + ["(no address)"])


def test_the_table_says_what_happens():
    shown = {row.instrument: (row.kind, row.effect) for row in instruments.documented()}
    assert shown["success@razorpay"] == ("UPI address", "succeeded")
    assert shown["4000000000009995"] == ("visa card", "failed: card_declined / insufficient_funds")
    assert shown["4000008260003178"] == (
        "visa card",
        "asks for three_d_secure, then failed: card_declined / insufficient_funds",
    )
    assert shown["4000000000000259"] == ("visa card", "succeeded; no dispute is opened")


def test_every_card_but_the_mistyped_one_gets_past_the_door():
    mistyped = [number for number in card_numbers() if not cards.luhn(number)]
    assert mistyped == ["4242424242424241"]
    assert all(cards.network(number) != "unknown" for number in card_numbers())


def test_every_address_gets_past_the_door_in_any_case():
    for address in ("success@razorpay", "failure@razorpay"):
        assert instruments.effect_of(charge_with(vpa.check_vpa(address.upper()))) == instruments.effect_of(
            charge_with(address)
        )


@pytest.mark.parametrize(
    "charge",
    [
        Charge("k", 100, "INR", "upi", True, vpa="asha@oksbi"),
        Charge("k", 100, "INR", "netbanking", True, bank="HDFC"),
        Charge("k", 100, "INR", "wallet", True, wallet="paytm"),
        Charge("k", 100, "INR", "card", True, card=Card("4111111111111111", 12, 2030, "123", "Asha Rao")),
    ],
)
def test_everything_else_is_left_to_chance(charge):
    assert instruments.effect_of(charge) is None
    assert instruments.declined_by_chance(charge.method).error_code == BAD


def test_a_card_payment_without_a_card_is_a_mistake_and_never_luck():
    assert instruments.effect_of(Charge("k", 100, "INR", "card", True)).error_reason == "card_number_invalid"


def test_payers_are_not_told_that_a_card_was_reported():
    for number in ("4000000000009987", "4000000000009979"):
        description = instruments.effect_of(charge_with(number)).error_description
        assert "lost" not in description
        assert "stolen" not in description


def card_numbers():
    return [instrument for instrument, *_ in ROWS if instrument.isdigit()]


def charge_with(instrument: str) -> Charge:
    if "@" in instrument:
        return Charge("k", 50_000, "INR", "upi", True, vpa=instrument)
    return Charge("k", 50_000, "INR", "card", True, card=Card(instrument, 12, 2030, "123", "Asha Rao"))

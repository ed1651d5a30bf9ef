"""What counts as an amount, and how people read it."""

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import money
from gateway.errors import BadRequest


def test_the_table_is_iso_4217_without_funds_and_without_what_nobody_pays_with():
    funds = {entry.findtext("Ccy") for entry in iso4217.raw_xml.iter("CcyNtry") if _is_fund(entry)}
    official = {currency.code: currency.exponent for currency in iso4217.Currency if currency.code not in funds}
    assert {code: places for code, places in official.items() if places in (0, 2, 3)} == money.CURRENCIES


def _is_fund(entry) -> bool:
    name = entry.find("CcyNm")
    return name is not None and "IsFund" in name.attrib


@pytest.mark.parametrize(("code", "places"), [("INR", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("BHD", 3)])
def test_exponent(code, places):
    assert money.exponent(code) == places


@pytest.mark.parametrize("code", ["inr", "", "XAU", "XXX", "CLF", "UYI", "ANG", "INR ", "ıNR", None, 356, ["INR"]])
def test_what_is_no_currency_is_refused(code):
    with pytest.raises(BadRequest) as refusal:
        money.check_currency(code)
    assert refusal.value.field == "currency"


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(100, "INR"), (1, "JPY"), (100, "KWD"), (50_000, "USD"), (2**53 - 1, "INR"), (2**53 - 1, "JPY")],
)
def test_amounts_that_can_be_charged(amount, currency):
    assert money.check_amount(amount, currency) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        (99, "INR", "Amount must be at least 100 (₹1.00)"),
        (99, "KWD", "Amount must be at least 100 (KWD 0.100)"),
        (0, "JPY", "Amount must be at least 1 (¥1)"),
        (-500, "INR", "Amount must be at least 100 (₹1.00)"),
        (2**53, "INR", "Amount must be at most 9007199254740991"),
        (10**400, "INR", "Amount must be at most 9007199254740991"),
        (100.0, "INR", "Amount must be an integer in the smallest unit of the currency"),
        (True, "JPY", "Amount must be an integer in the smallest unit of the currency"),
        ("100", "INR", "Amount must be an integer in the smallest unit of the currency"),
        (None, "INR", "Amount must be an integer in the smallest unit of the currency"),
        (float("nan"), "INR", "Amount must be an integer in the smallest unit of the currency"),
    ],
)
def test_amounts_that_cannot_be_charged(amount, currency, why):
    with pytest.raises(BadRequest) as refusal:
        money.check_amount(amount, currency, field="refund.amount")
    assert (refusal.value.description, refusal.value.field) == (why, "refund.amount")


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "shown"),
    [
        (12_345_678, "INR", "en-IN", "₹1,23,456.78"),
        (50_000, "INR", "en-IN", "₹500.00"),
        (100_000, "INR", "en-IN", "₹1,000.00"),
        (1_234_567_890_12, "INR", "hi-IN", "₹1,23,45,67,890.12"),
        (12_345_678, "INR", "en-GB", "₹123,456.78"),
        (12_345_678, "USD", "en-US", "$123,456.78"),
        (1_200, "JPY", "en-IN", "¥1,200"),
        (1_234_567, "JPY", "ja-JP", "¥1,234,567"),
        (1_234, "KWD", "en-IN", "KWD 1.234"),
        (5, "KWD", "en-IN", "KWD 0.005"),
        (0, "INR", "en-IN", "₹0.00"),
        (7, "INR", "en-IN", "₹0.07"),
        (-150, "INR", "en-IN", "-₹1.50"),
        (-1, "CHF", "de-CH", "-CHF 0.01"),
    ],
)
def test_display(amount, currency, locale, shown):
    assert money.display(amount, currency, locale) == shown


currencies = st.sampled_from(sorted(money.CURRENCIES))


@given(amount=st.integers(-(2**60), 2**60), currency=currencies, locale=st.sampled_from(["en-IN", "en-US"]))
def test_display_never_loses_a_digit(amount, currency, locale):
    shown = money.display(amount, currency, locale)
    assert int("".join(c for c in shown if c.isdecimal())) == abs(amount)
    assert shown.startswith("-") == (amount < 0)
    places = len(shown.rpartition(".")[2]) if "." in shown else 0
    assert places == money.exponent(currency)


@given(amount=st.integers(), currency=currencies)
def test_an_amount_is_either_returned_as_it_is_or_refused(amount, currency):
    if money.min_amount(currency) <= amount <= money.MAX_AMOUNT:
        assert money.check_amount(amount, currency) == amount
    else:
        with pytest.raises(BadRequest):
            money.check_amount(amount, currency)

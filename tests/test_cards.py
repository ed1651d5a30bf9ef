"""Which cards may be tried at all, told from the numbers that Razorpay, Stripe and the networks publish."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import cards
from gateway.errors import ExpiredCard, InvalidCard

NOW_MS = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1000)
VISA = "4111111111111111"
ENORMOUS = pytest.param(10**5000, id="enormous")

PUBLISHED = """
    visa
        4100280000001007 4012888888881881 4718609108204366 4242424242424242 4000056655665556 4111111111111111
        4100280000090000 4100280000080001 4100280000070002 4100280000060003 4100280000050004 4100280000040005
        4100280000030006 4100280000010008 4100280000020007 4100280000000009
        4000000000000002 4000000000009995 4000000000009987 4000000000009979 4000000000006975 4000000000000069
        4000000000000127 4000000000000119 4000000000000341 4100000000000019 4000000000004954 4000000000009235
        4000000000000101 4000000000000036 4000000000000028 4000000000000010 4000000000000044 4000000000000259
        4000000000002685 4000000000001976 4000000000005423 4000000404000079 4000000000007726 4000000000005126
        4000000000000077 4000003720000278 4000002500003155 4000002760003184 4000003800000446 4000008260003178
        4000000000003220 4000008400001629 4000008400001280 4000000000003055 4000000000003097 4222222222222
    mastercard
        5500670000001002 5555555555554444 5105105105105100 5104060000000008 5104015555555558 5241810000000000
        5305620000060000 5305620000050001 5305620000040002 5305620000030003 5305620000020004 5305620000010005
        5305620000000006 5305620000080008 5305620000090007 5305620000070009 2223003122003222
    rupay 6527658900001005 6074819900004939 5085000000000007 8172901234567893
    diners 36082800091007 3056930009020004 30569309025904 38520000023237
    amex 340256000401007 378282246310005 371449635398431
    discover 6011111111111117 6011000990139424 6500000000000002
    jcb 3566002020360505 3530111333300000
    unionpay 6200000000000005 8171999927660000
    maestro 5018000000000009 6759649826438453 6304000000000000
"""


def published():
    issuer = None
    for word in PUBLISHED.split():
        if word.isalpha():
            issuer = word
        else:
            yield word, issuer


@pytest.mark.parametrize(("number", "issuer"), list(published()))
def test_published_test_cards_are_good_cards_of_their_network(number, issuer):
    cvv = "1234" if issuer == "amex" else "123"
    card, found = check(number=number, cvv=cvv)
    assert (card.number, found) == (number, issuer)


@pytest.mark.parametrize(
    ("prefix", "issuer"),
    [
        ("2220", "unknown"), ("2221", "mastercard"), ("2720", "mastercard"), ("2721", "unknown"),
        ("50", "maestro"), ("508", "rupay"), ("51", "mastercard"), ("55", "mastercard"), ("56", "maestro"),
        ("3527", "unknown"), ("3528", "jcb"), ("353800", "jcb"), ("3589", "jcb"), ("3590", "unknown"),
        ("300", "diners"), ("305", "diners"), ("306", "unknown"), ("3095", "diners"), ("3096", "unknown"),
        ("60", "rupay"), ("6010", "rupay"), ("6011", "discover"), ("607", "rupay"), ("61", "maestro"),
        ("643", "maestro"), ("644", "discover"), ("649", "discover"),
        ("6520", "discover"), ("6521", "rupay"), ("653149", "rupay"), ("653150", "discover"), ("6532", "discover"),
        ("8100", "unionpay"), ("8171", "unionpay"), ("8172", "rupay"), ("82", "rupay"), ("83", "unknown"),
        ("0", "unknown"), ("9", "unknown"), ("1", "unknown"), ("", "unknown"),
    ],
)  # fmt: skip
def test_edges_of_the_issuer_ranges(prefix, issuer):
    assert cards.network(prefix.ljust(16, "0") if prefix else "") == issuer


@pytest.mark.parametrize("written", ["4111 1111 1111 1111", "4111-1111-1111-1111", "4 1 1 1-1111 11111111"])
def test_spaces_and_dashes_between_digits_are_how_people_write(written):
    assert check(number=written)[0].number == VISA


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111112", "4242424242424241", "411111111111", "41111111111111111", "4111111111111111 ", "",
        " 4111111111111111", "4111  111111111111", "-4111111111111111", "4111.1111.1111.1111", "4111111111111111\n",
        "٤١١١١١١١١١١١١١١١", "４１１１１１１１１１１１１１１１", "4111111111111x11", "0" * 20, "1" * 100_000,
        "34025600040100", "37828224631000500", "550067000000", 4111111111111111, None, True, ["4111111111111111"],
    ],
)  # fmt: skip
def test_numbers_that_no_bank_would_take(number):
    assert refused(InvalidCard, number=number) == "card.number"


@pytest.mark.parametrize(
    ("month", "year"),
    [(11, 2026), ("11", "2026"), ("11", "26"), (11, 26), (1, 2027), ("1", 2027), ("01", "27"), (12, 2076), (12, "76")],
    ids=repr,
)
def test_a_card_is_good_through_its_last_month(month, year):
    card, _ = check(expiry_month=month, expiry_year=year)
    assert (card.expiry_month, card.expiry_year % 100) == (int(month), int(year) % 100)
    assert card.expiry_year >= 2026


@pytest.mark.parametrize(
    ("month", "year", "field"),
    [(10, 2026, "card.expiry_month"), ("01", "26", "card.expiry_month"), (12, 2025, "card.expiry_year"),
     (12, 99 - 75, "card.expiry_year"), (1, 1999, "card.expiry_year")],
)  # fmt: skip
def test_an_expired_card_is_told_so(month, year, field):
    assert refused(ExpiredCard, expiry_month=month, expiry_year=year) == field


@pytest.mark.parametrize(
    "month", [0, 13, "00", "13", "1 ", "+1", "001", "", None, True, 1.0, -1, "१", ENORMOUS], ids=repr
)
def test_there_are_twelve_months(month):
    assert refused(InvalidCard, expiry_month=month) == "card.expiry_month"


@pytest.mark.parametrize(
    "year", [2077, "2077", 99, 9999, 5, 202, "203", "20300", "", None, True, 30.0, -30, ENORMOUS], ids=repr
)
def test_years_that_are_on_no_card(year):
    assert refused(InvalidCard, expiry_year=year) == "card.expiry_year"


def test_the_last_day_ends_with_the_last_timezone():
    midnight_utc = datetime(2026, 12, 1, tzinfo=UTC)
    still_november = midnight_utc + timedelta(hours=11, minutes=59)
    assert check(expiry_month=11, expiry_year=2026, now_ms=ms(still_november))
    with pytest.raises(ExpiredCard):
        check(expiry_month=11, expiry_year=2026, now_ms=ms(midnight_utc + timedelta(hours=12)))


@pytest.mark.parametrize(
    ("number", "cvv", "good"),
    [
        (VISA, "123", True), (VISA, "000", True), (VISA, "12", False), (VISA, "1234", False), (VISA, "", False),
        (VISA, "12a", False), (VISA, "١٢٣", False), (VISA, "123\n", False), (VISA, 123, False), (VISA, None, False),
        ("378282246310005", "1234", True), ("378282246310005", "123", False),
        ("6527658900001005", "123", True), ("6527658900001005", "1234", False),
    ],
)  # fmt: skip
def test_the_cvv_has_the_length_of_its_network(number, cvv, good):
    if good:
        assert check(number=number, cvv=cvv)[0].cvv == cvv
    else:
        assert refused(InvalidCard, number=number, cvv=cvv) == "card.cvv"


@pytest.mark.parametrize("name", ["Asha Rao", "  Asha Rao  ", "X Æ A-12", "श्री राव", "O'Brien, Jr.", "a" * 100])
def test_names_as_people_have_them(name):
    assert check(holder_name=name)[0].holder_name == name.strip()


@pytest.mark.parametrize(
    "name", ["", "   ", "a" * 101, "Asha\nRao", "Asha\x00", "Asha \u202eoaR", None, 7, "4111 1111 1111 1111"]
)
def test_what_is_no_name(name):
    assert refused(InvalidCard, holder_name=name) == "card.holder_name"


def test_parse_takes_the_object_of_the_request():
    request = {"number": VISA, "expiry_month": 12, "expiry_year": 2030, "cvv": "123", "holder_name": "Asha Rao"}
    card, issuer = cards.parse(request, NOW_MS)
    assert (card.number, card.expiry_year, issuer) == (VISA, 2030, "visa")


@pytest.mark.parametrize(
    ("card", "field"),
    [
        ({}, "card.number"), ({"number": VISA}, "card.expiry_month"), (None, "card"), (VISA, "card"), ([VISA], "card"),
    ],
)  # fmt: skip
def test_parse_names_what_is_missing(card, field):
    with pytest.raises(InvalidCard) as refusal:
        cards.parse(card, NOW_MS)
    assert refusal.value.field == field


@given(number=st.text("0123456789", min_size=11, max_size=18))
def test_every_number_has_exactly_one_check_digit(number):
    assert [cards.luhn(number + digit) for digit in "0123456789"].count(True) == 1


@given(number=st.text("0123456789 -", max_size=24), cvv=st.text("0123456789", max_size=5), month=st.integers(-1, 14))
def test_no_refusal_repeats_what_was_typed(number, cvv, month):
    try:
        card, _ = check(number=number, cvv=cvv, expiry_month=month)
    except InvalidCard as refusal:
        told = set(re.findall(r"\d+", f"{refusal} {refusal!r} {refusal.as_json()}"))
        assert told <= {"3", "4", "1", "12"}
    else:
        assert card.number not in repr(card)
        assert repr(card) == "Card()"


def test_fingerprints_tell_cards_apart_only_with_the_key():
    print_of = cards.fingerprint
    assert print_of(VISA, b"key") == print_of(VISA, b"key")
    assert len({print_of(VISA, b"key"), print_of(VISA, b"other key"), print_of("4242424242424242", b"key")}) == 3
    assert re.fullmatch(r"[0-9a-f]{64}", print_of(VISA, b"key"))
    assert cards.last4(VISA) == "1111"


def check(**changes):
    good = {"number": VISA, "expiry_month": 12, "expiry_year": 2030, "cvv": "123", "holder_name": "Asha Rao"}
    return cards.check(**{**good, "now_ms": NOW_MS, **changes})


def refused(kind, **changes) -> str:
    with pytest.raises(kind) as refusal:
        check(**changes)
    return refusal.value.field


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

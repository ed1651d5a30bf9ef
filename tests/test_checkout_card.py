"""checkout-card.js says of a card what gateway/cards.py says; it is only sooner with it."""

import json
import random

import pytest

from gateway import cards
from gateway.clock import now_ms
from gateway.errors import InvalidCard
from tests.services import ROOT, run_node

SCRIPT = (ROOT / "gateway/assets/static/checkout-card.js").read_text() + """
const told = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(told.map(([name, ...given]) => card[name](...given))));
"""


def ask(calls: list[tuple]) -> list:
    """What the functions of the script answer."""
    return json.loads(run_node(SCRIPT, stdin=json.dumps(calls)))


def numbers():
    """Every prefix of two to six digits that means something to somebody, and others by chance."""
    chance = random.Random(4)
    heads = {str(head) for head in range(10, 10_000)} | {str(chance.randrange(10**5, 10**6)) for _ in range(2_000)}
    heads |= {str(head) for head in (*range(653_090, 653_160), *range(601_090, 601_110))}
    return [(head + "0" * 16)[:16] for head in sorted(heads)]


def test_networks_are_told_alike():
    given = numbers()
    told = ask([("network", number) for number in given])
    assert [(number, name) for number, name in zip(given, told, strict=True) if name != cards.network(number)] == []


def test_numbers_are_refused_alike():
    chance = random.Random(5)
    given = [str(chance.randrange(10 ** (length - 1), 10**length)) for length in range(11, 21) for _ in range(60)]
    given += ["4242424242424242", "378282246310005", "36082800091007", "6527658900001005", "6304000000000000"]
    assert sum(map(cards.luhn, given)) > 50
    told = ask([("problems", {"number": number, "expiry": "", "cvv": "", "name": ""}) for number in given])
    for number, problems in zip(given, told, strict=True):
        assert (problems["number"] is None) is is_taken(number), number


def is_taken(number: str) -> bool:
    try:
        cards.check(
            number=number, expiry_month=12, expiry_year=2060, cvv="1" * cards.cvv_length(cards.network(number)),
            holder_name="A", now_ms=now_ms(),
        )  # fmt: skip
    except InvalidCard:
        return False
    return True


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("4242424242424242", "4242 4242 4242 4242"),
        ("378282246310005", "3782 822463 10005"),
        ("36082800091007", "3608 280009 1007"),
        ("42424", "4242 4"),
        ("", ""),
    ],
)
def test_numbers_are_grouped_as_on_the_card(typed, shown):
    assert ask([("grouped", typed)]) == [shown]


@pytest.mark.parametrize(
    ("typed", "month", "year"),
    [
        ("12/30", 12, 2030),
        ("1230", 12, 2030),
        ("1/30", 1, 2030),
        ("01 / 2030", 1, 2030),
        ("2030-01", 1, 2030),
        ("12-30", 12, 2030),
    ],
)
def test_dates_are_read_however_people_and_browsers_write_them(typed, month, year):
    assert ask([("expiry", typed)]) == [{"month": month, "year": year}]


@pytest.mark.parametrize(
    ("typed", "deleting", "shown"),
    [
        ("1", False, "1"),
        ("12", False, "12/"),
        ("12", True, "12"),
        ("123", False, "12/3"),
        ("5", False, "05/"),
        ("12/2030", False, "12/30"),
        ("2030-01", False, "01/30"),
    ],
)
def test_a_date_gets_its_slash_while_it_is_typed(typed, deleting, shown):
    assert ask([("typedExpiry", typed, deleting)]) == [shown]

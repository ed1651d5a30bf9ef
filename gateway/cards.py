"""Payment cards: which network issued a number, and whether a card could be charged at all.

Nothing here says a card number or a CVV aloud: no description, no repr, no log.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from gateway.errors import ExpiredCard, InvalidCard
from gateway.processors import Card

MAX_YEARS_AHEAD = 50
MAX_HOLDER_NAME = 100
CVV_LENGTH = {"amex": 4}
USUAL_CVV_LENGTH = 3

# Public issuer tables; the longest prefix wins. Where they disagree: 6011 is Discover's within RuPay's 60, NPCI has
# 6521-6531 (up to 653149) within Discover's 65, 8100-8171 is UnionPay's and the rest of 81 and 82 RuPay's, and what
# RuPay shares with JCB (353, 356) runs on JCB's network.
_PREFIXES = {
    "visa": "4",
    "mastercard": "51-55 2221-2720",
    "amex": "34 37",
    "rupay": "508 60 6521-6530 653100-653149 8172-8199 82",
    "discover": "6011 644-649 65",
    "diners": "300-305 3095 36 38-39",
    "jcb": "3528-3589",
    "unionpay": "62 81",
    "maestro": "50 56-58 6",
}
_LENGTHS = {
    "visa": {13, 16, 19},
    "mastercard": {16},
    "amex": {15},
    "rupay": {16},
    "discover": range(16, 20),
    "diners": range(14, 20),
    "jcb": range(16, 20),
    "unionpay": range(16, 20),
}
_ANY_LENGTH = range(12, 20)

_NUMBER = re.compile(r"[0-9](?:[ -]?[0-9])*")
_MONTH = re.compile(r"0?[1-9]|1[0-2]")
_YEAR = re.compile(r"[0-9]{2}|[0-9]{4}")
_CVV = re.compile(r"[0-9]{3,4}")
_DIGIT = re.compile(r"\d")
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def parse(card: object, now_ms: int) -> tuple[Card, str]:
    """The card and its network out of the request's `card` object; raises InvalidCard or ExpiredCard."""
    if not isinstance(card, Mapping):
        raise InvalidCard(
            "Card must be an object with number, expiry_month, expiry_year, cvv, holder_name", field="card"
        )
    fields = ("number", "expiry_month", "expiry_year", "cvv", "holder_name")
    return check(**{field: card.get(field) for field in fields}, now_ms=now_ms)


def check(
    *, number: object, expiry_month: object, expiry_year: object, cvv: object, holder_name: object, now_ms: int
) -> tuple[Card, str]:
    """The card as a bank wants it, and its network; raises InvalidCard or ExpiredCard with the field at fault."""
    digits = _check_number(number)
    month, year = _check_expiry(expiry_month, expiry_year, now_ms)
    issuer = network(digits)
    card = Card(digits, month, year, _check_cvv(cvv, issuer), _check_holder_name(holder_name))
    return card, issuer


def check_again(card: Card, now_ms: int) -> tuple[Card, str]:
    """A saved card and its network, with its CVV if the payer was asked; raises InvalidCard or ExpiredCard."""
    issuer = network(card.number)
    if is_expired(card.expiry_month, card.expiry_year, now_ms):
        raise ExpiredCard("The saved card has expired", field="token")
    if card.cvv is not None:
        _check_cvv(card.cvv, issuer, "cvv")
    return card, issuer


def is_expired(month: int, year: int, now_ms: int) -> bool:
    """A card is good until its month has ended everywhere on earth, which is at UTC-12 last."""
    return (year, month) < _latest_today(now_ms)


def network(number: str) -> str:
    """The network whose longest prefix the digits start with, or `unknown`."""
    for length in _PREFIX_LENGTHS:
        if found := _NETWORK_BY_PREFIX.get(number[:length]):
            return found
    return "unknown"


def luhn(number: str) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812-1)."""
    digits = [ord(digit) - 48 for digit in reversed(number)]
    return (sum(digits[::2]) + sum(_LUHN_DOUBLED[digit] for digit in digits[1::2])) % 10 == 0


def cvv_length(issuer: str) -> int:
    return CVV_LENGTH.get(issuer, USUAL_CVV_LENGTH)


def last4(number: str) -> str:
    return number[-4:]


def fingerprint(number: str, key: bytes) -> str:
    """The same for the same card, and without `key` useless for finding the number by trial."""
    return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()


def _check_number(number: object) -> str:
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise InvalidCard("Card number must be a string of digits", field="card.number")
    digits = number.replace(" ", "").replace("-", "")
    if len(digits) not in _LENGTHS.get(network(digits), _ANY_LENGTH):
        raise InvalidCard("Card number has a wrong number of digits", field="card.number")
    if not luhn(digits):
        raise InvalidCard("Card number is not valid: please look for a mistyped digit", field="card.number")
    return digits


def _check_expiry(month_given: object, year_given: object, now_ms: int) -> tuple[int, int]:
    month, year = _as_text(month_given), _as_text(year_given)
    if not _MONTH.fullmatch(month):
        raise InvalidCard("Expiry month must be 1 to 12", field="card.expiry_month")
    if not _YEAR.fullmatch(year):
        raise InvalidCard("Expiry year must have four digits, or its last two", field="card.expiry_year")
    expiry_month, expiry_year = int(month), int(year) + (2000 if len(year) == 2 else 0)
    year_today, _ = _latest_today(now_ms)
    if expiry_year < year_today:
        raise ExpiredCard("Card has expired", field="card.expiry_year")
    if is_expired(expiry_month, expiry_year, now_ms):
        raise ExpiredCard("Card has expired", field="card.expiry_month")
    if expiry_year > year_today + MAX_YEARS_AHEAD:
        raise InvalidCard("Expiry year is too far in the future", field="card.expiry_year")
    return expiry_month, expiry_year


def _latest_today(now_ms: int) -> tuple[int, int]:
    """Year and month where it is earliest on earth."""
    there = datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(hours=12)
    return there.year, there.month


def _as_text(given: object) -> str:
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 9999:
        return str(given)
    return given if isinstance(given, str) else ""


def _check_cvv(cvv: object, issuer: str, field: str = "card.cvv") -> str:
    length = cvv_length(issuer)
    if isinstance(cvv, str) and _CVV.fullmatch(cvv) and len(cvv) == length:
        return cvv
    raise InvalidCard(f"CVV must be a string of {length} digits", field=field)


def _check_holder_name(holder_name: object) -> str:
    name = holder_name.strip() if isinstance(holder_name, str) else ""
    if not 1 <= len(name) <= MAX_HOLDER_NAME or not name.isprintable():
        raise InvalidCard(
            f"Name on the card must be 1 to {MAX_HOLDER_NAME} printable characters", field="card.holder_name"
        )
    # Names are stored in clear, so a card number typed into the wrong box must not become one.
    if len(_DIGIT.findall(name)) >= _ANY_LENGTH.start:
        raise InvalidCard("Name on the card must not contain the card number", field="card.holder_name")
    return name


def _expanded(ranges: str) -> Iterator[str]:
    for span in ranges.split():
        first, _, last = span.partition("-")
        yield from map(str, range(int(first), int(last or first) + 1))


_NETWORK_BY_PREFIX = {prefix: name for name, ranges in _PREFIXES.items() for prefix in _expanded(ranges)}
_PREFIX_LENGTHS = sorted({len(prefix) for prefix in _NETWORK_BY_PREFIX}, reverse=True)

"""What a form or a query may say: amounts, days, choices, each checked and named when it is wrong."""

import re
from typing import Any

from gateway import money, periods
from gateway.errors import BadRequest, NotFound
from gateway.ids import SHAPE
from gateway.reports.lists import Cursor, Span
from gateway.web.sessions import Visit

_DECIMAL = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,3}))?", re.ASCII)


def amount(text: str, currency: str, field: str) -> int | None:
    """`1,234.5` in the currency's minor unit, None for nothing; raises BadRequest."""
    text = text.replace(",", "").replace(" ", "").lstrip("₹$€£¥")
    if not text:
        return None
    match = _DECIMAL.fullmatch(text)
    places = money.exponent(currency)
    if not match or len(match[2] or "") > places:
        example = "1234" + ("." + "5".ljust(places, "0") if places else "")
        raise BadRequest(f"An amount in {currency} looks like {example}.", field=field)
    return int(match[1]) * 10**places + int((match[2] or "").ljust(places, "0") or 0)


def plain(amount: int, currency: str) -> str:
    """The same the other way round, for a field that is filled already."""
    places = money.exponent(currency)
    digits = str(amount).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def one_of(text: str, choices, field: str) -> Any:
    """One of the choices, None for nothing; raises BadRequest."""
    if text and text not in choices:
        raise BadRequest(f"{field} is one of: {', '.join(choices)}.", field=field)
    return text or None


def span(visit: Visit) -> Span:
    """The days that a list is filtered by."""
    return Span(*periods.bounds(visit.query("from"), visit.query("to"), visit.zone))


def cursor(visit: Visit) -> Cursor:
    """Where the page of a list begins."""
    return Cursor(visit.query("before") or None, visit.query("after") or None)


def object_id(visit: Visit, name: str, prefix: str) -> str:
    """The id in the path; raises NotFound for what cannot be one."""
    value = visit.path[name]
    if not value.startswith(prefix + "_") or not SHAPE.fullmatch(value):
        raise NotFound("There is nothing at this address.")
    return value


def notes(text: str) -> dict[str, str] | None:
    """Lines such as `table: 12`; raises BadRequest."""
    found = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        key, colon, value = line.partition(":")
        if not colon or not key.strip():
            raise BadRequest("Each note is a line such as table: 12.", field="notes")
        found[key.strip()] = value.strip()
    return found or None

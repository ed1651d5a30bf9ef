"""What a handler may take from a request: a body, a query, a header, an id, each checked on the way in."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from sanic import Request

from gateway import ids, strict_json
from gateway.errors import BadRequest, NotFound, UnsupportedMediaType

IDEMPOTENCY_KEY_LENGTH_MAX = 255
QUERY_FIELDS_MAX = 50
NAME_LENGTH_MAX = 100
OFFSET_MAX = 10**9

# A parser takes the text of one query parameter and raises ValueError with the end of a sentence: "must be …".
Parser = Callable[[str], Any]

_JSON = re.compile(r'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE)
_IDEMPOTENCY_KEY = re.compile(rf"[ -~]{{1,{IDEMPOTENCY_KEY_LENGTH_MAX}}}")
_DIGITS = re.compile(r"[0-9]{1,18}")
_SECONDS = re.compile(r"[0-9]{1,11}")
# A plus sign in a query means a space, and people forget to write %2B.
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)(?:Z|([+\- ])([0-9]{2}:[0-9]{2})))?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def json_body(request: Request, *, optional: bool = False) -> dict:
    """The body as a JSON object; with `optional`, no body at all counts as an empty one."""
    if optional and not request.body:
        return {}
    if request.headers.getall("content-type", None) != ["application/json"]:
        _check_media_type(request)
    if (single_header(request, "Content-Encoding") or "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    return strict_json.parse(request.body)


def _check_media_type(request: Request) -> None:
    media_type = single_header(request, "Content-Type")
    if media_type is None and not request.body:
        raise BadRequest("The body is empty; a JSON object is expected.")
    if media_type is None or not _JSON.fullmatch(media_type):
        raise UnsupportedMediaType("Send the body with Content-Type: application/json.")


def no_body(request: Request) -> None:
    """Refuses a body where none is asked for; an empty object is none."""
    if request.body.strip() not in (b"", b"{}"):
        raise BadRequest("This request takes no body.")


def query(request: Request, allowed: dict[str, Parser]) -> dict:
    """The query's parameters as their parsers in `allowed` read them; unknown and repeated ones are refused."""
    given: dict[str, Any] = {}
    for name, text in _pairs(request.query_string):
        parse = allowed.get(name)
        if parse is None:
            known = ", ".join(allowed) or "none"
            raise BadRequest(f"There is no such parameter here; known are: {known}.", field=name[:NAME_LENGTH_MAX])
        if name in given:
            raise BadRequest(f"{name} is given twice.", field=name)
        try:
            given[name] = parse(text)
        except ValueError as error:
            raise BadRequest(f"{name} {error}.", field=name) from None
    return given


def _pairs(query_string: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise BadRequest(
            f"The query must be percent-encoded UTF-8, of at most {QUERY_FIELDS_MAX} parameters."
        ) from None


def whole(minimum: int, maximum: int) -> Parser:
    """A parser of whole numbers in ASCII digits."""

    def parse(text: str) -> int:
        if not _DIGITS.fullmatch(text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def one_of(*choices: str) -> Parser:
    """A parser that lets only `choices` through."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return text

    parse.choices = choices  # type: ignore[attr-defined]
    return parse


def text(length_max: int) -> Parser:
    """A parser of texts of at least one printable character."""

    def parse(text: str) -> str:
        if not 1 <= len(text) <= length_max or not text.isprintable():
            raise ValueError(f"must be a text of 1 to {length_max} printable characters")
        return text

    parse.length_max = length_max  # type: ignore[attr-defined]
    return parse


def moment_ms(value: str) -> int:
    """Parses a time, in RFC 3339 with an offset, as a date (its first moment in UTC) or in Unix seconds."""
    if _SECONDS.fullmatch(value):
        return int(value) * 1000
    match = _RFC3339.fullmatch(value)
    if not match:
        raise ValueError("must be a time such as 2026-01-15T10:30:00Z, or Unix seconds")
    date, time, sign, shift = match.groups()
    zone = ("-" if sign == "-" else "+") + (shift or "00:00")
    try:
        return (datetime.fromisoformat(f"{date}T{time or '00:00'}{zone}") - _EPOCH) // _MILLISECOND
    except ValueError:
        raise ValueError("is not a time that exists") from None


limit = whole(1, 100)
offset = whole(0, OFFSET_MAX)


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header, 1 to 255 printable ASCII characters, or None where there is none."""
    key = single_header(request, "Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise BadRequest(
            f"Idempotency-Key must be 1 to {IDEMPOTENCY_KEY_LENGTH_MAX} printable ASCII characters.",
            field="Idempotency-Key",
        )
    return key


def single_header(request: Request, name: str) -> str | None:
    """A header that may be given once, without the spaces around it.

    A credential may hold half surrogates, which stand for bytes above 127: encode it with `surrogateescape`.
    """
    values = request.headers.getall(name, ())
    if len(values) > 1:
        raise BadRequest(f"{name} is given twice.", field=name)
    return values[0].strip(" \t") if values else None


def path_id(value: str, prefix: str) -> str:
    """`value` where it has the form of an id with this prefix; anything else cannot exist."""
    if ids.SHAPE.fullmatch(value) and value.startswith(f"{prefix}_"):
        return value
    raise NotFound("There is nothing with this id.")

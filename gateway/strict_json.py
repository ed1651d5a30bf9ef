"""JSON as we accept it, strictly, and as we write it, byte for byte as JavaScript would."""

import json
import re
from collections import Counter
from itertools import accumulate

import msgspec

from gateway.errors import BadRequest

DEPTH_MAX = 32
DIGITS_MAX = 25
# Commas and brackets together. The largest document of the API has some hundred; 1 MiB of `{},{},…` would hold up
# every other request for a quarter of a second.
PARTS_MAX = 10_000

# The closing quote is optional, lest a text of escaped quotes that never ends be searched again from each of them.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STEP = {"{": 1, "[": 1, "}": -1, "]": -1}
# Tab and line breaks are part of texts that people write; the other controls and half surrogate pairs are not.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_UNWRITABLE_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FIELD_LENGTH_MAX = 100

_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_ARRAY_INDEX_MAX = 2**32 - 2

_encode = msgspec.json.Encoder().encode


def parse(body: bytes) -> dict:
    """The JSON object in `body`; BadRequest says what is wrong with it, and names the field where that is known."""
    document = _decode(_bounded(_text(body)))
    _examine(document, None)
    if type(document) is not dict:
        raise BadRequest('The body must be a JSON object, such as {"amount": 50000}.')
    return document


def dumps(value) -> bytes:
    """Compact JSON in UTF-8, equal to JavaScript's `JSON.stringify(JSON.parse(…))` of itself.

    That holds for what we store: no floats, integers within ±2^53, keys that are texts in `js_key_order`.
    """
    return _encode(value)


def js_key_order(mapping: dict) -> dict:
    """The same pairs in the order in which JavaScript lists them: array indices first, by number, then as they came."""
    indices = sorted(filter(_is_array_index, mapping), key=int)
    return {index: mapping[index] for index in indices} | mapping


def _is_array_index(key: str) -> bool:
    return _ARRAY_INDEX.fullmatch(key) is not None and int(key) <= _ARRAY_INDEX_MAX


def _text(body: bytes) -> str:
    if not body:
        raise BadRequest("The body is empty; a JSON object is expected.")
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise BadRequest("The body starts with a byte order mark; send plain UTF-8.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8 (byte {error.start}).") from None


def _bounded(text: str) -> str:
    openings = text.count("{") + text.count("[")
    if openings + text.count(",") > PARTS_MAX:
        raise BadRequest("The body has too many parts.")
    if openings > DEPTH_MAX and _depth(text) > DEPTH_MAX:
        raise BadRequest(f"The body is nested more than {DEPTH_MAX} levels deep.")
    return text


def _depth(text: str) -> int:
    brackets = (_STEP[sign] for sign in _STRING.sub("", text) if sign in _STEP)
    return max(accumulate(brackets), default=0)


class _Fault:
    """Stands in the document where something is wrong, until `_examine` knows the way to it."""

    __slots__ = ("description",)

    def __init__(self, description: str):
        self.description = description


def _object(pairs: list[tuple]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        found[twice] = _Fault("A field is given twice.")
    return found


def _whole(literal: str) -> int | _Fault:
    if len(literal) > DIGITS_MAX:
        return _Fault(f"A number has more than {DIGITS_MAX} digits.")
    if literal == "-0":
        return _Fault("Minus zero is not accepted; write 0.")
    return int(literal)


def _fraction(_literal: str) -> _Fault:
    return _Fault("Numbers are whole: money is an integer in the currency's minor unit, so 10.50 is written 1050.")


def _not_a_number(literal: str) -> _Fault:
    return _Fault(f"{literal} is not a JSON number.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_fraction, parse_constant=_not_a_number
)


def _decode(text: str):
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at").rstrip(": ")
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not valid JSON: {reason} ({where}).") from None


def _examine(value, field: str | None) -> None:
    """Raises for the first fault in `value`; ordinary texts are printable, which costs next to nothing to ask."""
    kind = type(value)
    if kind is str:
        if not value.isprintable() and _UNWRITABLE.search(value):
            raise BadRequest("A text holds a control character or half a surrogate pair.", field=field)
    elif kind is dict:
        for name, inner in value.items():
            if not name.isprintable() and _UNWRITABLE_NAME.search(name):
                raise BadRequest("A field's name holds a control character or half a surrogate pair.", field=field)
            _examine(inner, _below(field, name))
    elif kind is list:
        for position, inner in enumerate(value):
            _examine(inner, _below(field, str(position)))
    elif kind is _Fault:
        raise BadRequest(value.description, field=field)


def _below(field: str | None, name: str) -> str:
    return name[:_FIELD_LENGTH_MAX] if field is None else f"{field}.{name}"[:_FIELD_LENGTH_MAX]

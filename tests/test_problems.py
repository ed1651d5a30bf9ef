"""How exceptions read to whoever caused them."""

import asyncio
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta
from sanic import exceptions as sanic

from gateway import errors
from gateway.web.problems import Refused, as_bytes, as_refusal, field_error

Short = Annotated[str, Meta(max_length=2)]


class Card(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[str, Meta(min_length=12)]
    month: Annotated[int, Meta(ge=1, le=12)] = 1


class Form(msgspec.Struct, forbid_unknown_fields=True):
    amount: Annotated[int, Meta(ge=100, le=1000)]
    method: Literal["upi", "card"] = "upi"
    receipt: Annotated[str, Meta(max_length=3)] | None = None
    capture: bool = True
    card: Card | None = None
    notes: Annotated[dict[Short, Short], Meta(max_length=1)] = {}
    events: Annotated[list[Annotated[str, Meta(pattern="^a")]], Meta(min_length=1)] | None = None


COMPLAINTS = [
    ({}, "amount is required.", "amount"),
    ({"amount": "100"}, "amount must be a whole number, not a text.", "amount"),
    ({"amount": True}, "amount must be a whole number, not true or false.", "amount"),
    ({"amount": None}, "amount must be a whole number, not null.", "amount"),
    ({"amount": 99}, "amount must be at least 100.", "amount"),
    ({"amount": 10**20}, "amount must be at most 1000.", "amount"),
    ({"id": 1}, "id is not a known field.", "id"),
    ({"method": "4111111111111111"}, "method is not one of the accepted values.", "method"),
    ({"receipt": 5}, "receipt must be a text or null, not a whole number.", "receipt"),
    ({"receipt": "abcd"}, "receipt must have at most 3 characters.", "receipt"),
    ({"capture": "yes"}, "capture must be true or false, not a text.", "capture"),
    ({"card": []}, "card must be an object or null, not a list.", "card"),
    ({"card": {}}, "card.number is required.", "card.number"),
    ({"card": {"number": 4}}, "card.number must be a text, not a whole number.", "card.number"),
    ({"card": {"number": "4"}}, "card.number must have at least 12 characters.", "card.number"),
    ({"card": {"number": "4" * 12, "month": 13}}, "card.month must be at most 12.", "card.month"),
    ({"card": {"number": "4" * 12, "pin": 1}}, "card.pin is not a known field.", "card.pin"),
    ({"notes": {"abc": "d"}}, "A name in notes must have at most 2 characters.", "notes"),
    ({"notes": {"a": "bcd"}}, "A value in notes must have at most 2 characters.", "notes"),
    ({"notes": {"a": 1}}, "A value in notes must be a text, not a whole number.", "notes"),
    ({"notes": {"a": "b", "c": "d"}}, "notes must have at most 1 entries.", "notes"),
    ({"events": []}, "events must have at least 1 items.", "events"),
    ({"events": ["a", "b"]}, "events.1 does not have the expected form.", "events.1"),
    ([], "The body must be an object, not a list.", None),
    ({"a`b": 1}, "a`b is not a known field.", "a`b"),
]


@pytest.mark.parametrize("document, sentence, field", COMPLAINTS, ids=[sentence for _, sentence, _ in COMPLAINTS])
def test_a_wrong_field_is_named_in_one_sentence(document, sentence, field):
    whole = {"amount": 100} | document if document and isinstance(document, dict) else document
    with pytest.raises(msgspec.ValidationError) as complaint:
        msgspec.convert(whole, Form)
    refusal = field_error(complaint.value)
    assert (refusal.description, refusal.field, refusal.status) == (sentence, field, 400)


@pytest.mark.parametrize(
    "exception, status, code",
    [
        (errors.Conflict("Paid."), 409, "CONFLICT_ERROR"),
        (Refused(411, "Length."), 411, "BAD_REQUEST_ERROR"),
        (sanic.NotFound("/secret"), 404, "NOT_FOUND_ERROR"),
        (sanic.FileNotFound("/secret"), 404, "NOT_FOUND_ERROR"),
        (sanic.Unauthorized("secret"), 401, "AUTHENTICATION_ERROR"),
        (sanic.Forbidden("secret"), 403, "FORBIDDEN_ERROR"),
        (sanic.MethodNotAllowed("secret", "GET", ["POST"]), 405, "METHOD_NOT_ALLOWED_ERROR"),
        (sanic.BadRequest("secret"), 400, "BAD_REQUEST_ERROR"),
        (sanic.InvalidHeader("secret"), 400, "BAD_REQUEST_ERROR"),
        (sanic.HeaderNotFound("secret"), 400, "BAD_REQUEST_ERROR"),
        (sanic.RequestTimeout("secret"), 408, "BAD_REQUEST_ERROR"),
        (sanic.PayloadTooLarge("secret"), 413, "PAYLOAD_TOO_LARGE_ERROR"),
        (sanic.URITooLong("secret"), 414, "BAD_REQUEST_ERROR"),
        (sanic.ExpectationFailed("secret"), 417, "BAD_REQUEST_ERROR"),
        (sanic.SanicException("secret", status_code=418), 418, "BAD_REQUEST_ERROR"),
        (sanic.ServiceUnavailable("secret"), 503, "UNAVAILABLE_ERROR"),
        (asyncio.CancelledError("secret"), 503, "UNAVAILABLE_ERROR"),
        (sanic.ServerError("secret"), 500, "SERVER_ERROR"),
        (sanic.SanicException("secret"), 500, "SERVER_ERROR"),
        (RuntimeError("secret"), 500, "SERVER_ERROR"),
        (msgspec.DecodeError("secret"), 500, "SERVER_ERROR"),
    ],
    ids=repr,
)
def test_every_exception_has_a_status_and_a_code_of_the_contract(exception, status, code):
    refusal = as_refusal(exception)
    assert (refusal.status, refusal.code) == (status, code)
    assert "secret" not in refusal.description
    head, _, body = as_bytes(exception, "req_1").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert msgspec.json.decode(body) == refusal.as_json()


@pytest.mark.parametrize(
    "exception, header",
    [
        (errors.RateLimited("Slow down.", retry_after_s=9), b"retry-after: 9"),
        (errors.Unavailable("Later."), b"retry-after: 1"),
        (errors.AuthenticationFailed("Who?"), b"www-authenticate: Bearer"),
        (sanic.MethodNotAllowed("", "GET", ["POST", "PUT"]), b"allow: POST, PUT"),
    ],
    ids=repr,
)
def test_some_refusals_say_what_to_do_next_in_a_header(exception, header):
    assert header in as_bytes(exception, "req_1").split(b"\r\n")

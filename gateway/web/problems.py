"""Every exception, told to the caller in the contract's words."""

import logging
import re
from asyncio import CancelledError
from collections.abc import Callable

import msgspec
from sanic.constants import HTTPMethod
from sanic.exceptions import SanicException
from sanic.handlers import ErrorHandler
from sanic.headers import format_http1_response
from sanic.request import Request
from sanic.response import HTTPResponse

from gateway import errors, strict_json

logger = logging.getLogger("gateway.web")

Page = Callable[[Request, errors.GatewayError], HTTPResponse]

RETRY_AFTER_S = 1
_FIELD_LENGTH_MAX = 100


class Refused(errors.BadRequest):
    """A refusal whose status has no code of its own in the contract, such as 408 or 411."""

    def __init__(self, status: int, description: str):
        super().__init__(description)
        self.status = status


class Problems(ErrorHandler):
    """Answers every exception of a handler: as JSON, or outside /api by `page` where one is given."""

    def __init__(self, page: Page | None = None):
        super().__init__()
        self.page = page

    def default(self, request: Request, exception: Exception) -> HTTPResponse:
        refusal = as_refusal(exception)
        log_unexpected(exception, refusal, request)
        headers = _headers(exception, refusal)
        if refusal.status == 405 and "allow" not in headers:
            headers["allow"] = ", ".join(_methods(request))
        if self.page and not request.path.startswith("/api/"):
            answer = self.page(request, refusal)
            answer.headers.update(headers)
            return answer
        body = strict_json.dumps(refusal.as_json())
        return HTTPResponse(body, refusal.status, headers, "application/json")


def as_bytes(exception: BaseException, request_id: str) -> bytes:
    """A whole HTTP answer that ends the connection, for requests that never became one."""
    refusal = as_refusal(exception)
    body = strict_json.dumps(refusal.as_json())
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        "x-request-id": request_id,
        **_headers(exception, refusal),
    }
    encoded = ((name.encode(), value.encode()) for name, value in headers.items())
    return format_http1_response(refusal.status, encoded) + body


def as_refusal(exception: BaseException) -> errors.GatewayError:
    """What the caller is told about `exception`; of what nobody expected, nothing but that it happened."""
    if isinstance(exception, errors.GatewayError):
        return exception
    if isinstance(exception, msgspec.ValidationError):
        return field_error(exception)
    if isinstance(exception, SanicException):
        return _from_sanic(exception)
    if isinstance(exception, CancelledError):
        return errors.Unavailable("The server is stopping. Repeat the request with the same Idempotency-Key.")
    return errors.GatewayError("Something went wrong on our side. It has been logged under this request's id.")


def log_unexpected(exception: BaseException, refusal: errors.GatewayError, request: Request | None = None) -> None:
    """Logs what is our fault, with its traceback but never with local variables, a query or a body."""
    about = f"{request.method} {request.path}" if request else "a request at the door"
    extra = {"request_id": request.ctx.request_id} if request else {}
    if isinstance(refusal, errors.Unavailable):
        if refusal is not exception:
            logger.warning("%s got no answer: %s", about, type(exception).__name__, extra=extra)
    elif refusal.status >= 500:
        logger.error("%s failed", about, exc_info=exception, extra=extra)


_OF_SANIC: dict[int, tuple[type[errors.GatewayError], str]] = {
    401: (errors.AuthenticationFailed, "Credentials are missing or wrong."),
    403: (errors.Forbidden, "This is not allowed."),
    404: (errors.NotFound, "There is nothing at this address."),
    405: (errors.MethodNotAllowed, "This address does not answer that method; the Allow header lists those it does."),
    413: (errors.PayloadTooLarge, "The body is too large."),
    503: (
        errors.Unavailable,
        "The answer was not ready in time, though the work may be done. Repeat it with the same Idempotency-Key.",
    ),
}
_OF_SANIC_UNCODED = {
    400: "The request is not well-formed HTTP.",
    408: "The request took too long to arrive.",
    414: "The address is too long.",
    417: "The Expect header may only say 100-continue.",
}


def _from_sanic(exception: SanicException) -> errors.GatewayError:
    status = exception.status_code
    if status in _OF_SANIC:
        kind, description = _OF_SANIC[status]
        return kind(description)
    if 400 <= status < 500:
        return Refused(status, _OF_SANIC_UNCODED.get(status, "The request was not understood."))
    return errors.GatewayError("Something went wrong on our side. It has been logged under this request's id.")


def _headers(exception: BaseException, refusal: errors.GatewayError) -> dict[str, str]:
    headers = {}
    if allow := getattr(exception, "headers", {}).get("Allow"):
        headers["allow"] = allow
    if isinstance(refusal, errors.RateLimited | errors.Unavailable):
        headers["retry-after"] = str(getattr(refusal, "retry_after_s", RETRY_AFTER_S))
    if isinstance(refusal, errors.AuthenticationFailed):
        headers["www-authenticate"] = "Bearer"
    return headers


def _methods(request: Request) -> list[str]:
    """What the address answers to; Sanic's router forgets it for addresses with parameters, so it is asked for each."""
    return [method for method in HTTPMethod if _is_routed(request, method)]


def _is_routed(request: Request, method: str) -> bool:
    try:
        request.app.router.get(request.path, method, request.headers.getone("host", None))
    except SanicException:
        return False
    return True


_PLACE = re.compile(r" - at (`key` in )?`\$\.?([^`]*)`\Z")
_NAMED_FIELD = re.compile(r"(?s)Object (missing required|contains unknown) field `(.*)`")
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "object": "an object",
    "array": "a list",
}
_COUNTED = {"str": "characters", "array": "items", "object": "entries"}
_BOUND = {">=": "at least", "<=": "at most"}


def field_error(exception: msgspec.ValidationError) -> errors.BadRequest:
    """msgspec's complaint as one plain sentence and the field it is about; it never repeats the value."""
    place = _PLACE.search(str(exception))
    message = str(exception)[: place.start()] if place else str(exception)
    of_key, path = place.groups() if place else (None, "")
    field = re.sub(r"\[(\d+)\]", r".\1", path.removesuffix("[...]")).lstrip(".")
    if named := _NAMED_FIELD.fullmatch(message):
        verdict, name = named.groups()
        field = f"{field}.{name}".lstrip(".")[:_FIELD_LENGTH_MAX]
        sentence = "is required" if verdict == "missing required" else "is not a known field"
        return errors.BadRequest(f"{field} {sentence}.", field=field)
    subject = f"A name in {field}" if of_key else f"A value in {field}" if path.endswith("[...]") else field
    return errors.BadRequest(f"{subject or 'The body'} {_verdict(message)}.", field=field or None)


def _verdict(message: str) -> str:
    if match := re.match(r"Expected `(.+)`, got `(.+)`", message):
        return f"must be {_kinds(match[1])}, not {_kinds(match[2])}"
    if match := re.match(r"Expected `\w+` (>=|<=) (\S+)", message):
        return f"must be {_BOUND[match[1]]} {match[2]}"
    if match := re.match(r"Expected `(\w+)` of length (>=|<=) (\d+)", message):
        return f"must have {_BOUND[match[2]]} {match[3]} {_COUNTED[match[1]]}"
    if "matching regex" in message:
        return "does not have the expected form"
    if message.startswith("Invalid enum value"):
        return "is not one of the accepted values"
    return "is not valid"


def _kinds(names: str) -> str:
    return " or ".join(_KINDS.get(name, name) for name in names.split(" | "))

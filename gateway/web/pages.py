"""Pages: templates turned into HTML, sent with a policy under which nothing foreign and nothing inline can run."""

from functools import lru_cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from sanic.response import HTTPResponse

from gateway import i18n
from gateway.errors import GatewayError
from gateway.web.static import Static

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), usb=()",
}


class Problem(NamedTuple):
    """A refusal as a page tells it."""

    status: int
    description: str
    field: str | None


@lru_cache
def static() -> Static:
    """The static files, read once."""
    return Static()


@lru_cache
def environment() -> Environment:
    """The templates; a name that a template uses and nobody gave is an error, not an empty text."""
    made = Environment(
        loader=PackageLoader("gateway", "assets/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["static"] = static()
    return made


def html(template: str, language: str = i18n.SOURCE, **context) -> str:
    """The template in a language, with `_` for its words."""
    return environment().get_template(template).render(
        _=i18n.translator(language), lang=language, dir=i18n.direction(language), **context
    )


def problem(refusal: GatewayError, language: str) -> Problem:
    """The refusal in the reader's language; the API goes on in English."""
    return Problem(refusal.status, i18n.refusal(language, refusal.description), refusal.field)


def answer(body: str, status: int = 200, **policy: str) -> HTTPResponse:
    """A page with its headers; `policy` replaces directives, such as `frame_ancestors="https://shop.example"`."""
    directives = POLICY | {name.replace("_", "-"): value for name, value in policy.items()}
    header = "; ".join(f"{name} {value}" for name, value in directives.items())
    headers = HEADERS | {"content-security-policy": header}
    if directives["frame-ancestors"] == "'none'":
        headers["x-frame-options"] = "DENY"
    return HTTPResponse(body, status, headers, "text/html; charset=utf-8")


def told(handler, tell):
    """The handler, with every refusal told as a page by `tell(request, refusal)` where a page was asked for."""

    async def serve(request, **path):
        try:
            return await handler(request, **path)
        except GatewayError as refusal:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            return tell(request, refusal)

    return serve

"""/docs: the API explained to whoever asks, without a login, drawn from the OpenAPI document."""

from functools import cache, partial

from sanic import Request
from sanic.response import HTTPResponse

from gateway import __version__, merchants
from gateway.errors import GatewayError
from gateway.web import examples, openapi, pages, reference

THEMES = ("light", "dark")


def mount(app, gateway) -> None:
    """Adds the page; it is drawn at the first request."""
    drawn = cache(partial(_draw, gateway.config))

    async def docs(request: Request) -> HTTPResponse:
        theme = request.cookies.get("theme")
        return pages.answer(drawn(theme if theme in THEMES else None))

    app.add_route(docs, "/docs", methods=["GET"], name="docs")


def _draw(config, theme: str | None) -> str:
    document = openapi.document()
    objects = reference.objects(document)
    key = (merchants.DEMO_KEY_ID, merchants.DEMO_SECRET) if config.demo else ("key_test_…", "secret_test_…")
    return pages.html(
        "docs/page.html",
        theme=theme,
        version=__version__,
        base=config.public_url,
        demo=config.demo,
        codes=_codes(),
        sections=reference.sections(document),
        objects=objects,
        known={found.name for found in objects},
        examples=partial(examples.of, caller=examples.Caller(config.public_url, *key)),
    )


def _codes() -> list[type[GatewayError]]:
    """Every kind of refusal, by status and code."""
    kinds, found = [GatewayError], {}
    while kinds:
        kind = kinds.pop()
        found[kind.status, kind.code] = kind
        kinds += kind.__subclasses__()
    return [found[key] for key in sorted(found)]

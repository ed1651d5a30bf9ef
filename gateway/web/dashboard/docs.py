"""The API explained inside the dashboard: a guide with one's own test key filled in, and the reference."""

from functools import cache, partial

from sanic.response import HTTPResponse

from gateway import merchants
from gateway.objects import Owner
from gateway.web import examples, openapi, reference
from gateway.web.sessions import Visit


async def guide(visit: Visit) -> HTTPResponse:
    """From the first order to a verified webhook, ready to be copied."""
    return visit.page("docs.html", **await _own(visit))


async def reference_page(visit: Visit) -> HTTPResponse:
    """Every address of the API, drawn from the OpenAPI document."""
    caller = examples.Caller(**await _own(visit))
    return visit.page("reference.html", sections=_sections(), examples=partial(examples.of, caller=caller))


@cache
def _sections() -> list[reference.Section]:
    return reference.sections(openapi.document())


async def _own(visit: Visit) -> dict:
    """The merchant's test key and, for those who may hold keys, its secret; live secrets never stand in examples."""
    key = await visit.read(merchants.newest_key, Owner(visit.user.merchant_id, "test"))
    secret = None
    if key and visit.may("develop"):
        secret = visit.gateway.master.unseal(key.secret_sealed, key.id)
    return {
        "base": visit.gateway.config.public_url,
        "key_id": key.id if key else "key_test_…",
        "secret": secret or "secret_test_…",
    }

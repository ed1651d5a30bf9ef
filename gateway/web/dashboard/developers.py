"""For developers: API keys with their secrets, the log of requests, and the idempotency keys of the last day."""

from sanic.response import HTTPResponse

from gateway import api_requests, audit, merchants, reports
from gateway.errors import BadRequest
from gateway.web import forms
from gateway.web.sessions import Visit

METHODS = ("GET", "POST", "PATCH", "DELETE")


async def keys(visit: Visit, shown: dict | None = None) -> HTTPResponse:
    """The keys of this mode; `shown` holds the one secret that was asked for, by the key's id."""
    found = await visit.read(reports.developers.api_keys, visit.owner)
    return visit.page("keys.html", keys=found, shown=shown or {})


async def create_key(visit: Visit) -> HTTPResponse:
    """Makes a key and shows its secret on the page that answers, which no address leads back to."""
    visit.confirm_first()
    name = visit.field("name")
    if len(name) > merchants.NAME_LENGTH_MAX or not name.isprintable():
        raise BadRequest(f"A name has at most {merchants.NAME_LENGTH_MAX} printable characters.", field="name")
    scope = visit.field("scope") or "full"
    key_id, secret = await visit.write(_create, visit.actor, visit.gateway.master, visit.owner, name, scope)
    return await keys(visit, {key_id: secret})


def _create(tx, actor, master, owner, name: str, scope: str) -> tuple:
    key_id, secret = merchants.create_key(tx, master, owner.merchant_id, owner.mode, name, scope)
    audit.record(tx, actor, "key.create", key_id, name)
    return key_id, secret


async def reveal_key(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    key = await visit.write(_reveal, visit.actor, visit.owner, visit.path["key_id"])
    return await keys(visit, {key.id: visit.gateway.master.unseal(key.secret_sealed, key.id)})


def _reveal(tx, actor, owner, key_id: str):
    key = reports.developers.own_key(tx, owner, key_id)
    audit.record(tx, actor, "key.reveal", key_id)
    return key


async def revoke_key(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    await visit.write(_revoke, visit.actor, visit.owner, visit.path["key_id"])
    visit.gateway.authenticator.forget_key(visit.path["key_id"])
    return visit.go("/dashboard/keys", "key_revoked")


def _revoke(tx, actor, owner, key_id: str) -> None:
    reports.developers.own_key(tx, owner, key_id)
    audit.done(tx, actor, "key.revoke", key_id, "", merchants.revoke_key, key_id, owner.merchant_id)


async def requests(visit: Visit) -> HTTPResponse:
    trouble = visit.query("status") == "trouble"
    method = visit.query("method") if visit.query("method") in METHODS else None
    found = await visit.read(_search, visit.owner, forms.cursor(visit), trouble, method)
    return visit.page("requests.html", found=found, trouble=trouble, method=method, methods=METHODS)


def _search(tx, owner, cursor, trouble: bool, method: str | None):
    return api_requests.search(tx, owner, cursor, trouble=trouble, method=method)


async def idempotency(visit: Visit) -> HTTPResponse:
    text = visit.query("q")
    return visit.page(
        "idempotency.html", text=text, keys=await visit.read(reports.developers.idempotency_keys, visit.owner, text)
    )

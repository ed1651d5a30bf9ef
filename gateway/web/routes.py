"""How an address becomes a handler: one table per resource, which also draws the OpenAPI document.

A handler is a plain function of a `Call`. It checks what needs no database and returns a unit of work `(work, *args)`;
the unit runs in the store, guarded by the Idempotency-Key where it writes, and its result is the answer. A handler
that is `async` answers by itself.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import msgspec
from sanic import Request
from sanic.response import HTTPResponse

from gateway import idempotency, objects
from gateway.errors import IdempotencyMismatch
from gateway.objects import Owner
from gateway.web import asked, door
from gateway.web.problems import as_refusal

API = "/api/v1"
JSON = "application/json"


@dataclass(frozen=True)
class Route:
    """One method on one address.

    `access` says who may call it: `merchant` (API key or token), `public` (whoever knows an id), `open` (anybody), or
    `demo` (open, and only there in demo mode). `answer` and `body` are the types that the OpenAPI document shows;
    `body` also validates. `secret` marks answers that are stored sealed when a key guards them.
    """

    method: str
    path: str
    handler: Callable
    summary: str
    answer: Any = None
    body: Any = None
    status: int = 200
    access: str = "merchant"
    query: dict[str, Callable] = field(default_factory=dict)
    body_required: bool = True
    secret: bool = False
    tag: str = ""


@dataclass(slots=True)
class Call:
    """One request, checked: who asks (`owner` is None for the public), the body in its type, the query, the path."""

    gateway: Any
    request: Request
    owner: Owner | None
    key_id: str | None
    body: Any
    query: dict
    path: dict

    def id(self, name: str, prefix: str) -> str:
        """The id in the path; raises NotFound where it could not be one."""
        return door.path_id(self.path[name], prefix)


def mount(app, gateway, routes: list[Route]) -> None:
    """Adds the routes to the application; demo routes only in demo mode."""
    for number, route in enumerate(routes):
        if route.access == "demo" and not gateway.config.demo:
            continue
        app.add_route(
            _served(gateway, route),
            API + route.path,
            methods=[route.method],
            name=f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}_{number}",
        )


def _served(gateway, route: Route) -> Callable:
    answers_itself = inspect.iscoroutinefunction(route.handler)
    run = _write if route.method in ("POST", "PATCH", "DELETE", "PUT") else _read

    async def serve(request: Request, **path) -> HTTPResponse:
        began_at = monotonic()
        owner, key_id = await _admitted(gateway, route, request)
        if owner is None:
            return await answered(request, path, owner, key_id)
        try:
            answer = await answered(request, path, owner, key_id)
        except Exception as problem:
            asked.note(gateway, request, owner, key_id, began_at, as_refusal(problem))
            raise
        asked.note(gateway, request, owner, key_id, began_at, answer)
        return answer

    async def answered(request: Request, path: dict, owner: Owner | None, key_id: str | None) -> HTTPResponse:
        document = _document(request, route)
        body = msgspec.convert(document, route.body) if route.body else None
        query = door.query(request, route.query)
        call = Call(gateway, request, owner, key_id, body, query, path)
        if answers_itself:
            return await route.handler(call)
        return await run(call, route, document, route.handler(call))

    return serve


async def _admitted(gateway, route: Route, request: Request) -> tuple[Owner | None, str | None]:
    """Lets the caller in, or raises AuthenticationFailed or RateLimited."""
    if route.access == "merchant":
        return await gateway.authenticator.merchant(request)
    gateway.authenticator.count_address(request)
    return None, None


def _document(request: Request, route: Route) -> dict:
    return door.json_body(request, optional=not route.body_required) if route.body else {}


async def _read(call: Call, route: Route, document: dict, unit: tuple) -> HTTPResponse:
    return json(await call.gateway.store.read(*unit), route.status)


async def _write(call: Call, route: Route, document: dict, unit: tuple) -> HTTPResponse:
    key = _idempotency_key(call, route, document)
    once = (idempotency.once, key, route.status, *unit)
    try:
        answer = await call.gateway.store.write(*once)
    except idempotency.KeyTaken:
        answer = await call.gateway.store.write(*once)
    except IdempotencyMismatch:
        await call.gateway.store.write(idempotency.count_conflict, key.scope, key.key)
        raise
    headers = {"idempotent-replayed": "true"} if answer.replayed else None
    return HTTPResponse(answer.body, answer.status, headers, JSON)


def _idempotency_key(call: Call, route: Route, document: dict) -> idempotency.Key | None:
    value = door.idempotency_key(call.request) if route.method == "POST" else None
    if value is None:
        return None
    scope = ":".join(call.owner) if call.owner else f"public:{document.get('order_id')}"
    method_path = f"{route.method} {call.request.path}"
    return idempotency.Key(
        scope=scope,
        key=value,
        fingerprint=idempotency.fingerprint(call.gateway.fingerprint_key, method_path, _canonical(document)),
        method_path=method_path,
        seal=call.gateway.master if route.secret else None,
    )


def _canonical(document: dict) -> bytes:
    """The request's meaning, whatever the order of its fields; without the CVV, of which nothing may be kept."""
    if isinstance(card := document.get("card"), dict):
        document = document | {"card": _without_cvv(card)}
    return msgspec.json.encode(_without_cvv(document), order="deterministic")


def _without_cvv(fields: dict) -> dict:
    return {name: value for name, value in fields.items() if name != "cvv"}


def json(answer: Any, status: int = 200) -> HTTPResponse:
    """An answer in bytes as they are, anything else as JSON (never through Sanic's own, which escapes non-ASCII)."""
    body = answer if isinstance(answer, bytes) else objects.encode(answer)
    return HTTPResponse(body, status, None, JSON)

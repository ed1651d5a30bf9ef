"""The OpenAPI 3.1 document, drawn from the tables of routes and the types that validate the requests."""

import re
import typing
from functools import cache

import msgspec
from sanic import Request
from sanic.response import HTTPResponse

from gateway import __version__, errors, objects
from gateway.web import queries, routes

REF = "#/components/schemas/{name}"
KINDS = (
    errors.BadRequest, errors.AuthenticationFailed, errors.Forbidden, errors.NotFound, errors.Conflict,
    errors.PayloadTooLarge, errors.UnsupportedMediaType, errors.IdempotencyMismatch, errors.RateLimited,
    errors.Unavailable,
)  # fmt: skip
MOMENT = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
        {"type": "integer", "minimum": 0, "description": "Unix seconds"},
    ]
}
QUERY_SCHEMAS = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
    "offset": {"type": "integer", "minimum": 0, "default": 0},
    "after": {
        "type": "string",
        "minLength": 1,
        "maxLength": queries.ID_LENGTH_MAX,
        "description": "id of the last object already seen; cheaper than offset",
    },
    "from": MOMENT,
    "to": MOMENT,
}


class ErrorDetail(msgspec.Struct, omit_defaults=True):
    """Why a request was refused."""

    code: str
    description: str
    field: str | None = None
    reason: str | None = None


class Error(msgspec.Struct):
    """Every refusal has this form."""

    error: ErrorDetail


def mount(app, tables: list[routes.Route]) -> None:
    """Serves the document; it is drawn at the first request."""

    @cache
    def drawn() -> bytes:
        return objects.encode(document(tables))

    async def openapi(request: Request) -> HTTPResponse:
        return routes.json(drawn())

    app.add_route(openapi, "/openapi.json", name="openapi")


def document(tables: list[routes.Route] | None = None) -> dict:
    """The whole document as plain data."""
    if tables is None:
        from gateway.web.app import ROUTES as tables
    types = list(dict.fromkeys([Error, *(kind for route in tables for kind in _types(route))]))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict] = {}
    for route in tables:
        path = routes.API + re.sub(r"<(\w+)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gateway",
            "version": __version__,
            "description": "Orders, payments, refunds and webhooks. Amounts are integers in the currency's minor unit.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "secret": {"type": "apiKey", "in": "header", "name": "X-Api-Secret"},
                "basic": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _types(route: routes.Route) -> list:
    listed = _listed(route.answer)
    return [kind for kind in (route.body, listed or route.answer) if _is_struct(kind)]


def _is_struct(kind) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _listed(answer):
    return typing.get_args(answer)[0] if typing.get_origin(answer) is list else None


def _operation(route: routes.Route, schema_of: dict) -> dict:
    operation = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
        "responses": _responses(route, schema_of),
    }
    if route.body:
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {routes.JSON: {"schema": schema_of[route.body]}},
        }
    if route.access == "merchant":
        operation["security"] = [{"key": [], "secret": []}, {"basic": []}, {"token": []}]
    return operation


def _parameters(route: routes.Route) -> list[dict]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"<(\w+)>", route.path)
    ]
    query = [
        {"name": name, "in": "query", "schema": QUERY_SCHEMAS.get(name) or _query_schema(parser)}
        for name, parser in route.query.items()
    ]
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "description": "the same key and request give the same answer for 24 h",
    }
    return path + query + ([key] if route.method == "POST" and route.access != "open" else [])


def _query_schema(parser) -> dict:
    """Choices where the parser has some, otherwise how long a text may be."""
    if choices := getattr(parser, "choices", None):
        return {"type": "string", "enum": list(choices)}
    return {"type": "string", "minLength": 1, "maxLength": parser.length_max}


def _responses(route: routes.Route, schema_of: dict) -> dict:
    refusal = {"description": "refused", "content": {routes.JSON: {"schema": schema_of[Error]}}}
    statuses = sorted({kind.status for kind in KINDS})
    return {
        str(route.status): {
            "description": route.summary,
            "content": {routes.JSON: {"schema": _answer_schema(route, schema_of)}},
        },
        **{str(status): refusal for status in statuses},
    }


def _answer_schema(route: routes.Route, schema_of: dict) -> dict:
    if listed := _listed(route.answer):
        return {
            "type": "object",
            "required": ["data", "total", "limit", "offset", "has_more"],
            "properties": {
                "data": {"type": "array", "items": schema_of[listed]},
                "total": {"type": "integer"},
                "limit": {"type": "integer"},
                "offset": {"type": "integer"},
                "has_more": {"type": "boolean"},
            },
        }
    return schema_of.get(route.answer, {"type": "object"})

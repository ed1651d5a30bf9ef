"""The OpenAPI document as a page: sections, operations, fields and examples, without a script to draw them."""

import json
from typing import NamedTuple

EXAMPLES = {
    "amount": 50_000, "currency": "INR", "receipt": "receipt-1", "notes": {"table": "12"}, "method": "upi",
    "vpa": "success@razorpay", "url": "https://shop.example/webhooks", "webhook_url": "https://shop.example/webhooks",
    "email": "you@shop.example", "password": "…", "since": "2026-11-23T00:00:00Z", "order_id": "order_…",
    "endpoint_id": "we_…", "reason": "Returned", "description": "Orders of the shop", "events": ["payment.*"],
}  # fmt: skip
REQUIRED_ONLY = 3  # optional fields in an example; more would hide what matters


class Field(NamedTuple):
    name: str
    type: str
    required: bool
    description: str


class Object(NamedTuple):
    """What answers and bodies are made of; its name is its address on the page."""

    name: str
    description: str
    fields: list[Field]


class Operation(NamedTuple):
    """`answers` names what a success brings, such as `Order` or `list of Order`."""

    id: str
    method: str
    path: str
    summary: str
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]
    status: str
    answers: str
    example: dict | None
    secured: bool


class Section(NamedTuple):
    title: str
    operations: list[Operation]


def sections(document: dict) -> list[Section]:
    """The document's operations by tag, in its order."""
    found: dict[str, list[Operation]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["Other"])[0]
            found.setdefault(tag, []).append(_operation(document, path, method, operation))
    return [Section(tag, operations) for tag, operations in found.items()]


def objects(document: dict) -> list[Object]:
    """Every object that is named by an answer or inside another object, by name."""
    bodies = {
        _name(_json(operation["requestBody"]))
        for operations in document["paths"].values()
        for operation in operations.values()
        if "requestBody" in operation
    }
    return [
        Object(name, schema.get("description", ""), _fields(document, schema))
        for name, schema in sorted(document["components"]["schemas"].items())
        if name not in bodies
    ]


def _operation(document: dict, path: str, method: str, operation: dict) -> Operation:
    body = _schema(document, _json(operation.get("requestBody", {})))
    status, success = next(iter(operation["responses"].items()))
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        parameters=[_parameter(parameter) for parameter in operation.get("parameters", [])],
        body=_fields(document, body),
        answer=_fields(document, _schema(document, _json(success))),
        status=status,
        answers=_in_words(document, _json(success)),
        example=_example(document, body) if body.get("properties") else None,
        secured="security" in operation,
    )


def _json(content: dict) -> dict:
    return content.get("content", {}).get("application/json", {}).get("schema", {})


def _schema(document: dict, schema: dict) -> dict:
    """The schema itself, wherever it stands in the document."""
    if "$ref" in schema:
        return document["components"]["schemas"][_name(schema)]
    return schema


def _name(schema: dict) -> str:
    return schema.get("$ref", "").rpartition("/")[2]


def _in_words(document: dict, schema: dict) -> str:
    """What an answer is: an object by its name, or a page of a list."""
    listed = schema.get("properties", {}).get("data")
    return _type(document, listed or schema)


def _parameter(parameter: dict) -> Field:
    kind = f"{parameter['in']} · {parameter['schema'].get('type', 'string')}"
    return Field(parameter["name"], kind, parameter.get("required", False), _said(parameter))


def _fields(document: dict, schema: dict) -> list[Field]:
    required = schema.get("required", [])
    return [
        Field(name, _type(document, part), name in required, _said(part))
        for name, part in schema.get("properties", {}).items()
    ]


def _said(part: dict) -> str:
    """The description, which stands with one of the choices where a field may be null."""
    places = (part, part.get("schema", {}), *part.get("anyOf", ()))
    return next((place["description"] for place in places if "description" in place), "")


def _type(document: dict, part: dict) -> str:
    """A field's type in words: `integer`, `string or null`, `list of Refund`, one of some words."""
    if "enum" in part:
        return " | ".join(json.dumps(value) if value is None else str(value) for value in part["enum"])
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_type(document, choice) for choice in part["anyOf"]))
    if "$ref" in part:
        return _name(part)
    if part.get("type") == "array":
        return f"list of {_type(document, part.get('items', {}))}"
    return str(part.get("const") or part.get("type") or "any")


def _example(document: dict, schema: dict) -> dict:
    """A body that could be sent: what is required, and some of the rest."""
    required, properties = schema.get("required", []), schema.get("properties", {})
    optional = [name for name in properties if name not in required and name in EXAMPLES][:REQUIRED_ONLY]
    return {name: _value(document, name, properties[name]) for name in properties if name in (*required, *optional)}


def _value(document: dict, name: str, part: dict):
    if name in EXAMPLES:
        return EXAMPLES[name]
    part = _schema(document, part)
    if part.get("properties"):
        return _example(document, part)
    if "enum" in part:
        return part["enum"][0]
    return {"integer": 1, "boolean": True, "array": [], "object": {}}.get(str(part.get("type")), "…")

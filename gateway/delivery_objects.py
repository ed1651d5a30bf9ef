"""What the API shows of deliveries, their attempts and the events behind them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.clock import rfc3339

DeliveryStatus = Literal["pending", "success", "failed", "skipped"]


class Recover(Struct, forbid_unknown_fields=True):
    """Which deliveries to send again: those of an endpoint since a time that failed or were skipped."""

    endpoint_id: str
    since: Annotated[str, Meta(description="RFC 3339, such as 2026-01-15T10:00:00Z")]
    status: Literal["failed", "skipped"] | None = None


class DeliveryRow(Struct):
    id: str
    event_type: str
    event_id: str
    endpoint_id: str
    status: str
    attempts: int
    response_code: int | None
    error: str | None
    created_at: int
    last_attempt_at: int | None
    due_at: int | None


class Delivery(Struct):
    """One event on its way to one endpoint; `attempts` counts those that are over."""

    id: str
    event: str
    event_id: str
    endpoint_id: str
    status: DeliveryStatus
    attempts: int
    response_code: int | None
    error: str | None
    created_at: str
    last_attempt_at: str | None
    next_retry_at: str | None
    entity: Literal["webhook_delivery"] = "webhook_delivery"


class Attempt(Struct):
    """One attempt: either a `response_code`, or an `error` that names the class of what went wrong."""

    attempt: int
    manual: bool
    at: str
    duration_ms: int
    address: str | None
    response_code: int | None
    error: str | None
    error_detail: str | None
    response_body: str | None


class DeliveryDetails(Delivery, kw_only=True):
    """A delivery with what was sent and every attempt, oldest first."""

    url: str | None
    payload: msgspec.Raw
    attempt_log: list[Attempt]


class Scheduled(Struct):
    """The answer to a manual retry."""

    id: str
    status: DeliveryStatus = "pending"
    message: str = "Webhook retry scheduled"


class Sent(Struct):
    """The answer to a request for a test event."""

    id: str
    event_id: str
    endpoint_id: str
    event: str = "webhook.test"
    status: DeliveryStatus = "pending"
    message: str = "Test webhook scheduled"


class Recovered(Struct):
    """How many deliveries will be sent again."""

    endpoint_id: str
    count: int
    message: str


class Event(Struct):
    """What happened, with the object as it was then."""

    id: str
    event: str
    timestamp: int
    data: msgspec.Raw
    created_at: str
    entity: Literal["event"] = "event"


class EventDetails(Event, kw_only=True):
    """An event with its deliveries."""

    deliveries: list[Delivery]


def delivery(row: DeliveryRow) -> Delivery:
    return Delivery(**_delivery(row))


def delivery_details(row: DeliveryRow, url: str | None, payload: bytes, log: list[Attempt]) -> DeliveryDetails:
    return DeliveryDetails(**_delivery(row), url=url, payload=msgspec.Raw(payload), attempt_log=log)


def _delivery(row: DeliveryRow) -> dict:
    return {
        "id": row.id,
        "event": row.event_type,
        "event_id": row.event_id,
        "endpoint_id": row.endpoint_id,
        "status": row.status,
        "attempts": row.attempts,
        "response_code": row.response_code,
        "error": row.error,
        "created_at": rfc3339(row.created_at),
        "last_attempt_at": rfc3339(row.last_attempt_at),
        "next_retry_at": rfc3339(row.due_at),
    }

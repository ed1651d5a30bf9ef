"""What the API shows of webhook endpoints, deliveries and events, and what it takes to change them."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.clock import rfc3339
from gateway.objects import Mode, Owner

DESCRIPTION_LENGTH_MAX = 255
FILTERS_MAX = 50
TIMEOUT_MAX_S = 60
RATE_MAX_PER_S = 1_000

DeliveryStatus = Literal["pending", "success", "failed", "skipped"]
DisabledReason = Literal["merchant", "gone", "failing"]

Url = Annotated[str, Meta(description="https://…; in test mode http:// will do")]
Filter = Annotated[
    list[str], Meta(min_length=1, max_length=FILTERS_MAX, description="names of events, `payment.*`, or `*` for all")
]
Description = Annotated[str, Meta(max_length=DESCRIPTION_LENGTH_MAX)]
Timeout = Annotated[int, Meta(ge=1, le=TIMEOUT_MAX_S, description="seconds for one attempt; null: the gateway's own")]
Rate = Annotated[int, Meta(ge=1, le=RATE_MAX_PER_S, description="deliveries per second; null: no limit")]
OwnSecret = Annotated[str, Meta(description="a secret of your own; left out, the gateway makes one")]


class NewEndpoint(Struct, forbid_unknown_fields=True):
    """Where to send which events."""

    url: Url
    events: Filter = msgspec.field(default_factory=lambda: ["*"])
    description: Description = ""
    secret: OwnSecret | None = None
    timeout: Timeout | None = None
    rate_limit: Rate | None = None
    enabled: bool = True


class EndpointChanges(Struct, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    url: Url | UnsetType = UNSET
    events: Filter | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    timeout: Timeout | None | UnsetType = UNSET
    rate_limit: Rate | None | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Nothing(Struct, forbid_unknown_fields=True):
    """A body without fields."""


class NewSecret(Struct, forbid_unknown_fields=True):
    """The next secret."""

    secret: OwnSecret | None = None


class DefaultUrl(Struct, forbid_unknown_fields=True):
    """Where the default endpoint sends everything; null or empty: nowhere."""

    webhook_url: str | None


class Recover(Struct, forbid_unknown_fields=True):
    """Which deliveries to send again: those of an endpoint since a time that failed or were skipped."""

    endpoint_id: str
    since: Annotated[str, Meta(description="RFC 3339, such as 2026-01-15T10:00:00Z")]
    status: Literal["failed", "skipped"] | None = None


class EndpointRow(Struct):
    seq: int
    id: str
    merchant_id: str
    mode: str
    url: str | None
    is_default: int
    description: str
    events: str
    secret_sealed: bytes
    previous_secret_sealed: bytes | None
    previous_secret_until: int | None
    timeout_s: int | None
    rate_per_s: int | None
    enabled: int
    disabled_reason: str | None
    failures: int
    failing_since: int | None
    last_failure_at: int | None
    last_success_at: int | None
    warned_percent: int
    deleted_at: int | None
    created_at: int
    updated_at: int

    @property
    def owner(self) -> Owner:
        return Owner(self.merchant_id, self.mode)

    @property
    def is_open(self) -> bool:
        """Whether anything is sent there."""
        return bool(self.url and self.enabled and self.deleted_at is None)


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


class Endpoint(Struct):
    """A URL that receives events; `failing_since` is the first failure after which nothing succeeded."""

    id: str
    mode: Mode
    url: str | None
    events: list[str]
    description: str
    enabled: bool
    disabled_reason: DisabledReason | None
    timeout: int | None
    rate_limit: int | None
    is_default: bool
    failures: int
    failing_since: str | None
    last_success_at: str | None
    previous_secret_expires_at: str | None
    created_at: str
    updated_at: str
    entity: Literal["webhook_endpoint"] = "webhook_endpoint"


class EndpointWithSecret(Endpoint, kw_only=True):
    """An endpoint when it was just made or got a new secret."""

    secret: str


class Deleted(Struct):
    id: str
    deleted: bool = True


class MerchantWebhook(Struct):
    """The default endpoint in short."""

    webhook_url: str | None
    webhook_secret: str


class MerchantSecret(Struct):
    webhook_secret: str


class MerchantConfig(Struct):
    """The merchant's account, its key and its default endpoint."""

    id: str
    name: str
    email: str
    api_key: str | None
    webhook_url: str | None
    webhook_secret: str


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


def endpoint(row: EndpointRow) -> Endpoint:
    return Endpoint(**_shown(row))


def endpoint_with_secret(row: EndpointRow, secret: str) -> EndpointWithSecret:
    return EndpointWithSecret(**_shown(row), secret=secret)


def _shown(row: EndpointRow) -> dict:
    return {
        "id": row.id,
        "mode": row.mode,
        "url": row.url,
        "events": msgspec.json.decode(row.events),
        "description": row.description,
        "enabled": bool(row.enabled),
        "disabled_reason": row.disabled_reason,
        "timeout": row.timeout_s,
        "rate_limit": row.rate_per_s,
        "is_default": bool(row.is_default),
        "failures": row.failures,
        "failing_since": rfc3339(row.failing_since),
        "last_success_at": rfc3339(row.last_success_at),
        "previous_secret_expires_at": rfc3339(row.previous_secret_until),
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
    }


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

"""What the API shows of webhook endpoints, and what it takes to change them."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.clock import rfc3339
from gateway.objects import Mode, Owner

DESCRIPTION_LENGTH_MAX = 255
FILTERS_MAX = 50
TIMEOUT_MAX_S = 60
RATE_MAX_PER_S = 1_000

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

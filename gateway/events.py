"""What happened, written with the change itself: the event's bytes, and a delivery for every endpoint that listens."""

import uuid
from functools import lru_cache

import msgspec

from gateway import bell, statements, watch
from gateway.clock import now_ms
from gateway.ids import new_id
from gateway.objects import Owner

TYPES = (
    "payment.created",
    "payment.pending",
    "payment.success",
    "payment.failed",
    "payment.cancelled",
    "payment.captured",
    "refund.created",
    "refund.processed",
    "refund.failed",
    "order.paid",
    "webhook.test",
    "webhook.endpoint_failing",
    "webhook.endpoint_disabled",
    "webhook.delivery_exhausted",
)


PATTERNS = frozenset({"*", *(f"{name.partition('.')[0]}.*" for name in TYPES)})


def record(
    tx, owner: Owner, event_type: str, object_id: str, noun: str, shown: bytes, *, not_to: str | None = None
) -> str:
    """Writes an event and its deliveries in the caller's transaction; returns the event's id.

    `shown` is the object as JSON; `not_to` is an endpoint that is left out, because the event is about its trouble.
    """
    event_id, now = _write(tx, owner, event_type, object_id, noun, shown)
    for endpoint_id, wanted, enabled in tx.all(statements.SELECT_ENDPOINTS, owner):
        if endpoint_id != not_to and listens(wanted, event_type):
            _deliver(tx, owner, event_id, event_type, endpoint_id, due=bool(enabled), now=now)
    return event_id


def record_for(
    tx, owner: Owner, event_type: str, object_id: str, noun: str, shown: bytes, *, endpoint_id: str
) -> tuple[str, str]:
    """Writes an event for one endpoint, whatever its filter says; returns the ids of event and delivery."""
    event_id, now = _write(tx, owner, event_type, object_id, noun, shown)
    return event_id, _deliver(tx, owner, event_id, event_type, endpoint_id, due=True, now=now)


def _write(tx, owner: Owner, event_type: str, object_id: str, noun: str, shown: bytes) -> tuple[str, int]:
    """The body is built here, once: every attempt sends these bytes, and JavaScript's
    `JSON.stringify(JSON.parse(body))` gives them back.
    """
    now, event_id = now_ms(), new_id("evt")
    body = b'{"id":"%b","event":"%b","timestamp":%d,"data":{"%b":%b}}' % (
        event_id.encode(), event_type.encode(), now // 1000, noun.encode(), shown,
    )  # fmt: skip
    tx.execute(statements.INSERT_EVENT, (event_id, *owner, event_type, object_id, body, now))
    watch.changed(tx, ":".join(owner), (event_type, object_id))
    return event_id, now


def _deliver(tx, owner: Owner, event_id: str, event_type: str, endpoint_id: str, *, due: bool, now: int) -> str:
    """One event for one endpoint: due at once, or `skipped` (kept, recoverable) where the endpoint is disabled."""
    delivery_id = str(uuid.uuid4())
    status, due_at = ("pending", now) if due else ("skipped", None)
    tx.execute(
        statements.INSERT_DELIVERY, (delivery_id, *owner, event_id, event_type, endpoint_id, status, now, due_at)
    )
    if due:
        tx.after_commit(bell.ring_deliveries)
    return delivery_id


@lru_cache(maxsize=4_096)
def listens(wanted: str, event_type: str) -> bool:
    """Whether an endpoint's filter (a JSON list: exact names, `payment.*`, `*`) takes this event."""
    return any(
        name in ("*", event_type) or (name.endswith(".*") and event_type.startswith(name[:-1]))
        for name in msgspec.json.decode(wanted)
    )

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
    return record_each(tx, owner, (event_type,), object_id, noun, shown, not_to=not_to)[0]


def record_each(
    tx, owner: Owner, event_types: tuple[str, ...], object_id: str, noun: str, shown: bytes, *, not_to=None
) -> list[str]:
    """The same for several events that happen to an object at once, in this order."""
    now = now_ms()
    event_ids = _write(tx, owner, event_types, object_id, noun, shown, now)
    for endpoint_id, wanted, enabled in tx.all(statements.SELECT_ENDPOINTS, owner):
        for event_id, event_type in zip(event_ids, event_types, strict=True):
            if endpoint_id != not_to and listens(wanted, event_type):
                _deliver(tx, owner, event_id, event_type, endpoint_id, now, now if enabled else None)
    return event_ids


def record_for(
    tx, owner: Owner, event_type: str, object_id: str, noun: str, shown: bytes, *, endpoint_id: str
) -> tuple[str, str]:
    """Writes an event for one endpoint, whatever its filter says; returns the ids of event and delivery."""
    now = now_ms()
    [event_id] = _write(tx, owner, (event_type,), object_id, noun, shown, now)
    return event_id, _deliver(tx, owner, event_id, event_type, endpoint_id, now, first_in_line(tx, endpoint_id, now))


def first_in_line(tx, endpoint_id: str, now: int) -> int:
    """When a delivery must be due to go out before all that wait for the endpoint: somebody is looking for it."""
    first = tx.one("SELECT min(due_at) FROM deliveries WHERE endpoint_id = ? AND due_at IS NOT NULL", (endpoint_id,))[0]
    return now if first is None else min(now, first - 1)


def _write(tx, owner: Owner, event_types, object_id: str, noun: str, shown: bytes, now: int) -> list[str]:
    event_ids, values = [], []
    for event_type in event_types:
        event_id = new_id("evt")
        event_ids.append(event_id)
        values += (event_id, *owner, event_type, object_id, body(event_id, event_type, now, noun, shown), now)
        watch.changed(tx, ":".join(owner), (event_type, object_id))
    tx.execute(statements.insert_events(len(event_ids)), values)
    return event_ids


def body(event_id: str, event_type: str, at_ms: int, noun: str, shown: bytes) -> bytes:
    """What receivers get. It is built once: every attempt sends these bytes, and JavaScript's
    `JSON.stringify(JSON.parse(body))` gives them back.
    """
    return b'{"id":"%b","event":"%b","timestamp":%d,"data":{"%b":%b}}' % (
        event_id.encode(), event_type.encode(), at_ms // 1000, noun.encode(), shown,
    )  # fmt: skip


def _deliver(
    tx, owner: Owner, event_id: str, event_type: str, endpoint_id: str, now: int, due_at: int | None
) -> str:
    """One event for one endpoint: due, or `skipped` (kept, recoverable) where the endpoint is disabled."""
    delivery_id = str(uuid.uuid4())
    status = "skipped" if due_at is None else "pending"
    tx.execute(
        statements.INSERT_DELIVERY, (delivery_id, *owner, event_id, event_type, endpoint_id, status, now, due_at)
    )
    if due_at is not None:
        tx.after_commit(bell.ring_deliveries)
    return delivery_id


@lru_cache(maxsize=4_096)
def listens(wanted: str, event_type: str) -> bool:
    """Whether an endpoint's filter (a JSON list: exact names, `payment.*`, `*`) takes this event."""
    return any(
        name in ("*", event_type) or (name.endswith(".*") and event_type.startswith(name[:-1]))
        for name in msgspec.json.decode(wanted)
    )

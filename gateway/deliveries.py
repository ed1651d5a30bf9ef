"""Deliveries as merchants see and steer them: the log, manual retry, recovery in bulk, test events."""

import msgspec

from gateway import bell, events, lists, reports, retries
from gateway import delivery_objects as objects
from gateway.clock import now_ms, rfc3339
from gateway.delivery_objects import DeliveryRow
from gateway.errors import Conflict, NotFound
from gateway.ids import new_id
from gateway.models import COMMON_EVENTS, RECOVERABLE, Recovery
from gateway.objects import Owner, encode
from gateway.webhook_objects import EndpointRow

ROWS_PER_UNIT = 500  # of a bulk change: about 5 ms of the writer, for which payments wait
ATTEMPTS_SHOWN = 100
COUNT_MAX = 100_000  # of a list's total, which is counted anew for every page

_IS_OPEN = "SELECT 1 FROM webhook_endpoints WHERE id = ? AND url IS NOT NULL AND enabled = 1 AND deleted_at IS NULL"

COLUMNS = ", ".join(DeliveryRow.__struct_fields__)
ATTEMPT_COLUMNS = (
    "attempt, manual, created_at, duration_ms, address, response_code, error, error_detail, response_body"
)


def list_deliveries(
    tx, owner: Owner, page: lists.Page, *, status=None, event=None, endpoint_id=None, since=None, until=None
) -> dict:
    # In the words of the partial index, which holds what is not delivered.
    of_status = "status = ?" if status == "success" else "status <> 'success' AND status = ?"
    filters = {
        of_status: status,
        _of_type("event_type", event): event,
        "endpoint_id = ?": endpoint_id,
        **_between(tx, "deliveries", since, until),
    }
    return lists.select(
        tx, "deliveries", COLUMNS, owner, page, filters, DeliveryRow, objects.delivery, count_max=COUNT_MAX
    )


def _of_type(column: str, event: str | None) -> str:
    """A kind of event as a condition, in the words of the partial index where it is a rare one."""
    return f"{column} = ?" if event in COMMON_EVENTS else f"{column} NOT IN {COMMON_EVENTS} AND {column} = ?"


def _between(tx, table: str, since: int | None, until: int | None) -> dict:
    """A time as filters: exactly, and as a range of row numbers, which needs no index on time."""
    first, end = reports.lists.bounds(tx, table, reports.lists.Span(since, until))
    return {
        "seq >= ?": first if since is not None else None,
        "seq < ?": end if until is not None else None,
        "created_at >= ?": since,
        "created_at <= ?": until,
    }


def find(tx, owner: Owner, delivery_id: str) -> objects.Delivery:
    """A delivery as the log lists it; raises NotFound."""
    return objects.delivery(_find(tx, owner, delivery_id))


def show(tx, owner: Owner, delivery_id: str) -> objects.DeliveryDetails:
    """The same with its body and its attempts."""
    row = _find(tx, owner, delivery_id)
    url, payload = tx.one(
        "SELECT (SELECT url FROM webhook_endpoints WHERE id = ?), (SELECT body FROM events WHERE id = ?)",
        (row.endpoint_id, row.event_id),
    )
    attempts = tx.all(
        f"SELECT {ATTEMPT_COLUMNS} FROM delivery_attempts WHERE delivery_id = ? ORDER BY seq DESC LIMIT ?",
        (delivery_id, ATTEMPTS_SHOWN),
    )
    return objects.delivery_details(row, url, bytes(payload), [_attempt(*found) for found in reversed(attempts)])


def retry(tx, owner: Owner, delivery_id: str) -> objects.Scheduled:
    """Tries a delivery again at once, in place of the retry that may be waiting; raises NotFound or Conflict.

    While the schedule lasts the attempt counts as the next one of it. A delivery that was final gets this one attempt.
    """
    row = _find(tx, owner, delivery_id)
    if not tx.one(_IS_OPEN, (row.endpoint_id,)):
        raise Conflict("The endpoint is disabled or gone; nothing is sent there.", reason="endpoint_disabled")
    spent = 0 if row.status == "pending" else retries.SPENT
    tx.execute(
        "UPDATE deliveries SET status = 'pending', due_at = ?, claimed_until = NULL, manual = 1,"
        " retries = CASE WHEN retries < ? THEN ? ELSE retries END WHERE id = ?",
        (events.first_in_line(tx, row.endpoint_id, now_ms()), spent, spent, delivery_id),
    )
    tx.after_commit(bell.ring_deliveries)
    return objects.Scheduled(delivery_id)


def send_test(tx, endpoint: EndpointRow) -> objects.Sent:
    """A `webhook.test` event for this endpoint alone, whatever its filter says."""
    shown = encode({"endpoint_id": endpoint.id, "message": "Your webhook endpoint works."})
    event_id, delivery_id = events.record_for(
        tx, endpoint.owner, "webhook.test", endpoint.id, "test", shown, endpoint_id=endpoint.id
    )
    return objects.Sent(delivery_id, event_id, endpoint.id)


# What is recovered or set aside in bulk, in units that hold up nobody


def recover(tx, endpoint: EndpointRow, since_ms: int, status: str | None) -> objects.Recovered:
    """Sends again what failed or was skipped since then, oldest first, with the whole schedule before it.

    The first rows go at once; where there are more, a row remembers how far it has come and `recover_some` goes on.
    """
    count = tx.one(f"SELECT count(*) FROM deliveries WHERE {_recoverable(status)}", (endpoint.id, 0, since_ms))[0]
    after_seq = _recover_rows(tx, endpoint_id=endpoint.id, status=status, since=since_ms, after_seq=0)
    if after_seq is not None:
        Recovery.insert(
            id=new_id("rcvr"),
            merchant_id=endpoint.merchant_id,
            mode=endpoint.mode,
            endpoint_id=endpoint.id,
            status=status,
            since=since_ms,
            after_seq=after_seq,
            created_at=now_ms(),
        ).execute()
    webhooks = "1 webhook" if count == 1 else f"{count} webhooks"
    return objects.Recovered(endpoint.id, count, f"{webhooks} will be sent again")


def recover_some(tx) -> bool:
    """Goes on with the recoveries that are not done; False when there is nothing left to do."""
    rows = tx.all("SELECT id, endpoint_id, status, since, after_seq FROM recoveries ORDER BY seq LIMIT 1")
    for recovery_id, endpoint_id, status, since, after_seq in rows:
        reached = _recover_rows(tx, endpoint_id=endpoint_id, status=status, since=since, after_seq=after_seq)
        if reached is None:
            tx.execute("DELETE FROM recoveries WHERE id = ?", (recovery_id,))
        else:
            tx.execute("UPDATE recoveries SET after_seq = ? WHERE id = ?", (reached, recovery_id))
    return bool(rows)


def _recover_rows(tx, *, endpoint_id: str, status: str | None, since: int, after_seq: int) -> int | None:
    """One unit of a recovery; how far it came, or None where nothing is left."""
    rows = tx.all(
        "UPDATE deliveries SET status = 'pending', due_at = ?, claimed_until = NULL, retries = 0, manual = 0"
        f" WHERE seq IN (SELECT seq FROM deliveries WHERE {_recoverable(status)} ORDER BY seq LIMIT ?) RETURNING seq",
        (now_ms(), endpoint_id, after_seq, since, ROWS_PER_UNIT),
    )
    if rows:
        tx.after_commit(bell.ring_deliveries)
    return max(row[0] for row in rows) if len(rows) == ROWS_PER_UNIT else None


def _recoverable(status: str | None) -> str:
    """The condition, with the text of the partial index in it; `status` is one of ours."""
    only = f" AND status = '{status}'" if status else ""
    return f"endpoint_id = ? AND status IN {RECOVERABLE}{only} AND seq > ? AND created_at >= ?"


def skip_some(tx, endpoint_id: str) -> None:
    """Sets aside what waits for an endpoint that takes nothing; rings for the rest where it is much."""
    skipped = tx.changed(
        "UPDATE deliveries SET status = 'skipped', due_at = NULL, claimed_until = NULL, manual = 0 WHERE seq IN"
        " (SELECT seq FROM deliveries WHERE endpoint_id = ? AND due_at IS NOT NULL LIMIT ?)",
        (endpoint_id, ROWS_PER_UNIT),
    )
    tx.execute("DELETE FROM recoveries WHERE endpoint_id = ?", (endpoint_id,))
    if skipped == ROWS_PER_UNIT:
        tx.after_commit(bell.ring_deliveries)


def prune_attempts(tx, log_days: float) -> int:
    """Forgets attempts older than the setting, a bounded number at a time; returns how many."""
    if not log_days:
        return 0
    return tx.changed(
        "DELETE FROM delivery_attempts WHERE seq IN (SELECT seq FROM delivery_attempts ORDER BY seq LIMIT ?)"
        " AND created_at < ?",
        (ROWS_PER_UNIT, now_ms() - round(log_days * 86_400_000)),
    )


# Events


def list_events(tx, owner: Owner, page: lists.Page, *, event=None, object_id=None, since=None, until=None) -> dict:
    filters = {
        _of_type("type", event): event,
        "seq IN (SELECT seq FROM events WHERE object_id = ?)": object_id,
        **_between(tx, "events", since, until),
    }
    return lists.select(tx, "events", "body, created_at", owner, page, filters, _event, _same, count_max=COUNT_MAX)


def show_event(tx, owner: Owner, event_id: str) -> objects.EventDetails:
    """An event with its deliveries; raises NotFound."""
    found = tx.one(
        "SELECT body, created_at FROM events WHERE id = ? AND merchant_id = ? AND mode = ?", (event_id, *owner)
    )
    if not found:
        raise NotFound("No such event.", field="event_id")
    rows = tx.all(f"SELECT {COLUMNS} FROM deliveries WHERE event_id = ? ORDER BY seq", (event_id,))
    deliveries = [objects.delivery(DeliveryRow(*row)) for row in rows]
    return objects.EventDetails(**_event_fields(*found), deliveries=deliveries)


def _event(body: bytes, created_at: int) -> objects.Event:
    return objects.Event(**_event_fields(body, created_at))


def _same(event: objects.Event) -> objects.Event:
    return event


def _event_fields(body: bytes, created_at: int) -> dict:
    return msgspec.structs.asdict(_BODY.decode(bytes(body))) | {"created_at": rfc3339(created_at)}


class _Body(msgspec.Struct):
    id: str
    event: str
    timestamp: int
    data: msgspec.Raw


_BODY = msgspec.json.Decoder(_Body)


def _find(tx, owner: Owner, delivery_id: str) -> DeliveryRow:
    row = tx.one(
        f"SELECT {COLUMNS} FROM deliveries WHERE id = ? AND merchant_id = ? AND mode = ?", (delivery_id, *owner)
    )
    if not row:
        raise NotFound("No such webhook delivery.", field="id")
    return DeliveryRow(*row)


def _attempt(attempt, manual, at, duration_ms, address, code, error, detail, body) -> objects.Attempt:
    text = bytes(body).decode("utf-8", "replace") if body is not None else None
    return objects.Attempt(attempt, bool(manual), rfc3339(at), duration_ms, address, code, error, detail, text)

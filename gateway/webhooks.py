"""A delivery on its way: claim it, sign it, and write down what the receiver answered.

Claiming and settling are transactions, sending is not. Everything here may run twice; a receiver may get an event
twice, always with the same `webhook-id`, and never gets none.
"""

from typing import NamedTuple

from msgspec import Struct

from gateway import deliveries, endpoint_health, endpoints, events, retries, signatures, statements, watch
from gateway.clock import now_ms
from gateway.config import Webhooks
from gateway.crypto import MasterKey
from gateway.objects import encode
from gateway.webhook_objects import EndpointRow

CLAIM_MS = 120_000  # longer than any timeout; a dead process's claims lapse by then
GONE = 410
OWN_FAULT = "internal"  # the sender's word for a failure that says nothing about the receiver


class Claimed(Struct):
    """A delivery that this process may attempt until `claimed_until`."""

    endpoint: EndpointRow
    id: str
    event_id: str
    event_type: str
    claimed_until: int
    retries: int
    manual: int
    body: bytes


class Waiting(NamedTuple):
    """An endpoint for which something is due, its failures in a row, and its owner's limit."""

    endpoint_id: str
    failures: int
    rate_per_s: int | None


def waiting(tx) -> list[Waiting]:
    """The endpoints for which something is due and unclaimed."""
    now = now_ms()
    return [Waiting(*row) for row in tx.all(statements.WAITING_ENDPOINTS, (now, now))]


def is_due(tx) -> bool:
    """Whether there is anything for the dispatcher to do."""
    return bool(waiting(tx)) or is_recovering(tx)


def is_recovering(tx) -> bool:
    """Whether deliveries are still to be put back on their way."""
    return tx.one("SELECT 1 FROM recoveries LIMIT 1") is not None


def claim(tx, endpoint_id: str, limit: int) -> list[Claimed]:
    """Takes up to `limit` due deliveries of the endpoint, oldest first; sets them aside where it takes nothing."""
    endpoint = endpoints.find_any(tx, endpoint_id)
    if endpoint is None or not endpoint.is_open:
        deliveries.skip_some(tx, endpoint_id)
        return []
    now = now_ms()
    rows = tx.all(statements.CLAIM_DELIVERIES, (now + CLAIM_MS, endpoint_id, now, now, limit))
    return [Claimed(endpoint, *row[1:]) for row in sorted(rows)]


def release(tx, unsent: list[Claimed]) -> None:
    """Gives back what was claimed and not attempted."""
    for claimed in unsent:
        tx.execute(statements.RELEASE_DELIVERY, (claimed.id, claimed.claimed_until))


def headers(claimed: Claimed, master: MasterKey) -> dict[str, str]:
    """The signed headers of an attempt that starts now."""
    now = now_ms()
    secret, previous = endpoints.secrets(claimed.endpoint, master, now)
    return signatures.webhook_headers(
        event_id=claimed.event_id,
        event=claimed.event_type,
        body=claimed.body,
        secret=secret,
        previous_secret=previous,
        delivery_id=claimed.id,
        at_s=now // 1000,
    )


def is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def settle(tx, claimed: Claimed, answer, policy: Webhooks) -> None:
    """Writes down an attempt and what follows from it.

    A success counts whoever holds the claim by now. A failure moves the delivery only if the claim still holds: where
    it does not, somebody has asked for another attempt meanwhile, or has set the delivery aside.
    """
    now = now_ms()
    if is_success(answer.status):
        number = tx.one(statements.DELIVERED, (answer.status, now, claimed.id))
        endpoint_health.answered(tx, claimed.endpoint.id)
    else:
        number = _not_delivered(tx, claimed, answer, policy, now)
    _log(tx, claimed, number[0], answer, now)
    watch.changed(tx, ":".join(claimed.endpoint.owner), ("webhook.attempt", claimed.id))


def settle_and_claim(tx, claimed: Claimed, answer, policy: Webhooks, limit: int) -> list[Claimed]:
    """The same, and takes the next of the endpoint with it, so that a healthy one is served without a pause."""
    settle(tx, claimed, answer, policy)
    return claim(tx, claimed.endpoint.id, limit) if limit else []


def _not_delivered(tx, claimed: Claimed, answer, policy: Webhooks, now: int) -> tuple:
    wait = retries.wait_ms(policy, claimed.retries, status=answer.status, retry_after=answer.retry_after)
    status, due_at = ("failed", None) if wait is None else ("pending", now + wait)
    if answer.status == GONE:
        status, due_at = "skipped", None
    number = tx.one(
        statements.NOT_DELIVERED,
        (status, due_at, claimed.retries + 1, answer.status, answer.error, now, claimed.id, claimed.claimed_until),
    )
    if answer.status == GONE:
        endpoint_health.disable(tx, claimed.endpoint.id, "gone")
    elif answer.error != OWN_FAULT:
        endpoint_health.failed(tx, claimed.endpoint.id, policy.disable_after_days)
    if number and status == "failed":
        _announce_exhausted(tx, claimed)
    return number or tx.one(statements.COUNT_ATTEMPT, (now, answer.status, answer.error, claimed.id))


def _announce_exhausted(tx, claimed: Claimed) -> None:
    """Tells the other endpoints; not of a manual attempt, nor of a message that is itself about webhooks.

    Two dead endpoints would otherwise go on telling each other about each other.
    """
    if claimed.retries >= retries.SPENT or claimed.event_type.startswith("webhook."):
        return
    owner = claimed.endpoint.owner
    shown = encode(deliveries.find(tx, owner, claimed.id))
    events.record(
        tx, owner, "webhook.delivery_exhausted", claimed.id, "webhook_delivery", shown, not_to=claimed.endpoint.id
    )


def _log(tx, claimed: Claimed, number: int, answer, now: int) -> None:
    tx.execute(
        statements.INSERT_ATTEMPT,
        (
            claimed.id,
            number,
            claimed.manual,
            now - answer.duration_ms,
            answer.duration_ms,
            answer.address,
            answer.status,
            answer.error,
            answer.detail,
            answer.body or None,
        ),
    )

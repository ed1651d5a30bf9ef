"""How an endpoint is doing: it is warned of before it is disabled, and disabled when nothing has succeeded for days."""

import logging

from gateway import endpoints, events, statements
from gateway import webhook_objects as objects
from gateway.clock import now_ms
from gateway.objects import encode
from gateway.webhook_objects import EndpointRow

log = logging.getLogger("gateway.webhooks")

WARN_AT_PERCENT = (90, 70, 50)
SUCCESS_NOTED_EVERY_MS = 60_000
DAY_MS = 86_400_000


def answered(tx, endpoint_id: str) -> None:
    """An attempt has succeeded: earlier failures are forgotten."""
    now = now_ms()
    tx.execute(statements.ENDPOINT_ANSWERED, (now, endpoint_id, now - SUCCESS_NOTED_EVERY_MS))


def failed(tx, endpoint_id: str, disable_after_days: float) -> None:
    """An attempt has failed: counts it, warns at half of the time and later, disables when the time is over.

    A pause of more than half of the time begins a new count. So nobody is disabled without an earlier warning, and an
    endpoint with two failures in a month is not taken for dead.
    """
    now, limit_ms = now_ms(), disable_after_days * DAY_MS
    paused_since = now - limit_ms / 2 if limit_ms else 0
    row = tx.one(statements.ENDPOINT_FAILED, (now, paused_since, now, paused_since, endpoint_id))
    endpoint = EndpointRow(*row)
    if not limit_ms or not endpoint.is_open:
        return
    percent = int((now - (endpoint.failing_since or now)) * 100 // limit_ms)
    if percent >= 100:
        disable(tx, endpoint_id, "failing")
    else:
        _warn(tx, endpoint, next((step for step in WARN_AT_PERCENT if percent >= step), 0))


def disable(tx, endpoint_id: str, reason: str) -> None:
    """Stops sending to the endpoint and tells the merchant through its other endpoints; safe to repeat."""
    disabled = endpoints.disable(tx, endpoint_id, reason)
    if disabled:
        _announce(tx, "webhook.endpoint_disabled", disabled)
        tx.after_commit(lambda: log.warning("endpoint %s was disabled (%s)", endpoint_id, reason))


def disables_at(endpoint: EndpointRow, disable_after_days: float) -> int | None:
    """When an endpoint that its merchant was warned of will be disabled unless something succeeds."""
    if not endpoint.is_open or not endpoint.warned_percent or endpoint.failing_since is None:
        return None
    return endpoint.failing_since + round(disable_after_days * DAY_MS) if disable_after_days else None


def _warn(tx, endpoint: EndpointRow, percent: int) -> None:
    if percent <= endpoint.warned_percent:
        return
    tx.execute("UPDATE webhook_endpoints SET warned_percent = ? WHERE id = ?", (percent, endpoint.id))
    _announce(tx, "webhook.endpoint_failing", endpoint)
    line = "endpoint %s has failed for %d %% of the time after which it is disabled"
    tx.after_commit(lambda: log.warning(line, endpoint.id, percent))


def _announce(tx, event_type: str, endpoint: EndpointRow) -> None:
    shown = encode(objects.endpoint(endpoint))
    events.record(tx, endpoint.owner, event_type, endpoint.id, "webhook_endpoint", shown, not_to=endpoint.id)

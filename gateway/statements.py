"""The hot statements, as text that is compiled once: accepting, claiming, settling, delivering.

Building these with peewee costs 50 to 135 µs each, running them 3 to 5. They are written for SQLite and PostgreSQL
alike: `?` stands for a value; `/*skip locked*/` and `/*for update*/` become PostgreSQL's clauses of these names.
"""

from functools import lru_cache

from gateway.models import FINAL_UNPAID
from gateway.objects import OrderRow, PaymentRow, RefundRow
from gateway.webhook_objects import EndpointRow

ORDER_COLUMNS = ", ".join(OrderRow.__struct_fields__)
PAYMENT_COLUMNS = ", ".join(PaymentRow.__struct_fields__)
REFUND_COLUMNS = ", ".join(RefundRow.__struct_fields__)
ENDPOINT_COLUMNS = ", ".join(EndpointRow.__struct_fields__)


def _insert(table: str, columns: str, conflict: str = "") -> str:
    marks = ", ".join("?" * len(columns.split(", ")))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}) {conflict}"


def _without_seq(columns: str) -> str:
    return columns.removeprefix("seq, ")


def _once(select: str) -> str:
    """The select, run once: PostgreSQL may run a plain one anew for every row, and each run skips what it has locked,
    so that a limit limits nothing.
    """
    return f"WITH free AS MATERIALIZED ({select}) SELECT seq FROM free"


def _claim(table: str, columns: str, condition: str, changes: str = "") -> str:
    """Takes rows that are due and that nobody holds; whoever comes second gets none of them."""
    free = "due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?)"
    return (
        f"UPDATE {table} SET claimed_until = ?, work_attempts = work_attempts + 1{changes} WHERE seq IN ("
        f"{_once(f'SELECT seq FROM {table} WHERE {free} AND {condition} ORDER BY due_at LIMIT ? /*skip locked*/')}"
        f") RETURNING {columns}"
    )


# Accepting
INSERT_ORDER = _insert("orders", _without_seq(ORDER_COLUMNS)) + f"RETURNING {ORDER_COLUMNS}"
SELECT_ORDER = f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = ? AND merchant_id = ? AND mode = ?"
ATTEMPT_ORDER = (
    "UPDATE orders SET attempts = attempts + 1, updated_at = ?,"
    " status = CASE status WHEN 'created' THEN 'attempted' ELSE status END"
    f" WHERE id = ? AND merchant_id = ? AND mode = ? AND status <> 'paid' RETURNING {ORDER_COLUMNS}"
)
PAY_ORDER = (
    "UPDATE orders SET status = 'paid', amount_paid = ?, updated_at = ? WHERE id = ? AND status <> 'paid'"
    f" RETURNING {ORDER_COLUMNS}"
)
HOLD_ORDER = "SELECT 1 FROM orders WHERE id = ? /*for update*/"
INSERT_PAYMENT = _insert(
    "payments",
    _without_seq(PAYMENT_COLUMNS),
    f"ON CONFLICT (order_id) WHERE status NOT IN {FINAL_UNPAID} DO NOTHING",
)
INSERT_SEALED_CARD = _insert("sealed_cards", "payment_id, sealed")
DELETE_SEALED_CARD = "DELETE FROM sealed_cards WHERE payment_id = ?"
SELECT_SEALED_CARD = "SELECT sealed FROM sealed_cards WHERE payment_id = ?"
SELECT_PAYMENT = f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE id = ? AND merchant_id = ? AND mode = ?"
SELECT_PAYMENT_BY_ID = f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE id = ?"

# Claiming
CLAIM_PAYMENTS = _claim(
    "payments",
    PAYMENT_COLUMNS,
    "processor = ?",
    ", status = CASE status WHEN 'pending' THEN 'processing' ELSE status END",
)
CLAIM_REFUNDS = _claim("refunds", REFUND_COLUMNS, "1 = 1")
PARK_PAYMENT = (
    "UPDATE payments SET step = ?, due_at = ?, claimed_until = NULL WHERE id = ? AND status = ? AND claimed_until = ?"
)
RELEASE_PAYMENT = "UPDATE payments SET claimed_until = NULL WHERE id = ? AND claimed_until = ?"
RELEASE_REFUND = "UPDATE refunds SET claimed_until = NULL WHERE id = ? AND claimed_until = ?"

# Settling
INSERT_STATUS_CHANGE = _insert("status_changes", "object_id, from_status, to_status, created_at")
INSERT_LEDGER_ENTRY = _insert(
    "ledger_entries", "posting, account, merchant_id, mode, currency, amount, created_at"
)
RESERVE_REFUND = (
    "UPDATE payments SET amount_refunded = amount_refunded + ?, updated_at = ?"
    " WHERE id = ? AND merchant_id = ? AND mode = ? AND status = 'success' AND captured = 1"
    " AND amount_refunded + ? <= amount_captured"
)
RELEASE_REFUNDED = "UPDATE payments SET amount_refunded = amount_refunded - ?, updated_at = ? WHERE id = ?"
INSERT_REFUND = _insert("refunds", _without_seq(REFUND_COLUMNS))
SELECT_REFUND = f"SELECT {REFUND_COLUMNS} FROM refunds WHERE id = ? AND merchant_id = ? AND mode = ?"

# Announcing
EVENT_COLUMNS = "id, merchant_id, mode, type, object_id, body, created_at"
SELECT_ENDPOINTS = (
    "SELECT id, events, enabled FROM webhook_endpoints"
    " WHERE merchant_id = ? AND mode = ? AND url IS NOT NULL AND deleted_at IS NULL"
)
INSERT_DELIVERY = (
    "INSERT INTO deliveries (id, merchant_id, mode, event_id, event_type, endpoint_id, status, created_at, due_at,"
    " work_attempts, attempts, retries, manual) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0)"
)

# Delivering
SELECT_ENDPOINT = f"SELECT {ENDPOINT_COLUMNS} FROM webhook_endpoints WHERE id = ?"
CLAIM_DELIVERIES = (
    "UPDATE deliveries SET claimed_until = ?, work_attempts = work_attempts + 1 WHERE seq IN ("
    + _once(
        "SELECT seq FROM deliveries WHERE endpoint_id = ? AND due_at <= ?"
        " AND (claimed_until IS NULL OR claimed_until <= ?) ORDER BY due_at, seq LIMIT ? /*skip locked*/"
    )
    + ") RETURNING seq, id, event_id, event_type, claimed_until, retries, manual,"
    " (SELECT body FROM events WHERE events.id = deliveries.event_id)"
)
RELEASE_DELIVERY = "UPDATE deliveries SET claimed_until = NULL WHERE id = ? AND claimed_until = ?"
DELIVERED = (
    "UPDATE deliveries SET status = 'success', due_at = NULL, claimed_until = NULL, manual = 0,"
    " attempts = attempts + 1, response_code = ?, error = NULL, last_attempt_at = ? WHERE id = ? RETURNING attempts"
)
NOT_DELIVERED = (
    "UPDATE deliveries SET status = ?, due_at = ?, claimed_until = NULL, retries = ?, manual = 0,"
    " attempts = attempts + 1, response_code = ?, error = ?, last_attempt_at = ?"
    " WHERE id = ? AND claimed_until = ? RETURNING attempts"
)
# An attempt that lost its claim moves nothing, but what was answered last is what the log shows.
COUNT_ATTEMPT = (
    "UPDATE deliveries SET attempts = attempts + 1, last_attempt_at = ?,"
    " response_code = CASE status WHEN 'success' THEN response_code ELSE ? END,"
    " error = CASE status WHEN 'success' THEN error ELSE ? END WHERE id = ? RETURNING attempts"
)
INSERT_ATTEMPT = _insert(
    "delivery_attempts",
    "delivery_id, attempt, manual, created_at, duration_ms, address, response_code, error, error_detail, response_body",
)
ENDPOINT_ANSWERED = (
    "UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, warned_percent = 0, last_success_at = ?"
    " WHERE id = ? AND (failures > 0 OR last_success_at IS NULL OR last_success_at < ?)"
)
ENDPOINT_FAILED = (
    "UPDATE webhook_endpoints SET failures = failures + 1, last_failure_at = ?,"
    " failing_since = CASE WHEN failing_since IS NULL OR last_failure_at < ? THEN ? ELSE failing_since END,"
    " warned_percent = CASE WHEN failing_since IS NULL OR last_failure_at < ? THEN 0 ELSE warned_percent END"
    f" WHERE id = ? RETURNING {ENDPOINT_COLUMNS}"
)
# Hops from endpoint to endpoint through the index of what is due, so that a backlog of any length costs one step.
WAITING_ENDPOINTS = """
WITH RECURSIVE waiting (endpoint_id) AS (
    SELECT min(endpoint_id) FROM deliveries WHERE due_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(endpoint_id) FROM deliveries WHERE due_at IS NOT NULL AND endpoint_id > waiting.endpoint_id)
    FROM waiting WHERE waiting.endpoint_id IS NOT NULL
)
SELECT endpoint_id, failures, rate_per_s
FROM waiting JOIN webhook_endpoints ON webhook_endpoints.id = endpoint_id WHERE EXISTS (
    SELECT 1 FROM deliveries WHERE deliveries.endpoint_id = waiting.endpoint_id
    AND due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?)
)"""

# Idempotency
INSERT_KEY = _insert(
    "idempotency_keys",
    "scope, key, fingerprint, method_path, status, body, sealed, hits, conflicts, created_at",
    "ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, method_path = excluded.method_path,"
    " status = excluded.status, body = excluded.body, sealed = excluded.sealed, hits = 0, conflicts = 0,"
    " created_at = excluded.created_at WHERE idempotency_keys.created_at <= ?",
)
SELECT_KEY = (
    "SELECT fingerprint, status, body, sealed FROM idempotency_keys WHERE scope = ? AND key = ? AND created_at > ?"
)
COUNT_HIT = "UPDATE idempotency_keys SET hits = hits + 1 WHERE scope = ? AND key = ?"
COUNT_CONFLICT = "UPDATE idempotency_keys SET conflicts = conflicts + 1 WHERE scope = ? AND key = ?"


SUM_UNIT = 2**32


def wide_sum(column: str) -> str:
    """Two columns, high and low: a thousand of the largest amounts together do not fit into 64 bits."""
    return f"CAST(sum({column} / {SUM_UNIT}) AS BIGINT), CAST(sum({column} % {SUM_UNIT}) AS BIGINT)"


def join_sum(high: int, low: int) -> int:
    """The sum out of what `wide_sum` selects."""
    return high * SUM_UNIT + low


@lru_cache(maxsize=128)
def move(table: str, columns: tuple[str, ...], held: bool) -> str:
    """The compare and swap of a status: changes nothing unless the row still has the status it is moved from."""
    changes = ", ".join(f"{column} = ?" for column in ("status", "updated_at", *columns))
    claim = " AND claimed_until = ?" if held else ""
    return f"UPDATE {table} SET {changes} WHERE id = ? AND status = ?{claim}"


@lru_cache(maxsize=16)
def insert_events(count: int) -> str:
    """One statement for all events of a change."""
    marks = f"({', '.join('?' * len(EVENT_COLUMNS.split(', ')))})"
    return f"INSERT INTO events ({EVENT_COLUMNS}) VALUES {', '.join([marks] * count)}"

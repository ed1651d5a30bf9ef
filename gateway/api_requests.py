"""The log of API requests: who asked what, with what answer and how fast; never a body.

Requests are gathered in memory and written a second later in one unit, so that logging costs a request nothing. What
was gathered when a process dies is lost; money never depends on it.
"""

from typing import NamedTuple

from gateway import preferences
from gateway.clock import now_ms
from gateway.objects import Owner
from gateway.reports.lists import Condition, Cursor, Found, page

GATHERED_MAX = 500  # a second; noting more cost a storm of payments a fifth of its speed
ROWS_PER_UNIT = 500
PRUNED_AT_ONCE = 2_000
PATH_LENGTH_MAX = 300
DAY_MS = 86_400_000
COLUMNS = "seq, id, key_id, method, path, status, error_code, duration_ms, address, created_at"
_WRITE = (
    "INSERT INTO api_requests (id, merchant_id, mode, key_id, method, path, status, error_code, duration_ms, address,"
    " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Asked(NamedTuple):
    """One request, as it is written."""

    id: str
    merchant_id: str
    mode: str
    key_id: str | None
    method: str
    path: str
    status: int
    error_code: str | None
    duration_ms: int
    address: str
    created_at: int


class Row(NamedTuple):
    """One request, as it is shown."""

    seq: int
    id: str
    key_id: str | None
    method: str
    path: str
    status: int
    error_code: str | None
    duration_ms: int
    address: str
    created_at: int


class Log:
    """What was asked since the last writing; beyond a limit it forgets."""

    def __init__(self):
        self._gathered: list[Asked] = []

    @property
    def full(self) -> bool:
        return len(self._gathered) >= GATHERED_MAX

    def add(self, asked: Asked) -> None:
        self._gathered.append(asked)

    def take(self) -> list[Asked]:
        """The oldest that fit one unit of work."""
        taken, self._gathered = self._gathered[:ROWS_PER_UNIT], self._gathered[ROWS_PER_UNIT:]
        return taken


def write(tx, taken: list[Asked]) -> None:
    for asked in taken:
        tx.execute(_WRITE, asked)


def search(tx, owner: Owner, cursor: Cursor, *, trouble: bool = False, method: str | None = None) -> Found:
    """A page of the log; with `trouble` only what was refused or failed."""
    conditions = [Condition("status >= ?", (400,))] if trouble else []
    if method:
        conditions.append(Condition("method = ?", (method,)))
    return page(tx, "api_requests", COLUMNS, owner, Row, cursor, conditions=conditions)


def prune(tx) -> int:
    """Forgets what is older than its merchant wants to keep, a bounded number at a time; returns how many."""
    return tx.changed(
        "DELETE FROM api_requests WHERE seq IN (SELECT r.seq FROM api_requests r LEFT JOIN merchant_preferences p"
        " ON p.merchant_id = r.merchant_id WHERE r.created_at < ?"
        " AND r.created_at < ? - coalesce(p.request_log_days, ?) * ? ORDER BY r.created_at LIMIT ?)",
        (now_ms() - DAY_MS, now_ms(), preferences.REQUEST_LOG_DAYS, DAY_MS, PRUNED_AT_ONCE),
    )

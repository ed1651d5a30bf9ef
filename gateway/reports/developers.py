"""What the dashboard shows to developers: API keys, and the idempotency keys of the last day."""

from typing import NamedTuple

from gateway.clock import now_ms
from gateway.errors import NotFound
from gateway.idempotency import KEPT_MS
from gateway.merchants import KeyRow, find_key
from gateway.objects import Owner

KEYS_MAX = 200
IDEMPOTENCY_SHOWN = 100
IDEMPOTENCY_LOOKED_AT = 20_000  # of all merchants' newest, since the rows are in the order of time


class ApiKey(NamedTuple):
    id: str
    scope: str
    name: str
    created_at: int
    last_used_at: int | None
    revoked_at: int | None


class IdempotencyKey(NamedTuple):
    key: str
    method_path: str
    status: int | None
    hits: int
    conflicts: int
    created_at: int


def api_keys(tx, owner: Owner) -> list[ApiKey]:
    """The owner's keys, those that work first."""
    rows = tx.all(
        "SELECT id, scope, name, created_at, last_used_at, revoked_at FROM api_keys WHERE merchant_id = ? AND mode = ?"
        " ORDER BY CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END, created_at DESC LIMIT ?",
        (*owner, KEYS_MAX),
    )
    return [ApiKey(*row) for row in rows]


def own_key(tx, owner: Owner, key_id: str) -> KeyRow:
    """The owner's key; raises NotFound for anybody else's and those of the other mode."""
    key = find_key(tx, key_id)
    if key is None or key.owner != owner:
        raise NotFound("No such API key.")
    return key


def idempotency_keys(tx, owner: Owner, text: str) -> list[IdempotencyKey]:
    """The owner's newest keys, or the one that is `text`."""
    columns, scope = "key, method_path, status, hits, conflicts, created_at", ":".join(owner)
    if text:
        rows = tx.all(f"SELECT {columns} FROM idempotency_keys WHERE scope = ? AND key = ?", (scope, text))
        return [IdempotencyKey(*row) for row in rows]
    rows = tx.all(
        f"SELECT {columns} FROM (SELECT scope, {columns} FROM idempotency_keys WHERE created_at > ?"
        " ORDER BY created_at DESC LIMIT ?) AS newest WHERE scope = ? ORDER BY created_at DESC LIMIT ?",
        (now_ms() - KEPT_MS, IDEMPOTENCY_LOOKED_AT, scope, IDEMPOTENCY_SHOWN),
    )
    return [IdempotencyKey(*row) for row in rows]

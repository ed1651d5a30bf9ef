"""One answer per key: the key's row is written in the transaction of the work it guards, and replays its bytes.

Codes as in the IETF draft draft-ietf-httpapi-idempotency-key-header: 422 for another request under the same key.
A request that is refused rolls its key back with everything else, so the key is not used up.
"""

import hashlib
import hmac
from typing import NamedTuple

from gateway import objects, statements
from gateway.clock import now_ms
from gateway.crypto import MasterKey
from gateway.errors import Conflict, GatewayError, IdempotencyMismatch

KEPT_MS = 24 * 3600 * 1000
PRUNE_ROWS_MAX = 5_000


class KeyTaken(Conflict):
    """Another node finished the first request with this key meanwhile: run the unit again, and it will replay."""

    def __init__(self):
        super().__init__("The first request with this Idempotency-Key is still running. Try again.", reason="running")


class Answer(NamedTuple):
    status: int
    body: bytes
    replayed: bool = False


class Key(NamedTuple):
    """A client's key: whose it is (`scope`), what it guards (`fingerprint`), and how secret answers are sealed."""

    scope: str
    key: str
    fingerprint: bytes
    method_path: str
    seal: MasterKey | None = None  # where the answer shows secrets


def fingerprint(secret: bytes, method_path: str, canonical: bytes) -> bytes:
    """What makes two requests the same request. Keyed, because a request may hold a card number (PCI DSS 3.5.1.1)."""
    return hashlib.blake2b(method_path.encode() + b"\n" + canonical, key=secret, digest_size=32).digest()


def once(tx, key: Key | None, status: int, work, *args) -> Answer:
    """Does `work(tx, *args)` and answers with its result as JSON; a second request with the key gets the first answer.

    Raises IdempotencyMismatch if the key guards another request, KeyTaken (PostgreSQL only) if two ran at once.
    """
    if key is None:
        return Answer(status, _json(work(tx, *args)))
    now = now_ms()
    known = tx.one(statements.SELECT_KEY, (key.scope, key.key, now - KEPT_MS))
    if known:
        return _replay(tx, key, *known)
    try:
        body = _json(work(tx, *args))
    except GatewayError:
        if tx.one(statements.SELECT_KEY, (key.scope, key.key, now - KEPT_MS)):
            raise KeyTaken() from None
        raise
    stored, sealed = (key.seal.seal(body.decode(), _row(key)), 1) if key.seal else (body, 0)
    new = (key.scope, key.key, key.fingerprint, key.method_path, status, stored, sealed, 0, 0, now)
    if tx.changed(statements.INSERT_KEY, (*new, now - KEPT_MS)) != 1:
        raise KeyTaken()
    return Answer(status, body)


def _replay(tx, key: Key, fingerprint: bytes, status: int, body: bytes, sealed: int) -> Answer:
    if not hmac.compare_digest(bytes(fingerprint), key.fingerprint):
        raise IdempotencyMismatch(
            "This Idempotency-Key was already used with another request. Use a new key for a new request."
        )
    tx.execute(statements.COUNT_HIT, (key.scope, key.key))
    body = key.seal.unseal(body, _row(key)).encode() if sealed and key.seal else bytes(body)
    return Answer(status, body, replayed=True)


def count_conflict(tx, scope: str, key: str) -> None:
    """Remembers a mismatch for the inspector in the dashboard."""
    tx.execute(statements.COUNT_CONFLICT, (scope, key))


def prune(tx) -> int:
    """Forgets keys older than 24 h, a bounded number at a time; returns how many."""
    return tx.changed(
        "DELETE FROM idempotency_keys WHERE (scope, key) IN"
        " (SELECT scope, key FROM idempotency_keys WHERE created_at <= ? LIMIT ?)",
        (now_ms() - KEPT_MS, PRUNE_ROWS_MAX),
    )


def _json(result) -> bytes:
    return result if isinstance(result, bytes) else objects.encode(result)


def _row(key: Key) -> str:
    return f"idempotency:{key.scope}:{key.key}"

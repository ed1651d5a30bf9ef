"""Who did what, append only: every entry carries the hash of the one before, so that a missing or altered one shows."""

import hashlib

from msgspec import Struct

from gateway.clock import now_ms
from gateway.objects import encode

DETAIL_LENGTH_MAX = 500
FIELDS = "merchant_id, user_id, who, action, subject, detail, address, created_at"
START = b""


class Actor(Struct, frozen=True):
    """Somebody who does something: a user with their address on the network, or the operator at the command line."""

    merchant_id: str
    user_id: str | None
    who: str
    address: str = ""


class Entry(Struct, frozen=True):
    seq: int
    merchant_id: str
    user_id: str | None
    who: str
    action: str
    subject: str
    detail: str
    address: str
    created_at: int


def record(tx, actor: Actor, action: str, subject: str = "", detail: str = "") -> None:
    """Appends an entry in the transaction of the deed itself."""
    detail = detail[:DETAIL_LENGTH_MAX]
    entry = (actor.merchant_id, actor.user_id, actor.who, action, subject, detail, actor.address, now_ms())
    # On PostgreSQL two entries of one merchant could follow the same third; a lock on the merchant's row queues them.
    tx.execute("UPDATE merchants SET name = name WHERE id = ?", (actor.merchant_id,))
    before = tx.one(
        "SELECT hash FROM audit_entries WHERE merchant_id = ? ORDER BY seq DESC LIMIT 1", (actor.merchant_id,)
    )
    tx.execute(
        f"INSERT INTO audit_entries ({FIELDS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*entry, _link(bytes(before[0]) if before else START, entry)),
    )


def done(tx, actor: Actor, action: str, subject: str, detail: str, work, *args):
    """Does `work(tx, *args)` and records it; neither happens without the other."""
    result = work(tx, *args)
    record(tx, actor, action, subject, detail)
    return result


def entries(tx, merchant_id: str, *, before: int | None, limit: int) -> list[Entry]:
    """The newest entries, or those before `before`."""
    rows = tx.all(
        f"SELECT seq, {FIELDS} FROM audit_entries WHERE merchant_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
        (merchant_id, before or 2**62, limit),
    )
    return [Entry(*row) for row in rows]


def broken_link(tx, merchant_id: str) -> int | None:
    """The number of the first entry that does not follow from the one before it; None for a whole chain."""
    before = START
    for seq, *entry, stored in tx.execute(
        f"SELECT seq, {FIELDS}, hash FROM audit_entries WHERE merchant_id = ? ORDER BY seq", (merchant_id,)
    ):
        if _link(before, entry) != bytes(stored):
            return seq
        before = bytes(stored)
    return None


def _link(before: bytes, entry) -> bytes:
    return hashlib.sha256(before + encode(list(entry))).digest()

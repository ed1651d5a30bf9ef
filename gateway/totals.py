"""Totals per half hour: a fold over the event log, so that no page ever counts a million payments.

A batch of events is read, added up and written together with how far it got; a batch that somebody else has added
meanwhile is dropped. What is folded never changes again: an event counts when it happened.
"""

from collections import defaultdict
from typing import NamedTuple

import msgspec
from msgspec import Struct

from gateway.clock import now_ms
from gateway.notices import SUBJECTS, Notice
from gateway.objects import Owner

SLOT_MS = 30 * 60 * 1000  # half an hour, since India's days begin on one
BATCH = 2_000
# On PostgreSQL a smaller number may be committed after a larger one; a gap this old is one that was rolled back.
GAP_MS = 15_000
PROGRESS = "totals_folded_until"

CREATED, SUCCEEDED, FAILED, CANCELLED, CAPTURED = "created", "success", "failed", "cancelled", "captured"
REFUND_CREATED, REFUNDED, REFUND_FAILED = "refund_created", "refunded", "refund_failed"
COUNTED = {
    "payment.created": CREATED,
    "payment.success": SUCCEEDED,
    "payment.failed": FAILED,
    "payment.cancelled": CANCELLED,
    "payment.captured": CAPTURED,
    "refund.created": REFUND_CREATED,
    "refund.processed": REFUNDED,
    "refund.failed": REFUND_FAILED,
}

AMOUNT_MAX = 2**63 - 1  # A thousand of the largest payments are more, and one shop's must not stop the totals of all.
_ADD = (
    "INSERT INTO totals (merchant_id, mode, slot, what, currency, method, reason, count, amount)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (merchant_id, mode, slot, what, currency, method, reason) DO UPDATE SET"
    " count = totals.count + excluded.count, amount ="
    f" CASE WHEN totals.amount > {AMOUNT_MAX} - excluded.amount THEN {AMOUNT_MAX}"
    " ELSE totals.amount + excluded.amount END"
)


class _Thing(Struct):
    amount: int
    currency: str
    method: str = ""
    amount_captured: int = 0
    error_reason: str | None = None


class _Data(Struct):
    payment: _Thing | None = None
    refund: _Thing | None = None


class _Body(Struct):
    data: _Data


_body = msgspec.json.Decoder(_Body)


class Batch(NamedTuple):
    """What some events add up to: from which to which event, what is worth a notice, and whether there are more."""

    after: int
    until: int
    sums: dict[tuple, list[int]]
    notices: list[Notice]
    more: bool


def ahead(tx) -> Batch | None:
    """The next events that are not folded yet, added up; None where there are none. A read."""
    after = progress(tx)
    rows = tx.all(
        "SELECT seq, merchant_id, mode, type, object_id, body, created_at FROM events"
        " WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, BATCH),
    )
    sums: dict[tuple, list[int]] = defaultdict(lambda: [0, 0])
    told: list[Notice] = []
    until, young = after, now_ms() - GAP_MS
    for seq, merchant_id, mode, event_type, object_id, body, created_at in rows:
        if seq != until + 1 and created_at > young and until:
            break
        until = seq
        if event_type in COUNTED:
            _count(sums, Owner(merchant_id, mode), event_type, bytes(body), created_at)
        elif event_type in SUBJECTS:
            told.append(Notice(merchant_id, mode, event_type, object_id))
    return Batch(after, until, dict(sums), told, len(rows) == BATCH) if until > after else None


def add(tx, batch: Batch) -> bool:
    """Writes a batch; False if it has been written already. Safe to run twice."""
    tx.execute("INSERT INTO settings (name, value) VALUES (?, '0') ON CONFLICT (name) DO NOTHING", (PROGRESS,))
    moved = tx.changed(
        "UPDATE settings SET value = ? WHERE name = ? AND value = ?", (str(batch.until), PROGRESS, str(batch.after))
    )
    if moved != 1:
        return False
    for key, (count, amount) in sorted(batch.sums.items()):
        tx.execute(_ADD, (*key, count, min(amount, AMOUNT_MAX)))
    return True


def catch_up(store, batches_max: int = 1_000) -> None:
    """Folds what has happened; for a thread that may wait."""
    for _ in range(batches_max):
        batch = store.read_now(ahead)
        if not batch:
            return
        store.write_now(add, batch)


def progress(tx) -> int:
    """The number of the last event that is folded."""
    row = tx.one("SELECT value FROM settings WHERE name = ?", (PROGRESS,))
    return int(row[0]) if row else 0


def behind(tx) -> int:
    """How many events wait to be folded."""
    return max(0, (tx.one("SELECT max(seq) FROM events")[0] or 0) - progress(tx))


def _count(sums: dict, owner: Owner, event_type: str, body: bytes, at_ms: int) -> None:
    data = _body.decode(body).data
    thing, what = data.payment or data.refund, COUNTED[event_type]
    # Each column only where somebody asks for it: a year has 17,520 slots.
    reason = (thing.error_reason or "unknown") if what == FAILED else ""
    method = thing.method if what == CAPTURED else ""
    amount = thing.amount_captured if what == CAPTURED else thing.amount
    total = sums[(*owner, at_ms // SLOT_MS, what, thing.currency, method, reason)]
    total[0] += 1
    total[1] += amount

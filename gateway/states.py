"""The life cycles of payments and refunds as tables of allowed moves, and the one way to make a move."""

from gateway import statements, watch
from gateway.clock import now_ms

PAYMENT_MOVES = {
    None: {"pending"},
    "pending": {"processing", "failed", "cancelled"},
    "processing": {"requires_action", "success", "failed", "cancelled"},
    "requires_action": {"processing", "success", "failed", "cancelled"},
    # Only what is not captured yet: the authorisation is voided.
    "success": {"cancelled"},
    "failed": set(),
    "cancelled": set(),
}
REFUND_MOVES = {None: {"pending"}, "pending": {"processed", "failed"}, "processed": set(), "failed": set()}

MOVES = {"payments": PAYMENT_MOVES, "refunds": REFUND_MOVES}


def move(tx, table: str, object_id: str, source: str, target: str, *, held: int | None = None, **columns) -> int | None:
    """Moves a row from `source` to `target`, writes its history, and returns when; None if it has left `source`.

    `held` is the claim under which the work was done (`claimed_until`): a move by somebody who has lost the claim
    does not happen. `columns` are set in the same statement.
    """
    assert target in MOVES[table][source], f"{table}: {source} never becomes {target}"
    now = now_ms()
    values = [target, now, *columns.values(), object_id, source]
    if held is not None:
        values.append(held)
    if tx.changed(statements.move(table, tuple(columns), held is not None), values) != 1:
        return None
    remember(tx, object_id, source, target, now)
    return now


def remember(tx, object_id: str, source: str | None, target: str, at_ms: int) -> None:
    """Appends one line to the object's history."""
    tx.execute(statements.INSERT_STATUS_CHANGE, (object_id, source, target, at_ms))
    watch.changed(tx, object_id, target)

"""Events that are rare among many, and their deliveries, found without reading the many."""

from gateway.migrations.dialect import run

COMMON = "('payment.created', 'payment.pending', 'payment.success', 'payment.captured', 'order.paid')"

STATEMENTS = (
    f"CREATE INDEX deliveries_rare ON deliveries (merchant_id, mode, event_type, seq) WHERE event_type NOT IN {COMMON}",
    f"CREATE INDEX events_rare ON events (merchant_id, mode, type, seq) WHERE type NOT IN {COMMON}",
)


def up(tx, kind: str) -> None:
    run(tx, kind, STATEMENTS)

"""The first schema: merchants, orders, payments, refunds, ledger, events, webhooks, idempotency."""

from gateway.models import PARTIAL_INDEXES, TABLES


def up(tx, kind: str) -> None:
    for table in TABLES:
        table._meta.strict_tables = kind == "sqlite"  # PostgreSQL knows no other kind of table.
        table.create_table(safe=False)
    for statement in PARTIAL_INDEXES:
        tx.execute(statement)

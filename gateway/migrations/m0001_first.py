"""The first schema: merchants, orders, payments, refunds, ledger, events, webhooks, idempotency."""

from gateway.models import PARTIAL_INDEXES, TABLES


def up(tx, kind: str) -> None:
    for table in TABLES:
        table.create_table(safe=False)
    for statement in PARTIAL_INDEXES:
        tx.execute(statement)

"""What `gateway check` proves: every rule about money that should hold, looked for in the data itself.

Each rule is a sentence and a query for the rows that break it, so a finding names what is wrong and where.
"""

from pathlib import Path

from gateway import states
from gateway.clock import now_ms
from gateway.models import FINAL_UNPAID

FINDINGS_PER_RULE_MAX = 20
OVERDUE_MS = 10 * 60 * 1000

RULES = {
    "postings that do not sum to 0": """
        SELECT posting FROM ledger_entries GROUP BY posting, currency HAVING sum(amount) <> 0""",
    "captured payments that the ledger does not know, or with another amount": """
        SELECT payments.id FROM payments LEFT JOIN ledger_entries
        ON posting = 'capture:' || payments.id AND account = 'bank'
        WHERE amount_captured <> coalesce(ledger_entries.amount, 0)""",
    "captures in the ledger without a captured payment": """
        SELECT posting FROM ledger_entries LEFT JOIN payments ON posting = 'capture:' || payments.id
        WHERE posting LIKE 'capture:%' AND (payments.id IS NULL OR captured = 0)""",
    "payments whose refunded amount is not the sum of their refunds": """
        SELECT payments.id FROM payments LEFT JOIN refunds ON payment_id = payments.id AND refunds.status <> 'failed'
        GROUP BY payments.id, amount_refunded HAVING amount_refunded <> coalesce(sum(refunds.amount), 0)""",
    "payments with more refunded than captured, or more captured than authorised": """
        SELECT id FROM payments WHERE amount_refunded > amount_captured OR amount_captured > amount""",
    "refunds that the ledger has booked otherwise": """
        SELECT refunds.id FROM refunds
        LEFT JOIN ledger_entries AS made ON made.posting = 'refund:' || refunds.id AND made.account = 'merchant'
        LEFT JOIN ledger_entries AS done ON done.posting = 'refund_processed:' || refunds.id AND done.account = 'bank'
        LEFT JOIN ledger_entries AS undone ON undone.posting = 'refund_failed:' || refunds.id
        AND undone.account = 'merchant'
        WHERE coalesce(made.amount, 0) <> refunds.amount
        OR coalesce(-done.amount, 0) <> CASE refunds.status WHEN 'processed' THEN refunds.amount ELSE 0 END
        OR coalesce(-undone.amount, 0) <> CASE refunds.status WHEN 'failed' THEN refunds.amount ELSE 0 END""",
    "orders with more than one payment that is alive": f"""
        SELECT order_id FROM payments WHERE status NOT IN {FINAL_UNPAID} GROUP BY order_id HAVING count(*) > 1""",
    "orders that are paid without a captured payment, or captured without being paid": """
        SELECT orders.id FROM orders LEFT JOIN payments ON order_id = orders.id AND captured = 1
        WHERE (orders.status = 'paid') <> (payments.id IS NOT NULL) OR amount_paid <> coalesce(amount_captured, 0)""",
    "payments that belong to another merchant or mode than their order": """
        SELECT payments.id FROM payments JOIN orders ON orders.id = order_id
        WHERE payments.merchant_id <> orders.merchant_id OR payments.mode <> orders.mode
        OR payments.currency <> orders.currency OR payments.amount <> orders.amount""",
    "refunds that belong to another merchant or mode than their payment": """
        SELECT refunds.id FROM refunds JOIN payments ON payments.id = payment_id
        WHERE refunds.merchant_id <> payments.merchant_id OR refunds.mode <> payments.mode""",
    "payments without an event for their status": """
        SELECT id FROM payments WHERE status IN ('pending', 'success', 'failed', 'cancelled') AND NOT EXISTS (
        SELECT 1 FROM events WHERE object_id = payments.id AND type = 'payment.' || payments.status)""",
    "refunds without an event for their status": """
        SELECT id FROM refunds WHERE NOT EXISTS (SELECT 1 FROM events WHERE object_id = refunds.id
        AND type = 'refund.' || CASE refunds.status WHEN 'pending' THEN 'created' ELSE refunds.status END)""",
    "card numbers kept for payments that are final": """
        SELECT payment_id FROM sealed_cards LEFT JOIN payments ON payments.id = payment_id
        WHERE payments.id IS NULL OR payments.status IN ('success', 'failed', 'cancelled')""",
    "work that nobody will ever find: open, but not due": """
        SELECT id FROM payments WHERE status IN ('pending', 'processing', 'requires_action') AND due_at IS NULL
        UNION ALL SELECT id FROM refunds WHERE status = 'pending' AND due_at IS NULL
        UNION ALL SELECT id FROM deliveries WHERE status = 'pending' AND due_at IS NULL""",
    "work that has been due for more than ten minutes": """
        SELECT id FROM payments WHERE due_at < {overdue} AND (claimed_until IS NULL OR claimed_until < {overdue})
        UNION ALL SELECT id FROM refunds WHERE due_at < {overdue}
        AND (claimed_until IS NULL OR claimed_until < {overdue})""",
}

LAST_STATUS = """
    SELECT {table}.id, {table}.status FROM {table} WHERE {table}.status <> coalesce((
    SELECT to_status FROM status_changes WHERE object_id = {table}.id ORDER BY status_changes.seq DESC LIMIT 1), '')"""
STEPS = """
    SELECT object_id, from_status, to_status FROM status_changes JOIN {table} ON {table}.id = object_id
    GROUP BY object_id, from_status, to_status"""


def findings(instance) -> list[str]:
    """Everything that is wrong, one sentence each; empty if all is well."""
    found = [f"database: {finding}" for finding in instance.store.integrity_findings()]
    for rule, query in RULES.items():
        found += instance.store.read_now(_broken, rule, query)
    for table in states.MOVES:
        found += instance.store.read_now(_history, table)
    return found + _bank_findings(instance) + _file_findings(instance.config.data_dir)


def _broken(tx, rule: str, query: str) -> list[str]:
    query = query.replace("{overdue}", str(now_ms() - OVERDUE_MS))
    ids = [row[0] for row in tx.all(f"{query} LIMIT {FINDINGS_PER_RULE_MAX + 1}")]
    return [_sentence(rule, ids)] if ids else []


def _sentence(rule: str, ids: list[str]) -> str:
    more = " and more" if len(ids) > FINDINGS_PER_RULE_MAX else ""
    return f"{rule}: {', '.join(ids[:FINDINGS_PER_RULE_MAX])}{more}"


def _history(tx, table: str) -> list[str]:
    """The last line of a history is the object's status, and every line is a move of the state machine."""
    wrong = [row[0] for row in tx.all(LAST_STATUS.format(table=table) + f" LIMIT {FINDINGS_PER_RULE_MAX + 1}")]
    found = [_sentence(f"{table} whose status is not the last of their history", wrong)] if wrong else []
    impossible = [
        object_id
        for object_id, source, target in tx.all(STEPS.format(table=table))
        if target not in states.MOVES[table].get(source, ())
    ]
    return found + ([_sentence(f"{table} with an impossible move in their history", impossible)] if impossible else [])


def _bank_findings(instance) -> list[str]:
    """The simulated bank's book and ours tell the same of every payment that is final on both sides."""
    from gateway.processors.simulator import Simulator

    book = instance.config.data_dir / "simulator.db"
    if not book.exists():
        return []
    bank = Simulator(book, delay_min_s=0, delay_max_s=0, upi_success_rate=1, card_success_rate=1)
    try:
        ours = instance.store.read_now(_our_book)
        wrong = [line.key for line in bank.statement() if not _agrees(line, ours.get(line.key))]
    finally:
        bank.close()
    return [_sentence("payments of which the simulated bank says otherwise", wrong)] if wrong else []


def _our_book(tx) -> dict:
    rows = tx.all(
        "SELECT id, status, amount_captured, due_at FROM payments WHERE processor = 'simulator' AND status <> 'pending'"
    )
    return {payment_id: (status, captured, due_at) for payment_id, status, captured, due_at in rows}


def _agrees(line, ours) -> bool:
    """Money that the bank moved is in our books; while work is due the two may differ for a moment."""
    if ours is None:
        return False
    status, captured, due_at = ours
    if due_at is not None:
        return True
    if status == "success":
        return line.status == "succeeded" and line.captured == captured
    return line.captured == line.refunded


def _file_findings(data_dir: Path) -> list[str]:
    """Files with secrets belong to their owner alone."""
    return [
        f"{path} can be read by others (mode {path.stat().st_mode & 0o777:o}); run chmod 600 on it"
        for path in (data_dir / "master.key", data_dir / "gateway.db", data_dir / "config.toml")
        if path.exists() and path.stat().st_mode & 0o077
    ]

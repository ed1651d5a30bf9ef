"""What `gateway check` proves: every rule about money that should hold, looked for in the data itself.

Each rule is a sentence and a query for the rows that break it, so a finding names what is wrong and where.
"""

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gateway import audit, merchants, states
from gateway.clock import now_ms
from gateway.models import FINAL_UNPAID
from gateway.sqlite_library import sqlite3

FINDINGS_PER_RULE_MAX = 20
OVERDUE_MS = 10 * 60 * 1000
REDIS_TIMEOUT_S = 2

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
    "saved card numbers that nobody agreed to have kept": """
        SELECT saved_cards.id FROM saved_cards
        LEFT JOIN customer_payments AS agreement ON agreement.payment_id = saved_cards.payment_id AND agreed = 1
        AND agreement.customer_id = saved_cards.customer_id
        LEFT JOIN payments ON payments.id = agreement.payment_id AND card_fingerprint = saved_cards.fingerprint
        AND EXISTS (SELECT 1 FROM status_changes WHERE object_id = payments.id AND to_status = 'success')
        WHERE payments.id IS NULL""",
    "saved cards of another merchant or mode than their customer": """
        SELECT saved_cards.id FROM saved_cards LEFT JOIN customers ON customers.id = customer_id
        AND customers.merchant_id = saved_cards.merchant_id AND customers.mode = saved_cards.mode
        WHERE customers.id IS NULL""",
    "work that nobody will ever find: open, but not due": """
        SELECT id FROM payments WHERE status IN ('pending', 'processing', 'requires_action') AND due_at IS NULL
        UNION ALL SELECT id FROM refunds WHERE status = 'pending' AND due_at IS NULL
        UNION ALL SELECT id FROM deliveries WHERE status = 'pending' AND due_at IS NULL""",
    # A dead endpoint is probed one by one and a slow one takes what it can. Behind them webhooks wait for hours, and
    # nothing is wrong while attempts are made.
    "work that has been due for more than ten minutes": """
        SELECT id FROM payments WHERE due_at < {overdue} AND (claimed_until IS NULL OR claimed_until < {overdue})
        UNION ALL SELECT id FROM refunds WHERE due_at < {overdue}
        AND (claimed_until IS NULL OR claimed_until < {overdue})
        UNION ALL SELECT deliveries.id FROM deliveries JOIN webhook_endpoints ON webhook_endpoints.id = endpoint_id
        WHERE due_at < {overdue} AND (claimed_until IS NULL OR claimed_until < {overdue})
        AND coalesce(last_success_at, 0) < {overdue} AND coalesce(last_failure_at, 0) < {overdue}""",
}


LAST_STATUS = """
    SELECT {table}.id, {table}.status FROM {table} WHERE {table}.status <> coalesce((
    SELECT to_status FROM status_changes WHERE object_id = {table}.id ORDER BY status_changes.seq DESC LIMIT 1), '')"""
STEPS = """
    SELECT object_id, from_status, to_status FROM status_changes JOIN {table} ON {table}.id = object_id
    GROUP BY object_id, from_status, to_status"""
GAPS = """
    SELECT DISTINCT object_id FROM (SELECT object_id, from_status, lag(to_status) OVER (PARTITION BY object_id
    ORDER BY status_changes.seq) AS before FROM status_changes JOIN {table} ON {table}.id = object_id) AS steps
    WHERE coalesce(from_status, '') <> coalesce(before, '')"""


def findings(instance) -> list[str]:
    """Everything that is wrong, one sentence each; empty if all is well."""
    config = instance.config
    found = _database_findings(instance.store) + _queue_findings(config.queue_url) + _file_findings(config.data_dir)
    try:
        return found + _book_findings(instance)
    except Exception:
        if not found:
            raise
        return found  # What stands in a damaged file cannot be recounted.


def _book_findings(instance) -> list[str]:
    found = []
    for rule, query in RULES.items():
        found += instance.store.read_now(_broken, rule, query)
    for table in states.MOVES:
        found += instance.store.read_now(_history, table)
    found += instance.store.read_now(_audit_log)
    return found + _bank_findings(instance)


def _database_findings(store) -> list[str]:
    try:
        return [f"database: {finding}" for finding in store.integrity_findings()]
    except Exception as error:  # Whatever a damaged file makes the driver raise is what was looked for.
        return [f"database: {error}"]


def _broken(tx, rule: str, query: str) -> list[str]:
    query = query.replace("{overdue}", str(now_ms() - OVERDUE_MS))
    ids = [row[0] for row in tx.all(f"{query} LIMIT {FINDINGS_PER_RULE_MAX + 1}")]
    return [_sentence(rule, ids)] if ids else []


def _sentence(rule: str, ids: list[str]) -> str:
    more = " and more" if len(ids) > FINDINGS_PER_RULE_MAX else ""
    return f"{rule}: {', '.join(ids[:FINDINGS_PER_RULE_MAX])}{more}"


def _history(tx, table: str) -> list[str]:
    """A history is a path through the table of moves, and its last line is the object's status."""
    found = _broken(tx, f"{table} whose status is not the last of their history", LAST_STATUS.format(table=table))
    found += _broken(tx, f"{table} with a gap in their history", GAPS.format(table=table))
    impossible = [
        object_id
        for object_id, source, target in tx.all(STEPS.format(table=table))
        if target not in states.MOVES[table].get(source, ())
    ]
    return found + ([_sentence(f"{table} with an impossible move in their history", impossible)] if impossible else [])


def _audit_log(tx) -> list[str]:
    """Every merchant's audit log is a chain; an entry that was altered or taken out breaks it."""
    broken = {merchant["id"]: audit.broken_link(tx, merchant["id"]) for merchant in merchants.list_merchants(tx)}
    return [
        f"the audit log of merchant {merchant_id} does not hold together at entry {seq}"
        for merchant_id, seq in broken.items()
        if seq is not None
    ]


def _bank_findings(instance) -> list[str]:
    """The simulated bank's book and ours tell the same of every payment that is final on both sides."""
    from gateway.processors.simulator import Simulator

    book = instance.config.data_dir / "simulator.db"
    if not book.exists():
        return []
    bank = Simulator(book, delay_min_s=0, delay_max_s=0, upi_success_rate=1, card_success_rate=1)
    try:
        wrong = _differences(instance, bank)
        if wrong:  # A server that runs may have moved money between our looks at the two books.
            wrong &= _differences(instance, bank)
    finally:
        bank.close()
    return [_sentence("payments of which the simulated bank says otherwise", sorted(wrong))] if wrong else []


class OurLine(NamedTuple):
    """A payment as our books have it; `open` while the bank has yet to hear or say something."""

    status: str
    captured: int
    refunded: int
    open: bool


def _differences(instance, bank) -> set[str]:
    ours = instance.store.read_now(_our_book)
    theirs = {line.key: line for line in bank.statement()}
    return {key for key in ours.keys() | theirs.keys() if not _agrees(theirs.get(key), ours.get(key))}


def _our_book(tx) -> dict[str, OurLine]:
    rows = tx.all("""
        SELECT payments.id, payments.status, amount_captured,
        CAST(coalesce(sum(CASE refunds.status WHEN 'processed' THEN refunds.amount END), 0) AS BIGINT),
        payments.due_at IS NOT NULL OR count(refunds.due_at) > 0
        FROM payments LEFT JOIN refunds ON payment_id = payments.id
        WHERE processor = 'simulator' GROUP BY payments.id, payments.status, amount_captured, payments.due_at""")
    return {payment_id: OurLine(*line) for payment_id, *line in rows}


def _agrees(theirs, ours: OurLine | None) -> bool:
    """Money that the bank moved is in our books, and the other way round."""
    if ours is None:
        return False
    if ours.open:
        return True
    if theirs is None:
        return ours.status != "success"
    if ours.status == "success":
        return theirs.status == "succeeded" and (theirs.captured, theirs.refunded) == (ours.captured, ours.refunded)
    return theirs.captured == theirs.refunded


def _queue_findings(url: str) -> list[str]:
    """The queue may be lost, but it must be usable."""
    found = _of_queue_file(Path(url.removeprefix("sqlite:///"))) if url.startswith("sqlite:///") else _of_redis(url)
    return [f"queue: {finding}" for finding in found]


def _of_queue_file(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as queue:
            found = [row[0] for row in queue.execute("PRAGMA quick_check") if row[0] != "ok"]
    except sqlite3.Error as error:
        found = [str(error)]
    return [f"{finding}; nothing is lost if {path} is deleted while the gateway is stopped" for finding in found]


def _of_redis(url: str) -> list[str]:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=REDIS_TIMEOUT_S) as client:
            client.ping()
    except redis.RedisError as error:
        return [f"Redis does not answer: {error}"]
    return []


def _file_findings(data_dir: Path) -> list[str]:
    """Files with secrets belong to their owner alone."""
    return [
        f"{path} can be read by others (mode {path.stat().st_mode & 0o777:o}); run chmod 600 on it"
        for path in (data_dir / "master.key", data_dir / "gateway.db", data_dir / "config.toml")
        if path.exists() and path.stat().st_mode & 0o077
    ]

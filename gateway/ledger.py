"""Double entry, append only: what the bank owes us, what we owe the merchant, what is on its way back.

A posting is named after what it books (`capture:pay_…`), so that booking the same thing twice is refused by the
primary key. Its entries sum to 0. Balances are never stored, they are summed.
"""

from gateway import statements
from gateway.clock import now_ms
from gateway.objects import Owner

BANK = "bank"  # what the processor holds for us: positive after a capture
MERCHANT = "merchant"  # what we owe the merchant: negative, as every liability
REFUNDS = "refunds"  # promised to customers, not yet confirmed by the bank


def captured(tx, owner: Owner, payment_id: str, amount: int, currency: str) -> None:
    _post(tx, owner, f"capture:{payment_id}", currency, {BANK: amount, MERCHANT: -amount})


def refund_created(tx, owner: Owner, refund_id: str, amount: int, currency: str) -> None:
    _post(tx, owner, f"refund:{refund_id}", currency, {MERCHANT: amount, REFUNDS: -amount})


def refund_processed(tx, owner: Owner, refund_id: str, amount: int, currency: str) -> None:
    _post(tx, owner, f"refund_processed:{refund_id}", currency, {REFUNDS: amount, BANK: -amount})


def refund_failed(tx, owner: Owner, refund_id: str, amount: int, currency: str) -> None:
    _post(tx, owner, f"refund_failed:{refund_id}", currency, {REFUNDS: amount, MERCHANT: -amount})


def balances(tx, owner: Owner) -> list[dict]:
    """Per currency: `available` to the merchant and `refunding`, both positive, in minor units."""
    rows = tx.all(
        f"SELECT currency, account, {statements.wide_sum('amount')} FROM ledger_entries"
        " WHERE merchant_id = ? AND mode = ? AND account IN (?, ?) GROUP BY currency, account ORDER BY currency",
        (*owner, MERCHANT, REFUNDS),
    )
    found: dict[str, dict] = {}
    for currency, account, *total in rows:
        balance = found.setdefault(currency, {"currency": currency, "available": 0, "refunding": 0})
        balance["available" if account == MERCHANT else "refunding"] = -statements.join_sum(*total)
    return list(found.values())


def _post(tx, owner: Owner, posting: str, currency: str, entries: dict[str, int]) -> None:
    assert sum(entries.values()) == 0, "a posting sums to 0"
    now = now_ms()
    for account, amount in entries.items():
        tx.execute(
            statements.INSERT_LEDGER_ENTRY,
            (posting, account, owner.merchant_id, owner.mode, currency, amount, now),
        )

"""How business went in a period: counts, volume and success rate, straight from the payments."""

from gateway import statements
from gateway.objects import Owner

FINISHED = ("success", "failed")


def of_period(tx, owner: Owner, since: int | None, until: int | None) -> dict:
    """Totals of the payments created in the period (open ends: since ever, until now)."""
    where = "merchant_id = ? AND mode = ? AND created_at >= ? AND created_at <= ?"
    values = (*owner, since or 0, until or 2**62)
    payments = tx.all(
        f"SELECT currency, method, status, count(*), {statements.wide_sum('amount_captured')},"
        f" {statements.wide_sum('amount_refunded')} FROM payments WHERE {where} GROUP BY currency, method, status",
        values,
    )
    by_status: dict[str, int] = {}
    by_method: dict[str, int] = {}
    amounts: dict[str, dict] = {}
    for currency, method, status, count, *sums in payments:
        by_status[status] = by_status.get(status, 0) + count
        by_method[method] = by_method.get(method, 0) + count
        amount = amounts.setdefault(currency, {"currency": currency, "captured": 0, "refunded": 0})
        amount["captured"] += statements.join_sum(*sums[:2])
        amount["refunded"] += statements.join_sum(*sums[2:])
    finished = sum(by_status.get(status, 0) for status in FINISHED)
    return {
        "entity": "stats",
        "total_transactions": sum(by_status.values()),
        "success_rate": _percent(by_status.get("success", 0), finished),
        "by_status": by_status,
        "by_method": by_method,
        "amounts": [amounts[currency] for currency in sorted(amounts)],
    }


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None

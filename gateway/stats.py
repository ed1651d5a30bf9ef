"""How business went in a period: counts, volume and success rate, straight from the payments."""

from gateway.objects import Owner

FINISHED = ("success", "failed")


def of_period(tx, owner: Owner, since: int | None, until: int | None) -> dict:
    """Totals of the payments created in the period (open ends: since ever, until now)."""
    where = "merchant_id = ? AND mode = ? AND created_at >= ? AND created_at <= ?"
    values = (*owner, since or 0, until or 2**62)
    payments = tx.all(
        "SELECT currency, method, status, count(*), CAST(sum(amount_captured) AS BIGINT),"
        f" CAST(sum(amount_refunded) AS BIGINT) FROM payments WHERE {where} GROUP BY currency, method, status",
        values,
    )
    by_status: dict[str, int] = {}
    by_method: dict[str, int] = {}
    amounts: dict[str, dict] = {}
    for currency, method, status, count, captured, refunded in payments:
        by_status[status] = by_status.get(status, 0) + count
        by_method[method] = by_method.get(method, 0) + count
        amount = amounts.setdefault(currency, {"currency": currency, "captured": 0, "refunded": 0})
        amount["captured"] += captured
        amount["refunded"] += refunded
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

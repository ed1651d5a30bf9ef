"""How much work is waiting, under way and done: for /metrics and the jobs' status."""

from typing import Literal

from msgspec import Struct


class JobsStatus(Struct):
    """Payments and refunds by what has become of their work."""

    pending: int
    processing: int
    completed: int
    failed: int
    worker_status: Literal["running", "stopped"]


def counts(tx, tables: tuple[str, ...] = ("payments", "refunds", "deliveries")) -> dict[str, dict[str, int]]:
    """Rows by status, for each kind of work; every row is read, so ask for no more than you show."""
    return {table: dict(tx.all(f"SELECT status, count(*) FROM {table} GROUP BY status")) for table in tables}


def jobs_status(tx, running: bool) -> JobsStatus:
    found = counts(tx, ("payments", "refunds"))
    payments, refunds = found["payments"], found["refunds"]
    return JobsStatus(
        pending=payments.get("pending", 0) + refunds.get("pending", 0),
        processing=payments.get("processing", 0) + payments.get("requires_action", 0),
        completed=payments.get("success", 0) + payments.get("cancelled", 0) + refunds.get("processed", 0),
        failed=payments.get("failed", 0) + refunds.get("failed", 0),
        worker_status="running" if running else "stopped",
    )

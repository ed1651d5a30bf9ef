"""The doorbell: after a commit the domain says that work is due, and whoever does the work listens.

Ringing is a hint and nothing more. What is due stands in the rows; a ring that gets lost costs a moment, never a job.
"""

from collections.abc import Callable

PAYMENTS = "payments"
REFUNDS = "refunds"
DELIVERIES = "deliveries"
LANES = (PAYMENTS, REFUNDS, DELIVERIES)

_listener: Callable[[str], None] | None = None


def connect(listener: Callable[[str], None] | None) -> None:
    """Sends every ring to `listener(lane)`, which must not raise nor wait; None disconnects."""
    global _listener
    _listener = listener


def ring_payments() -> None:
    _ring(PAYMENTS)


def ring_refunds() -> None:
    _ring(REFUNDS)


def ring_deliveries() -> None:
    _ring(DELIVERIES)


def _ring(lane: str) -> None:
    if _listener:
        _listener(lane)

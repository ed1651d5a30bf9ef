"""What the threads do when the bell rings: claim what is due, ask outside any transaction, write down the answer."""

import logging

from gateway import bell, idempotency, refunds, settlement
from gateway.clock import now_ms
from gateway.processors import Processor
from gateway.settlement import Teller

log = logging.getLogger("gateway.jobs")

CLAIMS_AT_ONCE = 64
ROUNDS_MAX = 1_000  # a task that still finds work after this many rounds gives its thread back and rings again

HOUSEKEEPING = "housekeeping"
HOUSEKEEPING_EVERY_S = 60.0


def due(tx) -> list[str]:
    """The lanes in which a row is due and unclaimed."""
    now = now_ms()
    return [lane for lane in bell.LANES if tx.one(_DUE[lane], (now, now))]


_DUE = {
    lane: f"SELECT 1 FROM {lane} WHERE due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?) LIMIT 1"
    for lane in bell.LANES
}


class Worker:
    """The work on payments and refunds."""

    def __init__(self, *, store, teller: Teller, processors: dict[str, Processor], config):
        self._store = store
        self._teller = teller
        self._processors = processors
        self._config = config

    def payments(self) -> None:
        """Carries every due payment one step further."""
        for name, processor in self._processors.items():
            for _ in range(ROUNDS_MAX):
                claimed = self._store.write_now(settlement.claim, name, CLAIMS_AT_ONCE)
                if not claimed:
                    break
                if len(claimed) == CLAIMS_AT_ONCE:
                    bell.ring_payments()
                self._write_down(
                    [(self._teller.settle, payment, self._teller.ask(processor, payment)) for payment in claimed]
                )
            else:
                bell.ring_payments()

    def refunds(self) -> None:
        """Carries every due refund one step further."""
        for _ in range(ROUNDS_MAX):
            claimed = self._store.write_now(refunds.claim, CLAIMS_AT_ONCE)
            if not claimed:
                return
            self._write_down([self._refund(refund) for refund in claimed])
        bell.ring_refunds()

    def _refund(self, refund) -> tuple:
        name, capture_is_open = self._store.read_now(refunds.standing, refund.payment_id)
        if capture_is_open:
            return refunds.postpone, refund, now_ms() + refunds.CAPTURE_FIRST_MS, refund.step
        return refunds.settle, refund, refunds.ask(self._processors[name], refund)

    def _write_down(self, units: list[tuple]) -> None:
        """Each answer in its own unit: one that fails keeps its claim until it lapses, the others stand."""
        for unit, error in zip(units, self._store.write_each(units), strict=True):
            if isinstance(error, BaseException):
                log.error("cannot settle %s: %s", unit[1].id, error, exc_info=error)

    def housekeeping(self) -> None:
        """Forgets what has outlived its purpose, a bounded amount at a time."""
        while self._store.write_now(idempotency.prune) >= idempotency.PRUNE_ROWS_MAX:
            continue

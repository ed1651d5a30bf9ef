"""What the threads do when the bell rings: claim what is due, ask outside any transaction, write down the answer."""

import logging
import threading

from gateway import bell, deliveries, idempotency, refunds, settlement, webhooks
from gateway.clock import now_ms
from gateway.processors import Processor
from gateway.settlement import Teller

log = logging.getLogger("gateway.jobs")

CLAIMS_AT_ONCE = 64
ROUNDS_MAX = 1_000  # a task that still finds work after this many rounds gives its thread back and rings again

PRESSURE_MAX = 1_000  # requests written per second beyond which work yields
CLAIMS_IN_A_CROWD = 16  # small rounds, since a large one keeps every request of the moment waiting
YIELD_S = 0.05  # between two of them, so that some 300 payments/s go on whatever comes in

HOUSEKEEPING = "housekeeping"
HOUSEKEEPING_EVERY_S = 60.0


def due(tx) -> list[str]:
    """The lanes in which a row is due and unclaimed."""
    now = now_ms()
    lanes = [lane for lane in _DUE if tx.one(_DUE[lane], (now, now))]
    return [*lanes, bell.DELIVERIES] if webhooks.is_due(tx) else lanes


_DUE = {
    lane: f"SELECT 1 FROM {lane} WHERE due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?) LIMIT 1"
    for lane in (bell.PAYMENTS, bell.REFUNDS)
}


class Worker:
    """The work on payments and refunds."""

    def __init__(self, *, store, teller: Teller, processors: dict[str, Processor], config):
        self._store = store
        self._teller = teller
        self._processors = processors
        self._config = config
        self._stopping = threading.Event()

    def payments(self) -> None:
        """Carries every due payment one step further."""
        for processor in self._processors.values():
            self._work_off(processor)

    def _work_off(self, processor: Processor) -> None:
        for _ in range(ROUNDS_MAX):
            if self._stopping.is_set() or not (claimed := self._claim_payments(processor)):
                return
            self._settle([(payment, self._teller.ask(processor, payment)) for payment in claimed])
            self._let_requests_pass()
        bell.ring_payments()

    def _claim_payments(self, processor: Processor) -> list:
        crowded = self._store.pressure() > PRESSURE_MAX
        return self._store.write_now(settlement.claim, processor.name, CLAIMS_IN_A_CROWD if crowded else CLAIMS_AT_ONCE)

    def _settle(self, answers: list[tuple]) -> None:
        """Those that have to wait are parked together; every decision is a unit of its own."""
        undecided = [answer for answer in answers if settlement.is_undecided(*answer)]
        decided = [(self._teller.settle, *answer) for answer in answers if not settlement.is_undecided(*answer)]
        if undecided:
            self._store.write_now(settlement.park, undecided)
        self._write_down(decided)

    def _let_requests_pass(self) -> None:
        """Acceptance comes first: while requests pour in, work on payments takes a share and not the whole machine.

        A customer waits for the acceptance, and the bank takes seconds anyway. The share is bounded from below, so
        that the work goes on under any load.
        """
        if self._store.pressure() > PRESSURE_MAX:
            self._stopping.wait(YIELD_S)

    def stop(self) -> None:
        """Ends every pause at once, and every task after the round that it is in."""
        self._stopping.set()

    def refunds(self) -> None:
        """Carries every due refund one step further."""
        for _ in range(ROUNDS_MAX):
            if self._stopping.is_set() or not (claimed := self._store.write_now(refunds.claim, CLAIMS_AT_ONCE)):
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
        self._repeat(lambda: self._store.write_now(idempotency.prune) >= idempotency.PRUNE_ROWS_MAX)
        self._repeat(lambda: self._store.write_now(deliveries.prune_attempts, self._config.webhooks.log_days) > 0)

    def _repeat(self, step) -> None:
        """As long as there is more to do and nobody has asked to stop."""
        while not self._stopping.is_set() and step():
            continue

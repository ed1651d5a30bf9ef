"""What happens to a payment after it was accepted: claim it, ask the bank, write down what the bank said.

Claiming and settling are transactions, asking is not. No answer is not a failure: the payment stays as it is until an
inquiry with the same key tells the truth. Everything here may run twice.
"""

import logging
from functools import partial

from msgspec import structs

from gateway import bell, events, objects, orders, payments, saved_cards, statements, states
from gateway.clock import now_ms
from gateway.crypto import MasterKey
from gateway.cvv import CvvMemory
from gateway.objects import PaymentRow
from gateway.processors import Card, Charge, Outcome, OutcomeUnknown, Processor

log = logging.getLogger("gateway.settlement")

CLAIM_MS = 60_000  # longer than any processor's timeout; a dead process's claims lapse by then
INQUIRE_AGAIN_MS = (1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000)

INSTRUCTIONS = ("capture", "void")  # steps that we have decided and the bank carries out

CARD_DATA_LOST = Outcome(
    status="failed",
    error_code="PAYMENT_FAILED",
    error_reason="card_data_lost",
    error_description="The payment was interrupted before it reached the bank. Nothing was charged. Please try again.",
)
EXPIRED = Outcome(
    status="failed",
    error_code="PAYMENT_FAILED",
    error_reason="authentication_expired",
    error_description="The customer did not confirm the payment in time. Nothing was charged.",
)


def claim(tx, processor_name: str, limit: int) -> list[PaymentRow]:
    """Takes up to `limit` payments on which work is due; nobody else gets them before the claim lapses."""
    now = now_ms()
    rows = tx.all(statements.CLAIM_PAYMENTS, (now + CLAIM_MS, now, now, processor_name, limit))
    claimed = [PaymentRow(*row) for row in rows]
    for payment in claimed:
        if payment.step == "submit" and payment.work_attempts == 1:
            states.remember(tx, payment.id, "pending", "processing", now)
    return claimed


class Teller:
    """Asks a processor about claimed payments, outside any transaction."""

    def __init__(self, *, store, master: MasterKey, cvvs: CvvMemory, action_expires_s: float):
        self._store = store
        self._master = master
        self._cvvs = cvvs
        self._action_expires_ms = int(action_expires_s * 1000)

    def ask(self, processor: Processor, payment: PaymentRow) -> Outcome | None:
        """What the bank says to the step that is due; None where it gave no answer."""
        try:
            return getattr(self, f"_{payment.step}")(processor, payment)
        except OutcomeUnknown:
            return None
        except Exception:
            log.exception("processor %s failed on %s", processor.name, payment.id)
            return None

    def _submit(self, processor: Processor, payment: PaymentRow) -> Outcome:
        card = self._card(payment) if payment.method == "card" else None
        if payment.method == "card" and card is None:
            # The CVV died with an earlier process. The bank may have the charge all the same.
            return processor.inquire(payment.id) or CARD_DATA_LOST
        return processor.submit(
            Charge(
                key=payment.id,
                amount=payment.amount,
                currency=payment.currency,
                method=payment.method,
                capture=payment.capture == "automatic",
                vpa=payment.vpa,
                bank=payment.bank,
                wallet=payment.wallet,
                card=card,
            )
        )

    def _inquire(self, processor: Processor, payment: PaymentRow) -> Outcome:
        return processor.inquire(payment.id) or self._submit(processor, payment)

    def _expire(self, processor: Processor, payment: PaymentRow) -> Outcome:
        """The time for the customer's confirmation is over, unless it has just arrived."""
        known = processor.inquire(payment.id)
        if known is None:
            return EXPIRED
        if known.status != "requires_action" or now_ms() < (payment.action_expires_at or 0):
            return known
        withdrawn = processor.void(payment.id).status != "failed"
        return EXPIRED if withdrawn else processor.inquire(payment.id)

    def _capture(self, processor: Processor, payment: PaymentRow) -> Outcome:
        return processor.capture(payment.id, payment.amount_captured)

    def _void(self, processor: Processor, payment: PaymentRow) -> Outcome:
        """Releases the money; a bank that has already taken it gives it back."""
        outcome = processor.void(payment.id)
        if outcome.status != "failed":
            return outcome
        known = processor.inquire(payment.id)
        if known is None or known.status == "failed":
            return Outcome("succeeded")  # There is nothing to release.
        return processor.refund(payment.id, f"{payment.id}:cancelled", payment.amount)

    def _card(self, payment: PaymentRow) -> Card | None:
        cvv = self._cvvs.get(payment.id)
        row = self._store.read_now(lambda tx: tx.one(statements.SELECT_SEALED_CARD, (payment.id,)))
        if row is None or (cvv is None and not self._store.read_now(saved_cards.goes_without_cvv, payment.id)):
            return None
        number = self._master.unseal(row[0], payment.id)
        return Card(number, payment.card_expiry_month, payment.card_expiry_year, cvv, payment.card_holder_name)

    def settle(self, tx, payment: PaymentRow, outcome: Outcome | None) -> None:
        """Writes down what the bank said, if the claim still holds: move, ledger, events, or when to ask again."""
        if payment.step in INSTRUCTIONS:
            _settle_instruction(tx, payment, outcome)
        elif is_undecided(payment, outcome):
            park(tx, [(payment, outcome)])
        elif outcome.status == "requires_action":
            self._wait_for_customer(tx, payment, outcome)
        elif outcome.status == "succeeded":
            self._succeed(tx, payment, outcome)
            tx.after_commit(partial(self._cvvs.forget, payment.id))
        else:
            _fail(tx, payment, outcome)
            tx.after_commit(partial(self._cvvs.forget, payment.id))

    def _succeed(self, tx, payment: PaymentRow, outcome: Outcome) -> None:
        """The number is destroyed with the move, so one that the customer wants kept is taken out before."""
        promised = saved_cards.promise(tx, payment) if payment.method == "card" else None
        if _succeed(tx, payment, outcome) and promised:
            saved_cards.keep(tx, self._master, payment, promised)

    def _wait_for_customer(self, tx, payment: PaymentRow, outcome: Outcome) -> None:
        if payment.status == "requires_action":
            return _ask_again(tx, payment, max(payment.action_expires_at or 0, now_ms() + INQUIRE_AGAIN_MS[0]))
        expires_at = now_ms() + self._action_expires_ms
        _move(
            tx, payment, "requires_action",
            action=outcome.action, action_expires_at=expires_at, step="expire", due_at=expires_at, claimed_until=None,
        )  # fmt: skip


def is_undecided(payment: PaymentRow, outcome: Outcome | None) -> bool:
    """Whether all there is to write down is when to ask again."""
    return payment.step not in INSTRUCTIONS and (outcome is None or outcome.status == "pending")


def park(tx, answers: list[tuple[PaymentRow, Outcome | None]]) -> None:
    """Puts undecided payments aside until the bank has something to say."""
    now = now_ms()
    for payment, outcome in answers:
        again_at = outcome.again_at_ms if outcome else None
        _ask_again(tx, payment, again_at or now + backoff_ms(payment.work_attempts))


def customer_acted(tx, payment_id: str) -> bool:
    """The customer has answered the bank's challenge: ask the bank now. False if nothing waited for it."""
    woken = tx.changed(
        "UPDATE payments SET due_at = ?, claimed_until = NULL, updated_at = ?"
        " WHERE id = ? AND status = 'requires_action'",
        (now_ms(), now_ms(), payment_id),
    )
    if woken:
        tx.after_commit(bell.ring_payments)
    return bool(woken)


def release_all(tx) -> int:
    """Gives back every claim: right after the start of the only process that works on this database."""
    return sum(
        tx.changed(f"UPDATE {table} SET claimed_until = NULL WHERE claimed_until IS NOT NULL AND due_at IS NOT NULL")
        for table in ("payments", "refunds", "deliveries")
    )


def _succeed(tx, payment: PaymentRow, outcome: Outcome) -> bool:
    captured = payment.capture == "automatic"
    if captured:
        orders.hold(tx, payment.order_id)
    moved = _move(
        tx, payment, "success",
        processor_reference=outcome.reference,
        captured=int(captured),
        amount_captured=payment.amount if captured else 0,
        action=None,
        **DONE,
    )  # fmt: skip
    if not moved:
        return False
    shown = objects.encode(objects.payment(moved))
    events.record(tx, moved.owner, "payment.success", moved.id, "payment", shown)
    if captured:
        payments.announce_capture(tx, moved)
    return True


def _fail(tx, payment: PaymentRow, outcome: Outcome) -> None:
    moved = _move(
        tx, payment, "failed",
        processor_reference=outcome.reference,
        error_code=outcome.error_code,
        error_reason=outcome.error_reason,
        error_description=outcome.error_description,
        action=None,
        **DONE,
    )  # fmt: skip
    if moved:
        events.record(tx, moved.owner, "payment.failed", moved.id, "payment", objects.encode(objects.payment(moved)))


DONE = {"step": None, "due_at": None, "claimed_until": None}


def _move(tx, payment: PaymentRow, target: str, **columns) -> PaymentRow | None:
    """Moves a claimed payment; where somebody else moved it meanwhile, gives the claim back and returns None."""
    held = payment.claimed_until
    moved_at = states.move(tx, "payments", payment.id, payment.status, target, held=held, **columns)
    if moved_at is None:
        tx.execute(statements.RELEASE_PAYMENT, (payment.id, payment.claimed_until))
        return None
    if target != "requires_action" and payment.method == "card":
        tx.execute(statements.DELETE_SEALED_CARD, (payment.id,))
    # A copy: a unit that is rolled back with its group runs again, and has to find what it was given.
    return structs.replace(payment, status=target, updated_at=moved_at, **columns)


def _ask_again(tx, payment: PaymentRow, at_ms: int) -> None:
    """Leaves the payment as it is and inquires later, with the same key."""
    step = "inquire" if payment.step == "submit" else payment.step
    waiting = tx.changed(statements.PARK_PAYMENT, (step, at_ms, payment.id, payment.status, payment.claimed_until))
    if not waiting:
        tx.execute(statements.RELEASE_PAYMENT, (payment.id, payment.claimed_until))


def _settle_instruction(tx, payment: PaymentRow, outcome: Outcome | None) -> None:
    """A capture or void that we have decided and the bank carries out: repeated until it is done."""
    if outcome and outcome.status == "succeeded":
        return tx.execute(
            "UPDATE payments SET step = NULL, due_at = NULL, claimed_until = NULL WHERE id = ? AND claimed_until = ?",
            (payment.id, payment.claimed_until),
        )
    if outcome and outcome.status == "failed":
        log.error("the bank refused to %s %s: %s", payment.step, payment.id, outcome.error_reason)
    again_at = outcome.again_at_ms if outcome and outcome.again_at_ms else now_ms() + backoff_ms(payment.work_attempts)
    tx.execute(
        "UPDATE payments SET due_at = ?, claimed_until = NULL WHERE id = ? AND claimed_until = ?",
        (again_at, payment.id, payment.claimed_until),
    )


def backoff_ms(attempts: int) -> int:
    """How long to wait before the bank is asked again, longer with every attempt."""
    return INQUIRE_AGAIN_MS[min(attempts, len(INQUIRE_AGAIN_MS)) - 1]

"""A bank that moves no money: it decides, takes its time, and enforces its own rules.

It trusts its own book and not the gateway's, so a mistake of the gateway shows as a refusal here, and the two can be
compared afterwards.
"""

import os
import random
from collections.abc import Callable, Iterator

from gateway import clock
from gateway.processors import Charge, Outcome, OutcomeUnknown
from gateway.processors.book import (
    CANCELLED,
    Book,
    ChargeEntry,
    RefundEntry,
    StatementLine,
    failed,
    failing_as,
    reference,
)
from gateway.processors.instruments import UPI_APP, Effect, decline, declined_by_chance, effect_of

LATE_REFUND_MS = 5_000  # A refund that is documented as late waits this long even where the bank is set to be instant.

_RULES = {
    "already_captured": "The charge has already been captured.",
    "capture_exceeds_authorised": "The amount to capture must be at least 1 and at most the amount authorised.",
    "idempotency_conflict": "This key was used before for something else.",
    "not_authorised": "The charge is not authorised.",
    "not_captured": "Nothing of the charge has been captured.",
    "refund_exceeds_captured": "A refund must be at least 1, and all of them together at most the amount captured.",
    "unknown_charge": "The bank knows no charge with this key.",
}
_BROKEN_RULES = {reason: Effect("BAD_REQUEST_ERROR", reason, description) for reason, description in _RULES.items()}

_PAID = Effect()
_REFUND_RETURNED = decline("GATEWAY_ERROR", "refund_failed")
_ANSWERS = {
    "approved": _PAID,
    "declined": decline("BAD_REQUEST_ERROR", "authentication_failed"),
    "cancelled": CANCELLED,
    "expired": decline("BAD_REQUEST_ERROR", "challenge_expired"),
}
_UNPREDICTABLE = random.SystemRandom()


class Simulator:
    """The simulated bank, a processor like any other; safe to use from many threads.

    It takes `delay_min_s` to `delay_max_s` to decide, for charges and refunds alike. Only a QR code is there at once,
    and decided as soon as the payer answers in the UPI app; a card's issuer is asked before it challenges the payer.
    Instruments without a documented effect succeed at the given rates. With a `seed` the nth submission of a book
    always ends the same.
    """

    name = "simulator"

    def __init__(
        self,
        book_path: str | os.PathLike,
        *,
        delay_min_s: float,
        delay_max_s: float,
        upi_success_rate: float,
        card_success_rate: float,
        seed: int | str | None = None,
        now_ms: Callable[[], int] = clock.now_ms,
    ):
        self._delay_s = (delay_min_s, delay_max_s)
        self._success_rates = {"upi": upi_success_rate}
        self._usual_success_rate = card_success_rate
        self._seed = seed
        self._now_ms = now_ms
        self._book = Book(book_path)
        with self._book.open_page() as book:
            self._submissions, self._refunds = book.counts()

    def submit(self, charge: Charge) -> Outcome:
        with self._book.open_page() as book:
            now = self._now_ms()
            entry, effect = self._decide(charge, now)
            if not book.add_charge(entry):
                known = book.charge(charge.key)
                if known and known.is_same_request(entry):
                    return known.outcome(now)
                return _refused(charge.key, "idempotency_conflict")
            self._submissions += 1
        if not effect.answering:
            raise OutcomeUnknown("The simulated bank does not answer when it is shown this card")
        return entry.outcome(now)

    def inquire(self, key: str) -> Outcome | None:
        with self._book.open_page() as book:
            entry = book.charge(key) or book.refund(key)
        return entry.outcome(self._now_ms()) if entry else None

    def capture(self, key: str, amount: int) -> Outcome:
        with self._book.open_page(changing=True) as book:
            now, charge = self._now_ms(), book.charge(key)
            if not charge:
                return _refused(key, "unknown_charge")
            if charge.outcome(now).status != "succeeded":
                return _refused(key, "not_authorised")
            if captured := charge.captured(now):
                return charge.outcome(now) if captured == amount else _refused(key, "already_captured")
            if not 1 <= amount <= charge.amount:
                return _refused(key, "capture_exceeds_authorised")
            return book.change(charge._replace(captured_amount=amount)).outcome(now)

    def void(self, key: str) -> Outcome:
        with self._book.open_page(changing=True) as book:
            now, charge = self._now_ms(), book.charge(key)
            if not charge:
                return _refused(key, "unknown_charge")
            if charge.captured(now):
                return _refused(key, "already_captured")
            if charge.outcome(now).status == "failed" and not charge.voided:
                return _refused(key, "not_authorised")
            book.change(charge._replace(voided=1))
            return Outcome("succeeded", reference(key))

    def refund(self, key: str, refund_key: str, amount: int) -> Outcome:
        with self._book.open_page(changing=True) as book:
            now, charge, known = self._now_ms(), book.charge(key), book.refund(refund_key)
            if not charge:
                return _refused(refund_key, "unknown_charge")
            if known:
                same = (known.key, known.amount) == (key, amount)
                return known.outcome(now) if same else _refused(refund_key, "idempotency_conflict")
            refund = self._decide_refund(book, charge, RefundEntry(refund_key, key, amount, now, now))
            book.add_refund(refund)
            self._refunds += 1
            return refund.outcome(now)

    def answer_challenge(self, key: str, result: str) -> Outcome | None:
        """The payer says `approved declined cancelled expired`; the first answer counts. None for an unknown key."""
        answer = _ANSWERS[result]
        with self._book.open_page(changing=True) as book:
            now, charge = self._now_ms(), book.charge(key)
            if not charge:
                return None
            if charge.outcome(now).status != "requires_action":
                return charge.outcome(now)
            ended = failing_as(charge, answer) if answer.error_code else charge
            return book.change(ended._replace(answer=result)).outcome(now)

    def statement(self) -> Iterator[StatementLine]:
        """Every charge as the bank sees it now, for comparison with the gateway's accounts."""
        return self._book.statement(self._now_ms())

    def close(self) -> None:
        """Closes the book; safe to call twice."""
        self._book.close()

    def _decide(self, charge: Charge, now: int) -> tuple[ChargeEntry, Effect]:
        chance = self._chance(str(self._submissions))
        rate = self._success_rates.get(charge.method, self._usual_success_rate)
        by_chance = _PAID if chance.random() < rate else declined_by_chance(charge.method)
        effect = effect_of(charge) or by_chance
        delay_ms = self._delay_ms(chance)
        entry = ChargeEntry(
            charge.key,
            charge.amount,
            charge.currency,
            charge.method,
            int(charge.capture),
            effect.action,
            effect.refund,
            decided_at=now,
            ready_at=now if effect.action == UPI_APP else now + delay_ms,
        )
        return failing_as(entry, effect) if effect.error_code else entry, effect

    def _decide_refund(self, book: Book, charge: ChargeEntry, asked: RefundEntry) -> RefundEntry:
        now = asked.decided_at
        captured = charge.captured(now)
        if not captured:
            return failing_as(asked, _BROKEN_RULES["not_captured"])
        if not 1 <= asked.amount <= captured - book.given_back(charge.key, now):
            return failing_as(asked, _BROKEN_RULES["refund_exceeds_captured"])
        delay_ms = self._delay_ms(self._chance(f"refund {self._refunds}"))
        if not charge.refund_effect:
            return asked._replace(ready_at=now + delay_ms)
        late = asked._replace(ready_at=now + max(delay_ms, LATE_REFUND_MS))
        return failing_as(late, _REFUND_RETURNED) if charge.refund_effect == "failing" else late

    def _chance(self, draw: str) -> random.Random:
        return _UNPREDICTABLE if self._seed is None else random.Random(f"{self._seed}:{draw}")

    def _delay_ms(self, chance: random.Random) -> int:
        return round(chance.uniform(*self._delay_s) * 1000)


def _refused(key: str, rule: str) -> Outcome:
    return failed(key, _BROKEN_RULES[rule])

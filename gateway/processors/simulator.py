"""A bank that moves no money: it decides, takes its time, and keeps a book of its own.

The book is not the gateway's: it enforces the bank's own rules, so a mistake of the gateway shows as a refusal, and
it can be compared with the gateway's accounts afterwards. It never holds a card number or a UPI address, only what
was decided when they were shown. What a row says depends on the clock alone, so nothing has to run in between.
"""

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

try:
    from pysqlite3 import dbapi2 as sqlite3
except ImportError:
    import sqlite3

from gateway import clock
from gateway.processors import Charge, Outcome, OutcomeUnknown
from gateway.processors.instruments import Effect, decline, declined_by_chance, effect_of

BUSY_TIMEOUT_S = 5
LATE_REFUND_MS = 5_000  # A refund that is documented as late waits this long even if the bank is set to be instant.
STATEMENT_PAGE = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    key TEXT NOT NULL PRIMARY KEY,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    method TEXT NOT NULL,
    capture INTEGER NOT NULL,
    action TEXT,
    refund_effect TEXT,
    decided_at INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    answer TEXT,
    error_code TEXT,
    error_reason TEXT,
    error_description TEXT,
    captured_amount INTEGER CHECK (captured_amount BETWEEN 1 AND amount),
    voided INTEGER NOT NULL DEFAULT 0 CHECK (voided = 0 OR captured_amount IS NULL)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refunds (
    refund_key TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL REFERENCES charges,
    amount INTEGER NOT NULL,
    decided_at INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    error_code TEXT,
    error_reason TEXT,
    error_description TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refunds_of_a_charge ON refunds (key);
"""
_ADD_CHARGE = f"INSERT INTO charges VALUES ({', '.join('?' * 15)}) ON CONFLICT DO NOTHING"
_ADD_REFUND = f"INSERT INTO refunds VALUES ({', '.join('?' * 8)})"
_CHARGE = "SELECT * FROM charges WHERE key = ?"
_REFUND = "SELECT * FROM refunds WHERE refund_key = ?"
_CHANGE_CHARGE = """
UPDATE charges SET answer = ?, error_code = ?, error_reason = ?, error_description = ?, captured_amount = ?, voided = ?
WHERE key = ?
"""
_GIVEN_BACK = """
SELECT coalesce(sum(amount), 0) FROM refunds WHERE key = ? AND (error_code IS NULL OR ready_at > ?)
"""
_STATEMENT = """
SELECT charges.*, (SELECT coalesce(sum(refunds.amount), 0) FROM refunds
                   WHERE refunds.key = charges.key AND refunds.error_code IS NULL AND refunds.ready_at <= ?)
FROM charges WHERE charges.key > ? ORDER BY charges.key LIMIT ?
"""

_PAID = Effect()
_REFUND_FAILED = decline("GATEWAY_ERROR", "refund_failed")
_CANCELLED = decline("BAD_REQUEST_ERROR", "payment_cancelled")
_ANSWERS = {
    "approved": _PAID,
    "declined": decline("BAD_REQUEST_ERROR", "authentication_failed"),
    "cancelled": _CANCELLED,
    "expired": decline("BAD_REQUEST_ERROR", "challenge_expired"),
}
_RULES = {
    "already_captured": "The charge has already been captured.",
    "capture_exceeds_authorised": "The amount to capture must be at least 1 and at most the amount authorised.",
    "idempotency_conflict": "This key was used before for something else.",
    "not_authorised": "The charge is not authorised.",
    "not_captured": "Nothing of the charge has been captured.",
    "refund_exceeds_captured": "The refunds must be at least 1 and together at most the amount captured.",
    "unknown_charge": "The bank knows no charge with this key.",
}


class StatementLine(NamedTuple):
    """A charge as the bank sees it now: `pending requires_action succeeded failed voided`, and what moved."""

    key: str
    status: str
    captured: int
    refunded: int


class _Charge(NamedTuple):
    key: str
    amount: int
    currency: str
    method: str
    capture: int
    action: str | None
    refund_effect: str | None
    decided_at: int
    ready_at: int
    answer: str | None = None
    error_code: str | None = None
    error_reason: str | None = None
    error_description: str | None = None
    captured_amount: int | None = None
    voided: int = 0

    def outcome(self, now_ms: int) -> Outcome:
        if self.voided:
            return _failed(self.key, _CANCELLED)
        if now_ms < self.ready_at:
            return Outcome("pending", _reference(self.key), again_at_ms=self.ready_at)
        if self.action and not self.answer:
            return Outcome("requires_action", _reference(self.key), action=self.action)
        return _failed(self.key, self) if self.error_code else Outcome("succeeded", _reference(self.key))

    def captured(self, now_ms: int) -> int:
        if self.capture and self.outcome(now_ms).status == "succeeded":
            return self.amount
        return self.captured_amount or 0

    def failing_as(self, effect: Effect) -> "_Charge":
        return self._replace(
            error_code=effect.error_code,
            error_reason=effect.error_reason,
            error_description=effect.error_description,
        )


class _Refund(NamedTuple):
    refund_key: str
    key: str
    amount: int
    decided_at: int
    ready_at: int
    error_code: str | None = None
    error_reason: str | None = None
    error_description: str | None = None

    def outcome(self, now_ms: int) -> Outcome:
        if now_ms < self.ready_at:
            return Outcome("pending", _reference(self.refund_key), again_at_ms=self.ready_at)
        if self.error_code:
            return _failed(self.refund_key, self)
        return Outcome("succeeded", _reference(self.refund_key))


class Simulator:
    """The simulated bank, a processor like any other; safe to use from many threads.

    It takes `delay_min_s` to `delay_max_s` to decide. Instruments without a documented effect succeed at the given
    rates. With a `seed` the nth submission of a book always ends the same.
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
        self._upi_success_rate = upi_success_rate
        self._card_success_rate = card_success_rate
        self._seed = seed
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._connection = _open(book_path)
        self._execute = self._connection.execute
        self._submissions = self._execute("SELECT count(*) FROM charges").fetchone()[0]
        self._refunds = self._execute("SELECT count(*) FROM refunds").fetchone()[0]

    def submit(self, charge: Charge) -> Outcome:
        with self._book():
            now = self._now_ms()
            effect, row = self._decide(charge, now)
            if not self._execute(_ADD_CHARGE, row).rowcount:
                known = self._charge(charge.key)
                return known.outcome(now) if _same(known, row) else _refused("idempotency_conflict")
            self._submissions += 1
        if not effect.answering:
            raise OutcomeUnknown("The simulated bank does not answer for this card")
        return row.outcome(now)

    def inquire(self, key: str) -> Outcome | None:
        with self._book():
            row = self._charge(key) or self._refund(key)
        return row.outcome(self._now_ms()) if row else None

    def capture(self, key: str, amount: int) -> Outcome:
        with self._book(changing=True):
            now, charge = self._now_ms(), self._charge(key)
            if not charge:
                return _refused("unknown_charge")
            if charge.outcome(now).status != "succeeded":
                return _refused("not_authorised")
            if captured := charge.captured(now):
                return charge.outcome(now) if captured == amount else _refused("already_captured")
            if not 1 <= amount <= charge.amount:
                return _refused("capture_exceeds_authorised")
            return self._change(charge._replace(captured_amount=amount)).outcome(now)

    def void(self, key: str) -> Outcome:
        with self._book(changing=True):
            now, charge = self._now_ms(), self._charge(key)
            if not charge:
                return _refused("unknown_charge")
            if charge.captured(now):
                return _refused("already_captured")
            if charge.outcome(now).status == "failed" and not charge.voided:
                return _refused("not_authorised")
            self._change(charge._replace(voided=1))
            return Outcome("succeeded", _reference(key))

    def refund(self, key: str, refund_key: str, amount: int) -> Outcome:
        with self._book(changing=True):
            now, charge, known = self._now_ms(), self._charge(key), self._refund(refund_key)
            if not charge:
                return _refused("unknown_charge")
            if known:
                same = (known.key, known.amount) == (key, amount)
                return known.outcome(now) if same else _refused("idempotency_conflict")
            refund = self._decide_refund(charge, refund_key, amount, now)
            self._execute(_ADD_REFUND, refund)
            self._refunds += 1
            return refund.outcome(now)

    def answer_challenge(self, key: str, result: str) -> Outcome | None:
        """The payer's answer: `approved declined cancelled expired`. The first one counts; None for an unknown key."""
        answer = _ANSWERS[result]
        with self._book(changing=True):
            now, charge = self._now_ms(), self._charge(key)
            if not charge:
                return None
            if charge.outcome(now).status != "requires_action":
                return charge.outcome(now)
            charge = charge._replace(answer=result)
            return self._change(charge.failing_as(answer) if answer.error_code else charge).outcome(now)

    def statement(self) -> Iterator[StatementLine]:
        """Every charge in the book, by key; does not hold up the bank while it is read."""
        after = ""
        while page := self._statement_page(after):
            yield from page
            after = page[-1].key

    def close(self) -> None:
        """Closes the book; safe to call twice."""
        with self._lock:
            self._connection.close()

    # Deciding

    def _decide(self, charge: Charge, now: int) -> tuple[Effect, _Charge]:
        chance = self._chance(f"{self._seed}:{self._submissions}")
        by_chance = _PAID if chance.random() < self._success_rate(charge.method) else declined_by_chance(charge.method)
        effect = effect_of(charge) or by_chance
        ready_at = now + self._delay_ms(chance)
        row = _Charge(
            charge.key, charge.amount, charge.currency, charge.method, int(charge.capture),
            effect.action, effect.refund, now, ready_at,
            None, effect.error_code, effect.error_reason, effect.error_description,
        )  # fmt: skip
        return effect, row

    def _decide_refund(self, charge: _Charge, refund_key: str, amount: int, now: int) -> _Refund:
        refund = _Refund(refund_key, charge.key, amount, decided_at=now, ready_at=now)
        captured = charge.captured(now)
        if not captured:
            return refund.refused("not_captured")
        given_back = self._execute(_GIVEN_BACK, (charge.key, now)).fetchone()[0]
        if not 1 <= amount <= captured - given_back:
            return refund.refused("refund_exceeds_captured")
        delay_ms = self._delay_ms(self._chance(f"{self._seed}:refund:{self._refunds}"))
        return refund

    def _success_rate(self, method: str) -> float:
        return self._upi_success_rate if method == "upi" else self._card_success_rate

    def _chance(self, draw: str) -> random.Random:
        return random.SystemRandom() if self._seed is None else random.Random(draw)

    def _delay_ms(self, chance: random.Random) -> int:
        return round(chance.uniform(*self._delay_s) * 1000)

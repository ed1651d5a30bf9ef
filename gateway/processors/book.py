"""The simulated bank's own book: charges and refunds as the bank decided them, in a file of its own.

It holds no card number and no UPI address, only what was decided when they were shown. What an entry says depends on
the clock alone, so nothing has to run between a decision and the moment it becomes known.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gateway.processors import Outcome, OutcomeUnknown
from gateway.processors.instruments import Effect, decline
from gateway.sqlite_library import sqlite3

BUSY_TIMEOUT_S = 5
STATEMENT_PAGE = 500
CANCELLED = decline("BAD_REQUEST_ERROR", "payment_cancelled")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    key TEXT NOT NULL PRIMARY KEY,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    method TEXT NOT NULL,
    capture INTEGER NOT NULL,
    action TEXT,
    refund_effect TEXT,
    decided_at INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    error_code TEXT,
    error_reason TEXT,
    error_description TEXT,
    answer TEXT,
    captured_amount INTEGER CHECK (captured_amount BETWEEN 1 AND amount),
    voided INTEGER NOT NULL CHECK (voided = 0 OR captured_amount IS NULL)
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
UPDATE charges SET error_code = ?, error_reason = ?, error_description = ?, answer = ?, captured_amount = ?, voided = ?
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


class StatementLine(NamedTuple):
    """A charge as the bank sees it now: `pending requires_action succeeded failed voided`, and the money moved."""

    key: str
    status: str
    captured: int
    refunded: int


class ChargeEntry(NamedTuple):
    key: str
    amount: int
    currency: str
    method: str
    capture: int
    action: str | None
    refund_effect: str | None
    decided_at: int
    ready_at: int
    error_code: str | None = None
    error_reason: str | None = None
    error_description: str | None = None
    answer: str | None = None
    captured_amount: int | None = None
    voided: int = 0

    def outcome(self, now_ms: int) -> Outcome:
        if self.voided:
            return failed(self.key, CANCELLED)
        if self.action and not self.answer and now_ms >= self.ready_at:
            return Outcome("requires_action", reference(self.key), action=self.action)
        return _settled(self.key, self, now_ms)

    def captured(self, now_ms: int) -> int:
        if self.capture and self.outcome(now_ms).status == "succeeded":
            return self.amount
        return self.captured_amount or 0

    def is_same_request(self, other: "ChargeEntry") -> bool:
        return self[:5] == other[:5]


class RefundEntry(NamedTuple):
    refund_key: str
    key: str
    amount: int
    decided_at: int
    ready_at: int
    error_code: str | None = None
    error_reason: str | None = None
    error_description: str | None = None

    def outcome(self, now_ms: int) -> Outcome:
        return _settled(self.refund_key, self, now_ms)


def failing_as(entry, effect: Effect):
    """The entry, ending the way the effect says."""
    return entry._replace(
        error_code=effect.error_code, error_reason=effect.error_reason, error_description=effect.error_description
    )


def failed(key: str, cause: Effect | ChargeEntry | RefundEntry) -> Outcome:
    return Outcome(
        "failed",
        reference(key),
        error_code=cause.error_code,
        error_reason=cause.error_reason,
        error_description=cause.error_description,
    )


def reference(key: str) -> str:
    """What the bank calls the charge or refund that we call `key`."""
    return f"sim_{key}"


def _settled(key: str, entry: ChargeEntry | RefundEntry, now_ms: int) -> Outcome:
    if now_ms < entry.ready_at:
        return Outcome("pending", reference(key), again_at_ms=entry.ready_at)
    return failed(key, entry) if entry.error_code else Outcome("succeeded", reference(key))


class Book:
    """One connection behind one lock. Every method but `statement` and `close` is called inside `open_page`."""

    def __init__(self, path: str | os.PathLike):
        self._lock = threading.Lock()
        self._connection = _connect(path)
        self._execute = self._connection.execute

    @contextmanager
    def open_page(self, *, changing: bool = False) -> Iterator["Book"]:
        """The book for one thread at a time; `changing` makes it one transaction, also against other processes.

        A book that cannot be read or written is a bank that does not answer: raises OutcomeUnknown.
        """
        with self._lock:
            try:
                if not changing:
                    yield self
                    return
                with self._connection:
                    self._execute("BEGIN IMMEDIATE")
                    yield self
            except sqlite3.Error as error:
                raise OutcomeUnknown(f"The simulated bank's book failed: {error}") from error

    def charge(self, key: str) -> ChargeEntry | None:
        row = self._execute(_CHARGE, (key,)).fetchone()
        return ChargeEntry._make(row) if row else None

    def refund(self, refund_key: str) -> RefundEntry | None:
        row = self._execute(_REFUND, (refund_key,)).fetchone()
        return RefundEntry._make(row) if row else None

    def add_charge(self, entry: ChargeEntry) -> bool:
        """Writes a new charge; False if its key is taken."""
        return self._execute(_ADD_CHARGE, entry).rowcount == 1

    def add_refund(self, entry: RefundEntry) -> None:
        self._execute(_ADD_REFUND, entry)

    def change(self, entry: ChargeEntry) -> ChargeEntry:
        """Writes what can change of a charge: how it ends, the answer, what was captured, whether it was voided."""
        self._execute(_CHANGE_CHARGE, (*entry[9:], entry.key))
        return entry

    def given_back(self, key: str, now_ms: int) -> int:
        """The sum of the charge's refunds that have not failed."""
        return self._execute(_GIVEN_BACK, (key, now_ms)).fetchone()[0]

    def counts(self) -> tuple[int, int]:
        """How many charges and refunds the book holds."""
        return self._execute("SELECT (SELECT count(*) FROM charges), (SELECT count(*) FROM refunds)").fetchone()

    def statement(self, now_ms: int) -> Iterator[StatementLine]:
        """Every charge by key, read page by page so that the bank stays open meanwhile."""
        after = ""
        while True:
            with self.open_page():
                rows = self._execute(_STATEMENT, (now_ms, after, STATEMENT_PAGE)).fetchall()
            yield from (_statement_line(row, now_ms) for row in rows)
            if len(rows) < STATEMENT_PAGE:
                return
            after = rows[-1][0]

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _statement_line(row: tuple, now_ms: int) -> StatementLine:
    charge = ChargeEntry._make(row[:-1])
    status = "voided" if charge.voided else charge.outcome(now_ms).status
    return StatementLine(charge.key, status, charge.captured(now_ms), row[-1])


def _connect(path: str | os.PathLike):
    """Opens the book for its owner alone. A killed process loses nothing, a power cut perhaps the last rows."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    os.chmod(path, 0o600)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = wal", "synchronous = normal", "foreign_keys = on"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_SCHEMA)
    return connection

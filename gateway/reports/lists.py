"""Lists over a million rows: pages by a cursor, and filters that look at a bounded stretch at a time.

No index stands behind most filters, because each would slow down every payment. Instead a search walks back through
the owner's rows until it has a page, or until its time is up; then it says how far it came and can go on from there.
"""

import time
from typing import NamedTuple

from gateway.errors import NotFound
from gateway.objects import Owner

PAGE_ROWS = 25
STRETCH_ROWS = 5_000
SEARCH_S = 0.1
SKEW_MS = 60_000  # numbers are drawn before the commit, clocks of nodes differ: look a minute around


class Condition(NamedTuple):
    """One filter: an SQL condition with its values."""

    sql: str
    values: tuple = ()


class Cursor(NamedTuple):
    """Where a page begins: rows older than one, or newer than one; from the newest where neither is given."""

    before: str | None = None
    after: str | None = None


class Found(NamedTuple):
    """A page, newest first: ids to go on from, and how far back a search came that did not fill its page."""

    rows: list
    older: str | None
    newer: str | None
    searched_back_to: int | None = None


class Span(NamedTuple):
    """From when on, and before when; each may be open."""

    since: int | None = None
    until: int | None = None


ALWAYS = Span()


def page(
    tx, table: str, columns: str, owner: Owner, row, cursor: Cursor, *, span: Span = ALWAYS, conditions=(), named=None
) -> Found:
    """The owner's rows of a span of time that meet all conditions.

    `columns` starts with `seq, id`; `row(*columns)` makes the rows. `named` is a condition with an index behind it:
    what it names is found at once, however old it is. Raises NotFound for a cursor of somebody else.
    """
    source = Source(tx, table, columns, owner, span, conditions)
    if named:
        return Found([row(*values) for values in source.named(named)], None, None)
    if cursor.after:
        return _newer_page(source, cursor.after, row)
    start = source.seq(cursor.before) if cursor.before else None
    found, reached = source.search(start, PAGE_ROWS + 1)
    shown = found[:PAGE_ROWS]
    newer = (shown[0][1] if shown else cursor.before) if cursor.before else None
    rows = [row(*values) for values in shown]
    if len(found) > PAGE_ROWS:
        return Found(rows, shown[-1][1], newer)
    stopped_at = source.at(reached) if reached else None
    return Found(rows, stopped_at[0], newer, stopped_at[1]) if stopped_at else Found(rows, None, newer)


def _newer_page(source: "Source", after: str, row) -> Found:
    found = source.above(source.seq(after), PAGE_ROWS + 1)
    more, shown = len(found) > PAGE_ROWS, found[:PAGE_ROWS][::-1]
    older = shown[-1][1] if shown else after
    return Found([row(*values) for values in shown], older, shown[0][1] if more else None)


class Source:
    """An owner's rows of one table that meet some conditions, newest first."""

    def __init__(self, tx, table: str, columns: str, owner: Owner, span: Span = ALWAYS, conditions=()):
        self._tx, self._table, self._columns, self._owner = tx, table, columns, owner
        self._floor, self._ceiling = bounds(tx, table, span)
        conditions = [*conditions, *_exactly(span)]
        self._where = "".join(f" AND {condition.sql}" for condition in conditions)
        self._values = [value for condition in conditions for value in condition.values]
        self._filtered = bool(conditions)

    def search(self, before: int | None, limit: int) -> tuple[list, int | None]:
        """Rows below `before`, and the number down to which it looked if there may be more below."""
        high, found = min(before or self._ceiling, self._ceiling), []
        if not self._filtered:
            return self._rows(high, self._floor, limit), None
        ends_at = time.monotonic() + SEARCH_S
        while len(found) < limit:
            low = max(self._stretch(high), self._floor)
            found += self._rows(high, low, limit - len(found))
            high = low
            if low <= self._floor:
                return found, None
            if time.monotonic() > ends_at:
                break
        return found, high if len(found) < limit else None

    def named(self, condition: Condition) -> list:
        """The rows that a condition with an index behind it names."""
        return self._tx.all(
            f"SELECT {self._columns} FROM {self._table} WHERE {condition.sql} AND merchant_id = ? AND mode = ?"
            f"{self._where} ORDER BY seq DESC LIMIT ?",
            (*condition.values, *self._owner, *self._values, PAGE_ROWS),
        )

    def above(self, seq: int, limit: int) -> list:
        """Rows above `seq`, oldest first."""
        return self._tx.all(
            f"SELECT {self._columns} FROM {self._table} WHERE merchant_id = ? AND mode = ? AND seq > ? AND seq < ?"
            f"{self._where} ORDER BY seq LIMIT ?",
            (*self._owner, seq, self._ceiling, *self._values, limit),
        )

    def seq(self, object_id: str) -> int:
        found = self._tx.one(
            f"SELECT seq FROM {self._table} WHERE id = ? AND merchant_id = ? AND mode = ?", (object_id, *self._owner)
        )
        if not found:
            raise NotFound("This page of the list does not exist.")
        return found[0]

    def at(self, seq: int) -> tuple[str, int] | None:
        return self._tx.one(f"SELECT id, created_at FROM {self._table} WHERE seq = ?", (seq,))

    def _rows(self, high: int, low: int, limit: int) -> list:
        return self._tx.all(
            f"SELECT {self._columns} FROM {self._table} WHERE merchant_id = ? AND mode = ? AND seq < ? AND seq >= ?"
            f"{self._where} ORDER BY seq DESC LIMIT ?",
            (*self._owner, high, low, *self._values, limit),
        )

    def _stretch(self, high: int) -> int:
        """Where the next stretch below `high` ends; 0 where it is the last."""
        row = self._tx.one(
            f"SELECT seq FROM {self._table} WHERE merchant_id = ? AND mode = ? AND seq < ?"
            " ORDER BY seq DESC LIMIT 1 OFFSET ?",
            (*self._owner, high, STRETCH_ROWS - 1),
        )
        return row[0] if row else 0


def _exactly(span: Span) -> list[Condition]:
    found = []
    if span.since is not None:
        found.append(Condition("created_at >= ?", (span.since,)))
    if span.until is not None:
        found.append(Condition("created_at < ?", (span.until,)))
    return found


def bounds(tx, table: str, span: Span) -> tuple[int, int]:
    """A span of time as a range of row numbers, which grow with time: found by bisection, without an index on time."""
    return (
        0 if span.since is None else _first_seq(tx, table, span.since - SKEW_MS),
        2**62 if span.until is None else _first_seq(tx, table, span.until + SKEW_MS),
    )


def _first_seq(tx, table: str, at_ms: int) -> int:
    """The number of the first row created at `at_ms` or later; above all numbers where there is none."""
    low, high = 1, (tx.one(f"SELECT max(seq) FROM {table}")[0] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = tx.one(f"SELECT seq, created_at FROM {table} WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,))
        if row is None or row[1] >= at_ms:
            high = middle
        else:
            low = row[0] + 1
    return low

"""The store: where writes are queued, committed and only then acknowledged, on SQLite or PostgreSQL.

A unit of work is a plain function `work(tx, …)`. It runs inside one transaction, uses `tx.execute` for the hot
statements and peewee models for the rest, and must not wait for anything. `write` returns after the commit.
"""

import time
from collections.abc import Callable

from gateway import lean
from gateway.errors import Unavailable

with lean.without("psycopg", "psycopg2", "pymysql", "MySQLdb"):
    from peewee import DatabaseProxy

# What the tables belong to, whichever database is opened.
database = DatabaseProxy()


class StorageFailed(Unavailable):
    """The disk or the database refused the commit: nothing of the unit was written."""

    def __init__(self, cause: BaseException):
        super().__init__("The gateway cannot write to its database at the moment. Nothing was done.", reason="storage")
        self.__cause__ = cause


class StorageBusy(Unavailable):
    """More writes are waiting than the limit allows: nothing was written."""

    def __init__(self):
        super().__init__("The gateway is busier than it can take at the moment. Nothing was done.", reason="busy")


class Transaction:
    """One unit of work in progress."""

    __slots__ = ("after", "execute")

    def __init__(self, execute: Callable):
        self.execute = execute
        self.after: list[Callable] = []

    def after_commit(self, call: Callable) -> None:
        """Calls `call()` once the unit is committed, never when it is rolled back. Must not raise nor wait."""
        self.after.append(call)

    def one(self, sql: str, params=()):
        """The first row of a query, or None."""
        return self.execute(sql, params).fetchone()

    def all(self, sql: str, params=()) -> list:
        return self.execute(sql, params).fetchall()

    def changed(self, sql: str, params=()) -> int:
        """How many rows a statement changed."""
        return self.execute(sql, params).rowcount


class Pace:
    """How fast something has been happening: counted in windows, read as a rate."""

    WINDOW_S = 0.1

    def __init__(self, monotonic=time.monotonic):
        self._monotonic = monotonic
        self._began, self._counted, self._last = monotonic(), 0, 0.0

    def count(self) -> None:
        self._counted += 1

    def per_second(self) -> float:
        """The rate of the window that is over, or of this one once it is."""
        passed = self._monotonic() - self._began
        if passed >= self.WINDOW_S:
            self._last = self._counted / passed
            self._began, self._counted = self._monotonic(), 0
        return self._last


def open_store(url: str):
    """The store behind a database URL; the only place that looks at its scheme."""
    if url.startswith("sqlite:///"):
        from gateway.db.sqlite import SqliteStore

        return SqliteStore(url.removeprefix("sqlite:///"))
    from gateway.db.postgres import PostgresStore

    return PostgresStore(url)

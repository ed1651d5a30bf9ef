"""SQLite with one writer: a thread that commits what is waiting as one group, and readers beside it."""

import asyncio
import logging
import os
import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from peewee import SqliteDatabase

from gateway.db import Pace, StorageBusy, StorageFailed, Transaction, database, groups
from gateway.sqlite_library import sqlite3

log = logging.getLogger("gateway.db")

GROUP_MAX = 256  # units per commit: beyond this the first caller of a group waits longer than it gains
WAITING_MAX = 8_192  # units that may wait for the writer before new ones are refused
CROWD_PER_S = 1_000  # so many requests per second make it worth while to wait for more of them
GATHER_S = 0.002
READERS = 4
# Compiled statements per connection. The driver's cache keeps what came first: with its 100 places the migrations of
# a new database filled it, and every hot statement was compiled anew at each call until the next start.
STATEMENTS_MAX = 2_000
BUSY_TIMEOUT_S = 5
CLOSE_TIMEOUT_S = 5
WAL_BYTES_MAX = 64 * 1024 * 1024
# A checkpoint keeps everybody waiting for tens of milliseconds. It is made in a quiet moment, and under load only
# when the log has this many pages (100 MB): fewer than one request in a hundred then meets one.
WAL_PAGES_MAX = 24_000
QUIET_S = 0.2
CACHE_KIB = 8 * 1024
READER_CACHE_KIB = 2 * 1024

# Before 3.51.3 a WAL that is reset while a second connection writes can corrupt the file (sqlite.org, March 2026).
SAFE_VERSION = (3, 51, 3)

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": "on",
    "secure_delete": "on",
    "wal_autocheckpoint": WAL_PAGES_MAX,
    "journal_size_limit": WAL_BYTES_MAX,
    "cache_size": -CACHE_KIB,
}


class SqliteStore:
    """A gateway's database in one file. `start` before the first write, `close` after the last."""

    kind = "sqlite"

    def __init__(self, path: str):
        self.path = path
        self._peewee = SqliteDatabase(path, pragmas=PRAGMAS, timeout=BUSY_TIMEOUT_S, cached_statements=STATEMENTS_MAX)
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._opened: Future = Future()
        self._closing = threading.Event()
        self._read_only = threading.local()
        self._pace = Pace()
        self.trouble: str | None = None

    def start(self) -> None:
        """Opens the file and the writer; raises what stands in the way."""
        if self._writer:
            return
        if sqlite3.sqlite_version_info < SAFE_VERSION:
            log.warning("SQLite %s has a known WAL defect; install pysqlite3", sqlite3.sqlite_version)
        database.initialize(self._peewee)
        _create_private(self.path)
        self._writer = threading.Thread(target=self._write_forever, name="writer", daemon=True)
        self._writer.start()
        self._opened.result()

    def close(self) -> None:
        """Commits what is waiting, then closes; safe to call twice."""
        if not self._writer:
            return
        self._closing.set()
        self._waiting.put(None)
        self._writer.join(CLOSE_TIMEOUT_S)
        self._writer = None
        self._readers.shutdown(wait=True)
        self._peewee.close()

    def is_alone(self) -> bool:
        """True: whoever works on a file holds the lock of its directory."""
        return True

    # Writing

    async def write(self, work, *args):
        """Runs `work(tx, *args)` on the writer and returns its result after the commit."""
        self._pace.count()
        return await self.write_aside(work, *args)

    async def write_aside(self, work, *args):
        """The same for work of our own, for which nobody outside waits: it is no pressure."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._enqueue((work, args, future, loop))
        return await future

    def write_now(self, work, *args):
        """The same for a thread, which is never refused: it waits, so it cannot ask for more meanwhile."""
        assert threading.current_thread() is not self._writer, "a unit of work must not wait for another"
        future: Future = Future()
        self._waiting.put((work, args, future, None))
        return future.result()

    def write_each(self, units: list[tuple]) -> list:
        """Runs many units `(work, *args)`, each on its own; returns their results, or their errors."""
        assert threading.current_thread() is not self._writer, "a unit of work must not wait for another"
        futures: list[Future] = [Future() for _ in units]
        for (work, *args), future in zip(units, futures, strict=True):
            self._waiting.put((work, args, future, None))
        return [future.exception() or future.result() for future in futures]

    def pressure(self) -> float:
        """How many units requests have had written per second of late; work of our own does not count."""
        return self._pace.per_second()

    @property
    def waiting(self) -> int:
        """Units that wait for the writer."""
        return self._waiting.qsize()

    def _enqueue(self, unit) -> None:
        if self._waiting.qsize() >= WAITING_MAX:
            raise StorageBusy()
        self._waiting.put(unit)

    def _write_forever(self) -> None:
        try:
            self._peewee.connect()
            connection = self._peewee.connection()
        except BaseException as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        while group := self._next_group(connection):
            groups.tell(self._commit(connection, group))
        self._peewee.close()

    def _next_group(self, connection) -> list:
        """What is waiting now, at least one unit; empty when the store closes.

        While many write, a short pause makes the groups larger: the pages that every commit writes anyway are then
        shared by more units, which is worth more than the pause costs.
        """
        first = self._first(connection)
        if first is None:
            return []
        if self._pace.per_second() > CROWD_PER_S:
            self._closing.wait(GATHER_S)
        group = [first]
        while len(group) < GROUP_MAX and not self._waiting.empty():
            unit = self._waiting.get()
            if unit is None:
                self._waiting.put(None)
                break
            group.append(unit)
        return group

    def _first(self, connection):
        """The next unit; while none comes, what was committed moves from the log into the file."""
        try:
            return self._waiting.get(timeout=QUIET_S)
        except queue.Empty:
            self._checkpoint(connection)
            return self._waiting.get()

    def _checkpoint(self, connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            log.warning("cannot checkpoint: %s", error)

    def _commit(self, connection, group: list) -> list:
        """Runs and commits a group; one (unit, result, error) each. Nobody is told before the commit."""
        after: list = []
        try:
            done = groups.run_together(connection, group, after) or groups.run_apart(connection, group, after)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            return self._lose(connection, group, error)
        self.trouble = None
        for call in dict.fromkeys(after):
            call()
        return done

    def _lose(self, connection, group: list, error: sqlite3.Error) -> list:
        """The group cannot be committed: roll back where SQLite has not, and say why."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self.trouble = f"{getattr(error, 'sqlite_errorname', '')} {error}".strip()
        log.error("commit failed, %d writes refused: %s", len(group), self.trouble)
        return [(unit, None, StorageFailed(error)) for unit in group]

    # Reading

    async def read(self, work, *args):
        """Runs `work(tx, *args)` on a reader thread, seeing one consistent state."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, work, *args)

    def read_now(self, work, *args):
        """The same in the calling thread."""
        connection = self._reading_connection()
        connection.execute("BEGIN")
        try:
            return work(Transaction(connection.execute), *args)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _reading_connection(self):
        if self._peewee.is_closed():
            self._peewee.connect()
            self._peewee.connection().execute("PRAGMA query_only = on")
            self._peewee.connection().execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        return self._peewee.connection()

    # Care

    def integrity_findings(self) -> list[str]:
        """What SQLite itself finds wrong with the file."""

        def look(tx):
            found = [row[0] for row in tx.all("PRAGMA integrity_check") if row[0] != "ok"]
            return found + [f"foreign key of {row[0]} row {row[1]}" for row in tx.all("PRAGMA foreign_key_check")]

        return self.read_now(look)


def _create_private(path: str) -> None:
    """Makes the file readable by its owner alone before SQLite opens it."""
    if path == ":memory:" or Path(path).exists():
        return
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))

"""PostgreSQL behind the same interface: a pool of threads, a connection each, a transaction for every unit."""

import asyncio
import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import peewee
import psycopg
from peewee import PostgresqlDatabase
from psycopg.pq import TransactionStatus
from psycopg.types.json import Json, Jsonb

from gateway.db import Pace, StorageFailed, Transaction, database
from gateway.errors import Conflict

log = logging.getLogger("gateway.db")

THREADS = 12
TRIES = 8  # a unit that keeps losing to others is refused after this many
LOCK_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 5

OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'gateway-%' AND application_name <> ?"
)

RETRIED = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


class PostgresStore:
    """A gateway's database on a server, which several nodes may share."""

    kind = "postgresql"

    def __init__(self, url: str):
        self.url = url
        self._name = f"gateway-{uuid.uuid4()}"
        _give_peewee_psycopg()
        self._peewee = PostgresqlDatabase(
            url,
            prefer_psycopg3=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name=self._name,
            options=f"-c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC",
        )
        self._opened: set = set()  # of every thread that has asked for one
        self._pace = Pace()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="postgres")
        self.trouble: str | None = None

    def start(self) -> None:
        """Connects once, so that a wrong URL is found at start; raises what stands in the way."""
        database.initialize(self._peewee)
        self._connection()

    def close(self) -> None:
        """Waits for the units of event loops, then closes every thread's connection."""
        self._threads.shutdown(wait=True)
        self._drop_connection()
        while self._opened:
            self._opened.pop().close()

    def is_alone(self) -> bool:
        """Whether no other process of ours, on whatever machine, has this database open."""
        return self.read_now(lambda tx: tx.one(OTHERS, (self._name,)))[0] == 0

    @property
    def waiting(self) -> int:
        """Units that wait for a connection."""
        return self._threads._work_queue.qsize()

    def pressure(self) -> float:
        """How many units requests have had written per second of late; work of our own does not count."""
        return self._pace.per_second()

    async def write(self, work, *args):
        """Runs `work(tx, *args)` in one transaction and returns its result after the commit."""
        self._pace.count()
        return await self.write_aside(work, *args)

    async def write_aside(self, work, *args):
        """The same for work of our own, for which nobody outside waits: it is no pressure."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.write_now, work, *args)

    def write_now(self, work, *args):
        """The same in the calling thread; a unit that lost to a concurrent one runs again."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._transact("BEGIN", work, args)
            except RETRIED as error:
                if attempt == TRIES:
                    raise StorageFailed(error) from error
        raise AssertionError("unreachable")

    def write_each(self, units: list[tuple]) -> list:
        """Runs many units `(work, *args)`, each on its own; returns their results, or their errors."""
        return [self._result_or_error(work, args) for work, *args in units]

    def _result_or_error(self, work, args):
        try:
            return self.write_now(work, *args)
        except Exception as error:
            return error

    async def read(self, work, *args):
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, work, *args)

    def read_now(self, work, *args):
        """Runs `work(tx, *args)` seeing one consistent state."""
        return self._transact("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work, args)

    def integrity_findings(self) -> list[str]:
        """PostgreSQL guards its files itself; what can be asked is whether it answers."""
        self.read_now(lambda tx: tx.one("SELECT 1"))
        return []

    def _transact(self, begin: str, work, args):
        connection = self._begin(begin)
        tx = Transaction(lambda sql, params=(): connection.execute(_numbered(sql), params))
        try:
            result = work(tx, *args)
            connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back(connection)
            raise self._explained(error) from error
        self.trouble = None
        for call in dict.fromkeys(tx.after):
            call()
        return result

    def _begin(self, begin: str):
        """A connection in a transaction. One that broke while it was idle is replaced: nothing was asked of it yet."""
        try:
            return self._begun(begin)
        except psycopg.OperationalError:
            self._drop_connection()
        try:
            return self._begun(begin)
        except psycopg.OperationalError as error:
            self._drop_connection()
            self.trouble = _first_line(error)
            raise StorageFailed(error) from error

    def _begun(self, begin: str):
        connection = self._connection()
        connection.execute(begin)
        return connection

    def _explained(self, error: BaseException) -> BaseException:
        cause = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
        if isinstance(cause, RETRIED):
            return cause
        if isinstance(cause, psycopg.errors.LockNotAvailable):
            return Conflict("Another request is working on the same object. Try again.", reason="in_progress")
        if isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError)):
            self.trouble = _first_line(cause)
            log.error("write refused: %s", self.trouble)
            return StorageFailed(cause)
        return error

    def _roll_back(self, connection) -> None:
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self._drop_connection()

    def _connection(self):
        if self._peewee.is_closed() or not self._peewee.is_connection_usable():
            self._drop_connection()
            self._peewee.connect()
            self._opened.add(self._peewee.connection())
        return self._peewee.connection()

    def _drop_connection(self) -> None:
        if not self._peewee.is_closed():
            self._opened.discard(self._peewee.connection())
            self._peewee.close()


@lru_cache(maxsize=512)
def _numbered(sql: str) -> str:
    """The hot statements are written with `?`; psycopg wants `%s`."""
    sql = sql.replace("%", "%%").replace("?", "%s")
    return sql.replace("/*skip locked*/", "FOR UPDATE SKIP LOCKED").replace("/*for update*/", "FOR UPDATE")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _give_peewee_psycopg() -> None:
    """What peewee does itself at import where psycopg is not hidden from it. Safe to run twice."""
    names = {"psycopg": psycopg, "TransactionStatus": TransactionStatus, "Json_pg3": Json, "Jsonb_pg3": Jsonb}
    vars(peewee).update(names)
    peewee.Psycopg3Adapter.txn_idle = TransactionStatus.IDLE
    peewee.Psycopg3Adapter.txn_inerror = TransactionStatus.INERROR
    peewee.Psycopg3Adapter.txn_unknown = TransactionStatus.UNKNOWN
    adapter = peewee.Psycopg3Adapter
    adapter.txn_idle, adapter.txn_inerror = TransactionStatus.IDLE, TransactionStatus.INERROR
    adapter.txn_unknown = TransactionStatus.UNKNOWN

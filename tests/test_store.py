"""The store: acknowledged is committed, one unit's failure is its own, and trouble is told and survived."""

import asyncio
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from gateway import migrations
from gateway.db import Pace, StorageBusy, StorageFailed, open_store, sqlite
from gateway.db.sqlite import sqlite3
from gateway.errors import BadRequest

on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("store", ["postgresql"], indirect=True)


def note(tx, name: str, value: str = "x") -> str:
    tx.execute("INSERT INTO settings (name, value) VALUES (?, ?)", (name, value))
    return name


def refused(tx, name: str):
    note(tx, name)
    raise BadRequest(f"not {name}")


def names(store) -> list[str]:
    return [name for (name,) in store.read_now(lambda tx: tx.all("SELECT name FROM settings ORDER BY name"))]


# Units of work


def test_what_was_acknowledged_is_there(store):
    assert store.write_now(note, "a") == "a"
    assert names(store) == ["a"]


def test_what_was_refused_is_not(store):
    with pytest.raises(BadRequest, match="not a"):
        store.write_now(refused, "a")
    assert names(store) == []
    store.write_now(note, "a")


def test_of_many_at_once_each_stands_for_itself(store):
    def unit(number: int) -> str:
        try:
            return store.write_now(refused if number % 7 == 0 else note, f"{number:03}")
        except BadRequest as error:
            return error.description

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(unit, range(200)))
    good = [f"{number:03}" for number in range(200) if number % 7]
    assert answers == [f"not {number:03}" if number % 7 == 0 else f"{number:03}" for number in range(200)]
    assert names(store) == good


def test_a_batch_of_units_tells_how_each_ended(store):
    results = store.write_each([(note, "a"), (refused, "b"), (note, "c"), (note, "a")])
    assert [type(result).__name__ for result in results[:3]] == ["str", "BadRequest", "str"]
    assert isinstance(results[3], Exception)
    assert names(store) == ["a", "c"]


def test_coroutines_wait_for_their_own_commit_and_not_for_each_other(store):
    async def scene():
        tries = [store.write(refused if number % 5 == 0 else note, f"{number:02}") for number in range(50)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        seen = await store.read(lambda tx: tx.one("SELECT count(*) FROM settings")[0])
        return answers, seen

    answers, seen = asyncio.run(scene())
    assert seen == 40
    assert [isinstance(answer, BadRequest) for answer in answers] == [number % 5 == 0 for number in range(50)]


def test_a_caller_who_hangs_up_does_not_stop_the_others(store):
    async def scene():
        gone = asyncio.ensure_future(store.write(note, "gone"))
        await asyncio.sleep(0)
        gone.cancel()
        return await store.write(note, "stays")

    assert asyncio.run(scene()) == "stays"
    assert "stays" in names(store)


def test_hooks_run_after_the_commit_once_each_and_never_after_a_refusal(store):
    told = []

    def ring() -> None:
        told.append(names(store))

    def work(tx, name, fails=False):
        tx.after_commit(ring)
        tx.after_commit(ring)
        note(tx, name)
        if fails:
            raise BadRequest("no")

    store.write_now(work, "a")
    assert told == [["a"]]
    with pytest.raises(BadRequest):
        store.write_now(work, "b", True)
    assert told == [["a"]]


def test_a_read_sees_one_moment(store):
    store.write_now(note, "a")

    def twice(tx):
        first = tx.one("SELECT count(*) FROM settings")[0]
        with ThreadPoolExecutor(1) as other:
            other.submit(store.write_now, note, "b").result()
        return first, tx.one("SELECT count(*) FROM settings")[0]

    assert store.read_now(twice) == (1, 1)
    assert names(store) == ["a", "b"]


def test_a_read_cannot_write(store):
    with pytest.raises((sqlite3.OperationalError, psycopg.errors.ReadOnlySqlTransaction)):
        store.read_now(note, "a")
    assert names(store) == []


def test_there_is_no_trouble(store):
    store.write_now(note, "a")
    assert (store.trouble, store.waiting, store.integrity_findings()) == (None, 0, [])


# SQLite


@on_sqlite
def test_the_file_is_safe_and_private(store, tmp_path):
    new = open_store(f"sqlite:///{tmp_path}/new.db")
    new.start()
    pragmas = new.write_now(lambda tx: {
        name: tx.one(f"PRAGMA {name}")[0] for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    })  # fmt: skip
    new.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600


@on_sqlite
def test_what_waits_together_is_committed_together(store):
    """Fifty units that come while the writer is busy cost one commit: nobody sees some of them without the others."""
    started, go_on = threading.Event(), threading.Event()

    def hold(tx):
        started.set()
        go_on.wait(10)

    with ThreadPoolExecutor(51) as threads:
        threads.submit(store.write_now, hold)
        started.wait(10)
        waiting = [threads.submit(store.write_now, note, f"{number:02}") for number in range(50)]
        while store.waiting < 50:
            pass
        first_seen = []
        waiting[0].add_done_callback(lambda _: first_seen.append(len(names(store))))
        go_on.set()
    assert first_seen == [50]


@on_sqlite
def test_a_full_disk_is_told_and_survived(store, caplog):
    store.write_now(note, "before")
    pages = store.write_now(lambda tx: tx.one("PRAGMA page_count")[0])
    store.write_now(lambda tx: tx.one(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StorageFailed) as failed:
        store.write_now(note, "big", "x" * 1_000_000)
    assert (failed.value.status, failed.value.reason) == (503, "storage")
    assert "SQLITE_FULL" in store.trouble
    assert "commit failed, 1 writes refused: SQLITE_FULL" in caplog.text
    assert names(store) == ["before"], "reads go on"
    store.write_now(lambda tx: tx.one(f"PRAGMA max_page_count = {pages + 10_000}"))
    store.write_now(note, "big", "x" * 1_000_000)
    assert store.trouble is None
    assert names(store) == ["before", "big"]


@on_sqlite
def test_a_database_that_others_lock_is_not_waited_for_without_end(store, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    impatient = open_store(f"sqlite:///{store.path}")
    impatient.start()
    with sqlite3.connect(store.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailed):
            impatient.write_now(note, "a")
        assert "SQLITE_BUSY" in impatient.trouble
        other.execute("ROLLBACK")
    other.close()
    impatient.write_now(note, "b")
    assert (names(impatient), impatient.trouble) == (["b"], None)
    impatient.close()


@on_sqlite
def test_too_many_requests_are_refused_and_not_queued(store, monkeypatch):
    """A claim that could not be given back would hold up its payment for a minute, so threads are let through."""
    monkeypatch.setattr(sqlite, "WAITING_MAX", 0)
    with pytest.raises(StorageBusy) as busy:
        asyncio.run(store.write(note, "from a request"))
    assert (busy.value.status, busy.value.reason) == (503, "busy")
    store.write_now(note, "from a thread")
    assert names(store) == ["from a thread"]


@on_sqlite
def test_closing_commits_what_waits_and_may_happen_twice(store, tmp_path):
    with ThreadPoolExecutor(20) as threads:
        units = [threads.submit(store.write_now, note, f"{number:02}") for number in range(20)]
        while not all(unit.running() or unit.done() for unit in units):
            pass
        threads.submit(lambda: None).result()
    store.close()
    store.close()
    again = open_store(f"sqlite:///{tmp_path}/gateway.db")
    again.start()
    assert len(names(again)) == 20
    again.close()


@on_sqlite
@pytest.mark.parametrize(
    ("file", "why"), [("noise.db", "file is not a database"), ("missing/gateway.db", "No such file or directory")]
)
def test_what_cannot_be_opened_is_said_at_the_start(store, tmp_path, file, why):
    (tmp_path / "noise.db").write_bytes(b"this is no database " * 1_000)
    with pytest.raises(Exception, match=why):
        open_store(f"sqlite:///{tmp_path / file}").start()


# PostgreSQL


@on_postgres
def test_a_connection_that_broke_while_idle_is_replaced(store, postgres_gateway):
    store.write_now(note, "a")
    with psycopg.connect(postgres_gateway, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    store.write_now(note, "b")
    assert (names(store), store.trouble) == (["a", "b"], None)


@on_postgres
def test_a_connection_that_breaks_at_work_is_told_and_nothing_is_written(store):
    def cut(tx):
        note(tx, "a")
        tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StorageFailed):
        store.write_now(cut)
    assert store.trouble
    store.write_now(note, "b")
    assert (names(store), store.trouble) == (["b"], None)


@on_postgres
def test_units_that_get_in_each_others_way_are_run_again(store):
    """Each wants what the other holds; PostgreSQL ends one of them, which then finds everything free."""
    store.write_now(lambda tx: (note(tx, "a", "0"), note(tx, "b", "0")))
    both_hold_one, runs = threading.Barrier(2), []

    def add(tx, first, second):
        runs.append(first)
        tx.execute("UPDATE settings SET value = value || '+' WHERE name = ?", (first,))
        if len(runs) <= 2:
            both_hold_one.wait(10)
        tx.execute("UPDATE settings SET value = value || '+' WHERE name = ?", (second,))

    with ThreadPoolExecutor(2) as threads:
        for unit in [threads.submit(store.write_now, add, *order) for order in (("a", "b"), ("b", "a"))]:
            unit.result()
    assert store.read_now(lambda tx: tx.all("SELECT value FROM settings")) == [("0++",), ("0++",)]
    assert len(runs) >= 3


@on_postgres
def test_a_server_that_is_not_there_is_said_at_the_start(store):
    nowhere = open_store("postgresql://nobody:x@127.0.0.1:1/none")
    with pytest.raises(Exception, match="(?i)connection refused|connection failed"):
        nowhere.start()
    nowhere.close()


# The schema


def test_the_schema_is_made_once(store):
    assert store.write_now(migrations.migrate, store.kind) == []
    assert store.read_now(migrations_version) == migrations.LATEST


def migrations_version(tx) -> int:
    return tx.one("SELECT max(version) FROM schema_versions")[0]


def test_a_database_of_a_later_release_is_left_alone(store):
    def from_the_future(tx):
        tx.execute("INSERT INTO schema_versions VALUES (?, 0)", (migrations.LATEST + 1,))
        migrations.migrate(tx, store.kind)

    with pytest.raises(migrations.SchemaTooNew, match="use a newer release"):
        store.write_now(from_the_future)


def test_a_migration_happens_whole_or_not_at_all(store, monkeypatch):
    class Half:
        __name__ = "gateway.migrations.m9999_half"

        @staticmethod
        def up(tx, kind):
            tx.execute("CREATE TABLE halfway (id INTEGER)")
            raise RuntimeError("killed")

    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, Half))
    monkeypatch.setattr(migrations, "LATEST", migrations.LATEST + 1)
    with pytest.raises(RuntimeError):
        store.write_now(migrations.migrate, store.kind)
    with pytest.raises((sqlite3.OperationalError, psycopg.errors.UndefinedTable)):
        store.read_now(lambda tx: tx.one("SELECT * FROM halfway"))
    assert store.read_now(migrations_version) == migrations.LATEST - 1


def test_pace_counts_in_windows():
    now = [0.0]
    pace = Pace(lambda: now[0])
    for _ in range(50):
        pace.count()
    assert pace.per_second() == 0
    now[0] = 0.1
    assert pace.per_second() == pytest.approx(500)
    now[0] = 0.2
    assert pace.per_second() == 0

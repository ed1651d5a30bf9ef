"""A group of units in one transaction: run them all, and tell the callers once it is committed.

A unit is `(work, args, future, loop)`; `loop` is None where a thread waits for the future.
"""

import logging

from gateway.db import Transaction
from gateway.sqlite_library import sqlite3

log = logging.getLogger("gateway.db")


def run_together(connection, group: list, after: list) -> list | None:
    """The whole group in one go, which is how nearly every group ends; None if a unit refused."""
    connection.execute("BEGIN IMMEDIATE")
    done = []
    for unit in group:
        work, args, _, _ = unit
        tx = Transaction(connection.execute)
        try:
            done.append((unit, work(tx, *args), None))
        except BaseException as error:
            _still_whole(connection, error)
            connection.execute("ROLLBACK")
            after.clear()
            return None
        after.extend(tx.after)
    return done


def run_apart(connection, group: list, after: list) -> list:
    """Each unit in its own savepoint: one that refuses loses only itself."""
    connection.execute("BEGIN IMMEDIATE")
    done: list[tuple] = []
    for unit in group:
        work, args, _, _ = unit
        tx = Transaction(connection.execute)
        connection.execute("SAVEPOINT unit")
        try:
            done.append((unit, work(tx, *args), None))
            after.extend(tx.after)
        except BaseException as error:
            _still_whole(connection, error)
            connection.execute("ROLLBACK TO unit")
            done.append((unit, None, error))
        connection.execute("RELEASE unit")
    return done


def _still_whole(connection, error: BaseException) -> None:
    """Where SQLite itself has rolled back (disk full, I/O error), every unit of the group is lost with this one."""
    if not connection.in_transaction:
        raise error if isinstance(error, sqlite3.Error) else sqlite3.OperationalError(str(error)) from error


def tell(done: list) -> None:
    """Wakes the callers: threads one by one, each event loop once."""
    loops: dict = {}
    for entry in done:
        (_, _, future, loop), result, error = entry
        if loop is not None:
            loops.setdefault(loop, []).append((future, result, error))
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
    for loop, answers in loops.items():
        try:
            loop.call_soon_threadsafe(_answer_all, answers)
        except RuntimeError:
            log.info("%d writes were committed after their event loop had closed", len(answers))


def _answer_all(answers: list) -> None:
    for future, result, error in answers:
        if future.done():
            continue  # The client hung up; what was committed stays, and its key replays the answer.
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

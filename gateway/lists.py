"""Lists as every resource gives them: newest first, by offset or by a cursor whose cost does not grow."""

from typing import NamedTuple

from gateway.errors import BadRequest
from gateway.objects import Owner

LIMIT_MAX = 100
LIMIT_DEFAULT = 10
OFFSET_MAX = 10_000_000


class Page(NamedTuple):
    """Which part of a list: `after` is the id of the last object already seen."""

    limit: int = LIMIT_DEFAULT
    offset: int = 0
    after: str | None = None


def select(
    tx, table: str, columns: str, owner: Owner, page: Page, filters: dict, row, show, *, count_max: int | None = None
) -> dict:
    """The contract's list of `show(row(*columns))` for the owner's objects that match `filters`.

    A filter's key is a condition with one `?` such as `status = ?`; those whose value is None do not count. Where
    `count_max` is given, a `total` of that much stands for more.
    """
    filters = {condition: value for condition, value in filters.items() if value is not None}
    where = " AND ".join(["merchant_id = ?", "mode = ?", *filters])
    values = [*owner, *filters.values()]
    counted = f"SELECT 1 FROM {table} WHERE {where}" + (f" LIMIT {count_max}" if count_max else "")
    total = tx.one(f"SELECT count(*) FROM ({counted}) AS counted", values)[0]
    if page.after:
        where += " AND seq < ?"
        values.append(_seq(tx, table, owner, page.after))
    rows = tx.all(
        f"SELECT {columns} FROM {table} WHERE {where} ORDER BY seq DESC LIMIT ? OFFSET ?",
        (*values, page.limit + 1, 0 if page.after else page.offset),
    )
    return {
        "data": [show(row(*found)) for found in rows[: page.limit]],
        "total": total,
        "limit": page.limit,
        "offset": page.offset,
        "has_more": len(rows) > page.limit,
    }


def of_one(table: str, column: str) -> str:
    """The condition that finds the few rows of one other object by its own index.

    As a plain condition it lost to the index of the owner, who is two columns, and all that the owner has was read.
    """
    return f"seq IN (SELECT seq FROM {table} WHERE {column} = ?)"


def _seq(tx, table: str, owner: Owner, object_id: str) -> int:
    found = tx.one(f"SELECT seq FROM {table} WHERE id = ? AND merchant_id = ? AND mode = ?", (object_id, *owner))
    if not found:
        raise BadRequest("There is no such object to list after.", field="after")
    return found[0]

"""How business goes: the figures of the dashboard's first page, read from the totals."""

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from gateway import statements, totals
from gateway.clock import now_ms
from gateway.objects import Owner, PaymentRow
from gateway.periods import Period

HEALTH_MS = 24 * 3600 * 1000
HEALTH_ROWS_MAX = 2_000  # of the newest deliveries; a busy endpoint's last day would take too long to count
REASONS_MAX = 6
NEWS_MAX = 100


class Figures(NamedTuple):
    """What a period came to, in one currency."""

    started: int = 0
    succeeded: int = 0
    failed: int = 0
    captured: int = 0
    volume: int = 0
    refunded: int = 0
    refund_volume: int = 0

    @property
    def success_rate(self) -> float | None:
        """In percent of the payments that came to an end."""
        ended = self.succeeded + self.failed
        return 100 * self.succeeded / ended if ended else None

    @property
    def average(self) -> int | None:
        return self.volume // self.captured if self.captured else None


class Column(NamedTuple):
    """One hour, day or week of a chart."""

    start_ms: int
    figures: Figures


class Share(NamedTuple):
    """What one column owes to one kind of happening, method and reason."""

    column: int
    what: str
    method: str
    reason: str
    times: int
    amount: int


class Overview(NamedTuple):
    """Everything the first page shows of a period."""

    currency: str
    currencies: list[str]
    now: Figures
    before: Figures
    today: Figures
    yesterday: Figures
    columns: list[Column]
    methods: list[tuple[str, int, int]]
    reasons: list[tuple[str, int]]
    events_behind: int


def overview(tx, owner: Owner, period: Period, today: Period, currency: str | None) -> Overview:
    """The figures of `period` and of the one before it, and of today and yesterday at this time of day."""
    currencies = _currencies(tx, owner, period)
    if currency not in currencies:
        currency = currencies[0]
    passed_ms = now_ms() - today.start_ms
    yesterday = today.before
    shares = _shares(tx, owner, currency, period)
    columns = _columns(period, shares)
    return Overview(
        currency=currency,
        currencies=currencies,
        now=Figures(*map(sum, zip(*(column.figures for column in columns), strict=True))),
        before=figures(tx, owner, currency, period.before.start_ms, period.start_ms),
        today=figures(tx, owner, currency, today.start_ms, today.end_ms),
        yesterday=figures(tx, owner, currency, yesterday.start_ms, yesterday.start_ms + passed_ms),
        columns=columns,
        methods=_methods(shares),
        reasons=_reasons(shares),
        events_behind=totals.behind(tx),
    )


def figures(tx, owner: Owner, currency: str, start_ms: int, end_ms: int) -> Figures:
    rows = tx.all(
        f"SELECT what, CAST(sum(count) AS BIGINT), {statements.wide_sum('amount')} FROM totals"
        " WHERE merchant_id = ? AND mode = ? AND slot >= ? AND slot < ? AND currency = ? GROUP BY what",
        (*owner, *_slots(start_ms, end_ms), currency),
    )
    return _figures({what: (count, statements.join_sum(*amount)) for what, count, *amount in rows})


def _shares(tx, owner: Owner, currency: str, period: Period) -> list[Share]:
    """The period, read once: each column by what happened, how and why.

    The columns are the outer loop, so that the database adds up short stretches of its index and sorts nothing.
    """
    starts = [_slots(mark, mark)[1] for mark in period.marks()]
    first, end = _slots(period.start_ms, period.end_ms)
    starts = [first, *starts[1:], end]
    stretches = ", ".join(f"({number}, {start}, {after})" for number, (start, after) in enumerate(pairwise(starts)))
    rows = tx.all(
        f"WITH stretches (number, first, after) AS (VALUES {stretches})"
        f" SELECT number, what, method, reason, CAST(sum(count) AS BIGINT), {statements.wide_sum('amount')}"
        " FROM stretches CROSS JOIN totals WHERE merchant_id = ? AND mode = ? AND slot >= first AND slot < after"
        " AND currency = ? GROUP BY number, what, method, reason",
        (*owner, currency),
    )
    return [
        Share(column, what, method, reason, count, statements.join_sum(high, low))
        for column, what, method, reason, count, high, low in rows
    ]


def _columns(period: Period, shares: list[Share]) -> list[Column]:
    """The period's figures in pieces, empty ones included."""
    marks = period.marks()
    pieces: list[dict] = [{} for _ in marks]
    for share in shares:
        count, amount = pieces[share.column].get(share.what, (0, 0))
        pieces[share.column][share.what] = (count + share.times, amount + share.amount)
    return [Column(mark, _figures(piece)) for mark, piece in zip(marks, pieces, strict=True)]


def webhook_health(tx, owner: Owner) -> Counter:
    """How the newest deliveries of the last day went, by status."""
    newest = tx.all(
        "SELECT status, created_at FROM deliveries WHERE merchant_id = ? AND mode = ? ORDER BY seq DESC LIMIT ?",
        (*owner, HEALTH_ROWS_MAX),
    )
    since = now_ms() - HEALTH_MS
    return Counter(status for status, created_at in newest if created_at >= since)


def newest_payments(tx, owner: Owner, count: int) -> list[PaymentRow]:
    rows = tx.all(
        f"SELECT {statements.PAYMENT_COLUMNS} FROM payments WHERE merchant_id = ? AND mode = ?"
        " ORDER BY seq DESC LIMIT ?",
        (*owner, count),
    )
    return [PaymentRow(*row) for row in rows]


def newest_event(tx, owner: Owner) -> int:
    """The number of the owner's newest event; 0 where there is none."""
    row = tx.one("SELECT seq FROM events WHERE merchant_id = ? AND mode = ? ORDER BY seq DESC LIMIT 1", owner)
    return row[0] if row else 0


def events_after(tx, owner: Owner, seq: int) -> list[tuple[int, str, str]]:
    """Number, type and object of the owner's events after `seq`, oldest first; of very many only the newest."""
    return tx.all(
        "SELECT seq, type, object_id FROM (SELECT seq, type, object_id FROM events WHERE merchant_id = ? AND mode = ?"
        " AND seq > ? ORDER BY seq DESC LIMIT ?) AS newest ORDER BY seq",
        (*owner, seq, NEWS_MAX),
    )


def _figures(sums: dict) -> Figures:
    def of(what: str) -> tuple[int, int]:
        return sums.get(what, (0, 0))

    return Figures(
        started=of(totals.CREATED)[0],
        succeeded=of(totals.SUCCEEDED)[0],
        failed=of(totals.FAILED)[0],
        captured=of(totals.CAPTURED)[0],
        volume=of(totals.CAPTURED)[1],
        refunded=of(totals.REFUNDED)[0],
        refund_volume=of(totals.REFUNDED)[1],
    )


def _currencies(tx, owner: Owner, period: Period) -> list[str]:
    """Those used in the period, the most used first."""
    rows = tx.all(
        "SELECT currency FROM totals WHERE merchant_id = ? AND mode = ? AND slot >= ? AND slot < ? AND what = ?"
        " GROUP BY currency ORDER BY sum(count) DESC, currency",
        (*owner, *_slots(period.start_ms, period.end_ms), totals.CREATED),
    )
    return [currency for (currency,) in rows] or ["INR"]


def _methods(shares: list[Share]) -> list[tuple[str, int, int]]:
    """How often each method was captured, and how much money it brought, the most first."""
    counts: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    for share in shares:
        if share.what == totals.CAPTURED:
            counts[share.method] += share.times
            amounts[share.method] += share.amount
    return [(method, counts[method], amount) for method, amount in amounts.most_common()]


def _reasons(shares: list[Share]) -> list[tuple[str, int]]:
    """Why payments failed, the most frequent reason first."""
    counts: Counter[str] = Counter()
    for share in shares:
        if share.what == totals.FAILED:
            counts[share.reason] += share.times
    return sorted(counts.items(), key=lambda reason: (-reason[1], reason[0]))[:REASONS_MAX]


def _slots(start_ms: int, end_ms: int) -> tuple[int, int]:
    """The half hours of a stretch of time; one that has begun counts."""
    return start_ms // totals.SLOT_MS, -(-end_ms // totals.SLOT_MS)

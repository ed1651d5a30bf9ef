"""What the dashboard counts and finds: totals, periods, lists by cursor, filters, timelines."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway import clock, payments, periods, reports, totals
from gateway.errors import BadRequest, NotFound
from gateway.objects import Owner
from gateway.reports.lists import Cursor, Span
from gateway.reports.payments import Filters
from tests.dashboard_scenes import Shop, open_shops

INDIA = ZoneInfo("Asia/Kolkata")
NEWEST = Cursor()


@pytest.fixture
def alice(store, monkeypatch):
    monkeypatch.setattr(clock, "_offset_ms", 0)
    open_shops(store)
    return Shop(store, "alice")


def overview(shop, name="today", zone=INDIA, currency=None):
    totals.catch_up(shop.store)
    period = periods.period(name, None, None, zone)
    return shop.store.read_now(reports.overview.overview, shop.owner, period, periods.today(zone), currency)


def ids(found):
    return [row.id for row in found.rows]


# Totals


def test_the_overview_counts_what_happened(alice):
    paid = alice.paid(50_000)
    alice.paid(30_000)
    alice.failed(10_000)
    alice.pay(99_000)
    alice.refunded(paid, 20_000)
    seen = overview(alice)
    assert seen.now == reports.overview.Figures(
        started=4, succeeded=2, failed=1, captured=2, volume=80_000, refunded=1, refund_volume=20_000
    )
    assert round(seen.now.success_rate, 1) == 66.7 and seen.now.average == 40_000
    assert seen.methods == [("upi", 2, 80_000)]
    assert seen.reasons == [("insufficient_funds", 1)]
    assert sum(column.figures.volume for column in seen.columns) == 80_000
    assert seen.today == seen.now and seen.before == seen.yesterday == reports.overview.Figures()


def test_nothing_is_counted_twice_however_often_it_is_folded(alice):
    alice.paid()
    batch = alice.store.read_now(totals.ahead)
    assert alice.do(totals.add, batch) and not alice.do(totals.add, batch)
    alice.paid()
    assert overview(alice).now.started == 2
    assert alice.store.read_now(totals.ahead) is None and alice.store.read_now(totals.behind) == 0


def test_another_merchant_another_mode_and_another_currency_count_apart(alice, store):
    alice.paid(50_000)
    alice.paid(2_500, currency="USD")
    Shop(store, "bob").paid(70_000)
    Shop(store, "alice", "live").paid(90_000)
    seen = overview(alice)
    assert (seen.currency, seen.currencies, seen.now.volume) == ("INR", ["INR", "USD"], 50_000)
    assert overview(alice, currency="USD").now.volume == 2_500


def test_folding_waits_for_a_number_that_may_still_be_committed(alice):
    alice.paid()
    first = alice.do(lambda tx: tx.one("SELECT min(seq) FROM events")[0])
    alice.do(lambda tx: tx.execute("UPDATE events SET seq = seq + 100 WHERE seq > ?", (first + 1,)))
    assert alice.store.read_now(totals.ahead).until == first + 1
    clock.forward(60)
    assert alice.store.read_now(totals.ahead).until > first + 100


def test_sums_that_no_column_of_a_database_holds_are_shown(alice):
    """A thousand of the largest payments a day, two days long."""
    alice.paid()
    totals.catch_up(alice.store)
    alice.do(lambda tx: tx.execute("UPDATE totals SET amount = ?", (totals.AMOUNT_MAX,)))
    columns = "what, currency, method, reason, count, amount"
    copy = f"INSERT INTO totals SELECT merchant_id, mode, slot - 48, {columns} FROM totals"
    alice.do(lambda tx: tx.execute(copy))
    assert overview(alice, "7d").now.volume == 2 * totals.AMOUNT_MAX


def test_the_half_hour_in_which_a_day_begins_stands_first(alice, monkeypatch):
    """Kathmandu is 5:45 ahead, so its days begin in the middle of one."""
    zone = ZoneInfo("Asia/Kathmandu")
    monkeypatch.setattr(clock, "_offset_ms", periods.today(zone).start_ms - clock.now_ms() + 60_000)
    alice.paid(50_000)
    volumes = [column.figures.volume for column in overview(alice, "today", zone).columns]
    assert volumes == [50_000] + [0] * 23


# Periods


def test_a_day_is_the_merchants_day(monkeypatch):
    at = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)  # half past one in the morning of the 24th in India
    monkeypatch.setattr(periods, "now_ms", lambda: int(at.timestamp() * 1000))
    assert periods.today(INDIA).first.isoformat() == "2026-11-24"
    assert periods.today(UTC).first.isoformat() == "2026-11-23"
    assert periods.today(INDIA).start_ms == datetime(2026, 11, 23, 18, 30, tzinfo=UTC).timestamp() * 1000
    week = periods.period("7d", None, None, INDIA)
    assert (week.first.isoformat(), week.last.isoformat(), week.days) == ("2026-11-18", "2026-11-24", 7)
    assert week.before.last.isoformat() == "2026-11-17" and week.before.days == 7


@pytest.mark.parametrize(
    ("first", "last"), [("2026-13-01", None), ("x", None), ("2026-02-02", "2026-02-01"), ("2019-01-01", "2026-01-01")]
)
def test_periods_that_cannot_be_are_refused(first, last):
    with pytest.raises(BadRequest):
        periods.period(None, first, last, UTC)


def test_charts_have_a_column_for_every_hour_day_or_week():
    lengths = {name: len(periods.period(name, None, None, INDIA).marks()) for name in periods.DAYS}
    assert lengths == {"today": 24, "7d": 7, "30d": 30, "90d": 90, "365d": 53}


# Lists


def test_pages_neither_skip_nor_repeat_while_rows_arrive(alice, monkeypatch):
    monkeypatch.setattr(reports.lists, "PAGE_ROWS", 3)
    made = [alice.pay() for _ in range(8)]
    first = alice.store.read_now(reports.payments.search, alice.owner, Filters(), NEWEST)
    late = alice.pay()
    second = alice.store.read_now(reports.payments.search, alice.owner, Filters(), Cursor(before=first.older))
    third = alice.store.read_now(reports.payments.search, alice.owner, Filters(), Cursor(before=second.older))
    assert ids(first) + ids(second) + ids(third) == made[::-1] and third.older is None
    back = alice.store.read_now(reports.payments.search, alice.owner, Filters(), Cursor(after=third.newer))
    assert ids(back) == ids(second)
    newest = alice.store.read_now(reports.payments.search, alice.owner, Filters(), Cursor(after=first.rows[0].id))
    assert ids(newest) == [late] and newest.newer is None


def test_a_search_goes_on_where_its_time_ran_out(alice, monkeypatch):
    monkeypatch.setattr(reports.lists, "STRETCH_ROWS", 4)
    monkeypatch.setattr(reports.lists, "SEARCH_S", 0)
    wanted = alice.failed()
    for _ in range(10):
        alice.paid()
    cursor, looks, failed = NEWEST, 0, Filters(status="failed")
    while not (found := alice.store.read_now(reports.payments.search, alice.owner, failed, cursor)).rows:
        assert found.searched_back_to and found.older
        cursor, looks = Cursor(before=found.older), looks + 1
    assert ids(found) == [wanted] and looks == 2


@pytest.mark.parametrize("lists_of", ["before", "after"])
def test_a_cursor_of_another_merchant_is_not_there(alice, store, lists_of):
    theirs = Shop(store, "bob").pay()
    with pytest.raises(NotFound):
        store.read_now(reports.payments.search, alice.owner, Filters(), Cursor(**{lists_of: theirs}))


def test_every_filter_finds_its_payment(alice, store):
    Shop(store, "bob").paid(77_700, vpa="needle@okbank", receipt="R-77")
    wanted = alice.paid(77_700, vpa="needle@okbank", receipt="R-77", notes={"table": "100%_window"})
    alice.failed(10_000)
    refund = alice.refunded(wanted, 100)
    order_id = store.read_now(payments.find, alice.owner, wanted).order_id
    for filters in (
        Filters(status="success"),
        Filters(amount_min=77_700),
        Filters(amount_min=20_000, amount_max=80_000),
        *(Filters(text=text) for text in (wanted, order_id, refund, "NEEDLE", "r-77", "100%_w", wanted[4:12])),
    ):
        assert ids(store.read_now(reports.payments.search, alice.owner, filters, NEWEST)) == [wanted], filters
    for filters in (Filters(method="card"), Filters(status="cancelled"), Filters(text="100x_w"), Filters(text="1111")):
        assert ids(store.read_now(reports.payments.search, alice.owner, filters, NEWEST)) == [], filters


def test_a_span_of_time_takes_its_start_and_leaves_its_end(alice):
    early = alice.pay()
    clock.forward(3600)
    start = clock.now_ms()
    middle = [alice.pay(), alice.pay()]
    clock.forward(3600)
    end = clock.now_ms()
    late = alice.pay()

    def within(since, until):
        filters = Filters(span=Span(since, until))
        return ids(alice.store.read_now(reports.payments.search, alice.owner, filters, NEWEST))

    assert within(start, end) == middle[::-1]
    assert within(None, start) == [early] and within(end, None) == [late]
    assert within(end + 3_600_000, None) == []


# One payment


def test_the_timeline_tells_everything_in_order(alice):
    payment_id = alice.paid(50_000, receipt="R-1")
    clock.forward(60)
    refund_id = alice.refunded(payment_id, 20_000)
    detail = alice.store.read_now(reports.payments.detail, alice.owner, payment_id)
    assert detail.receipt == "R-1" and detail.refundable == 30_000 and [r.id for r in detail.refunds] == [refund_id]
    told = [(moment.kind, moment.title) for moment in detail.timeline]
    assert [title for kind, title in told if kind == "status"] == [
        "pending", "processing", "success", "pending", "processed",
    ]  # fmt: skip
    assert [title for kind, title in told if kind == "event"] == [
        "payment.created", "payment.pending", "payment.success", "payment.captured",
        "refund.created", "refund.processed",
    ]  # fmt: skip
    assert sorted(title for kind, title in told if kind == "ledger") == [
        "bank", "bank", "merchant", "merchant", "refunds", "refunds",
    ]  # fmt: skip
    assert [moment.at_ms for moment in detail.timeline] == sorted(moment.at_ms for moment in detail.timeline)


def test_a_payment_of_another_merchant_or_mode_is_not_there(alice, store):
    payment_id = alice.pay()
    for owner in (Owner("bob", "test"), Owner("alice", "live")):
        with pytest.raises(NotFound):
            store.read_now(reports.payments.detail, owner, payment_id)

"""The log, recovery in bulk, and that both stay quick when there are many rows."""

import msgspec
import pytest

from gateway import clock, deliveries, endpoints, events, lists, webhooks
from gateway.db import Transaction
from gateway.errors import Conflict, NotFound
from gateway.models import COMMON_EVENTS
from tests.shop import ALICE, BOB, DAY_S, Shop, answer


@pytest.fixture
def shop(store, monkeypatch) -> Shop:
    monkeypatch.setattr(clock, "_offset_ms", 0)
    return Shop(store, retry_seconds=(60.0,))


def test_a_delivery_as_the_contract_shows_it(shop):
    endpoint = shop.endpoint()
    event_id = shop.event()
    shop.attempt(endpoint.id, answer(503, body=b"come back later \xff"))
    shown = msgspec.json.decode(msgspec.json.encode(shop.details(shop.delivery().id)))
    log, payload = shown.pop("attempt_log"), shown.pop("payload")
    assert {name: value for name, value in shown.items() if not name.endswith("_at")} == {
        "id": shop.delivery().id,
        "entity": "webhook_delivery",
        "event": "payment.success",
        "event_id": event_id,
        "endpoint_id": endpoint.id,
        "status": "pending",
        "attempts": 1,
        "response_code": 503,
        "error": None,
        "url": "https://shop.example/hook",
    }
    assert shown["created_at"] <= shown["last_attempt_at"] < shown["next_retry_at"]
    assert payload["data"] == {"payment": {"id": "pay_1"}}
    log[0].pop("at")
    assert log == [
        {
            "attempt": 1, "manual": False, "duration_ms": 12, "address": "192.0.2.1", "response_code": 503,
            "error": None, "error_detail": None, "response_body": "come back later \ufffd",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("stranger", [BOB, ALICE._replace(mode="live")])
def test_deliveries_and_events_of_others_do_not_exist(shop, stranger):
    shop.endpoint()
    event_id = shop.event()
    delivery_id = shop.delivery().id
    for work in (deliveries.show, deliveries.retry, deliveries.show_event):
        with pytest.raises(NotFound):
            shop.store.write_now(work, stranger, event_id if work is deliveries.show_event else delivery_id)
    assert shop.store.read_now(deliveries.list_deliveries, stranger, lists.Page())["total"] == 0
    assert shop.store.read_now(deliveries.list_events, stranger, lists.Page())["total"] == 0


def test_the_log_can_be_filtered_and_paged(shop):
    first, second = shop.endpoint(), shop.endpoint("https://b.example/", events=["payment.failed"])
    shop.events("payment.success", "payment.failed", "payment.failed")
    shop.attempt(first.id, answer())
    clock.forward(DAY_S)
    later = clock.now_ms()
    shop.event("order.paid")
    assert len(shop.deliveries()) == 6
    for filters, expected in (
        ({"status": "success"}, 3),
        ({"status": "pending"}, 3),
        ({"status": "failed"}, 0),
        ({"event": "payment.failed"}, 4),
        ({"endpoint_id": second.id}, 2),
        ({"endpoint_id": first.id, "status": "pending"}, 1),
        ({"since": later}, 1),
        ({"until": later - 1}, 5),
    ):
        assert len(shop.deliveries(**filters)) == expected, filters
    page = shop.store.read_now(deliveries.list_deliveries, ALICE, lists.Page(limit=2))
    assert (page["total"], page["has_more"], len(page["data"])) == (6, True, 2)
    rest = shop.store.read_now(deliveries.list_deliveries, ALICE, lists.Page(limit=9, after=page["data"][-1].id))
    assert [each.id for each in rest["data"]] == [each.id for each in reversed(shop.deliveries())][2:]


def test_events_can_be_looked_up_with_what_became_of_them(shop):
    shop.endpoint()
    event_id = shop.event()
    shop.event("order.paid")
    (listed,) = shop.store.read_now(_listed_events, {"event": "payment.success"})["data"]
    assert (listed.id, listed.event, bytes(listed.data)) == (event_id, "payment.success", b'{"payment":{"id":"pay_1"}}')
    assert shop.store.read_now(deliveries.show_event, ALICE, event_id).deliveries == [shop.deliveries()[0]]
    assert shop.store.read_now(_listed_events, {"object_id": "pay_1"})["total"] == 2


def test_recovery_by_time_and_status(shop):
    endpoint, other = shop.endpoint(), shop.endpoint("https://other.example/")
    shop.event("payment.success")
    for _ in range(2):
        shop.attempt(endpoint.id, answer(500))
        clock.forward(61)
    shop.attempt(other.id, answer(200))
    clock.forward(DAY_S)
    since = clock.now_ms()
    shop.event("payment.captured")
    for _ in range(2):
        shop.attempt(endpoint.id, answer(500))
        clock.forward(61)
    shop.edit(endpoint.id, enabled=False)
    shop.event("order.paid")
    with pytest.raises(Conflict):
        shop.recover(endpoint.id)
    shop.edit(endpoint.id, enabled=True)
    assert shop.recover(endpoint.id, since, "skipped").count == 1
    assert shop.recover(endpoint.id, since).count == 1
    assert [each.event_type for each in shop.claim(endpoint.id)] == ["payment.captured", "order.paid"]
    assert shop.recover(endpoint.id, since).count == 0, "what is on its way is not recovered again"
    assert shop.recover(endpoint.id, 0, "failed").count == 1


def test_what_was_recovered_has_the_whole_schedule_before_it(shop):
    endpoint = shop.endpoint()
    shop.event()
    for _ in range(2):
        shop.attempt(endpoint.id, answer(500))
        clock.forward(61)
    assert shop.delivery().status == "failed"
    shop.recover(endpoint.id)
    shop.attempt(endpoint.id, answer(500))
    assert shop.delivery().status == "pending"
    clock.forward(61)
    shop.attempt(endpoint.id, answer(500))
    assert (shop.delivery().status, shop.delivery().attempts) == ("failed", 4)


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 6, 10, 23])
def test_recovery_in_units_misses_and_repeats_nothing(shop, monkeypatch, rows):
    monkeypatch.setattr(deliveries, "ROWS_PER_UNIT", 5)
    endpoint, quiet = shop.endpoint(enabled=False), shop.endpoint("https://b.example/", events=["order.paid"])
    shop.events(*["payment.success"] * rows)
    shop.edit(endpoint.id, enabled=True)
    assert shop.recover(endpoint.id).count == rows
    units = 1
    while shop.store.write_now(deliveries.recover_some):
        units += 1
    assert units == rows // 5 + 1
    assert len(shop.claim(endpoint.id)) == rows
    assert not shop.store.read_now(webhooks.is_recovering)
    assert shop.claim(quiet.id) == []


def test_attempts_are_forgotten_after_their_time_and_not_before(shop, monkeypatch):
    monkeypatch.setattr(deliveries, "ROWS_PER_UNIT", 2)
    endpoint = shop.endpoint()
    shop.events(*["payment.success"] * 5)
    shop.attempt(endpoint.id, answer())
    clock.forward(2 * DAY_S)
    shop.event()
    shop.attempt(endpoint.id, answer())
    assert shop.store.write_now(deliveries.prune_attempts, 3) == 0
    assert shop.store.write_now(deliveries.prune_attempts, 0) == 0
    pruned = [shop.store.write_now(deliveries.prune_attempts, 1) for _ in range(4)]
    assert pruned == [2, 2, 1, 0]
    assert len(shop.details(shop.deliveries()[-1].id).attempt_log) == 1
    assert shop.details(shop.deliveries()[0].id).attempt_log == []
    assert shop.deliveries()[0].status == "success"


def plans(shop, work, *args) -> list[tuple[str, list[str]]]:
    """Every statement of a unit of work with SQLite's plan for it."""

    def explained(tx):
        made = []

        def execute(sql, params=()):
            made.append((sql, list(params)))
            return tx.execute(sql, params)

        work(Transaction(execute), *args)
        return [(sql, [row[3] for row in tx.all(f"EXPLAIN QUERY PLAN {sql}", params)]) for sql, params in made]

    return shop.store.write_now(explained)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_no_statement_reads_a_whole_table(shop):
    """So what takes a millisecond with a hundred rows does with a million."""
    endpoint = shop.endpoint()
    event_id = shop.event()
    shop.event()
    (claimed,) = shop.claim(endpoint.id, 1)
    page = lists.Page(after=claimed.id)
    since = {"since": 1}
    for work, *args in (
        *[(_listed, filters, page) for filters in ({}, {"status": "failed"}, {"endpoint_id": endpoint.id}, since)],
        *[(_listed_events, filters) for filters in ({}, {"event": "order.paid"}, {"object_id": "pay_1"}, since)],
        (deliveries.show, ALICE, claimed.id),
        (deliveries.show_event, ALICE, event_id),
        (deliveries.retry, ALICE, claimed.id),
        (endpoints.recover, ALICE, endpoint.id, 0, "failed"),
        (deliveries.recover_some,),
        (deliveries.skip_some, endpoint.id),
        (webhooks.waiting,),
        (webhooks.is_due,),
        (webhooks.claim, endpoint.id, 5),
        (webhooks.settle, claimed, answer(200), shop.policy),
        (webhooks.settle, claimed, answer(500), shop.policy),
    ):
        for sql, plan in plans(shop, work, *args):
            scanned = [line for line in plan if "SCAN" in line and not line.startswith(SMALL)]
            assert not scanned, (sql, plan)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("event", events.TYPES)
def test_a_rare_event_is_found_without_reading_the_common_ones(shop, event):
    for work, filters in ((_listed, ({"event": event}, lists.Page())), (_listed_events, ({"event": event},))):
        for sql, plan in plans(shop, work, *filters):
            rare = any("_rare" in line for line in plan)
            assert rare == (event not in COMMON_EVENTS), (sql, plan)


# What is waiting has one row for each endpoint, what is free to claim and what is counted have a limit, and of
# recoveries there are hardly any.
SMALL = ("SCAN waiting", "SCAN free", "SCAN counted", "SCAN recoveries", "SCAN CONSTANT ROW")


def test_a_total_is_counted_up_to_a_limit(shop, monkeypatch):
    monkeypatch.setattr(deliveries, "COUNT_MAX", 3)
    shop.endpoint()
    shop.events(*["payment.success"] * 5)
    listed = shop.store.read_now(deliveries.list_deliveries, ALICE, lists.Page(limit=4))
    assert (listed["total"], len(listed["data"]), listed["has_more"]) == (3, 4, True)


def _listed(tx, filters, page):
    return deliveries.list_deliveries(tx, ALICE, page, **filters)


def _listed_events(tx, filters):
    return deliveries.list_events(tx, ALICE, lists.Page(), **filters)

"""One event on its way to one endpoint: claimed once, tried by the schedule, and what comes of every answer."""

import msgspec
import pytest

from gateway import clock, endpoints, settlement, webhooks
from gateway.errors import Conflict
from tests.shop import ALICE, Shop, answer

MINUTE, HOUR, DAY = 60, 3_600, 86_400
CLAIM_S = webhooks.CLAIM_MS / 1000


@pytest.fixture
def shop(store, monkeypatch) -> Shop:
    monkeypatch.setattr(clock, "_offset_ms", 0)
    return Shop(store)


def test_an_event_is_due_at_once_for_every_endpoint_that_listens(shop):
    everything = shop.endpoint()
    refunds_only = shop.endpoint(events=["refund.*", "order.paid"])
    shop.events("payment.success", "refund.processed", "order.paid")
    assert [claimed.event_type for claimed in shop.claim(everything.id)] == [
        "payment.success", "refund.processed", "order.paid",
    ]  # fmt: skip
    assert [claimed.event_type for claimed in shop.claim(refunds_only.id)] == ["refund.processed", "order.paid"]


def test_what_is_claimed_nobody_else_gets_before_the_claim_lapses(shop):
    endpoint = shop.endpoint()
    shop.event()
    (mine,) = shop.claim(endpoint.id)
    assert shop.claim(endpoint.id) == []
    clock.forward(CLAIM_S + 1)
    (again,) = shop.claim(endpoint.id)
    assert again.id == mine.id
    assert again.body == mine.body


def test_a_restart_takes_up_what_a_dead_process_had_claimed(shop):
    endpoint = shop.endpoint()
    shop.event()
    shop.claim(endpoint.id)
    shop.store.write_now(settlement.release_all)
    assert len(shop.claim(endpoint.id)) == 1


def test_a_success_ends_it(shop):
    endpoint = shop.endpoint()
    shop.event()
    assert shop.attempt(endpoint.id, answer(204)) == 1
    delivery = shop.delivery()
    assert (delivery.status, delivery.attempts, delivery.response_code) == ("success", 1, 204)
    assert delivery.next_retry_at is None
    clock.forward(30 * DAY)
    assert shop.claim(endpoint.id) == []


@pytest.mark.parametrize(
    ("outcome", "delivered"),
    [
        (answer(200), True),
        (answer(299), True),
        (answer(199), False),
        (answer(301), False),
        (answer(302), False),
        (answer(400), False),
        (answer(429), False),
        (answer(500), False),
        (answer(error="timeout"), False),
        (answer(error="dns"), False),
        (answer(error="blocked"), False),
    ],
)
def test_only_2xx_counts_as_delivered(shop, outcome, delivered):
    endpoint = shop.endpoint()
    shop.event()
    shop.attempt(endpoint.id, outcome)
    assert shop.delivery().status == ("success" if delivered else "pending")


def test_the_schedule_of_the_contract(shop):
    """Immediate, then 1 m, 5 m, 30 m, 2 h, 24 h; after the last it has failed, and the shop is told."""
    endpoint, other = shop.endpoint(), shop.endpoint("https://other.example/")
    shop.event()
    shop.attempt(other.id, answer())
    for wait in (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, DAY):
        assert shop.attempt(endpoint.id, answer(500)) == 1
        clock.forward(wait - 2)
        assert shop.attempt(endpoint.id, answer(500)) == 0
        clock.forward(2)
    assert shop.delivery(endpoint_id=endpoint.id).status == "pending"
    assert shop.attempt(endpoint.id, answer(500)) == 1
    failed = shop.delivery(endpoint_id=endpoint.id)
    assert (failed.status, failed.attempts, failed.response_code, failed.next_retry_at) == ("failed", 6, 500, None)
    assert [claimed.event_type for claimed in shop.claim(other.id)] == ["webhook.delivery_exhausted"]
    clock.forward(30 * DAY)
    assert shop.claim(endpoint.id) == []


def test_every_attempt_has_the_same_event_id_and_bytes_and_its_own_time(shop):
    endpoint = shop.endpoint()
    event_id = shop.event()
    sent = []
    for _ in range(3):
        (claimed,) = shop.claim(endpoint.id)
        sent.append((claimed.body, webhooks.headers(claimed, shop.master)))
        shop.settle(claimed, answer(500))
        clock.forward(HOUR)
    assert len({body for body, _ in sent}) == 1
    assert {headers["webhook-id"] for _, headers in sent} == {event_id}
    assert len({headers["webhook-timestamp"] for _, headers in sent}) == 3
    assert len({headers["webhook-signature"] for _, headers in sent}) == 3
    assert len({headers["X-Webhook-Signature"] for _, headers in sent}) == 1
    assert msgspec.json.decode(sent[0][0])["id"] == event_id


def test_410_disables_the_endpoint_and_keeps_everything_recoverable(shop):
    endpoint, other = shop.endpoint(), shop.endpoint("https://other.example/")
    shop.events("payment.success", "payment.captured")
    (first,) = shop.claim(endpoint.id, 1)
    shop.settle(first, answer(410))
    gone = shop.look(endpoint.id)
    assert (gone.enabled, gone.disabled_reason) == (False, "gone")
    assert [each.status for each in shop.deliveries(endpoint_id=endpoint.id)] == ["skipped", "skipped"]
    assert "webhook.endpoint_disabled" in [claimed.event_type for claimed in shop.claim(other.id)]
    shop.edit(endpoint.id, enabled=True)
    assert shop.recover(endpoint.id).count == 2
    assert shop.attempt(endpoint.id, answer()) == 2


def test_retry_after_is_respected_within_bounds(shop):
    endpoint = shop.endpoint()
    shop.event()
    shop.attempt(endpoint.id, answer(429, retry_after="90"))
    clock.forward(89)
    assert shop.claim(endpoint.id) == []
    clock.forward(2)
    assert len(shop.claim(endpoint.id)) == 1


def test_a_manual_retry_takes_the_place_of_the_waiting_one(shop):
    endpoint = shop.endpoint()
    shop.event()
    shop.attempt(endpoint.id, answer(500))
    assert shop.retry(shop.delivery().id).message == "Webhook retry scheduled"
    assert shop.attempt(endpoint.id, answer(500)) == 1
    assert shop.attempt(endpoint.id, answer(500)) == 0
    clock.forward(MINUTE + 1)
    assert shop.attempt(endpoint.id, answer(500)) == 0, "the second wait is 5 minutes, counted from the manual attempt"
    clock.forward(4 * MINUTE)
    assert shop.attempt(endpoint.id, answer(200)) == 1
    assert [attempt.manual for attempt in shop.details(shop.delivery().id).attempt_log] == [False, True, False]


@pytest.mark.parametrize("first", [200, 410])
def test_a_final_delivery_gets_one_manual_attempt_and_no_more(shop, first):
    endpoint = shop.endpoint()
    shop.event()
    shop.attempt(endpoint.id, answer(first))
    shop.edit(endpoint.id, enabled=True)
    delivery = shop.delivery()
    shop.retry(delivery.id)
    assert shop.delivery().status == "pending"
    assert shop.attempt(endpoint.id, answer(503)) == 1
    assert shop.delivery().status == "failed"
    clock.forward(30 * DAY)
    assert shop.claim(endpoint.id) == []
    assert "webhook.delivery_exhausted" not in shop.event_types()


@pytest.mark.parametrize("closed", [{"enabled": False}, None], ids=["disabled", "deleted"])
def test_where_nothing_is_sent_there_is_nothing_to_retry(shop, closed):
    endpoint = shop.endpoint()
    shop.event()
    delivery_id = shop.delivery().id
    if closed:
        shop.edit(endpoint.id, **closed)
    else:
        shop.store.write_now(endpoints.delete, ALICE, endpoint.id)
    with pytest.raises(Conflict):
        shop.retry(delivery_id)
    assert shop.delivery().status == "skipped"


def test_what_somebody_asks_for_goes_first(shop):
    endpoint = shop.endpoint()
    shop.events(*["payment.created"] * 3)
    shop.event("payment.success")
    shop.retry(shop.delivery(event="payment.success").id)
    shop.store.write_now(endpoints.send_test, ALICE, endpoint.id)
    in_line = [claimed.event_type for _ in range(5) for claimed in shop.claim(endpoint.id, 1)]
    assert in_line == ["webhook.test", "payment.success", *["payment.created"] * 3]


def test_a_manual_retry_overtakes_an_attempt_that_hangs(shop):
    endpoint = shop.endpoint()
    shop.event()
    (hanging,) = shop.claim(endpoint.id)
    shop.retry(hanging.id)
    (manual,) = shop.claim(endpoint.id)
    shop.settle(hanging, answer(error="timeout"))
    assert shop.delivery().status == "pending", "the failure of an attempt that lost its claim moves nothing"
    shop.settle(manual, answer(200))
    assert [(it.response_code, it.error) for it in shop.details(manual.id).attempt_log] == [
        (None, "timeout"), (200, None),
    ]  # fmt: skip
    assert (shop.delivery().status, shop.delivery().attempts) == ("success", 2)


def test_a_failure_that_comes_late_hides_no_success(shop):
    endpoint = shop.endpoint()
    shop.event()
    (hanging,) = shop.claim(endpoint.id)
    shop.retry(hanging.id)
    (manual,) = shop.claim(endpoint.id)
    shop.settle(manual, answer(200))
    shop.settle(hanging, answer(error="timeout"))
    delivery = shop.delivery()
    assert (delivery.status, delivery.attempts) == ("success", 2)
    assert (delivery.response_code, delivery.error) == (200, None)


def test_a_success_counts_even_if_the_delivery_was_set_aside_meanwhile(shop):
    endpoint = shop.endpoint()
    shop.event()
    (claimed,) = shop.claim(endpoint.id)
    shop.edit(endpoint.id, enabled=False)
    assert shop.delivery().status == "skipped"
    shop.settle(claimed, answer(200))
    assert shop.delivery().status == "success"
    shop.edit(endpoint.id, enabled=True)
    assert shop.recover(endpoint.id).count == 0


def test_a_failure_does_not_revive_what_was_set_aside(shop):
    endpoint = shop.endpoint()
    shop.event()
    (claimed,) = shop.claim(endpoint.id)
    shop.edit(endpoint.id, enabled=False)
    shop.settle(claimed, answer(500))
    delivery = shop.delivery()
    assert (delivery.status, delivery.attempts, delivery.response_code) == ("skipped", 1, 500)
    assert delivery.last_attempt_at is not None


@pytest.mark.parametrize("closing", ["disable", "delete"])
def test_nothing_is_sent_where_nothing_is_wanted(shop, closing):
    endpoint = shop.endpoint()
    shop.event()
    if closing == "disable":
        shop.edit(endpoint.id, enabled=False)
    else:
        shop.store.write_now(endpoints.delete, ALICE, endpoint.id)
    assert shop.delivery().status == "skipped"
    shop.event("payment.failed")
    assert shop.claim(endpoint.id) == []
    assert len(shop.deliveries(status="skipped")) == (2 if closing == "disable" else 1)


def test_dead_endpoints_do_not_tell_each_other_about_each_other(shop):
    """An exhausted delivery is announced; an exhausted announcement is not."""
    shop.policy = Shop(shop.store, retry_seconds=()).policy
    first, second = shop.endpoint(), shop.endpoint("https://other.example/")
    shop.event()
    for _ in range(5):
        shop.attempt(first.id, answer(500))
        shop.attempt(second.id, answer(500))
    assert shop.event_types() == ["payment.success", "webhook.delivery_exhausted", "webhook.delivery_exhausted"]
    assert {delivery.status for delivery in shop.deliveries()} == {"failed"}


def test_waiting_names_each_endpoint_with_due_work_once(shop):
    busy, idle, slow = shop.endpoint(), shop.endpoint("https://b.example/", events=["order.paid"]), None
    slow = shop.endpoint("https://c.example/", rate_limit=5)
    shop.events(*["payment.success"] * 3)
    shop.attempt(slow.id, answer(500))
    shop.event("payment.failed")
    assert {tuple(entry) for entry in shop.store.read_now(webhooks.waiting)} == {
        (busy.id, 0, None), (slow.id, 3, 5),
    }  # fmt: skip
    shop.claim(busy.id), shop.claim(slow.id)
    assert shop.store.read_now(webhooks.waiting) == []
    assert not shop.store.read_now(webhooks.is_due)
    assert idle.id not in {delivery.endpoint_id for delivery in shop.deliveries()}

"""Endpoints that fail for days: warned of, disabled, and never without a warning."""

import pytest

from gateway import check, clock
from tests.shop import DAY_S, Shop, answer

HOUR_S = 3_600


@pytest.fixture
def shop(store, monkeypatch) -> Shop:
    monkeypatch.setattr(clock, "_offset_ms", 0)
    return Shop(store)


@pytest.fixture
def failing(shop):
    """An endpoint, and a function that lets it fail once at this moment."""
    endpoint = shop.endpoint("https://dead.example/", events=["payment.*"])

    def fail(outcome=None):
        shop.event("payment.success")
        assert shop.attempt(endpoint.id, outcome or answer(500)) >= 1

    return endpoint, fail


def told(shop, endpoint_id) -> list[str]:
    """What an endpoint gets to hear, and takes."""
    claimed = shop.claim(endpoint_id)
    for each in claimed:
        shop.settle(each, answer())
    return [each.event_type for each in claimed]


def test_five_days_of_nothing_but_failures(shop, failing):
    """Warnings at 50, 70 and 90 %, then the end; all of it told to the other endpoint, never to the failing one."""
    endpoint, fail = failing
    other = shop.endpoint("https://other.example/", events=["webhook.*"])
    heard = {}
    for hour in range(0, 130, 2):
        if not shop.look(endpoint.id).enabled:
            break
        fail()
        for event in told(shop, other.id):
            heard.setdefault(event, []).append(hour)
        clock.forward(2 * HOUR_S)
    heard.pop("webhook.delivery_exhausted")
    assert heard == {"webhook.endpoint_failing": [60, 84, 108], "webhook.endpoint_disabled": [120]}
    assert shop.look(endpoint.id).disabled_reason == "failing"
    assert not shop.deliveries(endpoint_id=endpoint.id, event="webhook.endpoint_failing")
    assert {delivery.status for delivery in shop.deliveries(endpoint_id=endpoint.id)} <= {"failed", "skipped"}


def test_one_success_in_between_forgives_everything(shop, failing):
    endpoint, fail = failing
    for hour in range(0, 240, 4):
        fail(answer(200) if hour == 100 else None)
        clock.forward(4 * HOUR_S)
        assert shop.look(endpoint.id).enabled == (hour < 100 + 4 + 120)
        if not shop.look(endpoint.id).enabled:
            return
    raise AssertionError("it was never disabled")


def test_only_completed_attempts_count(shop, failing):
    endpoint, fail = failing
    fail()
    shop.event("payment.success")
    clock.forward(10 * DAY_S)
    assert shop.look(endpoint.id).enabled, "time alone disables nothing"
    assert shop.look(endpoint.id).failures == 1


@pytest.mark.parametrize("pause_days", [2.6, 4.9, 5.1, 30])
def test_two_failures_with_a_long_pause_between_are_not_five_days_of_failing(shop, failing, pause_days):
    endpoint, fail = failing
    fail()
    clock.forward(pause_days * DAY_S)
    second = clock.rfc3339(clock.now_ms())
    fail()
    assert shop.look(endpoint.id).enabled
    assert shop.look(endpoint.id).failing_since >= second


@pytest.mark.parametrize("pause_hours", [1, 7, 13, 24, 31, 47, 59])
def test_nobody_is_disabled_without_an_earlier_warning(shop, failing, pause_hours):
    endpoint, fail = failing
    while shop.look(endpoint.id).enabled:
        warned = "webhook.endpoint_failing" in shop.event_types()
        fail()
        clock.forward(pause_hours * HOUR_S)
    assert warned


def test_faults_of_our_own_are_not_charged_to_the_endpoint(shop, failing):
    endpoint, fail = failing
    for _ in range(80):
        fail(answer(error="internal"))
        clock.forward(2 * HOUR_S)
    assert shop.look(endpoint.id).enabled
    assert shop.look(endpoint.id).failures == 0


def test_it_can_be_switched_off(shop, failing):
    shop.policy = Shop(shop.store, disable_after_days=0.0).policy
    endpoint, fail = failing
    for _ in range(20):
        fail()
        clock.forward(DAY_S)
    assert shop.look(endpoint.id).enabled
    assert shop.look(endpoint.id).failures >= 20


@pytest.mark.parametrize("change", [{"enabled": True}, {"url": "https://new.example/"}])
def test_enabling_and_a_new_url_start_afresh(shop, failing, change):
    endpoint, fail = failing
    for _ in range(3):
        fail()
        clock.forward(DAY_S)
    changed = shop.edit(endpoint.id, **change)
    assert (changed.failures, changed.failing_since) == (0, None)


@pytest.mark.parametrize(("minutes_ago", "found"), [(1, False), (11, True)])
@pytest.mark.parametrize("outcome", [answer(200), answer(503)], ids=["slow", "dead"])
def test_a_queue_before_an_endpoint_is_no_finding_while_attempts_are_made(
    scene_to_break, outcome, minutes_ago, found
):
    shop = Shop(scene_to_break.store)
    endpoint = shop.endpoint()
    shop.events(*["payment.success"] * 3)
    clock.forward(HOUR_S)
    (first,) = shop.claim(endpoint.id, limit=1)
    shop.settle(first, outcome)
    clock.forward(minutes_ago * 60)
    findings = check.findings(scene_to_break)
    assert any("due for more than ten minutes" in finding for finding in findings) is found


def test_two_days_of_outage_end_delivered_or_visibly_failed_and_recoverable(shop):
    """Ten events an hour for two days to a receiver that is down; then it is back."""
    endpoint = shop.endpoint(events=["payment.*"])
    began = clock.now_ms()
    for _ in range(48):
        shop.events(*["payment.success"] * 10)
        shop.attempt(endpoint.id, answer(error="connect_refused"))
        clock.forward(HOUR_S)
    for _ in range(26):
        shop.attempt(endpoint.id, answer(200))
        clock.forward(HOUR_S)
    counts = dict(shop.store.read_now(lambda tx: tx.all("SELECT status, count(*) FROM deliveries GROUP BY status")))
    assert sum(counts.values()) == 480
    assert set(counts) == {"success", "failed"}
    assert shop.recover(endpoint.id, began).count == counts["failed"]
    while shop.attempt(endpoint.id, answer(200)):
        continue
    assert {delivery.status for delivery in shop.deliveries()} == {"success"}
    assert shop.store.read_now(lambda tx: tx.one("SELECT count(*) FROM deliveries WHERE status = 'success'"))[0] == 480

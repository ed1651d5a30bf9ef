"""Deliveries go out to real receivers: a hanging one delays nobody, a failing one is probed, a slow one is spared."""

import threading
import time
from ipaddress import ip_network

import pytest

from gateway import clock, webhooks
from gateway.config import Config
from gateway.db import StorageFailed
from gateway.jobs import dispatch
from gateway.jobs.pace import WINDOW_FIRST, WINDOW_MAX
from gateway.jobs.sender import Sender
from tests import receivers
from tests.post_office import WAIT_S, Diary, header, post_office, status, wait_until
from tests.receivers import OK, Receiver
from tests.shop import Shop


@pytest.fixture
def shop(store, monkeypatch) -> Shop:
    monkeypatch.setattr(clock, "_offset_ms", 0)
    return Shop(store, retry_seconds=(0.1, 0.1, 0.1), timeout=5.0)


def count(shop, wanted: str, endpoint_id: str) -> int:
    query = "SELECT count(*) FROM deliveries WHERE status = ? AND endpoint_id = ?"
    return shop.store.read_now(lambda tx: tx.one(query, (wanted, endpoint_id)))[0]


def test_an_event_arrives_without_anybody_asking_for_it(shop, tmp_path):
    with Receiver(receivers.polite) as receiver, post_office(shop, tmp_path):
        shop.endpoint(receiver.url())
        event_id = shop.event()
        wait_until(lambda: shop.delivery().status == "success", "delivered")
    details = shop.details(shop.delivery().id)
    (attempt,) = details.attempt_log
    assert receiver.requests[0].endswith(b"\r\n\r\n" + bytes(details.payload))
    assert header(receiver.requests[0], "webhook-id") == event_id == details.event_id
    assert header(receiver.requests[0], "X-Webhook-Id") == details.id
    assert (attempt.address, attempt.response_code, attempt.error, attempt.response_body) == (
        "127.0.0.1", 200, None, "ok",
    )  # fmt: skip


def test_one_endpoint_hangs_with_1000_events_waiting_and_three_are_healthy(shop, tmp_path):
    diaries, committed = [Diary(), Diary(), Diary()], {}
    with (
        Receiver(receivers.silent) as hanging,
        Receiver(diaries[0]) as a,
        Receiver(diaries[1]) as b,
        Receiver(diaries[2]) as c,
    ):
        dead = shop.endpoint(hanging.url(), events=["order.*"])
        for healthy in (a, b, c):
            shop.endpoint(healthy.url(), events=["payment.*"])
        shop.events(*["order.paid"] * 1000)
        with post_office(shop, tmp_path):
            wait_until(lambda: hanging.connections == WINDOW_FIRST, "the dead one is being tried")
            for _ in range(200):
                committed[shop.event()] = time.monotonic()
            wait_until(lambda: all(len(diary.arrived) == 200 for diary in diaries), "all arrived")
            assert hanging.connections == WINDOW_FIRST
    delays_s = sorted(diary.arrived[event_id] - at for diary in diaries for event_id, at in committed.items())
    assert delays_s[int(len(delays_s) * 0.99)] < 1.0
    assert count(shop, "pending", dead.id) == 1000


def test_a_failing_endpoint_is_probed_by_one_attempt_at_a_time_and_forgiven_at_once(shop, tmp_path):
    down = 24
    diary = Diary([status(500)] * down, takes_s=0.01)
    alone, together = diary.pause, lambda: max(diary.beside[down:]) > 1
    diary.pause = lambda: alone() if len(diary.ids) <= down + 1 else wait_until(together, "the window opens again")
    with Receiver(diary) as receiver:
        endpoint = shop.endpoint(receiver.url())
        shop.events(*["payment.success"] * 40)
        with post_office(shop, tmp_path):
            wait_until(lambda: count(shop, "success", endpoint.id) == 40, "delivered after the outage")
    assert max(diary.beside[:WINDOW_FIRST]) <= WINDOW_FIRST
    assert set(diary.beside[2 * WINDOW_FIRST : down]) == {1}, "probes"
    assert max(diary.beside[down:]) <= WINDOW_MAX


def test_a_slow_endpoint_gets_as_many_at_once_as_its_window_and_no_more(shop, tmp_path):
    diary, proved, release = Diary(), 2 * WINDOW_MAX, threading.Event()
    diary.pause = lambda: len(diary.ids) <= proved or release.wait(WAIT_S)
    with Receiver(diary) as receiver:
        endpoint = shop.endpoint(receiver.url(), timeout=60)
        shop.events(*["payment.success"] * 150)
        with post_office(shop, tmp_path):
            wait_until(lambda: diary.beside[-1:] == [WINDOW_MAX], "the window is full")
            release.set()
            wait_until(lambda: count(shop, "success", endpoint.id) == 150, "delivered")
    assert max(diary.beside) == WINDOW_MAX
    assert len(diary.ids) == len(set(diary.ids)) == 150


def test_an_endpoint_s_rate_is_kept_and_uses_up_no_attempts(shop, tmp_path):
    diary = Diary()
    with Receiver(diary) as receiver:
        endpoint = shop.endpoint(receiver.url(), rate_limit=20)
        shop.events(*["payment.success"] * 30)
        with post_office(shop, tmp_path):
            wait_until(lambda: count(shop, "success", endpoint.id) == 30, "delivered")
    arrived_s = sorted(diary.arrived.values())
    assert arrived_s[29] - arrived_s[0] > 0.4
    assert {delivery.attempts for delivery in shop.deliveries()} == {1}


def test_retries_follow_the_schedule_until_the_delivery_has_failed(shop, tmp_path):
    diary = Diary([status(500), status(503, "Retry-After: 3600"), status(302, "Location: /"), status(404)])
    with Receiver(diary) as receiver:
        shop.endpoint(receiver.url())
        with post_office(shop, tmp_path):
            event_id = shop.event()
            wait_until(lambda: shop.delivery().status == "failed", "failed")
    log = shop.details(shop.delivery().id).attempt_log
    assert [attempt.response_code for attempt in log] == [500, 503, 302, 404]
    assert diary.ids == [event_id] * 4


@pytest.mark.parametrize(
    ("scene", "error"),
    [
        (receivers.silent, "timeout"),
        (receivers.header_drip, "timeout"),
        (receivers.banner, "protocol"),
        (receivers.reset, "reset"),
        (receivers.endless_header, "too_large"),
    ],
)
def test_the_log_names_what_went_wrong(store, tmp_path, scene, error):
    shop = Shop(store, timeout=0.2)
    with Receiver(scene) as receiver:
        shop.endpoint(receiver.url())
        with post_office(shop, tmp_path):
            shop.event()
            wait_until(lambda: shop.delivery().attempts == 1, "attempted")
    delivery = shop.delivery()
    (attempt,) = shop.details(delivery.id).attempt_log
    assert (delivery.status, delivery.error, delivery.response_code) == ("pending", error, None)
    assert (attempt.error, attempt.address, attempt.response_code) == (error, "127.0.0.1", None)
    assert attempt.error_detail


def test_an_address_that_is_closed_is_not_called_and_the_log_names_the_setting(shop, tmp_path):
    with Receiver(receivers.polite) as receiver:
        shop.endpoint(receiver.url("localhost"))
        with post_office(shop, tmp_path, allow_private=(ip_network("10.0.0.0/8"),)):
            shop.event()
            wait_until(lambda: shop.delivery().attempts == 1, "attempted")
        assert receiver.connections == 0
    (attempt,) = shop.details(shop.delivery().id).attempt_log
    assert attempt.error == "blocked"
    assert "webhooks.allow_private" in attempt.error_detail


def test_410_ends_it_for_this_endpoint(shop, tmp_path):
    diary = Diary([status(410)])
    with Receiver(diary) as receiver:
        endpoint = shop.endpoint(receiver.url())
        with post_office(shop, tmp_path):
            shop.event()
            wait_until(lambda: not shop.look(endpoint.id).enabled, "disabled")
            shop.events("payment.success", "payment.success")
            wait_until(lambda: count(shop, "skipped", endpoint.id) == 3, "kept")
    assert len(diary.ids) == 1


def test_a_backlog_larger_than_a_unit_is_set_aside_and_recovered_to_the_last_row(shop, tmp_path):
    diary = Diary()
    with Receiver(diary) as receiver:
        endpoint = shop.endpoint(receiver.url(), enabled=False)
        event_ids = shop.events(*["payment.success"] * 1203)
        assert count(shop, "skipped", endpoint.id) == 1203
        shop.edit(endpoint.id, enabled=True)
        assert shop.recover(endpoint.id).count == 1203
        shop.edit(endpoint.id, enabled=False)
        with post_office(shop, tmp_path):
            wait_until(lambda: count(shop, "skipped", endpoint.id) == 1203, "set aside again")
            shop.edit(endpoint.id, enabled=True)
            shop.recover(endpoint.id)
            wait_until(lambda: count(shop, "success", endpoint.id) == 1203, "delivered")
    assert sorted(diary.ids) == sorted(event_ids)


def test_an_answer_that_the_store_refuses_is_written_down_a_moment_later(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(dispatch, "STORE_PAUSES_S", (0.05, 0.05))
    refusals = [StorageFailed(OSError("disk full")), StorageFailed(OSError("disk full"))]
    settle = webhooks.settle_and_claim

    def refusing(*args):
        if refusals:
            raise refusals.pop()
        return settle(*args)

    monkeypatch.setattr(webhooks, "settle_and_claim", refusing)
    diary = Diary()
    with Receiver(diary) as receiver:
        shop.endpoint(receiver.url())
        with post_office(shop, tmp_path):
            shop.event()
            wait_until(lambda: shop.delivery().status == "success", "written down")
    assert len(diary.ids) == 1


def test_what_is_in_flight_at_a_stop_goes_out_again_after_the_start(shop, tmp_path):
    with Receiver(receivers.silent) as hanging:
        endpoint = shop.endpoint(hanging.url())
        event_id = shop.event()
        with post_office(shop, tmp_path):
            wait_until(lambda: bool(hanging.requests), "in flight")
    assert shop.delivery().status == "pending"
    diary = Diary()
    with Receiver(diary) as receiver:
        shop.edit(endpoint.id, url=receiver.url())
        clock.forward(webhooks.CLAIM_MS / 1000)
        with post_office(shop, tmp_path):
            wait_until(lambda: shop.delivery().status == "success", "delivered")
    assert diary.ids == [event_id]


def test_connections_are_used_again(shop, tmp_path):
    with Receiver(receivers.answering(OK)) as receiver:
        endpoint = shop.endpoint(receiver.url())
        shop.events(*["payment.success"] * 100)
        with post_office(shop, tmp_path):
            wait_until(lambda: count(shop, "success", endpoint.id) == 100, "delivered")
        assert receiver.connections <= WINDOW_MAX


def test_a_secret_that_cannot_be_opened_harms_its_endpoint_alone(shop, tmp_path, caplog):
    diary = Diary()
    with Receiver(diary) as receiver:
        broken, healthy = shop.endpoint(receiver.url()), shop.endpoint(receiver.url(), events=["payment.*"])
        breaking = "UPDATE webhook_endpoints SET secret_sealed = ? WHERE id = ?"
        shop.store.write_now(lambda tx: tx.changed(breaking, (b"0" * 60, broken.id)))
        with post_office(shop, tmp_path):
            shop.event()
            wait_until(lambda: count(shop, "success", healthy.id) == 1, "the other one is served")
            wait_until(lambda: count(shop, "failed", broken.id) == 1, "given up")
    assert {delivery.error for delivery in shop.deliveries(endpoint_id=broken.id)} == {"internal"}
    assert shop.look(broken.id).failures == 0
    assert "cannot be sent" in caplog.text
    assert len(diary.ids) == 1


def test_what_cannot_be_handed_over_is_given_back(shop, tmp_path):
    endpoint = shop.endpoint()
    shop.events(*["payment.success"] * 3)
    stopped = Sender(())
    config = Config(data_dir=tmp_path, webhooks=shop.policy)
    dispatch.Dispatcher(store=shop.store, master=shop.master, sender=stopped, config=config).work()
    assert len(shop.claim(endpoint.id)) == 3


def test_no_room_is_lost_where_neither_sender_nor_store_takes_anything(shop, tmp_path, monkeypatch):
    """Room that leaks is gone until the next start, and with it the endpoint's place in the queue."""
    for _ in range(3):
        shop.endpoint()
    broken = shop.endpoint()
    breaking = "UPDATE webhook_endpoints SET secret_sealed = ? WHERE id = ?"
    shop.store.write_now(lambda tx: tx.changed(breaking, (b"0" * 60, broken.id)))
    shop.events(*["payment.success"] * 3)
    config = Config(data_dir=tmp_path, webhooks=shop.policy)
    dispatcher = dispatch.Dispatcher(store=shop.store, master=shop.master, sender=Sender(()), config=config)

    def refuse(*_):
        raise StorageFailed(OSError("disk full"))

    monkeypatch.setattr(webhooks, "release", refuse)
    monkeypatch.setattr(webhooks, "settle", refuse)
    dispatcher.work()
    assert dispatcher._slots.in_flight == 0

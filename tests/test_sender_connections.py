"""Connections that are used again, and those that must not be."""

import threading
import time
from concurrent.futures import Future

import pytest

from gateway.jobs.connections import IDLE_EXPIRY_S, IDLE_PER_TARGET_MAX
from tests import receivers
from tests.receivers import Receiver
from tests.sending import DEADLINE_S, EVENT_LOOPS, SLACK_S, post, senders, sent


@pytest.fixture(params=EVENT_LOOPS)
def start_sender(request, monkeypatch):
    yield from senders(request.param, monkeypatch)


@pytest.fixture
def sender(start_sender):
    return start_sender()


def on_its_loop(sender, function, *arguments):
    """Runs a function where the sender's connections live, and waits for it."""
    outcome: Future = Future()
    sender._loop.call_soon_threadsafe(lambda: outcome.set_result(function(*arguments)))
    return outcome.result(SLACK_S)


def test_a_connection_is_used_again(sender):
    with Receiver(receivers.polite) as receiver:
        assert [post(sender, receiver.url()).status for _ in range(5)] == [200] * 5
        assert (receiver.connections, len(receiver.requests)) == (1, 5)


def test_hosts_do_not_share_connections_though_they_share_an_address(start_sender):
    sender = start_sender(resolve=lambda host: ["127.0.0.1"])
    with Receiver(receivers.polite) as receiver:
        for host in ("one.test", "two.test", "one.test"):
            assert post(sender, receiver.url(host)).status == 200
        assert receiver.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * 2,
    ],
    ids=["it says so", "HTTP/1.0", "it says too much"],
)
def test_a_connection_is_not_used_again_when(sender, raw):
    with Receiver(receivers.answering(raw)) as receiver:
        assert [post(sender, receiver.url()).body for _ in range(2)] == [b"ok", b"ok"]
        assert receiver.connections == 2


@pytest.mark.parametrize("scene", [receivers.close_when_idle, receivers.speak_when_idle])
def test_a_connection_that_ends_while_idle_is_noticed(sender, scene):
    with Receiver(scene) as receiver:
        for served in (1, 2, 3):
            assert (post(sender, receiver.url()).status, receiver.connections) == (200, served)
            assert receiver.ended.acquire(timeout=SLACK_S)


def test_a_connection_found_dead_is_replaced_once_within_the_same_attempt(sender):
    with Receiver(receivers.die_on_the_second_request) as receiver:
        assert [post(sender, receiver.url()).status for _ in range(2)] == [200, 200]
        assert (receiver.connections, len(receiver.requests)) == (2, 3)


def test_a_fresh_connection_that_dies_is_not_replaced(sender):
    with Receiver(receivers.reset) as receiver:
        assert post(sender, receiver.url()).error == "reset"
        assert receiver.connections == 1


def test_a_replacement_has_only_the_time_that_is_left(sender):
    def scene(peer):
        if receiver.connections == 1:
            return receivers.die_on_the_second_request(peer)
        receivers.silent(peer)

    with Receiver(scene) as receiver:
        assert post(sender, receiver.url()).status == 200
        started_s = time.monotonic()
        assert post(sender, receiver.url(), DEADLINE_S).error == "timeout"
        assert time.monotonic() - started_s < DEADLINE_S + SLACK_S
        assert receiver.connections == 2


def test_idle_connections_expire(sender):
    pool = sender._courier._pool
    with Receiver(receivers.polite) as receiver:
        assert post(sender, receiver.url()).status == 200
        on_its_loop(sender, pool.expire, sender._loop.time() + IDLE_EXPIRY_S - 5)
        assert not receiver.ended.acquire(blocking=False)
        on_its_loop(sender, pool.expire, sender._loop.time() + IDLE_EXPIRY_S + 5)
        assert receiver.ended.acquire(timeout=SLACK_S)
    assert (pool._idle, pool._count) == ({}, 0)


def test_only_so_many_idle_connections_are_kept(sender):
    together = threading.Barrier(IDLE_PER_TARGET_MAX + 5)

    def scene(peer):
        peer.read_request()
        together.wait(5)
        peer.send(receivers.OK)

    with Receiver(scene) as receiver:
        answers = [sent(sender, receiver.url(), timeout_s=5) for _ in range(IDLE_PER_TARGET_MAX + 5)]
        assert {answer.result(5).status for answer in answers} == {200}
        assert all(receiver.ended.acquire(timeout=SLACK_S) for _ in range(5))
        assert on_its_loop(sender, lambda: sender._courier._pool._count) == IDLE_PER_TARGET_MAX

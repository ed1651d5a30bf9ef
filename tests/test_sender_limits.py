"""Names that are slow or unknown, many receivers at once, and a sender that is full or stops."""

import asyncio
import socket
import threading
import time
from concurrent.futures import Future

import pytest

from gateway.jobs import resolver
from gateway.jobs import sender as sender_module
from gateway.jobs.sender import Request, Sender, SenderFull, SenderStopped
from tests import receivers
from tests.receivers import Receiver
from tests.sending import BODY, DEADLINE_S, EVENT_LOOPS, HEADERS, PATIENCE_S, SLACK_S, post, senders, sent


@pytest.fixture(params=EVENT_LOOPS)
def start_sender(request, monkeypatch):
    yield from senders(request.param, monkeypatch)


@pytest.fixture
def sender(start_sender):
    return start_sender()


def test_an_unknown_name(start_sender):
    def unknown(host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    answer = post(start_sender(resolve=unknown), "http://nowhere.test/")
    assert (answer.error, answer.address) == ("dns", None)
    assert answer.detail == "nowhere.test was not found: Name or service not known"


def test_a_name_without_an_address(start_sender):
    answer = post(start_sender(resolve=lambda host: []), "http://nowhere.test/")
    assert (answer.error, answer.detail) == ("dns", "nowhere.test has no address")


def test_a_slow_name_meets_the_deadline_and_holds_up_nobody(start_sender):
    release = threading.Event()

    def slow(host):
        assert host == "fast.test" or release.wait(10)
        return ["127.0.0.1"]

    sender = start_sender(resolve=slow)
    with Receiver(receivers.polite) as receiver:
        waiting = [sent(sender, receiver.url(f"slow{number}.test"), DEADLINE_S) for number in range(10)]
        assert post(sender, receiver.url("fast.test")).status == 200
        answers = [answer.result(DEADLINE_S + SLACK_S) for answer in waiting]
        assert {(answer.error, answer.detail) for answer in answers} == {
            ("dns", f"The name was not resolved within {DEADLINE_S} s")
        }
        release.set()


def test_names_that_are_never_answered_hold_up_nobody_who_was_found_before(start_sender, monkeypatch):
    monkeypatch.setattr(resolver, "REMEMBERED_S", 0.0)
    monkeypatch.setattr(resolver, "PATIENCE_S", 0.01)
    release = threading.Event()

    def never(host):
        assert host == "healthy.test" or release.wait(10)
        return ["127.0.0.1"]

    sender = start_sender(resolve=never)
    with Receiver(receivers.polite) as receiver:
        assert post(sender, receiver.url("healthy.test"), timeout_s=5).status == 200
        names = [f"silent{number}.test" for number in range(resolver.THREADS_MAX + 1)]
        silent = [sent(sender, receiver.url(name), DEADLINE_S) for name in names]
        assert post(sender, receiver.url("healthy.test"), timeout_s=5).status == 200
        assert {answer.result(DEADLINE_S + SLACK_S).error for answer in silent} == {"dns"}
        monkeypatch.setattr(resolver, "STALE_S", 0.0)
        forgotten = post(sender, receiver.url("healthy.test"), DEADLINE_S)
        assert forgotten.error == "dns", "what was found is not believed for ever"
        release.set()


def test_a_name_is_looked_up_once_for_all_who_ask(start_sender):
    release, looked_up = threading.Event(), []

    def lookup(host):
        looked_up.append(host)
        assert release.wait(5)
        return ["127.0.0.1"]

    sender = start_sender(resolve=lookup)
    with Receiver(receivers.polite) as receiver:
        waiting = [sent(sender, receiver.url("same.test"), timeout_s=5) for _ in range(20)]
        release.set()
        assert {answer.result(5).status for answer in waiting} == {200}
        assert post(sender, receiver.url("same.test")).status == 200
    assert looked_up == ["same.test"]


def test_three_hundred_silent_receivers_cost_no_threads_and_delay_nobody(sender):
    with socket.create_server(("127.0.0.1", 0), backlog=512) as nobody, Receiver(receivers.polite) as receiver:
        before = threading.active_count()
        silent = [sent(sender, f"http://127.0.0.1:{nobody.getsockname()[1]}/", timeout_s=3) for _ in range(300)]
        assert sender.in_flight == 300
        assert post(sender, receiver.url()).status == 200
        assert not any(answer.done() for answer in silent), "The polite one waited for the silent ones"
        assert threading.active_count() <= before + 1  # The receiver's own.
        assert {answer.result(3 + SLACK_S).error for answer in silent} == {"timeout"}
        assert sender.in_flight == 0


def test_a_full_sender_says_so_and_takes_more_when_one_was_answered(sender, monkeypatch):
    monkeypatch.setattr(sender_module, "IN_FLIGHT_MAX", 2)
    with Receiver(receivers.silent) as receiver:
        waiting = [sent(sender, receiver.url(), DEADLINE_S) for _ in range(2)]
        with pytest.raises(SenderFull):
            sent(sender, receiver.url())
        assert {answer.result(DEADLINE_S + SLACK_S).error for answer in waiting} == {"timeout"}
    with Receiver(receivers.polite) as receiver:
        assert post(sender, receiver.url()).status == 200


def test_the_report_of_an_answer_may_send_again_and_may_fail(sender, monkeypatch, caplog):
    monkeypatch.setattr(sender_module, "IN_FLIGHT_MAX", 1)
    second: Future = Future()
    with Receiver(receivers.polite) as receiver:
        request = Request(receiver.url(), HEADERS, BODY, PATIENCE_S)

        def report(answer):
            sender.send(request, second.set_result)
            raise RuntimeError("the reporter stumbles")

        sender.send(request, report)
        assert second.result(SLACK_S).status == 200
    assert "the reporter stumbles" in caplog.text


def test_coroutines_of_another_loop_can_wait_for_an_answer(sender):
    async def ask(url):
        return await asyncio.gather(*[sender.post(Request(url, HEADERS, BODY, PATIENCE_S)) for _ in range(3)])

    with Receiver(receivers.polite) as receiver:
        assert [answer.status for answer in asyncio.run(ask(receiver.url()))] == [200, 200, 200]


def test_who_no_longer_waits_for_an_answer_ends_the_attempt(sender):
    async def give_up(url):
        await asyncio.wait_for(sender.post(Request(url, HEADERS, BODY, 5)), 0.1)

    with Receiver(receivers.silent) as receiver:
        with pytest.raises(TimeoutError):
            asyncio.run(give_up(receiver.url()))
        assert receiver.ended.acquire(timeout=SLACK_S)


def test_stopping_cancels_what_is_in_flight_and_reports_nothing(start_sender):
    sender = start_sender()
    with Receiver(receivers.silent) as receiver:
        answers = [sent(sender, receiver.url(), timeout_s=30) for _ in range(3)]
        started_s = time.monotonic()
        sender.stop(0.05)
        assert time.monotonic() - started_s < 0.05 + SLACK_S
        assert sender.in_flight == 0 and not any(answer.done() for answer in answers)
        assert all(receiver.ended.acquire(timeout=SLACK_S) for _ in answers)


def test_stopping_lets_finish_what_is_quick_enough(start_sender):
    arrived, release = threading.Event(), threading.Event()

    def scene(peer):
        peer.read_request()
        arrived.set()
        assert release.wait(5)
        peer.send(receivers.OK)

    sender = start_sender()
    with Receiver(scene) as receiver:
        answer = sent(sender, receiver.url(), timeout_s=5)
        assert arrived.wait(SLACK_S)
        threading.Timer(0.05, release.set).start()
        sender.stop(5)
        assert answer.result(0).status == 200


def test_stopping_lets_a_report_be_written_down_that_takes_a_while(start_sender):
    sender, answered, written = start_sender(), threading.Event(), []

    async def write_down(answer):
        answered.set()
        await asyncio.sleep(0.05)
        written.append(answer.status)

    with Receiver(receivers.polite) as receiver:
        request = Request(receiver.url(), HEADERS, BODY, PATIENCE_S)
        sender.send(request, lambda answer: asyncio.get_running_loop().create_task(write_down(answer)))
        assert answered.wait(SLACK_S)
        sender.stop(0)
    assert written == [200]


def test_a_sender_that_was_never_started_takes_nothing():
    with pytest.raises(SenderStopped):
        sent(Sender(), "http://127.0.0.1/")


def test_a_stopped_sender_takes_nothing_and_stopping_again_is_harmless(start_sender):
    sender = start_sender()
    sender.stop(0)
    sender.stop(0)
    with pytest.raises(SenderStopped):
        sent(sender, "http://127.0.0.1/")


def test_coroutines_learn_that_the_sender_stopped(start_sender):
    sender = start_sender()

    async def wait_for_an_answer(url):
        waiting = asyncio.create_task(sender.post(Request(url, HEADERS, BODY, 30)))
        await asyncio.get_running_loop().run_in_executor(None, arrived.wait, SLACK_S)
        await asyncio.get_running_loop().run_in_executor(None, sender.stop, 0)
        await waiting

    arrived = threading.Event()

    def scene(peer):
        peer.read_request()
        arrived.set()

    with Receiver(scene) as receiver, pytest.raises(SenderStopped):
        asyncio.run(wait_for_an_answer(receiver.url()))


def test_a_lookup_that_hangs_does_not_keep_the_sender_from_stopping(start_sender):
    release = threading.Event()
    sender = start_sender(resolve=lambda host: release.wait(10) and ["127.0.0.1"])
    sent(sender, "http://slow.test/", timeout_s=30)
    started_s = time.monotonic()
    sender.stop(0)
    assert time.monotonic() - started_s < SLACK_S
    release.set()

"""The sender against receivers that are polite, slow, broken, hostile or not there at all."""

import resource
import socket
import time
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from gateway.jobs import connections, resolver
from gateway.jobs.sender import ERRORS, Answer
from tests import receivers
from tests.receivers import Receiver
from tests.sending import BODY, DEADLINE_S, EVENT_LOOPS, PATIENCE_S, SLACK_S, post, senders, sent


@pytest.fixture(params=EVENT_LOOPS)
def start_sender(request, monkeypatch):
    yield from senders(request.param, monkeypatch)


@pytest.fixture
def sender(start_sender):
    return start_sender()


def test_a_polite_receiver_gets_the_request_and_we_its_answer(sender):
    with Receiver(receivers.polite) as receiver:
        answer = post(sender, receiver.url(path="/hook?a=b"))
    assert receiver.requests == [
        b"POST /hook?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        b"Content-Length: 29\r\nContent-Type: application/json\r\nX-Webhook-Event: payment.success\r\n\r\n"
        % receiver.port
        + BODY
    ]
    assert answer == Answer(200, None, None, "127.0.0.1", answer.duration_ms, None, b"ok")
    assert 0 <= answer.duration_ms <= 1000 * PATIENCE_S


def test_large_requests_arrive_whole(sender):
    body = bytes(range(256)) * 8192
    with Receiver(receivers.polite) as receiver:
        assert post(sender, receiver.url(), timeout_s=5, body=body).status == 200
    assert receiver.requests[0].endswith(b"\r\n\r\n" + body)


HOSTILE = [
    # scene                          status  error       what the detail says     body       until the deadline
    (receivers.silent, None, "timeout", f"no answer within {DEADLINE_S} s", 0, True),
    (receivers.header_drip, None, "timeout", f"no answer within {DEADLINE_S} s", 0, True),
    (receivers.body_drip, 200, None, "rest of the answer", range(1, 100), True),
    (receivers.endless_body, 200, None, None, 16384, False),
    (receivers.endless_header, None, "too_large", "32768 bytes", 0, False),
    (receivers.five_thousand_headers, None, "too_large", "32768 bytes", 0, False),
    (receivers.endless_continue, None, "protocol", "interim answers", 0, False),
    (receivers.gzip_bomb, 200, None, None, 16384, False),
    (receivers.banner, None, "protocol", None, 0, False),
    (receivers.reset, None, "reset", "without an answer", 0, False),
    (receivers.close_without_answer, None, "reset", "without an answer", 0, False),
    (receivers.close_in_the_header, None, "reset", "in the middle", 0, False),
    (receivers.close_in_the_body, 200, None, None, 4, False),
    (receivers.answer_without_reading, 413, None, None, 0, False),
]


@pytest.mark.parametrize(
    ("scene", "status", "error", "detail", "body_bytes", "at_deadline"),
    HOSTILE,
    ids=[row[0].__name__ for row in HOSTILE],
)
def test_hostile_receivers(sender, scene, status, error, detail, body_bytes, at_deadline):
    with Receiver(scene) as receiver:
        started_s = time.monotonic()
        answer = post(sender, receiver.url(), DEADLINE_S if at_deadline else PATIENCE_S)
        elapsed_s = time.monotonic() - started_s
        assert (answer.status, answer.error, answer.address) == (status, error, "127.0.0.1")
        assert detail is None or detail in answer.detail
        assert len(answer.body) == body_bytes if isinstance(body_bytes, int) else len(answer.body) in body_bytes
        assert not at_deadline or DEADLINE_S - 0.02 < elapsed_s < DEADLINE_S + SLACK_S
        assert at_deadline or elapsed_s < PATIENCE_S
        assert abs(answer.duration_ms / 1000 - elapsed_s) < SLACK_S
        assert error is None or error in ERRORS
        assert receiver.ended.acquire(timeout=SLACK_S), "The connection stays open"


def test_memory_stays_flat_whatever_receivers_send(sender):
    scenes = (receivers.endless_body, receivers.endless_header, receivers.five_thousand_headers)
    peaks_kb = []
    for _ in range(3):
        for scene in scenes:
            with Receiver(scene) as receiver:
                answers = [sent(sender, receiver.url(), timeout_s=5) for _ in range(10)]
                assert all(len(answer.result(5).body) <= 16384 for answer in answers)
        peaks_kb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks_kb[-1] - peaks_kb[0] < 8 * 1024


def test_redirects_are_answers_and_are_not_followed(sender):
    with Receiver(receivers.polite) as inner:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % inner.url().encode()
        with Receiver(receivers.answering(moved)) as receiver:
            assert post(sender, receiver.url()).status == 302
        assert inner.connections == 0


def test_retry_after_is_reported(sender):
    busy = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"
    with Receiver(receivers.answering(busy)) as receiver:
        answer = post(sender, receiver.url())
    assert (answer.status, answer.retry_after) == (429, "120")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "１２７.0.0.1",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
    ]
    + ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]"],
)
def test_no_spelling_of_loopback_is_called_unless_it_is_allowed(start_sender, host):
    with Receiver(receivers.polite) as receiver:
        answer = post(start_sender(allow_private=()), receiver.url(host))
        assert (answer.status, answer.error, answer.address) == (None, "blocked", None)
        assert "webhooks.allow_private" in answer.detail
        assert receiver.connections == 0


def test_a_url_that_should_never_have_been_stored_is_blocked(sender):
    answer = post(sender, "gopher://127.0.0.1/")
    assert (answer.error, answer.detail) == ("blocked", "A webhook URL starts with https:// or http://")


def test_ipv6_receivers(sender):
    with Receiver(receivers.polite, host="::1") as receiver:
        answer = post(sender, receiver.url("[::1]"))
    assert (answer.status, answer.address) == (200, "::1")
    assert b"\r\nHost: [::1]:%d\r\n" % receiver.port in receiver.requests[0]


def test_the_address_that_was_checked_is_the_one_that_is_dialled(start_sender, monkeypatch):
    """Rebinding: the name leads to an allowed address when it is first asked and to a closed one ever after."""
    monkeypatch.setattr(resolver, "REMEMBERED_S", 0)
    looked_up = []

    def rebinding(host):
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["127.0.0.2"]

    sender = start_sender(allow_private=(ip_network("127.0.0.1/32"),), resolve=rebinding)
    with (
        Receiver(receivers.polite) as outer,
        Receiver(receivers.polite, host="127.0.0.2", port=outer.port) as inner,
    ):
        first, second = post(sender, outer.url("evil.test")), post(sender, outer.url("evil.test"))
        assert (first.status, first.address) == (200, "127.0.0.1")
        assert (second.error, second.address) == ("blocked", None)
        assert (len(looked_up), outer.connections, inner.connections) == (2, 1, 0)


def test_of_several_addresses_only_the_allowed_are_dialled(start_sender):
    sender = start_sender(resolve=lambda host: ["10.0.0.1", "169.254.169.254", "127.0.0.1"])
    with Receiver(receivers.polite) as receiver:
        answer = post(sender, receiver.url("several.test"))
    assert (answer.status, answer.address) == (200, "127.0.0.1")


def test_an_address_that_refuses_makes_way_for_the_next(start_sender):
    sender = start_sender(resolve=lambda host: ["127.0.0.2", "127.0.0.1"])
    with Receiver(receivers.polite) as receiver:
        answer = post(sender, receiver.url("several.test"))
    assert (answer.status, answer.address) == (200, "127.0.0.1")


@contextmanager
def port_that_takes_no_connection(address: str, port: int = 0):
    """Its queue of one is full."""
    with socket.create_server((address, port), backlog=0) as listener, socket.socket() as one, socket.socket() as two:
        for filler in (one, two):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_an_address_that_takes_no_connection(sender):
    with port_that_takes_no_connection("127.0.0.9") as port:
        answer = post(sender, f"http://127.0.0.9:{port}/", DEADLINE_S)
    assert (answer.error, answer.address) == ("connect_timeout", "127.0.0.9")
    assert answer.detail == f"There was no connection within {DEADLINE_S} s"


def test_an_address_that_takes_no_connection_leaves_the_next_its_share_of_the_time(start_sender):
    sender = start_sender(resolve=lambda host: ["127.0.0.9", "127.0.0.1"])
    with Receiver(receivers.polite) as receiver, port_that_takes_no_connection("127.0.0.9", receiver.port):
        answer = post(sender, receiver.url("several.test"), timeout_s=2)
    assert (answer.status, answer.address) == (200, "127.0.0.1")
    assert answer.duration_ms >= 1_000 - 20


def test_nobody_listens(sender):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = post(sender, f"http://127.0.0.1:{port}/")
    assert (answer.error, answer.detail) == ("connect_refused", f"127.0.0.1 port {port} refused the connection")


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        (OSError(113, "No route to host"), "unreachable"),
        (OSError(101, "Network is unreachable"), "unreachable"),
        (TimeoutError(110, "Connection timed out"), "connect_timeout"),
        (ConnectionResetError(104, "Connection reset by peer"), "reset"),
        (OSError(24, "Too many open files"), "internal"),
        (OSError(99, "Cannot assign requested address"), "internal"),
    ],
)
def test_what_the_system_says_about_a_connection_becomes_a_word(problem, error):
    assert connections._dial_failure(problem, "1.2.3.4 port 80").error == error


def test_a_mistake_of_our_own_is_not_blamed_on_the_receiver(sender, caplog):
    with Receiver(receivers.polite) as receiver:
        answer = post(sender, receiver.url(), headers={"X-Webhook-Event": "a\r\nX-Evil: 1"})
        assert (answer.error, receiver.connections) == ("internal", 0)
    assert "line break" in caplog.text

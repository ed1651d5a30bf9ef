"""What the door does with clients that are slow, silent, many, or gone."""

import contextlib
import resource
import time

import pytest

from gateway.web import protocol
from tests.door_client import GOOD, PATIENCE_S, ask, connect, eventually, framed, get, receive, running

SHORT_S = 0.4
# Far from the limits that are not shortened, and far enough for a busy machine.
LATE_S = 4


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A server with short limits of time and few connections, and with pages."""
    settings = {
        "request_timeout_s": SHORT_S,
        "response_timeout_s": 2 * SHORT_S,
        "idle_timeout_s": SHORT_S,
        "connections_max": 8,
        "connections_per_address_max": 5,
        "uncapped_networks": ["10.0.0.0/8", "127.0.0.0/29", "::1/128"],
        "pages": True,
    }
    with running(tmp_path_factory.mktemp("hasty"), **settings) as server:
        yield server


SLOW = {
    "half a request line": b"GET /api",
    "half the headers": b"GET /api/key HTTP/1.1\r\nHost: x\r\n",
    "no body": framed("Content-Length: 100"),
    "half the body": framed("Content-Length: 100", body=b'{"a":'),
}


@pytest.mark.parametrize("case", SLOW)
def test_an_unfinished_request_is_answered_408_in_time(hasty, case):
    with connect(hasty) as connection:
        started = time.monotonic()
        connection.sendall(SLOW[case])
        answer = receive(connection)
        assert (answer.status, answer.json["error"]["code"]) == (408, "BAD_REQUEST_ERROR")
        assert connection.recv(1) == b""
        assert SHORT_S <= time.monotonic() - started < LATE_S


@pytest.mark.parametrize(
    "start", [b"GET /", framed("Content-Length: 1000"), framed("Content-Length: 1000", "Expect: 100-continue")]
)
def test_dripping_bytes_buy_no_time(hasty, start):
    with connect(hasty) as connection:
        started = time.monotonic()
        connection.sendall(start)
        connection.settimeout(SHORT_S / 10)
        received = b""
        while time.monotonic() - started < LATE_S and b"408" not in received:
            connection.sendall(b"a")
            try:
                received += connection.recv(1_000)
            except TimeoutError:
                continue
        assert b"HTTP/1.1 408 " in received
        assert time.monotonic() - started < LATE_S


@pytest.mark.parametrize("first", [b"", GOOD])
def test_an_idle_connection_is_closed_silently(hasty, first):
    with connect(hasty) as connection:
        if first:
            connection.sendall(first)
            assert receive(connection).status == 200
        started = time.monotonic()
        assert connection.recv(1) == b""
        assert SHORT_S * 0.8 <= time.monotonic() - started < LATE_S


def test_a_second_request_has_its_own_time(hasty):
    with connect(hasty) as connection:
        for _ in range(4):
            connection.sendall(GOOD[:10])
            connection.settimeout(SHORT_S * 0.4)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(PATIENCE_S)
            connection.sendall(GOOD[10:])
            assert receive(connection).status == 200


def test_a_handler_that_hangs_is_answered_503(hasty):
    answer = ask(hasty, get("/api/hang"))
    assert (answer.status, answer.json["error"]["code"]) == (503, "UNAVAILABLE_ERROR")
    assert (answer.headers["connection"], answer.headers["retry-after"]) == ("close", "1")


def test_a_client_that_does_not_read_is_dropped_though_it_goes_on_sending(hasty):
    with connect(hasty, "127.0.0.7") as connection:
        connection.sendall(get("/api/large"))

        def is_gone() -> bool:
            with contextlib.suppress(OSError):
                connection.sendall(b"x")
            return "127.0.0.7" not in counted(hasty)["by_address"]

        eventually(is_gone)


def counted(server) -> dict:
    return ask(server, get("/api/counters")).json


def test_a_client_that_hangs_up_cancels_its_handler(hasty):
    with connect(hasty) as connection:
        connection.sendall(get("/api/outcome"))
    eventually(lambda: ask(hasty, get("/api/outcomes")).json == ["cancelled"])


# Connections.


def test_an_address_may_hold_only_some_connections(hasty):
    held = [connect(hasty, "127.0.0.9") for _ in range(5)]
    try:
        with connect(hasty, "127.0.0.9") as one_more:
            answer = receive(one_more)
            assert (answer.status, answer.json["error"]["code"]) == (429, "RATE_LIMIT_ERROR")
            assert answer.headers["retry-after"] == "1"
            assert one_more.recv(1) == b""
        assert ask(hasty, GOOD).status == 200
    finally:
        for connection in held:
            connection.close()


def test_when_all_connections_are_taken_the_next_hears_so(hasty):
    held = [connect(hasty) for _ in range(8)]
    try:
        with connect(hasty) as one_more:
            answer = receive(one_more)
            assert (answer.status, answer.json["error"]["code"]) == (503, "UNAVAILABLE_ERROR")
    finally:
        for connection in held:
            connection.close()
    eventually(lambda: ask(hasty, GOOD).status == 200)


def test_connections_are_counted_once_and_uncounted(hasty):
    with connect(hasty) as first, connect(hasty) as second:

        def both_are_counted() -> bool:
            for connection in (second, first):
                connection.sendall(get("/api/counters"))
                seen = receive(connection).json
            return seen["connections"] == 2 and seen["by_address"] == {"127.0.0.1": 2}

        eventually(both_are_counted)


@pytest.mark.parametrize(
    "peer, address",
    [
        (("192.0.2.7", 5), "192.0.2.7"),
        (("::ffff:192.0.2.7", 5, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::/64"),
        (("::1", 5, 0, 0), "::1"),
        ("/run/gateway.sock", "::1"),
    ],
)
def test_a_subscriber_is_one_address(peer, address):
    assert protocol.address_of(peer) == address


CAPPED = {"192.0.2.7": True, "2001:db8::/64": True, "10.1.2.3": False, "::1": False}


@pytest.mark.parametrize("address, capped", CAPPED.items())
def test_proxies_are_not_capped(address, capped):
    door = protocol.Door(connections_max=9, connections_per_address_max=2, uncapped_networks=("10.0.0.0/8", "::1/128"))
    assert [door.admit(address) is None for _ in range(3)] == [True, True, not capped]


def test_the_server_stops_without_a_word_while_a_request_is_half_way(tmp_path):
    with contextlib.ExitStack() as clients, running(tmp_path) as server:
        half, handled = clients.enter_context(connect(server)), clients.enter_context(connect(server))
        half.sendall(GOOD[:20])
        handled.sendall(get("/api/hang"))
        eventually(lambda: counted(server)["connections"] == 3)
    assert server.log.read_text() == ""


def test_the_process_may_open_as_many_files_as_the_system_allows():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        assert protocol.raise_file_limit() == hard == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_outside_the_api_the_page_of_errors_is_asked(hasty):
    missing = ask(hasty, get("/nowhere"))
    assert (missing.status, missing.body, missing.headers["content-type"]) == (
        404,
        b"<h1>404</h1>",
        "text/html; charset=utf-8",
    )
    assert missing.headers["x-request-id"].startswith("req_")
    assert ask(hasty, get("/api/nowhere")).json["error"]["code"] == "NOT_FOUND_ERROR"

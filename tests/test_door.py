"""What comes through the door, and how everything else is turned away: raw bytes against a real server."""

import contextlib
import random
import re
import socket

import pytest

from gateway import errors
from gateway.web import head
from tests.door_cases import MEBIBYTE, OK, REFUSED, TURNED_AWAY
from tests.door_client import GOOD, Answer, ask, connect, framed, get, is_open, lines, post, receive, running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("door")) as server:
        yield server


@pytest.mark.parametrize("case", TURNED_AWAY)
def test_what_is_not_our_http_is_turned_away(server, case):
    request, status, code = TURNED_AWAY[case]
    with connect(server) as connection:
        connection.sendall(request)
        answer = receive(connection)
        assert (answer.status, answer.json["error"]["code"]) == (status, code)
        assert answer.headers["connection"] == "close"
        assert connection.recv(1) == b""
    assert_in_form(answer)


def assert_in_form(answer: Answer) -> None:
    error = answer.json["error"]
    assert set(answer.json) == {"error"} and set(error) <= {"code", "description", "field", "reason"}
    assert re.fullmatch(r".{10,}\.", error["description"])
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"req_[A-Za-z0-9]{16}", answer.headers["x-request-id"])


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_request_gets_a_clear_answer_and_may_be_followed_by_a_right_one(server, case):
    request, status, code, field = REFUSED[case]
    with connect(server) as connection:
        connection.sendall(request)
        answer = receive(connection)
        assert (answer.status, answer.json["error"]["code"], answer.json["error"].get("field")) == (status, code, field)
        assert is_open(connection)
    assert_in_form(answer)


def test_nothing_but_the_planted_bug_is_logged_and_that_without_data(server):
    ask(server, post("/api/boom", b'{"card":"4111111111111111"}'))
    log = server.log.read_text()
    assert "KeyError: ('a bug', 1)" in log and "Traceback" in log
    assert log.count("Traceback") == log.count("KeyError: ('a bug', 1)")
    assert "4111111111111111" not in log


@pytest.mark.parametrize("case", OK)
def test_whatever_is_well_formed_comes_through(server, case):
    request, expected = OK[case]
    answer = ask(server, request)
    assert (answer.status, answer.json) == (200, expected)
    assert re.fullmatch(r"req_[A-Za-z0-9]{16}", answer.headers["x-request-id"])


def test_a_request_may_come_byte_by_byte_and_the_next_one_with_it(server):
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post("/api/echo", b'{"a":1}') + GOOD[:-1]:
            connection.sendall(bytes([byte]))
        assert receive(connection).json == {"a": 1}
        connection.sendall(GOOD[-1:])
        assert receive(connection).status == 200


def test_a_client_that_waits_for_continue_gets_it_unless_refused(server):
    with connect(server) as connection:
        connection.sendall(framed("Content-Length: 2", "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert receive(connection).json == {}
    with connect(server) as connection:
        connection.sendall(framed("Content-Length: 2000000", "Expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_the_refusal_of_a_large_body_arrives_though_the_client_is_still_sending(server):
    with connect(server) as connection:
        connection.sendall(framed("Content-Length: 9000000"))
        for _ in range(90):
            connection.sendall(b"x" * 100_000)
        assert receive(connection).status == 413


def test_each_request_has_an_id_of_its_own_and_none_from_outside(server):
    first, second = (ask(server, get("/api/request_id", "X-Request-Id: req_1")) for _ in range(2))
    assert first.json == first.headers["x-request-id"] != "req_1"
    assert first.json != second.json


def test_answers_carry_the_headers_that_help(server):
    assert set(ask(server, lines("TRACE /api/bodiless HTTP/1.1", "Host: x")).headers["allow"].split(", ")) == {
        "GET",
        "POST",
    }
    assert ask(server, get("/api/limited")).headers["retry-after"] == "7"


def test_refusals_are_counted(server):
    before = ask(server, get("/api/counters")).json["refused"]
    ask(server, b"\x16\x03\x01")
    after = ask(server, get("/api/counters")).json["refused"]
    assert after["400"] == before.get("400", 0) + 1


PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b":",
    b" ",
    b"\0",
    b"\xff",
    b"\r\nHost: y",
    b"\r\nContent-Length: 5",
    b"\r\nTransfer-Encoding: x",
]


def test_no_damage_to_a_request_smuggles_a_second_meaning_past_the_check():
    rng = random.Random(20261123)
    whole = [request.partition(b"\r\n\r\n")[0] for request, *_ in (*OK.values(), *REFUSED.values())]
    passed = 0
    for _ in range(20_000):
        damaged = bytearray(rng.choice(whole)[:600])
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(damaged) + 1)
            damaged[place : place + rng.choice([0, 0, 1, 5])] = rng.choice([*PIECES, bytes([rng.randrange(256)])])
        with contextlib.suppress(errors.BadRequest, errors.PayloadTooLarge):
            head.check(bytes(damaged), MEBIBYTE)
            passed += 1
            line, *fields = bytes(damaged).split(b"\r\n")
            names = [field.partition(b":")[0].lower() for field in fields]
            assert not {b"\r", b"\n", b"\0"} & {bytes([byte]) for field in fields for byte in field}
            assert names.count(b"host") == 1 or (b"host" not in names and line.endswith(b" HTTP/1.0"))
            assert names.count(b"content-length") <= 1 and b"transfer-encoding" not in names
    assert 500 < passed < 19_500

"""What comes through the door, and how everything else is turned away: raw bytes against a real server."""

import gzip
import re
import socket

import pytest

from gateway.web import head
from tests.door_client import GOOD, Answer, ask, connect, framed, get, is_open, lines, post, receive, running

MEBIBYTE = 2**20
BAD, TOO_LARGE, MEDIA = "BAD_REQUEST_ERROR", "PAYLOAD_TOO_LARGE_ERROR", "UNSUPPORTED_MEDIA_TYPE_ERROR"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("door")) as server:
        yield server


# Requests that are not HTTP as we read it: (request, status, code). The connection is closed after each.
TURNED_AWAY = {
    "space before the colon": (framed("Transfer-Encoding : chunked", "Content-Length: 2", body=b"{}"), 400, BAD),
    "space in a name": (get("/", "X Y: z"), 400, BAD),
    "space before a name": (get("/", " X: y"), 400, BAD),
    "folded header": (get("/", "X: y", "\tz"), 400, BAD),
    "no name": (get("/", ": z"), 400, BAD),
    "no colon": (get("/", "X"), 400, BAD),
    "name beyond ASCII": (get("/", "Xé: z"), 400, BAD),
    "NUL in a header": (get("/", "X: a\0b"), 400, BAD),
    "byte 255 in a header": (get("/", b"X: \xff"), 400, BAD),
    "control in a header": (get("/", "X: a\x0bb"), 400, BAD),
    "DEL in a header": (get("/", "X: a\x7fb"), 400, BAD),
    "CR alone in a header": (get("/", "X: a\rY: b"), 400, BAD),
    "LF alone in a header": (get("/", "X: a\nY: b"), 400, BAD),
    "LF alone everywhere": (b"GET / HTTP/1.1\nHost: x\n\n", 400, BAD),
    "LF alone at the end": (b"GET / HTTP/1.1\r\nHost: x\r\n\n", 400, BAD),
    "control in a credential": (get("/", b"Authorization: \xff\x01"), 400, BAD),
    "length with a plus": (framed("Content-Length: +2", body=b"{}"), 400, BAD),
    "length with a minus": (framed("Content-Length: -1"), 400, BAD),
    "length with an underscore": (framed("Content-Length: 1_0", body=b"0123456789"), 400, BAD),
    "length in letters": (framed("Content-Length: abc"), 400, BAD),
    "length in hexadecimal": (framed("Content-Length: 0x2", body=b"{}"), 400, BAD),
    "length with a fraction": (framed("Content-Length: 2.0", body=b"{}"), 400, BAD),
    "no length in the length": (framed("Content-Length: "), 400, BAD),
    "list of lengths": (framed("Content-Length: 2, 2", body=b"{}"), 400, BAD),
    "two lengths, equal": (framed("Content-Length: 2", "Content-Length: 2", body=b"{}"), 400, BAD),
    "two lengths, unequal": (framed("Content-Length: 2", "content-length: 3", body=b"{}"), 400, BAD),
    "length and coding": (framed("Content-Length: 2", "Transfer-Encoding: chunked", body=b"{}"), 400, BAD),
    "coding and length": (framed("Transfer-Encoding: chunked", "Content-Length: 2", body=b"{}"), 400, BAD),
    "coding identity": (framed("Transfer-Encoding: identity"), 400, BAD),
    "coding identity with a length": (framed("Transfer-Encoding: identity", "Content-Length: 2", body=b"{}"), 400, BAD),
    "coding unknown": (framed("Transfer-Encoding: x"), 400, BAD),
    "coding in capitals": (framed("Transfer-Encoding: Chunked", body=b"2\r\n{}\r\n0\r\n\r\n"), 400, BAD),
    "coding twice": (framed("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400, BAD),
    "two codings": (framed("Transfer-Encoding: gzip, chunked"), 400, BAD),
    "chunked": (framed("Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"), 411, BAD),
    "chunked elsewhere": (lines("GET /nowhere HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"), 411, BAD),
    "chunk size in hexadecimal": (framed("Transfer-Encoding: chunked", body=b"0x2\r\n{}\r\n0\r\n\r\n"), 411, BAD),
    "chunk with LF": (framed("Transfer-Encoding: chunked", body=b"2;a\nb\r\n{}\r\n0\r\n\r\n"), 411, BAD),
    "trailers": (framed("Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\nX: y\r\n\r\n"), 411, BAD),
    "no host": (lines("GET /api/key HTTP/1.1"), 400, BAD),
    "two hosts": (lines("GET /api/key HTTP/1.1", "Host: a", "Host: b"), 400, BAD),
    "two equal hosts": (lines("GET /api/key HTTP/1.1", "Host: a", "host: a"), 400, BAD),
    "host with a path": (lines("GET /api/key HTTP/1.1", "Host: evil.com/x?y"), 400, BAD),
    "host with a user": (lines("GET /api/key HTTP/1.1", "Host: a@b"), 400, BAD),
    "host with a wrong port": (lines("GET /api/key HTTP/1.1", "Host: a:b"), 400, BAD),
    "host with a space": (lines("GET /api/key HTTP/1.1", "Host: a b"), 400, BAD),
    "host list": (lines("GET /api/key HTTP/1.1", "Host: a, b"), 400, BAD),
    "host empty": (lines("GET /api/key HTTP/1.1", "Host:"), 400, BAD),
    "old version, two hosts": (lines("GET /api/key HTTP/1.0", "Host: a", "Host: b"), 400, BAD),
    "whole URL as target": (lines("GET http://localhost/api/key HTTP/1.1", "Host: localhost"), 400, BAD),
    "star as target": (lines("OPTIONS * HTTP/1.1", "Host: localhost"), 400, BAD),
    "authority as target": (lines("CONNECT localhost:80 HTTP/1.1", "Host: localhost"), 400, BAD),
    "target without slash": (lines("GET api/key HTTP/1.1", "Host: localhost"), 400, BAD),
    "no target": (lines("GET HTTP/1.1", "Host: localhost"), 400, BAD),
    "two spaces": (lines("GET  /api/key HTTP/1.1", "Host: localhost"), 400, BAD),
    "fragment in the target": (get("/api/key#x"), 400, BAD),
    "target beyond ASCII": (get("/api/é"), 400, BAD),
    "NUL in the target": (get("/api/\0"), 400, BAD),
    "version missing": (b"GET /api/key\r\n\r\n", 400, BAD),
    "version 2": (lines("GET / HTTP/2.0", "Host: localhost"), 400, BAD),
    "version 1.2": (lines("GET / HTTP/1.2", "Host: localhost"), 400, BAD),
    "version in lower case": (lines("GET / http/1.1", "Host: localhost"), 400, BAD),
    "prelude of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, BAD),
    "empty line first": (b"\r\n" + GOOD, 400, BAD),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, BAD),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", 400, BAD),
    "proxy protocol": (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + GOOD, 400, BAD),
    "method too long": (b"A" * 33, 400, BAD),
    "expectation unknown": (framed("Expect: everything", "Content-Length: 2", body=b"{}"), 417, BAD),
    "URL too long": (get("/" + "a" * head.TARGET_BYTES_MAX), 414, BAD),
    "URL without end": (b"GET /" + b"a" * head.LINE_BYTES_MAX, 414, BAD),
    "header too long": (get("/", "X: " + "a" * head.HEADERS_BYTES_MAX), 431, BAD),
    "header without end": (b"GET / HTTP/1.1\r\nX: " + b"a" * (head.HEADERS_BYTES_MAX + 10), 431, BAD),
    "too many headers": (get("/", *(f"X{number}: y" for number in range(head.HEADERS_MAX))), 431, BAD),
    "a thousand headers": (get("/", *(f"X{number}: y" for number in range(1_000))), 431, BAD),
    "body of a byte too much": (post("/api/echo", b"x" * (MEBIBYTE + 1)), 413, TOO_LARGE),
    "large body announced": (framed("Content-Length: 200000000"), 413, TOO_LARGE),
    "enormous body announced": (framed("Content-Length: 1" + "0" * 30), 413, TOO_LARGE),
    "length of thousands of digits": (framed("Content-Length: " + "9" * 8_000), 413, TOO_LARGE),
    "large body for no handler": (lines("GET /nowhere HTTP/1.1", "Host: x", "Content-Length: 2000000"), 413, TOO_LARGE),
}


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


# Requests that are well framed, refused with a reason: (request, status, code, field). The connection stays open.
REFUSED = {
    "nothing there": (get("/nowhere"), 404, "NOT_FOUND_ERROR", None),
    "two slashes": (get("//evil.example/x"), 404, "NOT_FOUND_ERROR", None),
    "NUL in a path": (get("/api/%00"), 404, "NOT_FOUND_ERROR", None),
    "wrong method": (lines("DELETE /api/key HTTP/1.1", "Host: x"), 405, "METHOD_NOT_ALLOWED_ERROR", None),
    "method in lower case": (lines("get /api/key HTTP/1.1", "Host: x"), 405, "METHOD_NOT_ALLOWED_ERROR", None),
    "method unknown": (lines("BREW /api/key HTTP/1.1", "Host: x"), 405, "METHOD_NOT_ALLOWED_ERROR", None),
    "TRACE": (lines("TRACE /api/key HTTP/1.1", "Host: x"), 405, "METHOD_NOT_ALLOWED_ERROR", None),
    "OPTIONS": (lines("OPTIONS /api/key HTTP/1.1", "Host: x"), 405, "METHOD_NOT_ALLOWED_ERROR", None),
    "empty body": (post("/api/echo", b""), 400, BAD, None),
    "body null": (post("/api/echo", b"null"), 400, BAD, None),
    "body list": (post("/api/echo", b"[]"), 400, BAD, None),
    "body text": (post("/api/echo", b'"x"'), 400, BAD, None),
    "NaN": (post("/api/echo", b'{"amount":NaN}'), 400, BAD, "amount"),
    "fraction": (post("/api/echo", b'{"amount":1.0}'), 400, BAD, "amount"),
    "key given twice": (post("/api/echo", b'{"a":1,"a":2}'), 400, BAD, "a"),
    "100,000 digits": (post("/api/echo", b'{"a":' + b"9" * 100_000 + b"}"), 400, BAD, "a"),
    "100,000 levels": (post("/api/echo", b"[" * 100_000), 400, BAD, None),
    "half a surrogate pair": (post("/api/echo", b'{"a":"\\ud800"}'), 400, BAD, "a"),
    "a mebibyte of junk": (post("/api/echo", b"x" * MEBIBYTE), 400, BAD, None),
    "UTF-16": (post("/api/echo", '{"a":1}'.encode("utf-16")), 400, BAD, None),
    "plain text": (post("/api/echo", b"{}", media_type="text/plain"), 415, MEDIA, None),
    "form": (post("/api/echo", b"a=1", media_type="application/x-www-form-urlencoded"), 415, MEDIA, None),
    "charset UTF-7": (post("/api/echo", b"{}", media_type="application/json; charset=utf-7"), 415, MEDIA, None),
    "charset Latin 1": (post("/api/echo", b"{}", media_type="application/json;charset=iso-8859-1"), 415, MEDIA, None),
    "another JSON": (post("/api/echo", b"{}", media_type="application/jsonp"), 415, MEDIA, None),
    "no media type": (lines("POST /api/echo HTTP/1.1", "Host: x", "Content-Length: 2", body=b"{}"), 415, MEDIA, None),
    "two media types": (post("/api/echo", b"{}", "Content-Type: text/plain"), 400, BAD, "Content-Type"),
    "gzip": (post("/api/echo", gzip.compress(b"{}"), "Content-Encoding: gzip"), 415, MEDIA, None),
    "two encodings": (
        post("/api/echo", b"{}", "Content-Encoding: identity", "Content-Encoding: gzip"), 400, BAD, "Content-Encoding",
    ),
    "wrong type": (post("/api/amount", b'{"amount":"100"}'), 400, BAD, "amount"),
    "boolean as amount": (post("/api/amount", b'{"amount":true}'), 400, BAD, "amount"),
    "unknown field": (post("/api/amount", b'{"amount":100,"id":1}'), 400, BAD, "id"),
    "prototype": (post("/api/amount", b'{"amount":100,"__proto__":{}}'), 400, BAD, "__proto__"),
    "missing field": (post("/api/amount", b"", media_type="text/plain"), 400, BAD, "amount"),
    "body where none belongs": (post("/api/bodiless", b'{"a":1}'), 400, BAD, None),
    "body of a GET": (lines("GET /api/bodiless HTTP/1.1", "Host: x", "Content-Length: 1", body=b"x"), 400, BAD, None),
    "limit 0": (get("/api/listed?limit=0"), 400, BAD, "limit"),
    "limit 101": (get("/api/listed?limit=101"), 400, BAD, "limit"),
    "limit -1": (get("/api/listed?limit=-1"), 400, BAD, "limit"),
    "limit 1e9": (get("/api/listed?limit=1e9"), 400, BAD, "limit"),
    "limit +1": (get("/api/listed?limit=%2B1"), 400, BAD, "limit"),
    "limit full-width": (get("/api/listed?limit=%EF%BC%91%EF%BC%92"), 400, BAD, "limit"),
    "limit of many digits": (get("/api/listed?limit=" + "9" * 5_000), 400, BAD, "limit"),
    "limit empty": (get("/api/listed?limit="), 400, BAD, "limit"),
    "limit twice": (get("/api/listed?limit=1&limit=1"), 400, BAD, "limit"),
    "unknown parameter": (get("/api/listed?sort=id"), 400, BAD, "sort"),
    "unknown choice": (get("/api/listed?status=PAID"), 400, BAD, "status"),
    "text too long": (get("/api/listed?receipt=abcdef"), 400, BAD, "receipt"),
    "text with NUL": (get("/api/listed?receipt=a%00"), 400, BAD, "receipt"),
    "query not UTF-8": (get("/api/listed?receipt=%FF"), 400, BAD, None),
    "many parameters": (get("/api/listed?" + "a&" * 4_000), 400, BAD, None),
    "time in words": (get("/api/listed?from=yesterday"), 400, BAD, "from"),
    "time that does not exist": (get("/api/listed?from=2026-02-30"), 400, BAD, "from"),
    "time without offset": (get("/api/listed?from=2026-02-03T10:00:00"), 400, BAD, "from"),
    "week date": (get("/api/listed?from=2026-W05-1"), 400, BAD, "from"),
    "key empty": (get("/api/key", "Idempotency-Key:"), 400, BAD, "Idempotency-Key"),
    "key blank": (get("/api/key", "Idempotency-Key:  "), 400, BAD, "Idempotency-Key"),
    "key too long": (get("/api/key", "Idempotency-Key: " + "k" * 256), 400, BAD, "Idempotency-Key"),
    "key with a tab": (get("/api/key", "Idempotency-Key: a\tb"), 400, BAD, "Idempotency-Key"),
    "key twice": (get("/api/key", "Idempotency-Key: a", "Idempotency-Key: a"), 400, BAD, "Idempotency-Key"),
    "id with NUL": (get("/api/orders/order_ABCDEFGHIJKLMNO%00"), 404, "NOT_FOUND_ERROR", None),
    "id with %ff": (get("/api/orders/%ff"), 404, "NOT_FOUND_ERROR", None),
    "id with a slash": (get("/api/orders/order_ABCDEFGH%2fIJKLMNOP"), 404, "NOT_FOUND_ERROR", None),
    "id with a parameter": (get("/api/orders/order_ABCDEFGHIJKLMNOP;b=c"), 404, "NOT_FOUND_ERROR", None),
    "id too short": (get("/api/orders/order_A"), 404, "NOT_FOUND_ERROR", None),
    "id of another kind": (get("/api/orders/pay_ABCDEFGHIJKLMNOP"), 404, "NOT_FOUND_ERROR", None),
    "rate limit": (get("/api/limited"), 429, "RATE_LIMIT_ERROR", None),
    "bug": (post("/api/boom", b'{"card":"4111111111111111"}'), 500, "SERVER_ERROR", None),
    "static folder": (get("/static/"), 404, "NOT_FOUND_ERROR", None),
    "static without name": (get("/static"), 404, "NOT_FOUND_ERROR", None),
    "static subfolder": (get("/static/icons"), 404, "NOT_FOUND_ERROR", None),
    "static subfolder with slash": (get("/static/icons/"), 404, "NOT_FOUND_ERROR", None),
    "static NUL": (get("/static/a%00"), 404, "NOT_FOUND_ERROR", None),
    "static NUL behind a name": (get("/static/app.css%00"), 404, "NOT_FOUND_ERROR", None),
    **{
        f"static {path}": (get(f"/static/{path}"), 404, "NOT_FOUND_ERROR", None)
        for path in (
            "../door_app.py", "..%2flog", "%2e%2e/log", "%2e%2e%2flog", "..%5clog", "..\\log", "%252e%252e%252flog",
            "icons/../app.css", "./app.css", "icons//logo.svg", "/etc/passwd", "%2fetc%2fpasswd", "app.css/",
        )
    },
}  # fmt: skip


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


OK = {
    "with every kind of header": (get("/api/key", "X!#$%&'*+-.^_`|~9: \t\"(),/:;<=>?@[\\]{} \t", "Y:"), None),
    "old version without host": (lines("GET /api/key HTTP/1.0"), None),
    "host with a port": (lines("GET /api/key HTTP/1.1", "hOST: Pay.example-1.com:8443"), None),
    "IPv6 host": (lines("GET /api/key HTTP/1.1", "Host: [::1]:8000"), None),
    "spaces around the host": (lines("GET /api/key HTTP/1.1", "Host: \t x \t"), None),
    "no body by length": (lines("GET /api/bodiless HTTP/1.1", "Host: x", "Content-Length: 0"), "none"),
    "empty object as no body": (post("/api/bodiless", b" {} "), "none"),
    "length with zeros": (framed("Content-Length: 0002", body=b"{}"), {}),
    "spaces around the length": (framed("Content-Length: \t2 \t", body=b"{}"), {}),
    "media type in capitals": (post("/api/echo", b"{}", media_type="Application/JSON ; Charset=UTF-8 "), {}),
    "quoted charset": (post("/api/echo", b"{}", media_type='application/json;charset="utf-8"'), {}),
    "encoding identity": (post("/api/echo", b"{}", "Content-Encoding: identity"), {}),
    "a mebibyte": (post("/api/echo", b'{"a":"' + b"x" * (MEBIBYTE - 8) + b'"}'), {"a": "x" * (MEBIBYTE - 8)}),
    "longest URL": (get("/api/key?" + "a" * (head.TARGET_BYTES_MAX - 9)), None),
    "as many headers as may be": (get("/api/key", *(f"X{number}: y" for number in range(head.HEADERS_MAX - 1))), None),
    "longest headers": (get("/api/key", "X: " + "a" * (head.HEADERS_BYTES_MAX - 22)), None),
    "secret beyond ASCII": (get("/api/secret", b"x-api-SECRET: \xff\xd0\xba"), "ffd0ba"),
    "no query": (get("/api/listed"), {}),
    "empty query": (get("/api/listed?"), {}),
    "query": (get("/api/listed?limit=100&offset=0&status=paid&receipt=%E0%A4%85+b"), {
        "limit": 100, "offset": 0, "status": "paid", "receipt": "अ b",
    }),
    "Unix seconds": (get("/api/listed?from=1705315870"), {"from": 1705315870000}),
    "a date": (get("/api/listed?from=2024-01-15"), {"from": 1705276800000}),
    "a time": (get("/api/listed?from=2024-01-15T10:51:10.123Z"), {"from": 1705315870123}),
    "a time to the nanosecond": (get("/api/listed?from=2024-01-15T10:51:10.123456789Z"), {"from": 1705315870123}),
    "a time of India": (get("/api/listed?from=2024-01-15T16:21:10%2B05:30"), {"from": 1705315870000}),
    "a plus that became a space": (get("/api/listed?from=2024-01-15T16:21:10+05:30"), {"from": 1705315870000}),
    "a time of New York": (get("/api/listed?from=2024-01-15T05:51-05:00"), {"from": 1705315860000}),
    "no key": (get("/api/key"), None),
    "longest key": (get("/api/key", "Idempotency-Key: " + "k" * 255), "k" * 255),
    "key with spaces": (get("/api/key", "Idempotency-Key:   order 1 ~  "), "order 1 ~"),
    "id": (get("/api/orders/order_ABCDEFGHIJKLMNOP"), "order_ABCDEFGHIJKLMNOP"),
}  # fmt: skip


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

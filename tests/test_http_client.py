"""Requests as bytes, and answers read whole, in single bytes, too long, broken or never ending."""

import ssl

import pytest

from gateway import addresses
from gateway.jobs.http_client import (
    BODY_BYTES_MAX,
    ERRORS,
    HEAD_BYTES_MAX,
    WIRE_BYTES_MAX,
    Failure,
    Reply,
    Unheard,
    request_bytes,
)


def test_a_request_names_the_host_first_and_asks_for_no_compression():
    target = addresses.target("http://example.com:8080/hook?a=b")
    assert request_bytes(target, {"X-Webhook-Event": "payment.success"}, b"{}") == (
        b"POST /hook?a=b HTTP/1.1\r\nHost: example.com:8080\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        b"Content-Length: 2\r\nX-Webhook-Event: payment.success\r\n\r\n{}"
    )


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\r\n\r\nGET /"])
def test_no_header_can_break_out_of_its_line(value):
    with pytest.raises(ValueError):
        request_bytes(addresses.target("http://example.com/"), {"X-Webhook-Event": value}, b"{}")


ANSWERS = [
    # what arrives                                                                    status  body      reusable
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
    (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1;x=y\r\n!\r\n0\r\n\r\n", 200, b"ok!", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n", 200, b"", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 500, b"", True),
    (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", 302, b"", True),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", 200, b"\x1f\x8b\x08", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 200, b"ok", False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\x00junk", 200, b"ok", False),
    (b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", 999, b"", True),
]


@pytest.mark.parametrize(("raw", "status", "body", "reusable"), ANSWERS)
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_answers_are_the_same_however_they_arrive(raw, status, body, reusable, piece):
    reply = fed(raw, piece)
    assert (reply.finished, reply.status, bytes(reply.body), reply.reusable) == (True, status, body, reusable)
    assert reply.failure is None


@pytest.mark.parametrize("piece", [1, 100_000])
def test_an_answer_without_a_length_ends_with_the_connection(piece):
    reply = fed(b"HTTP/1.1 200 OK\r\n\r\nup to here", piece)
    assert not reply.finished
    reply.end(None)
    assert (reply.status, bytes(reply.body), reply.failure, reply.reusable) == (200, b"up to here", None, False)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"Retry-After: 120\r\n", "120"),
        (b"retry-after:   Wed, 21 Oct 2026 07:28:00 GMT\r\n", "Wed, 21 Oct 2026 07:28:00 GMT"),
        (b"Retry-After: " + b"9" * 500 + b"\r\n", "9" * 64),
        (b"X-Retry-Aft: 120\r\n", None),
    ],
)
def test_retry_after_is_kept(raw, value):
    assert fed(b"HTTP/1.1 503 Busy\r\n" + raw + b"Content-Length: 0\r\n\r\n").retry_after == value


REFUSED = [
    (b"SSH-2.0-OpenSSH_9.6\r\n", "protocol"),
    (b"220 mail.example.com ESMTP\r\n", "protocol"),
    (b"\x15\x03\x01\x00\x02\x02\x46", "protocol"),
    (b"<html>", "protocol"),
    (b"HTTP/7.7 200 OK\r\n\r\n", "protocol"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "protocol"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "protocol"),
    (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "protocol"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 11, "protocol"),
    (b"HTTP/1.1 200 OK\r\n" + b"".join(b"H%d: x\r\n" % n for n in range(5000)) + b"\r\n", "too_large"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n", "too_large"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES_MAX, "too_large"),
    (b"HTTP/1.1 200 " + b"x" * (HEAD_BYTES_MAX + 1), "too_large"),
    (b"HTTP/1.1 100 Go\r\nX: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "too_large"),
]


@pytest.mark.parametrize(("raw", "error"), REFUSED)
@pytest.mark.parametrize("piece", [1, 1000, 1_000_000])
def test_what_is_no_answer_fails_with_a_word_and_a_sentence(raw, error, piece):
    reply = fed(raw, piece)
    assert (reply.finished, reply.status, reply.reusable) == (True, None, False)
    assert reply.failure.error == error in ERRORS and reply.failure.detail


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000,
        b"\r\n" + b"x" * 1_000_000,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * BODY_BYTES_MAX,
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: x\r\n" * WIRE_BYTES_MAX,
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nT: " + b"x" * WIRE_BYTES_MAX,
        b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * WIRE_BYTES_MAX,
    ],
)
def test_reading_stops_when_enough_was_read_and_the_status_stands(rest):
    reply = fed(b"HTTP/1.1 200 OK\r\n" + rest, 65536)
    assert (reply.finished, reply.status, reply.failure, reply.reusable) == (True, 200, None, False)
    assert len(reply.body) <= BODY_BYTES_MAX


def test_a_body_of_just_the_limit_leaves_the_connection_usable():
    reply = fed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES_MAX + b"x" * BODY_BYTES_MAX)
    assert (len(reply.body), reply.reusable) == (BODY_BYTES_MAX, True)


def test_a_status_stands_though_the_body_is_broken():
    reply = fed(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nnonsense\r\n")
    assert (reply.finished, reply.status, bytes(reply.body), reply.failure) == (True, 201, b"ok", None)


@pytest.mark.parametrize(
    ("heard", "reason", "error", "kind"),
    [
        (b"", None, "reset", Unheard),
        (b"", ConnectionResetError(), "reset", Unheard),
        (b"HTTP/1.1 200", None, "reset", Failure),
        (b"HTTP/1.1 100 Continue\r\n\r\n", None, "reset", Failure),
        (b"", ssl.SSLError(1, "certificate required"), "tls", Failure),
        (b"", Failure("protocol", "It spoke first"), "protocol", Failure),
    ],
)
def test_a_connection_that_ends_early(heard, reason, error, kind):
    reply = fed(heard)
    reply.end(reason)
    assert (reply.finished, reply.status, reply.reusable) == (True, None, False)
    assert (reply.failure.error, type(reply.failure)) == (error, kind)


def test_bytes_after_the_end_make_the_connection_useless_and_change_nothing_else():
    reply = fed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    reply.feed(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    assert (reply.status, bytes(reply.body), reply.reusable) == (200, b"ok", False)


def fed(raw: bytes, piece: int = 1_000_000) -> Reply:
    reply = Reply()
    for start in range(0, len(raw), piece):
        reply.feed(raw[start : start + piece])
    return reply

"""Streams of server-sent events, on real sockets: prompt, bounded, and gone when the server stops."""

import http.client
import json
import time

import pytest

from tests.counter import Gateway, fetch

JSON = {"Content-Type": "application/json"}
STOP_S = 5.0  # a server that waits for open streams takes 15
AT_ONCE_S = 3.0  # sooner than the stream would look by itself
LINES_MAX = 20  # between two events; every few seconds a heartbeat comes


@pytest.fixture
def gateway(tmp_path):
    gateway = Gateway(tmp_path, SIMULATOR_DELAY_MIN=60, SIMULATOR_DELAY_MAX=60)
    yield gateway
    gateway.close()


def start_payment(gateway) -> str:
    body = {"order_id": gateway.order(), "method": "upi", "flow": "qr"}
    return json.loads(fetch(f"{gateway.url}/api/v1/payments/public", body, JSON)[1])["id"]


class Stream:
    """A browser's EventSource."""

    def __init__(self, gateway, payment_id: str):
        self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        self._connection.request("GET", f"/checkout/payments/{payment_id}/live")
        self.answer = self._connection.getresponse()

    def next(self) -> dict | None:
        """The next event's data; None at the end."""
        for _ in range(LINES_MAX):
            line = self.answer.readline()
            if line.startswith(b"data: "):
                return json.loads(line[6:])
            if not line:
                return None
        raise AssertionError("The stream only beats.")

    def close(self) -> None:
        self._connection.close()


def until(stream: Stream, status: str) -> dict:
    while shown := stream.next():
        if shown["status"] == status:
            return shown
    raise AssertionError(f"The stream ended without {status}.")


def test_a_payer_hears_of_the_payment_at_once_and_the_stream_ends_with_it(gateway):
    payment_id = start_payment(gateway)
    stream = Stream(gateway, payment_id)
    assert stream.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    until(stream, "requires_action")
    started = time.monotonic()
    fetch(f"{gateway.url}/checkout/payments/{payment_id}/cancel", {}, {})
    until(stream, "cancelled")
    assert time.monotonic() - started < AT_ONCE_S
    assert stream.next() is None
    stream.close()


def test_open_streams_do_not_hold_up_the_stop(gateway):
    streams = [Stream(gateway, start_payment(gateway)) for _ in range(5)]
    for stream in streams:
        assert stream.next()
    started = time.monotonic()
    gateway.close()
    assert time.monotonic() - started < STOP_S
    for stream in streams:
        while stream.next():
            pass
        stream.close()


def test_nobody_listens_to_a_payment_that_does_not_exist(gateway):
    assert fetch(f"{gateway.url}/checkout/payments/pay_0000000000000000/live")[0] == 404

"""What an HTTP/1.1 request looks like on the wire, and how much of an answer is worth reading.

The other side may be hostile: a redirect is an answer like any other, nothing is decompressed, and everything that can
arrive has a limit.
"""

import ssl

import httptools

from gateway.addresses import Target

BODY_BYTES_MAX = 16 * 1024  # What the delivery log keeps; the connection is dropped rather than read further.
HEAD_BYTES_MAX = 32 * 1024
WIRE_BYTES_MAX = 512 * 1024  # Of a whole answer: tiny chunks and trailers cost many times what they carry.
INTERIM_ANSWERS_MAX = 10  # 100 Continue, 103 Early Hints …
RETRY_AFTER_LENGTH_MAX = 64

ERRORS = {
    "blocked": "The URL leads to an address that the gateway does not call.",
    "dns": "The receiver's name could not be turned into an address.",
    "connect_refused": "Nothing accepts connections at the receiver's address and port.",
    "connect_timeout": "No connection to the receiver was made in time; a firewall may drop it, or TLS gets no answer.",
    "unreachable": "The network knows no way to the receiver's address.",
    "tls": "The receiver's certificate or its TLS settings were not acceptable.",
    "timeout": "The receiver took the request and did not answer in time.",
    "reset": "The receiver closed the connection before it answered.",
    "protocol": "What the receiver sent back was not an HTTP/1.1 answer.",
    "too_large": "The header section of the receiver's answer was too long.",
    "internal": "The gateway itself could not make the call; the receiver is not at fault.",
}


class Failure(Exception):
    """Why there is no answer: `error` is a key of ERRORS, `detail` a sentence about this very case."""

    def __init__(self, error: str, detail: str):
        super().__init__(detail)
        assert error in ERRORS
        self.error = error
        self.detail = detail


class Unheard(Failure):
    """The connection ended before one byte of an answer came back."""


def request_bytes(target: Target, headers: dict[str, str], body: bytes) -> bytes:
    """A POST in one piece, so that one write sends it; the Host header first, as some servers insist."""
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "Accept: */*",
        "Accept-Encoding: identity",
        f"Content-Length: {len(body)}",
        *[f"{name}: {value}" for name, value in headers.items()],
    ]
    head = "\r\n".join(lines)
    if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1:
        raise ValueError("A header of a webhook contains a line break")
    return b"%b\r\n\r\n%b" % (head.encode("ascii"), body)


class Reply:
    """What an answer has said so far; `status` is known from the end of its header section on."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.retry_after: str | None = None
        self.body = bytearray()
        self.failure: Failure | None = None
        self.finished = False
        self.reusable = False
        self._parser = httptools.HttpResponseParser(self)
        self._wire_bytes = self._head_bytes = self._interim_answers = 0

    def feed(self, data: bytes) -> None:
        """Takes in what arrived and never raises: trouble finishes the reply."""
        if self.finished:
            self.reusable = False
            return
        self._wire_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish(Failure("protocol", "The receiver wanted to leave HTTP"))
        except httptools.HttpParserError as problem:
            self._finish(Failure("protocol", f"The answer could not be read: {problem}"))
        self._enforce_limits()

    def end(self, reason: Exception | None) -> None:
        """The connection is gone; an answer without a length ends like this, too."""
        if isinstance(reason, Failure):
            self._finish(reason)
        elif isinstance(reason, ssl.SSLError):
            self._finish(Failure("tls", f"TLS ended with an error: {getattr(reason, 'reason', None) or reason}"))
        elif self._wire_bytes:
            self._finish(Failure("reset", "The receiver closed the connection in the middle of its answer"))
        else:
            self._finish(Unheard("reset", "The receiver closed the connection without an answer"))

    def on_message_begin(self) -> None:
        if self.finished:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status is not None:
            return
        self._head_bytes += len(name) + len(value) + len(": \r\n")
        if len(name) == len("retry-after") and name.lower() == b"retry-after":
            self.retry_after = value[:RETRY_AFTER_LENGTH_MAX].decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.status is not None or self._head_bytes > HEAD_BYTES_MAX:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._interim_answers += 1
        else:
            self.status = status

    def on_body(self, chunk: bytes) -> None:
        if not self.finished:
            self.body += chunk[: BODY_BYTES_MAX - len(self.body)]

    def on_message_complete(self) -> None:
        if self.status is not None and not self.finished:
            self.finished = True
            self.reusable = self._parser.should_keep_alive()

    def _enforce_limits(self) -> None:
        if self.finished:
            return
        if self.status is None and max(self._head_bytes, self._wire_bytes) > HEAD_BYTES_MAX:
            self._finish(Failure("too_large", f"The answer's header section is longer than {HEAD_BYTES_MAX} bytes"))
        elif self._interim_answers > INTERIM_ANSWERS_MAX:
            self._finish(Failure("protocol", f"More than {INTERIM_ANSWERS_MAX} interim answers (1xx) and no final one"))
        elif len(self.body) >= BODY_BYTES_MAX or self._wire_bytes > WIRE_BYTES_MAX:
            self._finish(None)

    def _finish(self, failure: Failure | None) -> None:
        """Ends the reply before its natural end: a status that is known stands, whatever befell the rest."""
        self.reusable = False
        if not self.finished:
            self.finished = True
            self.failure = failure if self.status is None else None

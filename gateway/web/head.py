"""What the first lines of a request may look like, so that no proxy reads them otherwise than we do."""

import re

from gateway.errors import BadRequest, PayloadTooLarge
from gateway.web.problems import Refused

TARGET_BYTES_MAX = 8192
HEADERS_BYTES_MAX = 8192
HEADERS_MAX = 100
# The longest method in use is UPDATEREDIRECTREF with 17 letters.
METHOD_BYTES_MAX = 32
LINE_BYTES_MAX = METHOD_BYTES_MAX + TARGET_BYTES_MAX + len("  HTTP/1.1")

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_METHOD = _TOKEN + b"{1,%d}+" % METHOD_BYTES_MAX
_LINE = _METHOD + rb" /[!\"$-~]*+ HTTP/1\.[01]"
_FIELD = _TOKEN + rb"++:[\t -~]*+"
# A secret in another script is a wrong secret, which is for authentication to say.
_CREDENTIAL = rb"(?i:authorization|x-api-key|x-api-secret):[\t -~\x80-\xff]*+"

_ordinary_head = re.compile(_LINE + rb"(?:\r\n" + _FIELD + rb")*+").fullmatch
_good_line = re.compile(_LINE).fullmatch
_good_field = re.compile(_FIELD + b"|" + _CREDENTIAL).fullmatch
_line_so_far = re.compile(_METHOD + rb"(?: |\Z)").match
_bare_line_feed = re.compile(rb"(?<!\r)\n").search

_framing = re.compile(rb"\r\n(?i:(host)|(content-length)|(transfer-encoding)):[ \t]*+([^\r]*)").findall
_good_host = re.compile(rb"(?:[A-Za-z0-9._\-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?").fullmatch
_digits = re.compile(rb"[0-9]+").fullmatch


def check_beginning(part: bytes | bytearray) -> None:
    """Refuses what can no longer become a request, so that TLS or a flood is not waited for."""
    if not _line_so_far(part):
        raise BadRequest("The request must start with a line such as `GET /path HTTP/1.1`.")
    if _bare_line_feed(part):
        raise BadRequest("Lines end with CR LF.")
    line_end = part.find(b"\r\n")
    if line_end < 0 and len(part) > LINE_BYTES_MAX:
        raise _target_too_long()
    if 0 <= line_end < len(part) - HEADERS_BYTES_MAX - len("\r\n\r\n"):
        raise _headers_too_large()


def check(head: bytes, body_bytes_max: int) -> None:
    """Refuses a head (without its last empty line) that is malformed, too long, or announces a body we do not take.

    An ordinary head passes two searches, under 2 µs; only a doubtful one is taken apart.
    """
    if len(head) > HEADERS_BYTES_MAX or head.count(b"\n") > HEADERS_MAX or not _ordinary_head(head):
        _check_closely(head)
    _check_framing(head, body_bytes_max)


def _check_closely(head: bytes) -> None:
    line, *fields = head.split(b"\r\n")
    if len(line) > LINE_BYTES_MAX or any(len(word) > TARGET_BYTES_MAX for word in line.split(b" ")):
        raise _target_too_long()
    if not _good_line(line):
        raise BadRequest("The request must start with a line such as `GET /path HTTP/1.1`.")
    if len(fields) > HEADERS_MAX or len(head) - len(line) > HEADERS_BYTES_MAX:
        raise _headers_too_large()
    if not all(map(_good_field, fields)):
        raise BadRequest("A header must be a plain name, a colon at once, and a value in printable ASCII.")


def _check_framing(head: bytes, body_bytes_max: int) -> None:
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    for host, length, _coding, value in _framing(head):
        (hosts if host else lengths if length else codings).append(value.rstrip(b" \t"))
    if len(hosts) != 1 or not _good_host(hosts[0]):
        _check_host_may_be_missing(head, hosts)
    if codings:
        raise _why_not_coded(codings, lengths)
    if lengths:
        _check_length(lengths, body_bytes_max)


def _check_host_may_be_missing(head: bytes, hosts: list[bytes]) -> None:
    if hosts or not head.partition(b"\r\n")[0].endswith(b"HTTP/1.0"):
        raise BadRequest("The Host header must be given once, as a name or address with an optional port.")


def _why_not_coded(codings: list[bytes], lengths: list[bytes]) -> BadRequest:
    if codings == [b"chunked"] and not lengths:
        return Refused(411, "Send the body with a Content-Length; chunked bodies are not accepted.")
    return BadRequest("Transfer-Encoding is not accepted; send the body with a Content-Length.")


def _check_length(lengths: list[bytes], body_bytes_max: int) -> None:
    if len(lengths) > 1 or not _digits(lengths[0]):
        raise BadRequest("Content-Length must be given once, in digits.")
    # Ten to the power of thirty needs no parsing to be too much.
    significant = lengths[0].lstrip(b"0") or b"0"
    if len(significant) > len(str(body_bytes_max)) or int(significant) > body_bytes_max:
        raise PayloadTooLarge(f"The body may have at most {body_bytes_max} bytes.")


def _target_too_long() -> Refused:
    return Refused(414, f"The address may have at most {TARGET_BYTES_MAX} bytes.")


def _headers_too_large() -> Refused:
    return Refused(431, f"There may be at most {HEADERS_MAX} headers of together {HEADERS_BYTES_MAX} bytes.")

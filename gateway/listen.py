"""A receiver for the terminal: prints the webhooks that arrive, and whether their signatures are right."""

import base64
import hmac
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway import signatures

BODY_BYTES_MAX = 1024 * 1024
TIMEOUT_S = 30
OWN_HEADERS = ("x-webhook-signature", "x-webhook-signature-previous")  # the second while a rotation lasts


class Listener(ThreadingHTTPServer):
    """Listens on loopback; `port` 0 takes any that is free. `say` gets a text for every webhook.

    `secrets()` names those that a webhook may be signed with. `status` is what every webhook is answered with, so that
    a receiver that refuses can be tried, too. Raises OSError where the port is taken.
    """

    daemon_threads = True

    def __init__(self, port: int, *, secrets: Callable[[], list[str]], say: Callable[[str], None], status: int = 200):
        try:
            super().__init__(("127.0.0.1", port), _Webhook)
        except OSError as error:
            raise OSError(f"cannot listen on 127.0.0.1 port {port}: {error.strerror}") from error
        self.secrets, self.say, self.status = secrets, say, status

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Webhook(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            return self._answer(413)
        body = self.rfile.read(int(length))
        self.server.say(_described(self.path, self.headers, body, verdict(self.server.secrets(), self.headers, body)))
        self._answer(self.server.status)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_) -> None:
        """What there is to say about a request is said in its description."""


def verdict(secrets: list[str], headers, body: bytes) -> str:
    """A sentence on the signatures of a webhook; `headers` find a name in any case."""
    own = [headers[name] for name in OWN_HEADERS if name in headers]
    standard = headers.get("webhook-signature", "").split()
    if not own and not standard:
        return "NOT SIGNED"
    signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
    for secret in secrets:
        digest = base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()
        genuine = hmac.digest(secret.encode(), body, "sha256").hex() in own and f"v1,{digest}" in standard
        if genuine:
            return f"signature verified with {_shortened(secret)}"
    return "WRONG SIGNATURE: none of the secrets that are known here fits"


def _shortened(secret: str) -> str:
    """Enough of a secret to tell which one it is."""
    return f"{secret[: len(signatures.PREFIX) + 4]}…"


def _described(path: str, headers, body: bytes, verdict: str) -> str:
    try:
        shown = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        shown = body.decode("utf-8", "replace")
    event, event_id = headers.get("x-webhook-event", "?"), headers.get("webhook-id", "?")
    return _harmless(f"{event} {event_id} to {path}: {verdict}\n{shown}\n")


def _harmless(text: str) -> str:
    """What cannot be printed as an escape: anybody may send anything, and terminals obey control characters."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode() for each in text
    )

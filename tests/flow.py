"""One sale from the order to the refund, played over real HTTP on both sides by nothing but the contract."""

import hashlib
import hmac
import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

TIMEOUT_S = 30
KEY_ID, SECRET, WEBHOOK_SECRET = "key_test_abc123", "secret_test_xyz789", "whsec_test_abc123"

# What JavaScript and Python are known to write differently: characters, escapes, and keys that look like numbers.
NOTES = {
    "price": "₹ 500",
    "cake": """🍰 "twice", 'once' \\ <b>it & so on</b>""",
    "नाम": "आशा",
    "lines": "1\n2\t3\u2028",
    "10": "b",
    "2": "a",
}


class Webhook(NamedTuple):
    """A webhook as it arrived."""

    headers: dict[str, str]
    body: str

    @property
    def event(self) -> str:
        return json.loads(self.body)["event"]

    @property
    def subject(self) -> dict:
        """The order, payment or refund that it tells of."""
        (told,) = json.loads(self.body)["data"].values()
        return told


class Shop(ThreadingHTTPServer):
    """A merchant's server that takes webhooks if they are signed, and keeps them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Inbox)
        self.url = f"http://127.0.0.1:{self.server_port}/webhooks"
        self.secret = WEBHOOK_SECRET
        self.heard: list[Webhook] = []
        self._news = threading.Condition()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, webhook: Webhook) -> bool:
        """Whether it is genuine."""
        signature = hmac.digest(self.secret.encode(), webhook.body.encode(), hashlib.sha256).hex()
        if webhook.headers["x-webhook-signature"] != signature:
            return False
        with self._news:
            self.heard.append(webhook)
            self._news.notify_all()
        return True

    def wait_for(self, event: str, subject_id: str) -> Webhook:
        """The webhook that tells of this event, however long ago or soon it arrives."""
        with self._news:
            assert self._news.wait_for(lambda: self._find(event, subject_id), TIMEOUT_S), f"no {event} for {subject_id}"
            return self._find(event, subject_id)

    def _find(self, event: str, subject_id: str) -> Webhook | None:
        return next((told for told in self.heard if told.event == event and told.subject["id"] == subject_id), None)

    def __exit__(self, *_) -> None:
        self.shutdown()
        self.server_close()


class _Inbox(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        webhook = Webhook({name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(200 if self.server.take(webhook) else 401)
        self.end_headers()

    def log_message(self, *_) -> None:
        """Says nothing."""


class Sale(NamedTuple):
    order: dict
    payment: dict
    refund: dict


def ask(method: str, url: str, /, **body) -> dict:
    """What the gateway answers to the demo merchant; fails the test where it refuses."""
    headers = {"X-Api-Key": KEY_ID, "X-Api-Secret": SECRET, "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        raise AssertionError(f"{method} {url} {body}: {refusal.code} {refusal.read().decode()}") from None


def listen(url: str, shop: Shop) -> None:
    """Tells the gateway at `url` where the shop hears webhooks."""
    assert ask("PATCH", f"{url}/api/v1/merchant/webhook", webhook_url=shop.url)["webhook_url"] == shop.url


def start_payment(url: str, **order) -> dict:
    """A payment that will succeed, as the gateway answers at once."""
    order = ask("POST", f"{url}/api/v1/orders", amount=50_000, **order)
    assert order["status"] == "created"
    payment = ask("POST", f"{url}/api/v1/payments", order_id=order["id"], method="upi", vpa="success@razorpay")
    assert (payment["status"], payment["amount"]) == ("pending", 50_000)
    return payment


def sell_and_refund(url: str, shop: Shop) -> Sale:
    """Order, payment, success, refund, each as the answers and the webhooks must tell it."""
    payment = start_payment(url, notes=NOTES, receipt="Tisch 7, Fräulein Ж")
    order_id, path = payment["order_id"], f"{url}/api/v1/payments/{payment['id']}"
    assert shop.wait_for("payment.success", payment["id"]).subject["status"] == "success"
    assert shop.wait_for("payment.captured", payment["id"]).subject["amount_captured"] == 50_000
    paid = shop.wait_for("order.paid", order_id).subject
    assert (paid["status"], paid["amount_due"], paid["notes"]) == ("paid", 0, NOTES)

    refund = ask("POST", f"{path}/refunds", amount=20_000, reason="“Too sweet” 🍰", notes=NOTES)
    assert refund["status"] == "pending"
    processed = shop.wait_for("refund.processed", refund["id"]).subject
    assert (processed["status"], processed["amount"], processed["notes"]) == ("processed", 20_000, NOTES)
    assert ask("GET", path)["amount_refunded"] == 20_000
    return Sale(ask("GET", f"{url}/api/v1/orders/{order_id}"), ask("GET", path), processed)

"""A gateway at work with two merchants, and shops on origins of their own whose pages embed its checkout."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Frame, FrameLocator, Page

from gateway import merchant_settings, merchants
from gateway.config import Config
from gateway.crypto import hash_password
from gateway.server import Instance
from tests import services

STOP_TIMEOUT_S = 10
BANK_TIMEOUT_S = 20
LOOKS_MAX, LOOK_EVERY_MS = 300, 50
PASSWORD_HASH = hash_password("correct horse")

# Banks and wallets have no documented outcome, and chance has no place in a test.
SURE = {"SIMULATOR_CARD_SUCCESS_RATE": 1, "SIMULATOR_UPI_SUCCESS_RATE": 1}
VISA, NO_MONEY, CHALLENGED = "4242424242424242", "4000000000009995", "4000002760003184"
STRICT = "default-src 'none'; script-src 'self' {gateway}; style-src 'self'; frame-src {gateway}"

# A shop as its owner would write it; what the checkout calls back is kept for the test.
SHOP_PAGE = """<!doctype html><html lang="en"><head><title>Shop</title><link rel="stylesheet" href="/shop.css">
<script src="{gateway}/checkout.js"></script><script src="/shop.js" defer></script></head>
<body><h1>Shop</h1><button id="buy">Buy</button> <a href="#terms" id="terms">Terms</a></body></html>"""
SHOP_SCRIPT = """
window.calls = [];
const keep = (name) => (told) => calls.push([name, told]);
window.sell = (options) => {
  const callbacks = { onSuccess: keep("success"), onFailure: keep("failure"), onClose: keep("close") };
  return (window.payment = new PaymentGateway({ ...callbacks, ...options }));
};
"""
# As careless as style sheets of shops are.
SHOP_STYLE = "body { height: 3000px } .modal-content { display: flex; border: 9px solid red } button { width: 100% }"


@dataclass(frozen=True)
class Merchant:
    id: str
    key: str
    secret: str

    def signature(self, order_id: str, payment_id: str) -> str:
        return hmac.new(self.secret.encode(), f"{order_id}|{payment_id}".encode(), hashlib.sha256).hexdigest()


class Gateway:
    """A gateway in a process of its own; `environment` sets configuration keys such as SIMULATOR_DELAY_MAX."""

    def __init__(self, folder: Path, *, allowed_origins: tuple[str, ...] = (), demo: bool = False, **environment):
        self.folder = folder
        self.port = services.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._demo = demo
        self._environment = {f"GATEWAY_{name}": str(value) for name, value in (SURE | environment).items()}
        if not demo:
            with Instance(Config(data_dir=folder)) as instance:
                self.alice = _merchant(instance, "Alice's Tea", allowed_origins)
                self.bob = _merchant(instance, "Bob's Bikes", ())
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "gateway", "serve", "--data", self.folder, "--port", str(self.port)]
        self._process = subprocess.Popen(
            command + ["--demo"] * self._demo, stderr=subprocess.PIPE, text=True, cwd=services.ROOT,
            env=os.environ | {"GATEWAY_LIMITS_ADDRESS_REQUESTS_PER_MINUTE": "0"} | self._environment,
        )  # fmt: skip
        assert self._process.stderr
        said = ""
        while "listening on" not in said:
            line = self._process.stderr.readline()
            assert line, f"The gateway did not start: {said}"
            said += line
        self._drain = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._drain.start()

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._reap()

    def close(self) -> None:
        self._process.terminate()
        self._reap()

    def _reap(self) -> None:
        try:
            self._process.wait(STOP_TIMEOUT_S)
        finally:
            self._process.kill()
            self._drain.join(STOP_TIMEOUT_S)
            self._process.stderr.close()

    def ask(self, merchant: Merchant, path: str, body: dict | None = None) -> dict:
        """What the API answers to the merchant: POST with a body, otherwise GET."""
        pair = base64.b64encode(f"{merchant.key}:{merchant.secret}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {pair}"}
        return json.loads(fetch(f"{self.url}/api/v1{path}", body, headers)[1])

    def order(self, merchant: Merchant | None = None, amount: int = 50_000, **fields) -> str:
        return self.ask(merchant or self.alice, "/orders", {"amount": amount, **fields})["id"]

    def save_card(self, merchant: Merchant | None = None, secret: str = "a" * 43, number: str = VISA) -> dict:
        """A customer with that cookie agrees to have a card kept and pays; returns the token."""
        merchant = merchant or self.alice
        card = {"number": number, "expiry_month": 12, "expiry_year": 2030, "cvv": "123", "holder_name": "Asha Rao"}
        order = {"order_id": self.order(merchant), "key": merchant.key}
        body = order | {"method": "card", "card": card, "save_card": True}
        headers = {"Content-Type": "application/json", "Cookie": f"customer={secret}"}
        payment = json.loads(fetch(f"{self.url}/api/v1/payments/public", body, headers)[1])
        ends_at = time.monotonic() + BANK_TIMEOUT_S
        while "error" in (token := self.ask(merchant, f"/payments/{payment['id']}/token")):
            assert time.monotonic() < ends_at, payment
            time.sleep(0.05)
        return token

    def payments(self, order_id: str) -> list[dict]:
        return self.ask(self.alice, f"/orders/{order_id}/payments")["data"]

    def checkout(self, order_id: str, **query: str) -> str:
        named = {"order_id": order_id, **({} if self._demo else {"key": self.alice.key}), **query}
        return f"{self.url}/checkout?" + "&".join(f"{name}={value}" for name, value in named.items())


class Shop:
    """A web server of a shop; by `origin` it is another site than the gateway."""

    def __init__(self, gateway_url: str = "", policy: str = STRICT, host: str = "localhost", pages: dict | None = None):
        self.pages = {
            "/": ("text/html", SHOP_PAGE),
            "/shop.js": ("text/javascript", SHOP_SCRIPT),
            "/shop.css": ("text/css", SHOP_STYLE),
        }
        self.pages |= pages or {}
        self.gateway_url, self.policy = gateway_url, policy
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_ShopHandler,), {"shop": self}))
        self._server.daemon_threads = True
        self.origin = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _ShopHandler(BaseHTTPRequestHandler):
    shop: Shop

    def do_GET(self) -> None:
        kind, text = self.shop.pages.get(self.path.partition("?")[0], ("text/plain", ""))
        body = text.replace("{gateway}", self.shop.gateway_url).encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Security-Policy", self.shop.policy.replace("{gateway}", self.shop.gateway_url))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args) -> None:
        pass


def fetch(url: str, body: dict | None = None, headers: dict | None = None) -> tuple[int, str, dict]:
    """Status, text and headers of an answer, whatever its status."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers or {}), timeout=STOP_TIMEOUT_S) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers.items())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers.items())


def wait_until(page: Page, expression: str, arg=None) -> None:
    """Until it is true on the page, whose policy may forbid what Playwright's own waiting needs."""
    for _ in range(LOOKS_MAX):
        if page.evaluate(expression, arg):
            return
        page.wait_for_timeout(LOOK_EVERY_MS)
    raise AssertionError(f"This did not become true: {expression}")


def part(of: Page | Frame | FrameLocator, test_id: str):
    """An element by the name that the contract gives it."""
    return of.locator(f'[data-test-id="{test_id}"]')


def fill_card(of: Page | FrameLocator, number: str = VISA) -> None:
    part(of, "method-card").click()
    part(of, "card-number-input").fill(number)
    part(of, "expiry-input").fill("12/30")
    part(of, "cvv-input").fill("123")
    part(of, "cardholder-name-input").fill("Asha Rao")


def pay_by_card(of: Page | FrameLocator, number: str = VISA) -> None:
    fill_card(of, number)
    part(of, "pay-button").click()


def pay_by_vpa(of: Page | FrameLocator, vpa: str = "success@razorpay") -> None:
    part(of, "method-upi").click()
    part(of, "vpa-input").fill(vpa)
    part(of, "pay-button").click()


def matching(text: str) -> re.Pattern:
    return re.compile(re.escape(text), re.IGNORECASE)


def _merchant(instance: Instance, name: str, allowed_origins: tuple[str, ...]) -> Merchant:
    def add(tx) -> Merchant:
        email = f"{name.split()[0].strip('s').strip(chr(39)).lower()}@example.com"
        merchant_id = merchants.add(tx, name=name, email=email, password_hash=PASSWORD_HASH)
        key, secret = merchants.create_key(tx, instance.master, merchant_id, "test")
        merchant_settings.change(tx, merchant_id, allowed_origins=allowed_origins)
        return Merchant(merchant_id, key, str(secret))

    return instance.store.write_now(add)

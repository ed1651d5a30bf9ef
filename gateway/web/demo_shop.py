"""A small shop on a port of its own, for the demo: what a merchant's server does, from the order to the webhook.

It is a stranger to the gateway: it speaks to the API over HTTP with its key and secret, as any shop would.
"""

import base64
import hashlib
import hmac
import itertools
import json
import logging
import socket
import threading
import urllib.error
import urllib.request
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway import merchants, reach
from gateway.web import pages

log = logging.getLogger("gateway.demo")

HEARD_MAX = 100
BODY_BYTES_MAX = 65_536
API_TIMEOUT_S = 10
DESCRIPTION = "Demo shop"
TEAS = {
    "assam": ("Assam breakfast", "Malty and strong, 250 g", 34_900),
    "darjeeling": ("Darjeeling first flush", "Light and flowery, 100 g", 124_950),
    "chai": ("Masala chai", "Cardamom, ginger, clove, 500 g", 49_900),
}
FILES = {
    "/shop.js": "demo-shop.js",
    "/shop.css": "demo-shop.css",
    "/tokens.css": "tokens.css",
    "/icon.svg": "checkout-icon.svg",
}


class SixServer(ThreadingHTTPServer):
    """The same on IPv6."""

    address_family = socket.AF_INET6


class DemoShop:
    """The shop's server, beside the gateway on the same address; `open` it once, `close` it when the gateway stops."""

    def __init__(self, address: str, gateway_port: int):
        self.gateway_port = gateway_port
        self._address = address
        self._heard: deque[dict] = deque(maxlen=HEARD_MAX)
        self._numbers = itertools.count(1)
        self._secret = ""
        handler = type("ShopHandler", (ShopHandler,), {"shop": self})
        self._server = (SixServer if ":" in address else ThreadingHTTPServer)((address, 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port

    def open(self) -> None:
        """Starts to serve, and asks the gateway for webhooks. Waits for the API, so call it from a thread."""
        threading.Thread(target=self._server.serve_forever, name="demo shop", daemon=True).start()
        for earlier in self.ask("GET", "/webhook_endpoints?limit=100")["data"]:
            if earlier["description"] == DESCRIPTION:
                self.ask("DELETE", f"/webhook_endpoints/{earlier['id']}")
        endpoint = {"url": f"{reach.url(self._address, self.port)}/hook", "description": DESCRIPTION}
        self._secret = self.ask("POST", "/webhook_endpoints", endpoint)["secret"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        """One request to the gateway's API with the shop's key and secret."""
        pair = f"{merchants.DEMO_KEY_ID}:{merchants.DEMO_SECRET}".encode()
        request = urllib.request.Request(
            f"{reach.url(self._address, self.gateway_port)}/api/v1{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                "Authorization": "Basic " + base64.b64encode(pair).decode(),
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=API_TIMEOUT_S) as answer:
            return json.load(answer)

    def order(self, tea: str) -> dict:
        name, _, amount = TEAS[tea]
        return self.ask("POST", "/orders", {"amount": amount, "currency": "INR", "notes": {"tea": name}})

    def is_genuine(self, paid: dict) -> bool:
        """What every shop must check before it ships anything: did the gateway say so, or somebody in the browser?"""
        signed = f"{paid.get('orderId')}|{paid.get('paymentId')}".encode()
        wanted = hmac.new(merchants.DEMO_SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, str(paid.get("signature")))

    def hear(self, body: bytes, signature: str) -> bool:
        """Takes a webhook in, if it is signed with the endpoint's secret."""
        wanted = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, signature):
            return False
        self._heard.append({"number": next(self._numbers)} | json.loads(body))
        return True

    def heard_since(self, number: int) -> list[dict]:
        return [event for event in list(self._heard) if event["number"] > number]


class ShopHandler(BaseHTTPRequestHandler):
    """The shop's addresses."""

    shop: DemoShop
    protocol_version = "HTTP/1.1"
    timeout = API_TIMEOUT_S

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/":
            page = pages.html("demo/shop.html", teas=TEAS, gateway_url=self._gateway_url(), key=merchants.DEMO_KEY_ID)
            return self._answer(200, page.encode(), "text/html; charset=utf-8")
        if path in FILES:
            file = pages.static().files[FILES[path]]
            return self._answer(200, file.body, file.content_type)
        if path == "/heard":
            since = query.removeprefix("since=")
            return self._json(200, self.shop.heard_since(int(since) if since.isdecimal() else 0))
        self._json(404, {"error": "There is nothing at this address."})

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), BODY_BYTES_MAX))
        if self.path == "/hook":
            known = self.shop.hear(body, self.headers.get("x-webhook-signature", ""))
            return self._json(200 if known else 401, {"received": known})
        try:
            if self.path == "/order":
                return self._json(200, self.shop.order(json.loads(body)["tea"]))
            if self.path == "/verify":
                return self._json(200, {"genuine": self.shop.is_genuine(json.loads(body))})
        except (ValueError, KeyError, TypeError, urllib.error.URLError) as error:
            return self._json(400, {"error": f"That did not work: {error}"})
        self._json(404, {"error": "There is nothing at this address."})

    def _gateway_url(self) -> str:
        """The gateway under the name by which the customer called the shop, so that both look alike."""
        name = (self.headers.get("host") or "127.0.0.1").rpartition(":")[0]
        return f"http://{name}:{self.shop.gateway_port}"

    def _json(self, status: int, answer) -> None:
        self._answer(status, json.dumps(answer).encode(), "application/json")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        gateway = self._gateway_url()
        if "[" in gateway:
            gateway = "http:"  # A policy can name no IPv6 address (CSP 3, host-source).
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header(
            "Content-Security-Policy",
            f"default-src 'self'; script-src 'self' {gateway}; frame-src {gateway}; base-uri 'none'",
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args) -> None:
        log.debug(format, *args)

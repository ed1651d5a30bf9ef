"""Merchants' servers in a storm: they pay, capture, cancel and refund, and remember every answer they got.

An answer that never came leaves them in doubt: mostly they ask again with the same Idempotency-Key, sometimes they
give up, and then the work may have been done or not.
"""

import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass

from bench.server import KEY, Server

TIMEOUT_S = 5
LOOK_AGAIN_S = 0.005
PAUSE_S = 0.005  # on average, between two visits of a client
GIVES_UP = 0.3
COMES_BACK = 0.6
CANCELS = 0.05
REMEMBERED_MAX = 50

CARD_NUMBERS = (
    "4242424242424242",  # paid
    "4111111111111111",  # by chance
    "4000000000009995",  # declined: insufficient funds
    "4100280000090000",  # the bank does not answer the submit
    "4000002760003184",  # 3-D Secure, which nobody here confirms
)
CVV = "7391"
VPAS = ("success@razorpay", "failure@razorpay", "somebody@upi")

# What may be answered to a request, by the last part of its path: anything else is a fault.
EXPECTED = {
    "orders": {201},
    "payments": {201},
    "refunds": {201, 400},
    "capture": {200, 400},
    "cancel": {200, 400, 409},
}


@dataclass
class Request:
    """A request that was sent at least once; `answer` is None as long as none came."""

    path: str
    body: dict
    key: str
    status: int | None = None
    answer: bytes | None = None

    @property
    def kind(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_done(self) -> bool:
        """Whether the gateway has said that the work is done."""
        return self.status in (200, 201)

    @property
    def shown(self) -> dict:
        return json.loads(self.answer)


class Client(threading.Thread):
    """One thread of a merchant's server, which visits the gateway again and again until it is told to stop."""

    def __init__(self, server: Server, seed: str):
        super().__init__(daemon=True)
        self.sent: list[Request] = []
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._server = server
        self._chance = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self._stopped = threading.Event()
        self._remembered: list[dict] = []

    def stop(self) -> None:
        """Ends after the visit that is under way."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        while not self._stopped.wait(self._chance.expovariate(1 / PAUSE_S)):
            if self._remembered and self._chance.random() < COMES_BACK:
                self._come_back()
            else:
                self._buy()
        self._hang_up()

    def _buy(self) -> None:
        amount, key = self._chance.randrange(100, 1_000_000), uuid.uuid4().hex
        capture = self._chance.choice(("automatic", "automatic", "manual"))
        order = self._post("/api/v1/orders", {"amount": amount, "receipt": key, "capture": capture}, key)
        if order:
            self._pay(order["id"])

    def _pay(self, order_id: str) -> None:
        payment = self._post("/api/v1/payments", {"order_id": order_id, **self._instrument()})
        if payment:
            self._remembered = [*self._remembered[-REMEMBERED_MAX:], payment]

    def _instrument(self) -> dict:
        method = self._chance.choice(("upi", "card", "netbanking", "wallet"))
        if method == "card":
            number = self._chance.choice(CARD_NUMBERS)
            card = {"number": number, "expiry_month": 12, "expiry_year": 2030, "cvv": CVV[:3], "holder_name": "Asha"}
            return {"method": "card", "card": card}
        if method == "upi":
            return {"method": "upi", "vpa": self._chance.choice(VPAS)}
        return {"method": method, **({"bank": "HDFC"} if method == "netbanking" else {"wallet": "paytm"})}

    def _come_back(self) -> None:
        """Looks at an earlier payment and does what can be done with it now."""
        known = self._remembered.pop(self._chance.randrange(len(self._remembered)))
        payment = self._get(f"/api/v1/payments/{known['id']}")
        if payment is None or payment["status"] == "cancelled":
            return
        path = f"/api/v1/payments/{payment['id']}"
        if payment["status"] == "failed":
            return self._pay(payment["order_id"])
        if payment["captured"]:
            return self._refund(path, payment)
        if self._chance.random() < CANCELS:
            self._post(f"{path}/cancel", {})
            return
        if payment["status"] == "success":
            payment = self._post(f"{path}/capture", {"amount": self._part_of(payment["amount"])})
        self._remembered += [payment] if payment else []

    def _refund(self, path: str, payment: dict) -> None:
        key, left = uuid.uuid4().hex, payment["amount_captured"] - payment["amount_refunded"]
        if left:
            self._post(f"{path}/refunds", {"amount": self._part_of(left), "notes": {"key": key}}, key)

    def _part_of(self, amount: int) -> int:
        return self._chance.choice((amount, max(100, amount // 2))) if amount >= 100 else amount

    # HTTP, in doubt

    def _post(self, path: str, body: dict, key: str | None = None) -> dict | None:
        """The answer where the work was done; None where it was refused, or where it is unknown what became of it."""
        request = Request(path, body, key or uuid.uuid4().hex)
        self.sent.append(request)
        while True:
            try:
                status, answer = self._exchange("POST", path, json.dumps(body), request.key)
            except (OSError, http.client.HTTPException):
                self.counts["answers lost"] += 1
                if self._chance.random() < GIVES_UP:
                    self.counts["given up"] += 1
                    return None
                self.counts["asked again"] += 1
                continue
            request.status, request.answer = status, answer
            if status not in EXPECTED[request.kind]:
                self.faults.append(f"{path} was answered with {status}: {answer.decode()}")
            return request.shown if request.is_done else None

    def _get(self, path: str) -> dict | None:
        try:
            status, answer = self._exchange("GET", path)
        except (OSError, http.client.HTTPException):
            return None
        if status != 200:
            self.faults.append(f"{path} was answered with {status}: {answer.decode()}")
            return None
        return json.loads(answer)

    def _exchange(self, method: str, path: str, body: str | None = None, key: str | None = None) -> tuple[int, bytes]:
        """One request to whichever server is up, over a connection that is kept; raises where no answer came."""
        if self._connection is None:
            self._connection = self._connect()
        try:
            headers = KEY | {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=TIMEOUT_S)
            try:
                if self._server.port:
                    connection.connect()
                    return connection
            except OSError:
                connection.close()
            time.sleep(LOOK_AGAIN_S)

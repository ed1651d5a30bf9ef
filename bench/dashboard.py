"""`python -m bench.dashboard` fills a gateway with a million payments and times every page of its dashboard."""

import argparse
import contextlib
import http.client
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

from gateway import ids, merchants, totals
from gateway.config import Config
from gateway.crypto import hash_password
from gateway.server import Instance
from tests.services import free_port

PAYMENTS = 1_000_000
DAYS = 365
ROUNDS = 15
ROWS_AT_ONCE = 20_000
MERCHANT = "bench"
EMAIL, PASSWORD = "bench@example.com", "correct horse"
DAY_MS = 86_400_000

PAGES = {
    "overview, 30 days": "/dashboard",
    "overview, a year": "/dashboard?range=365d",
    "payments": "/dashboard/transactions",
    "payments, page in the middle": "/dashboard/transactions?before={middle}",
    "payments, by status": "/dashboard/transactions?status=failed",
    "payments, by a status nobody has": "/dashboard/transactions?status=requires_action",
    "payments, by method and amount": "/dashboard/transactions?method=wallet&min=900&max=901",
    "payments, a day half a year ago": "/dashboard/transactions?from={day}&to={day}",
    "payments, by id": "/dashboard/transactions?q={middle}",
    "payments, by text that is rare": "/dashboard/transactions?q=needle",
    "one payment": "/dashboard/transactions/{middle}",
    "orders": "/dashboard/orders",
    "orders, by id": "/dashboard/orders?q={order}",
    "orders, by receipt": "/dashboard/orders?q=receipt-500000",
    "refunds": "/dashboard/refunds",
    "payment links": "/dashboard/links",
    "webhooks": "/dashboard/webhooks",
    "API keys": "/dashboard/keys",
    "request log": "/dashboard/requests",
    "idempotency keys": "/dashboard/idempotency",
    "guide": "/dashboard/docs",
    "API reference": "/dashboard/reference",
    "settings": "/dashboard/settings",
    "account": "/dashboard/account",
    "team": "/dashboard/team",
    "audit log": "/dashboard/audit",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.dashboard", description=__doc__)
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--data", type=Path, help="keep the data here, and use what is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-", dir="/var/tmp") as folder:
        data = options.data or Path(folder)
        if not (data / "gateway.db").exists():
            fill(data, options.payments)
        print(json.dumps(measure(data), indent=2))


def fill(data: Path, payments: int) -> None:
    """A year of one merchant's payments, written as they would stand, and added up by the gateway itself."""
    with Instance(Config(data_dir=data)) as instance:
        instance.store.write_now(_add_merchant, instance.master)
    _say(f"writing {payments} payments")
    with contextlib.closing(sqlite3.connect(data / "gateway.db")) as database:
        database.execute("PRAGMA synchronous = off")
        for first in range(0, payments, ROWS_AT_ONCE):
            _write(database, first, min(payments, first + ROWS_AT_ONCE), payments)
            database.commit()
    with Instance(Config(data_dir=data)) as instance:
        began = time.monotonic()
        totals.catch_up(instance.store, 1_000_000)
        _say(f"added up in {time.monotonic() - began:.0f} s")


def _add_merchant(tx, master) -> None:
    merchants.add(tx, name="Bench", email=EMAIL, password_hash=hash_password(PASSWORD), merchant_id=MERCHANT)
    merchants.create_key(tx, master, MERCHANT, "test")


def _write(database, first: int, last: int, payments: int) -> None:
    now = int(time.time() * 1000)
    orders, rows, events, changes, refunds = [], [], [], [], []
    for number in range(first, last):
        at = now - (payments - number) * DAYS * DAY_MS // payments
        order, payment = ids.new_id("order"), ids.new_id("pay")
        amount, failed = random.randrange(10_000, 500_000), random.random() < 0.1
        method = random.choices(("upi", "card", "netbanking", "wallet"), (70, 20, 8, 2))[0]
        status, paid = ("failed", 0) if failed else ("success", amount)
        refunded = amount if not failed and number % 50 == 0 else 0
        orders.append((order, MERCHANT, amount, paid, f"receipt-{number}", "attempted" if failed else "paid", at))
        rows.append((payment, MERCHANT, order, amount, method, status, int(not failed), paid, refunded, at))
        for kind in ("created", "failed") if failed else ("created", "success", "captured"):
            reason = '"declined"' if failed else "null"
            body = _BODY % (payment, kind, at // 1000, payment, order, amount, method, paid, reason)
            events.append((ids.new_id("evt"), MERCHANT, f"payment.{kind}", payment, body.encode(), at))
        steps = (None, "pending", "processing", status)
        changes += [(payment, before, after, at) for before, after in pairwise(steps)]
        if refunded:
            refunds.append((ids.new_id("rfnd"), MERCHANT, payment, amount, at))
    database.executemany(_ORDER, orders)
    database.executemany(_PAYMENT, rows)
    database.executemany(_EVENT, events)
    database.executemany(_CHANGE, changes)
    database.executemany(_REFUND, refunds)


_BODY = (
    '{"id":"evt_0123456789abcdef","event":"%.0s%s","timestamp":%d,"data":{"payment":{"id":"%s","order_id":"%s",'
    '"merchant_id":"bench","amount":%d,"currency":"INR","method":"%s","status":"success","captured":true,'
    '"amount_captured":%d,"amount_refunded":0,"refund_status":null,"vpa":"customer@okbank","card":null,'
    '"error_code":null,"error_description":null,"error_reason":%s,"entity":"payment"}}}'
)
_ORDER = (
    "INSERT INTO orders (id, merchant_id, mode, amount, amount_paid, currency, receipt, notes, status, attempts,"
    " capture, created_at, updated_at) SELECT ?1, ?2, 'test', ?3, ?4, 'INR', ?5, '{}', ?6, 1, 'automatic', ?7, ?7"
)
_PAYMENT = (
    "INSERT INTO payments (id, merchant_id, mode, order_id, amount, currency, method, status, capture, captured,"
    " amount_captured, amount_refunded, vpa, processor, created_at, updated_at, work_attempts)"
    " SELECT ?1, ?2, 'test', ?3, ?4, 'INR', ?5, ?6, 'automatic', ?7, ?8, ?9, 'customer@okbank', 'simulator', ?10, ?10,"
    " 1"
)
_EVENT = (
    "INSERT INTO events (id, merchant_id, mode, type, object_id, body, created_at)"
    " SELECT ?1, ?2, 'test', ?3, ?4, ?5, ?6"
)
_CHANGE = "INSERT INTO status_changes (object_id, from_status, to_status, created_at) VALUES (?, ?, ?, ?)"
_REFUND = (
    "INSERT INTO refunds (id, merchant_id, mode, payment_id, amount, currency, notes, status, created_at, updated_at,"
    " work_attempts) SELECT ?1, ?2, 'test', ?3, ?4, 'INR', '{}', 'processed', ?5, ?5, 1"
)


class Server:
    """A gateway of its own on the data, with somebody logged in."""

    def __init__(self, data: Path):
        self.port = free_port()
        command = [sys.executable, "-m", "gateway", "serve", "--data", data, "--port", str(self.port)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while "listening" not in (line := self.process.stderr.readline()):
            assert line, "the gateway did not start"
        self.cookie = ""
        token = self.get("/dashboard/login").split('name="csrf" value="')[1][:64]
        form = urlencode({"csrf": token, "email": EMAIL, "password": PASSWORD})
        self.get("/dashboard/login", form)

    def get(self, path: str, form: str | None = None) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Cookie": self.cookie}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST" if form else "GET", path, form, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        cookies = [line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie") or []]
        self.cookie = "; ".join(cookies) if cookies else self.cookie
        connection.close()
        assert answer.status in (200, 303), (path, answer.status)
        return text

    def export(self) -> tuple[int, float]:
        """How many bytes a whole export has, and how many seconds it takes; nothing of it is kept."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("GET", "/dashboard/transactions/export.csv", headers={"Cookie": self.cookie})
        answer, began, size = connection.getresponse(), time.monotonic(), 0
        while piece := answer.read(1 << 20):
            size += len(piece)
        connection.close()
        return size, time.monotonic() - began

    @property
    def memory_mib(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def measure(data: Path) -> dict:
    server = Server(data)
    try:
        with contextlib.closing(sqlite3.connect(f"file:{data / 'gateway.db'}?mode=ro", uri=True)) as database:
            count, middle = database.execute("SELECT count(*), max(seq) / 2 FROM payments").fetchone()
            found = database.execute("SELECT id, order_id, created_at FROM payments WHERE seq = ?", (middle,))
            middle, order, at = found.fetchone()
        words = {"middle": middle, "order": order, "day": time.strftime("%Y-%m-%d", time.gmtime(at / 1000))}
        pages = {name: _time(server, path.format(**words)) for name, path in PAGES.items()}
        before = server.memory_mib
        size, took_s = server.export()
        export = {"bytes": size, "seconds": round(took_s, 1), "memory_mib": [round(before), round(server.memory_mib)]}
        return {"payments": count, "rounds": ROUNDS, "median_ms": pages, "export": export}
    finally:
        server.process.terminate()
        server.process.wait(30)


def _time(server: Server, path: str) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        assert "/dashboard/logout" in server.get(path), f"{path} needs a login"
        took.append((time.monotonic() - began) * 1000)
    return round(statistics.median(took), 1)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

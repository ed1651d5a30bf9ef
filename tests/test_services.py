"""The servers that other tests rely on are the real ones."""

import psycopg
import pytest
import redis
from playwright.sync_api import Page

from tests.services import is_local, run_node


def test_postgres_is_postgres(postgres_url: str):
    with psycopg.connect(postgres_url) as database:
        assert database.execute("SELECT version()").fetchone()[0].startswith("PostgreSQL 18")


def test_each_test_has_an_empty_database_of_its_own(postgres_url: str, postgres_cluster: str):
    with psycopg.connect(postgres_url) as database:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert database.execute(tables).fetchone() == (0,)
    assert postgres_url != postgres_cluster


def test_redis_is_redis_and_empty(redis_url: str):
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.info("server")["redis_version"] >= "6.2"
        assert client.dbsize() == 0


def test_chromium_shows_a_page_and_runs_its_script(page: Page):
    page.goto("data:text/html,<title>Shop</title><p id=p></p><script>p.textContent = 6 * 7</script>")
    assert page.title() == "Shop"
    assert page.text_content("#p") == "42"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/checkout.js", True),
        ("http://shop.localhost:8000/", True),
        ("http://[::1]:8000/demo", True),
        ("data:text/html,x", True),
        ("https://fonts.example.com/a.woff2", False),
        ("http://127.0.0.1.example.com/", False),
    ],
)
def test_a_page_may_only_ask_this_machine(url: str, local: bool):
    assert is_local(url) is local


def test_node_has_the_packages_of_the_tests():
    script = """
        const { Webhook } = require("standardwebhooks");
        const razorpay = require("razorpay");
        console.log(typeof Webhook, typeof razorpay.validateWebhookSignature, process.argv[1]);
    """
    assert run_node(script, "argument").split() == ["function", "function", "argument"]

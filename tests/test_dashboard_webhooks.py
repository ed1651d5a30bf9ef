"""Webhook endpoints in the dashboard: forms that lose nothing, warnings in time, secrets as libraries want them."""

import re
import sqlite3
from html import unescape

import pytest

from gateway.clock import now_ms
from gateway.models import WebhookEndpoint
from tests.counter import Gateway
from tests.shop import DAY_S
from tests.visitor import Visitor

URL = "http://shop.example/hook"
LEGACY, STANDARD = "whsec_test_abc123", "whsec_d2hzZWNfdGVzdF9hYmMxMjM="


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), LIMITS_LOGINS_PER_MINUTE=0)
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def alice(gateway):
    return Visitor(gateway, "alice@example.com")


@pytest.fixture
def endpoint(gateway):
    def make(**fields) -> str:
        return gateway.ask(gateway.alice, "/webhook_endpoints", {"url": URL, **fields})["id"]

    return make


def page_of(endpoint_id: str) -> str:
    return f"/dashboard/webhooks/endpoints/{endpoint_id}"


def checked(text: str) -> list[str]:
    """The events that a browser would send with the form as it stands."""
    return re.findall(r'name="events" value="([^"]+)" checked', text)


def seen(text: str) -> str:
    """A page as it is read."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", text)))


@pytest.mark.parametrize(
    "events", [["*"], ["payment.*"], ["payment.*", "refund.processed"], ["order.paid"], ["*", "payment.*"]], ids=str
)
def test_saving_an_endpoint_keeps_the_filter_that_was_set_elsewhere(gateway, alice, endpoint, events):
    path = page_of(endpoint(events=events))
    boxes = checked(alice.get(path).text)
    assert sorted(boxes) == sorted(events)
    fields = [("csrf", alice.token(path)), ("url", URL), ("description", "new"), *(("events", box) for box in boxes)]
    assert alice.post(path, fields).status == 303
    shown = gateway.ask(gateway.alice, f"/webhook_endpoints/{path.rpartition('/')[2]}")
    assert (shown["description"], sorted(shown["events"])) == ("new", sorted(events))


def test_an_endpoint_without_events_is_refused_instead_of_getting_all(gateway, alice, endpoint):
    path = page_of(endpoint(events=["order.paid"]))
    answer = alice.submit(path, url=URL)
    assert (answer.status, "Choose at least one event." in answer.text) == (400, True)
    assert gateway.ask(gateway.alice, f"/webhook_endpoints/{path.rpartition('/')[2]}")["events"] == ["order.paid"]


def test_a_secret_of_the_older_kind_is_shown_as_libraries_want_it(alice, endpoint):
    assert STANDARD in seen(alice.get(page_of(endpoint(secret=LEGACY))).text)
    assert "libraries of Standard Webhooks" not in alice.get(page_of(endpoint())).text


def test_a_warning_stands_there_before_an_endpoint_is_disabled(gateway, alice, endpoint):
    path = page_of(endpoint())
    warning = "this endpoint will be disabled on"
    assert warning not in seen(alice.get(path).text)
    _has_failed_for(gateway, path.rpartition("/")[2], days=3)
    for page in (path, "/dashboard/webhooks"):
        assert warning in seen(alice.get(page).text), page


def _has_failed_for(gateway, endpoint_id: str, days: int) -> None:
    """Behind the gateway's back, whose clock goes at its own pace."""
    table = WebhookEndpoint._meta.table_name
    with sqlite3.connect(gateway.folder / "gateway.db", timeout=5) as database:
        changed = database.execute(
            f"UPDATE {table} SET failures = 9, failing_since = ?, warned_percent = 50 WHERE id = ?",
            (now_ms() - days * DAY_S * 1000, endpoint_id),
        ).rowcount
    database.close()
    assert changed == 1

"""Webhooks over HTTP: what a merchant's server asks of the running gateway, and what it is told."""

import json
import urllib.error
import urllib.request
from contextlib import ExitStack
from functools import partial

import pytest

from bench.server import Server
from tests.post_office import Diary, status, wait_until
from tests.receivers import Receiver

QUICK = {
    "GATEWAY_SIMULATOR_DELAY_MIN": "0",
    "GATEWAY_SIMULATOR_DELAY_MAX": "0",
    "GATEWAY_WEBHOOKS_RETRY_SECONDS": "0.1,0.1,3600",
    "GATEWAY_WEBHOOKS_JITTER": "0",
}
ENDPOINT_FIELDS = {
    "id", "entity", "mode", "url", "events", "description", "enabled", "disabled_reason", "timeout", "rate_limit",
    "is_default", "failures", "failing_since", "last_success_at", "previous_secret_expires_at", "created_at",
    "updated_at",
}  # fmt: skip
DELIVERY_FIELDS = {
    "id", "entity", "event", "event_id", "endpoint_id", "status", "attempts", "response_code", "error", "created_at",
    "last_attempt_at", "next_retry_at",
}  # fmt: skip
NOBODY, UNKNOWN = "we_0000000000000000", "0f8ee1d7-5a75-4f8f-a6c4-2c9d52f7b8f1"


@pytest.fixture(scope="module")
def server():
    with Server(environment=QUICK) as server:
        yield server


@pytest.fixture
def ask(server):
    return partial(asked, server)


@pytest.fixture
def receiver():
    with Receiver(Diary()) as receiver:
        yield receiver


@pytest.fixture
def endpoint(ask, receiver):
    """An endpoint that lives as long as the test."""
    made = ask("POST", "/webhook_endpoints", {"url": receiver.url(), "events": ["webhook.test"]})[1]
    yield made
    ask("DELETE", f"/webhook_endpoints/{made['id']}")


def asked(server: Server, method: str, path: str, body: dict | None = None, **headers: str) -> tuple[int, dict]:
    """The status and the answer; None is an empty one."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/v1{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"X-Api-Key": "key_test_abc123", "X-Api-Secret": "secret_test_xyz789",
                 "Content-Type": "application/json", **headers},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.status, json.load(refusal)


def test_the_life_of_an_endpoint(ask, receiver):
    code, made = ask("POST", "/webhook_endpoints", {"url": receiver.url(), "events": ["webhook.*"], "timeout": 3})
    path = f"/webhook_endpoints/{made['id']}"
    assert code == 201
    assert set(made) == ENDPOINT_FIELDS | {"secret"}
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert ask("GET", path) == (200, shown)
    assert ask("GET", "/webhook_endpoints")[1]["data"][0] == shown
    assert ask("PATCH", path, {"description": "Stock", "timeout": None})[1] == shown | {
        "description": "Stock", "timeout": None, "updated_at": ask("GET", path)[1]["updated_at"],
    }  # fmt: skip
    code, rotated = ask("POST", f"{path}/rotate_secret")
    assert code == 200
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_expires_at"] > rotated["updated_at"]
    assert ask("DELETE", path) == (200, {"id": made["id"], "deleted": True})
    assert ask("GET", path)[0] == ask("DELETE", path)[0] == ask("PATCH", path, {})[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "field"),
    [
        ("POST", "/webhook_endpoints", {}, 400, "url"),
        ("POST", "/webhook_endpoints", {"url": 5}, 400, "url"),
        ("POST", "/webhook_endpoints", {"url": "http://exa mple/"}, 400, "url"),
        ("POST", "/webhook_endpoints", {"url": "https://a.example/", "events": []}, 400, "events"),
        ("POST", "/webhook_endpoints", {"url": "https://a.example/", "events": ["nothing"]}, 400, "events"),
        ("POST", "/webhook_endpoints", {"url": "https://a.example/", "timeout": 0}, 400, "timeout"),
        ("POST", "/webhook_endpoints", {"url": "https://a.example/", "timeout": 61}, 400, "timeout"),
        ("POST", "/webhook_endpoints", {"url": "https://a.example/", "rate_limit": 0}, 400, "rate_limit"),
        ("POST", "/webhook_endpoints", {"url": "https://a.example/", "secret": "short"}, 400, "secret"),
        ("POST", "/webhook_endpoints", {"url": "https://a.example/", "colour": "red"}, 400, "colour"),
        ("PATCH", "/merchant/webhook", {}, 400, "webhook_url"),
        ("PATCH", "/merchant/webhook", {"webhook_url": "ftp://a.example/"}, 400, "webhook_url"),
        ("POST", "/webhooks/recover", {"endpoint_id": NOBODY, "since": "yesterday"}, 400, "since"),
        ("POST", "/webhooks/recover", {"endpoint_id": NOBODY, "since": "2026-01-01"}, 404, "endpoint_id"),
        ("GET", f"/webhook_endpoints/{NOBODY}", None, 404, "endpoint_id"),
        ("GET", "/webhook_endpoints/pay_0000000000000000", None, 404, None),
        ("GET", f"/webhooks/{UNKNOWN}", None, 404, "id"),
        ("GET", "/webhooks/nonsense", None, 404, None),
        ("POST", f"/webhooks/{UNKNOWN}/retry", None, 404, "id"),
        ("GET", "/webhooks?status=lost", None, 400, "status"),
        ("GET", "/webhooks?event=payment.paid", None, 400, "event"),
        ("GET", "/events/evt_0000000000000000", None, 404, "event_id"),
    ],
)
def test_what_is_refused_and_why(ask, method, path, body, code, field):
    answered, refusal = ask(method, path, body)
    assert answered == code
    assert refusal["error"].get("field") == field
    assert refusal["error"]["description"]


def test_a_test_event_arrives_and_stands_in_the_log(ask, endpoint, receiver):
    code, sent = ask("POST", f"/webhook_endpoints/{endpoint['id']}/test")
    assert (code, sent["event"], sent["status"]) == (200, "webhook.test", "pending")
    wait_until(lambda: ask("GET", f"/webhooks/{sent['id']}")[1]["status"] == "success", "delivered")
    details = ask("GET", f"/webhooks/{sent['id']}")[1]
    assert set(details) == DELIVERY_FIELDS | {"url", "payload", "attempt_log"}
    assert details["payload"]["id"] == sent["event_id"]
    assert [attempt["response_code"] for attempt in details["attempt_log"]] == [200]
    listed = ask("GET", f"/webhooks?endpoint_id={endpoint['id']}&status=success")[1]
    assert (listed["total"], set(listed["data"][0])) == (1, DELIVERY_FIELDS)
    event = ask("GET", f"/events/{sent['event_id']}")[1]
    assert (event["event"], event["deliveries"][0]["id"]) == ("webhook.test", sent["id"])
    assert ask("GET", "/events?event=webhook.test")[1]["data"][0]["id"] == sent["event_id"]


def test_a_failed_delivery_is_retried_by_hand_at_once(ask):
    with Receiver(Diary([status(500)] * 3)) as receiver, ExitStack() as stack:
        made = ask("POST", "/webhook_endpoints", {"url": receiver.url(), "events": ["webhook.test"]})[1]
        stack.callback(ask, "DELETE", f"/webhook_endpoints/{made['id']}")
        delivery_id = ask("POST", f"/webhook_endpoints/{made['id']}/test")[1]["id"]
        wait_until(lambda: ask("GET", f"/webhooks/{delivery_id}")[1]["attempts"] == 3, "tried three times")
        waiting = ask("GET", f"/webhooks/{delivery_id}")[1]
        assert (waiting["status"], waiting["response_code"]) == ("pending", 500)
        assert waiting["next_retry_at"] > waiting["last_attempt_at"]
        assert ask("POST", f"/webhooks/{delivery_id}/retry") == (
            200, {"id": delivery_id, "status": "pending", "message": "Webhook retry scheduled"},
        )  # fmt: skip
        wait_until(lambda: ask("GET", f"/webhooks/{delivery_id}")[1]["status"] == "success", "delivered")
        assert [each["manual"] for each in ask("GET", f"/webhooks/{delivery_id}")[1]["attempt_log"]][-1] is True


def test_what_a_disabled_endpoint_missed_is_recovered(ask, receiver):
    made = ask("POST", "/webhook_endpoints", {"url": receiver.url(), "events": ["order.paid"], "enabled": False})[1]
    order = ask("POST", "/orders", {"amount": 500})[1]
    ask("POST", "/payments", {"order_id": order["id"], "method": "upi", "vpa": "success@razorpay"})
    missed = f"/webhooks?endpoint_id={made['id']}&status=skipped"
    wait_until(lambda: ask("GET", missed)[1]["total"] == 1, "skipped")
    wanted = {"endpoint_id": made["id"], "since": "2020-01-01T00:00:00Z", "status": "skipped"}
    assert ask("POST", "/webhooks/recover", wanted)[0] == 409
    ask("PATCH", f"/webhook_endpoints/{made['id']}", {"enabled": True})
    assert ask("POST", "/webhooks/recover", wanted) == (
        200, {"endpoint_id": made["id"], "count": 1, "message": "1 webhook will be sent again"},
    )  # fmt: skip
    wait_until(lambda: len(receiver.requests) == 1, "delivered")
    ask("DELETE", f"/webhook_endpoints/{made['id']}")


def test_the_short_form(ask, receiver):
    config = ask("GET", "/merchant/config")[1]
    assert config == {
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "name": "Test Merchant",
        "email": "test@example.com",
        "api_key": "key_test_abc123",
        "webhook_url": None,
        "webhook_secret": "whsec_test_abc123",
    }
    assert ask("POST", "/merchant/webhook/test")[0] == 400
    changed = ask("PATCH", "/merchant/webhook", {"webhook_url": receiver.url()})
    assert changed == (200, {"webhook_url": receiver.url(), "webhook_secret": "whsec_test_abc123"})
    delivery_id = ask("POST", "/merchant/webhook/test")[1]["id"]
    wait_until(lambda: ask("GET", f"/webhooks/{delivery_id}")[1]["status"] == "success", "delivered")
    secret = ask("POST", "/merchant/webhook/regenerate")[1]["webhook_secret"]
    assert ask("GET", "/merchant/config")[1] == config | {"webhook_url": receiver.url(), "webhook_secret": secret}
    assert ask("PATCH", "/merchant/webhook", {"webhook_url": None})[1]["webhook_url"] is None


def test_a_repeated_rotation_with_one_key_rotates_once(ask, endpoint, server):
    path, key = f"/webhook_endpoints/{endpoint['id']}/rotate_secret", {"Idempotency-Key": "rotate-1"}
    first, second = ask("POST", path, **key), ask("POST", path, **key)
    assert first == second
    assert first[1]["secret"] != endpoint["secret"]
    kept = (server.data / "gateway.db").read_bytes() + (server.data / "gateway.db-wal").read_bytes()
    assert first[1]["secret"].encode() not in kept

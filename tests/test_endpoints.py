"""Where a merchant wants events: many endpoints, each with its own filter, secret, limits, and one in short."""

import msgspec
import pytest

from gateway import clock, endpoints, lists, merchants, signatures
from gateway import webhook_objects as objects
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.objects import Owner
from tests.shop import ALICE, BOB, Shop

LIVE = Owner(ALICE.merchant_id, "live")
HOUR_MS = 3_600_000


@pytest.fixture
def shop(store, monkeypatch) -> Shop:
    monkeypatch.setattr(clock, "_offset_ms", 0)
    return Shop(store)


def rotate(shop, endpoint_id, secret=None, overlap_ms=24 * HOUR_MS):
    return shop.store.write_now(endpoints.rotate, ALICE, endpoint_id, secret, shop.master, overlap_ms)


def row(shop, endpoint_id):
    return shop.store.read_now(endpoints.find, ALICE, endpoint_id)


def test_an_endpoint_with_everything(shop):
    made = shop.endpoint(
        "https://shop.example/hook?a=b",
        events=["payment.*", "order.paid", "payment.*"],
        description="Stock",
        timeout=5,
        rate_limit=50,
    )
    assert made.id.startswith("we_")
    assert made.secret.startswith("whsec_")
    assert len(made.secret) == 50
    assert made.events == ["payment.*", "order.paid"]
    assert (made.url, made.description, made.timeout, made.rate_limit, made.enabled, made.mode) == (
        "https://shop.example/hook?a=b", "Stock", 5, 50, True, "test",
    )  # fmt: skip
    shown = shop.look(made.id)
    assert msgspec.to_builtins(shown) == {k: v for k, v in msgspec.to_builtins(made).items() if k != "secret"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "ftp://shop.example/"}, "url"),
        ({"url": "https://user:pass@shop.example/"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "shop.example"}, "url"),
        ({"events": ["payment.paid"]}, "events"),
        ({"events": ["payments.*"]}, "events"),
        ({"events": ["pay*"]}, "events"),
        ({"secret": "short"}, "secret"),
        ({"secret": "whsec_tooshort"}, "secret"),
    ],
)
def test_what_cannot_be_an_endpoint(shop, fields, field):
    with pytest.raises(BadRequest) as refusal:
        shop.endpoint(**fields)
    assert refusal.value.field == field
    assert shop.store.read_now(endpoints.list_endpoints, ALICE, lists.Page())["total"] == 0


@pytest.mark.parametrize("secret", ["whsec_test_abc123", "a-secret-of-the-shop", "of the usual form"])
def test_a_merchant_may_bring_a_secret(shop, secret):
    secret = signatures.new_secret() if secret == "of the usual form" else secret
    assert shop.endpoint(secret=secret).secret == secret


def test_live_endpoints_insist_on_https(shop):
    live = Shop(shop.store, LIVE)
    with pytest.raises(BadRequest, match="live"):
        live.endpoint("http://shop.example/")
    endpoint = live.endpoint("https://shop.example/")
    with pytest.raises(BadRequest, match="live"):
        live.edit(endpoint.id, url="http://shop.example/")
    with pytest.raises(BadRequest, match="live"):
        shop.store.write_now(endpoints.set_default_url, LIVE, "http://shop.example/", shop.master)
    assert shop.endpoint("http://shop.example/").url == "http://shop.example/"


def test_endpoints_of_others_and_of_the_other_mode_do_not_exist(shop):
    endpoint = shop.endpoint()
    for stranger in (BOB, LIVE):
        for work, *arguments in (
            (endpoints.show,),
            (endpoints.edit, objects.EndpointChanges(enabled=False)),
            (endpoints.delete,),
            (endpoints.rotate, None, shop.master, 0),
            (endpoints.send_test,),
            (endpoints.recover, 0, None),
        ):
            with pytest.raises(NotFound):
                shop.store.write_now(work, stranger, endpoint.id, *arguments)
        assert shop.store.read_now(endpoints.list_endpoints, stranger, lists.Page())["data"] == []
    assert shop.look(endpoint.id).enabled


def test_edit_changes_what_is_given_and_nothing_else(shop):
    made = shop.endpoint(description="Stock", timeout=5, rate_limit=50)
    changed = shop.edit(made.id, description="Mail", rate_limit=None)
    assert (changed.description, changed.timeout, changed.rate_limit, changed.url) == ("Mail", 5, None, made.url)
    assert shop.edit(made.id, events=["*"]).events == ["*"]
    assert shop.edit(made.id) == shop.look(made.id)


def test_the_list_is_newest_first_and_without_what_was_deleted(shop):
    made = [shop.endpoint(f"https://{name}.example/") for name in "abc"]
    shop.store.write_now(endpoints.delete, ALICE, made[1].id)
    shop.store.write_now(endpoints.default, ALICE, shop.master)
    listed = shop.store.read_now(endpoints.list_endpoints, ALICE, lists.Page())
    assert [endpoint.id for endpoint in listed["data"]] == [made[2].id, made[0].id]
    assert listed["total"] == 2


def test_there_is_a_limit(shop, monkeypatch):
    monkeypatch.setattr(endpoints, "ENDPOINTS_MAX", 2)
    shop.endpoint(), shop.endpoint()
    with pytest.raises(BadRequest) as refusal:
        shop.endpoint()
    assert refusal.value.reason == "too_many_endpoints"


def test_the_old_secret_signs_beside_the_new_one_for_a_day(shop):
    made = shop.endpoint()
    now = clock.now_ms()
    rotated = rotate(shop, made.id)
    assert rotated.secret != made.secret
    assert rotated.previous_secret_expires_at > clock.rfc3339(now + 23 * HOUR_MS)
    assert endpoints.secrets(row(shop, made.id), shop.master, now) == (rotated.secret, made.secret)
    assert endpoints.secrets(row(shop, made.id), shop.master, now + 25 * HOUR_MS) == (rotated.secret, None)


def test_a_rotation_without_overlap_forgets_the_old_secret(shop):
    made = shop.endpoint()
    rotate(shop, made.id)
    rotated = rotate(shop, made.id, "a-secret-of-the-shop", overlap_ms=0)
    assert endpoints.secrets(row(shop, made.id), shop.master, clock.now_ms()) == (rotated.secret, None)
    with pytest.raises(Conflict):
        rotate(shop, made.id, "a-secret-of-the-shop")


def test_secrets_are_stored_sealed_and_for_their_row_alone(shop):
    made = shop.endpoint()
    stored = shop.store.read_now(lambda tx: bytes(tx.one("SELECT secret_sealed FROM webhook_endpoints")[0]))
    assert made.secret.encode() not in stored
    assert repr(endpoints.secrets(row(shop, made.id), shop.master, 0)[0]) == "'***'"


# The default endpoint


def test_the_short_form_for_those_who_need_one_endpoint(shop):
    made = shop.store.write_now(endpoints.set_default_url, ALICE, "https://shop.example/hook", shop.master)
    assert made.webhook_url == "https://shop.example/hook"
    again = shop.store.write_now(endpoints.set_default_url, ALICE, "https://shop.example/other", shop.master)
    assert again.webhook_secret == made.webhook_secret
    regenerated = shop.store.write_now(endpoints.regenerate_default, ALICE, shop.master, HOUR_MS)
    assert regenerated.webhook_secret not in ("", made.webhook_secret)
    (default,) = shop.store.read_now(endpoints.list_endpoints, ALICE, lists.Page())["data"]
    assert (default.is_default, default.events) == (True, ["*"])


def test_saving_the_url_enables_a_default_endpoint_that_was_disabled(shop):
    shop.store.write_now(endpoints.set_default_url, ALICE, "https://shop.example/", shop.master)
    (default,) = shop.store.read_now(endpoints.list_endpoints, ALICE, lists.Page())["data"]
    shop.store.write_now(endpoints.disable, default.id, "failing")
    shop.store.write_now(endpoints.set_default_url, ALICE, "https://shop.example/", shop.master)
    assert shop.look(default.id).enabled


@pytest.mark.parametrize("nowhere", [None, ""])
def test_without_a_url_nothing_is_sent(shop, nowhere):
    shop.store.write_now(endpoints.set_default_url, ALICE, "https://shop.example/", shop.master)
    shop.event()
    assert shop.store.write_now(endpoints.set_default_url, ALICE, nowhere, shop.master).webhook_url is None
    shop.event()
    assert [delivery.status for delivery in shop.deliveries()] == ["skipped"]
    with pytest.raises(BadRequest) as refusal:
        shop.store.write_now(endpoints.send_test_to_default, ALICE, shop.master)
    assert refusal.value.reason == "no_url"


def test_deleting_the_default_endpoint_leaves_an_empty_one(shop):
    secret = shop.store.write_now(endpoints.set_default_url, ALICE, "https://shop.example/", shop.master).webhook_secret
    (default,) = shop.store.read_now(endpoints.list_endpoints, ALICE, lists.Page())["data"]
    shop.store.write_now(endpoints.delete, ALICE, default.id)
    assert shop.store.read_now(endpoints.list_endpoints, ALICE, lists.Page())["data"] == []
    back = shop.store.write_now(endpoints.set_default_url, ALICE, "https://shop.example/", shop.master)
    assert back.webhook_secret == secret


def test_the_demo_merchant_has_the_secret_of_the_contract(shop):
    shop.store.write_now(merchants.seed_demo, shop.master, "no password")
    shop.store.write_now(endpoints.seed_demo, shop.master)
    shop.store.write_now(endpoints.seed_demo, shop.master)
    config = shop.store.read_now(endpoints.config, Owner(merchants.DEMO_MERCHANT_ID, "test"), shop.master)
    assert msgspec.to_builtins(config) == {
        "id": merchants.DEMO_MERCHANT_ID,
        "name": "Test Merchant",
        "email": "test@example.com",
        "api_key": "key_test_abc123",
        "webhook_url": None,
        "webhook_secret": "whsec_test_abc123",
    }


def test_a_test_event_goes_to_this_endpoint_alone_whatever_its_filter(shop):
    endpoint, other = shop.endpoint(events=["refund.failed"]), shop.endpoint("https://other.example/")
    sent = shop.store.write_now(endpoints.send_test, ALICE, endpoint.id)
    (claimed,) = shop.claim(endpoint.id)
    assert (claimed.id, claimed.event_id, claimed.event_type) == (sent.id, sent.event_id, "webhook.test")
    assert shop.claim(other.id) == []
    shop.edit(endpoint.id, enabled=False)
    with pytest.raises(Conflict):
        shop.store.write_now(endpoints.send_test, ALICE, endpoint.id)

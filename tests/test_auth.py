"""Who is let in: keys, Basic, tokens; and that nobody ever reaches what is another's."""

import base64
import re
import time

import jwt
import pytest
from sanic import Sanic

from bench.server import KEY, Server
from gateway import accounts, crypto, logins, merchants, saved_cards
from gateway.config import Config
from gateway.ids import random_letters
from gateway.server import Gateway
from gateway.web.app import ROUTES, create_app
from gateway.web.dashboard import ROUTES as DASHBOARD
from tests.calling import BOB, Answer, Caller, add_key, add_merchant, data_of

CARD = {"number": "4242424242424242", "expiry_month": 12, "expiry_year": 2030, "cvv": "737", "holder_name": "Asha Rao"}
LOGIN = {"email": "test@example.com", "password": "test1234"}
ID, SECRET = KEY["X-Api-Key"], KEY["X-Api-Secret"]


@pytest.fixture(scope="module")
def server():
    with Server(environment={"GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0"}) as server:
        yield server


@pytest.fixture(scope="module")
def alice(server: Server) -> Caller:
    """The demo merchant."""
    return Caller(server)


@pytest.fixture(scope="module")
def bob(server: Server) -> Caller:
    return add_merchant(server, **BOB)


def basic(text: str | bytes) -> dict[str, str]:
    raw = text.encode() if isinstance(text, str) else text
    return {"Authorization": "Basic " + base64.b64encode(raw).decode()}


def token_for(alice: Caller, **fields) -> dict[str, str]:
    return {"Authorization": "Bearer " + alice("POST", "/auth/token", LOGIN | fields).json["token"]}


# Who is let in


@pytest.mark.parametrize(
    "credentials",
    [
        KEY,
        {"x-api-key": ID, "X-API-SECRET": SECRET},
        basic(f"{ID}:{SECRET}"),
        {"Authorization": basic(f"{ID}:{SECRET}")["Authorization"].replace("Basic", "BASIC")},
    ],
)
def test_a_key_and_its_secret_open(server: Server, credentials):
    assert Caller(server, credentials)("GET", "/orders").status == 200


WRONG = {
    "nothing": {},
    "no secret": {"X-Api-Key": ID},
    "no key": {"X-Api-Secret": SECRET},
    "empty": {"X-Api-Key": "", "X-Api-Secret": ""},
    "a wrong secret": {"X-Api-Key": ID, "X-Api-Secret": SECRET + "x"},
    "half a secret": {"X-Api-Key": ID, "X-Api-Secret": SECRET[:-1]},
    "a wrong key": {"X-Api-Key": ID + "x", "X-Api-Secret": SECRET},
    "the other way round": {"X-Api-Key": SECRET, "X-Api-Secret": ID},
    "an injection": {"X-Api-Key": "' OR 1=1 --", "X-Api-Secret": "' OR 1=1 --"},
    "a key in another script": {"X-Api-Key": "ключ", "X-Api-Secret": SECRET},
    "a secret in another script": {"X-Api-Key": ID, "X-Api-Secret": "सीक्रेट🔑"},
    "a very long secret": {"X-Api-Key": ID, "X-Api-Secret": "x" * 4_000},
    "Basic nonsense": {"Authorization": "Basic !!!"},
    "Basic without a colon": basic(f"{ID}{SECRET}"),
    "Basic with a wrong secret": basic(f"{ID}:wrong"),
    "Basic in another script": basic("ключ:ключ"),
    "Basic with bytes": basic(b"\xff\xfe:\xff"),
    "Basic with a NUL": basic(f"{ID}\0:{SECRET}"),
    "Basic and nothing": {"Authorization": "Basic"},
    "an empty header": {"Authorization": ""},
    "another scheme": {"Authorization": f"Digest {ID}:{SECRET}"},
    "a scheme in another script": {"Authorization": "бейсик x"},
    "Bearer nonsense": {"Authorization": "Bearer nonsense"},
    "Bearer with dots": {"Authorization": "Bearer a.b.c"},
    "Bearer in another script": {"Authorization": "Bearer я.я.я"},
    "Bearer and nothing": {"Authorization": "Bearer "},
    "an unsigned token": {"Authorization": "Bearer " + jwt.encode(
        {"sub": merchants.DEMO_MERCHANT_ID, "mode": "test", "aud": "gateway api", "exp": 2**31}, None, "none"
    )},
    "a token of somebody else's": {"Authorization": "Bearer " + jwt.encode(
        {"sub": merchants.DEMO_MERCHANT_ID, "mode": "test", "aud": "gateway api", "exp": 2**31}, bytes(32), "HS256"
    )},
}  # fmt: skip


@pytest.mark.parametrize("credentials", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(("method", "path"), [("GET", "/orders"), ("POST", "/orders")])
def test_nothing_else_does_and_it_is_never_our_fault(server: Server, credentials, method, path):
    answer = Caller(server, credentials)(method, path, {"amount": 50_000} if method == "POST" else None)
    assert (answer.status, answer.code) == (401, "AUTHENTICATION_ERROR")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert SECRET not in answer.body.decode()


def test_what_was_refused_says_the_same_whatever_was_wrong(server: Server):
    names = ("nothing", "a wrong secret", "a wrong key", "Basic with a wrong secret")
    bodies = {Caller(server, WRONG[name])("GET", "/orders").body for name in names}
    assert len(bodies) == 1


# Tokens


def test_a_token_stands_for_the_merchant(alice: Caller, server: Server):
    answer = alice("POST", "/auth/token", LOGIN)
    assert list(answer.json) == ["token", "token_type", "expires_at"]
    assert answer.json["token_type"] == "Bearer"
    order = alice.order()
    by_token = Caller(server, {"Authorization": f"Bearer {answer.json['token']}"})
    assert by_token("GET", f"/orders/{order['id']}").json == order


@pytest.mark.parametrize(
    "login",
    [
        LOGIN | {"password": "test12345"},
        LOGIN | {"password": ""},
        LOGIN | {"email": "nobody@example.com"},
        LOGIN | {"email": "' OR 1=1 --"},
        LOGIN | {"email": "тест@example.com", "password": "пароль"},
    ],
)
def test_a_wrong_login_is_refused_without_saying_what_was_wrong(alice: Caller, login):
    answer = alice("POST", "/auth/token", login)
    assert (answer.status, answer.code) == (401, "AUTHENTICATION_ERROR")
    assert answer.json["error"]["description"] == "The e-mail address or the password is wrong."


def test_a_token_is_of_one_mode(alice: Caller, server: Server):
    order = alice.order()
    live = Caller(server, token_for(alice, mode="live"))
    assert live("GET", f"/orders/{order['id']}").status == 404
    assert live("GET", "/orders").json["total"] == 0


def test_a_token_dies_with_the_password_it_was_given_for(server: Server):
    carol = {"email": "carol@shop.test", "password": "carols cakes"}
    add_merchant(server, **carol)
    token = Caller(server, token_for(Caller(server, {}), **carol))
    assert token("GET", "/orders").status == 200
    change_password(server, carol["email"], "something new")
    answer = token("GET", "/orders")
    assert (answer.status, answer.code) == (401, "AUTHENTICATION_ERROR")


def change_password(server: Server, email: str, password: str) -> None:
    hashed = crypto.hash_password(password)
    with data_of(server) as instance:
        user = instance.store.write_now(accounts.find_by_email, email)
        instance.store.write_now(accounts.set_password, user, hashed)


# Keys come and go while the server runs


def test_a_revoked_key_is_worth_nothing_within_two_seconds(server: Server):
    dora = add_merchant(server, "dora@shop.test", "doras dolls")
    assert dora("GET", "/orders").status == 200
    with data_of(server) as instance:
        instance.store.write_now(merchants.revoke_key, dora.credentials["X-Api-Key"])
    revoked_at = time.monotonic()
    while dora("GET", "/orders").status == 200:
        assert time.monotonic() - revoked_at < 2
    assert dora("GET", "/orders").status == 401


def test_live_and_test_do_not_see_each_other(server: Server):
    test = add_merchant(server, "eve@shop.test", "eves eggs")
    live = add_key(server, test, "live")
    order, payment = test.order(), test.paid()
    for path in (f"/orders/{order['id']}", f"/payments/{payment['id']}", f"/orders/{order['id']}/payments"):
        assert live("GET", path).status == 404
    assert live("POST", "/payments", {"order_id": order["id"], "method": "upi", "vpa": "a1@bank"}).status == 404
    assert live("POST", f"/payments/{payment['id']}/refunds").status == 404
    assert live("GET", "/events").json["total"] == 0
    assert test("GET", f"/orders/{live.order()['id']}").status == 404
    refused = live("POST", "/payments", {"order_id": live.order()["id"], "method": "upi", "vpa": "success@razorpay"})
    assert (refused.status, refused.reason) == (400, "no_processor")


# Another merchant's objects, on every address there is

BODIES = {
    "/payments/<payment_id>/capture": {"amount": 100},
    "/payments/<payment_id>/refunds": {"amount": 100},
    "/webhook_endpoints/<endpoint_id>": {"description": "mine now"},
}


@pytest.fixture(scope="module")
def alices_ids(alice: Caller) -> dict[str, str]:
    """An id of hers for every name that stands in an address."""
    payment = with_saved_card(alice, alice.order(capture="manual"))
    saved = alice("GET", f"/payments/{payment['id']}/token").json
    endpoint = alice.made("/webhook_endpoints", url="http://127.0.0.1:9/hook", events=["webhook.test"])
    sent = alice.made(f"/webhook_endpoints/{endpoint['id']}/test")
    return {
        "order_id": payment["order_id"],
        "payment_id": payment["id"],
        "refund_id": alice.made(f"/payments/{alice.paid()['id']}/refunds")["id"],
        "endpoint_id": endpoint["id"],
        "delivery_id": sent["id"],
        "event_id": alice("GET", "/events").json["data"][0]["id"],
        "link_id": alice.made("/payment_links", amount=50_000)["id"],
        "customer_id": saved["customer_id"],
        "token": saved["id"],
    }


def with_saved_card(alice: Caller, order: dict) -> dict:
    """A payment by a customer who wants the card kept."""
    body = {"order_id": order["id"], "method": "card", "card": CARD, "save_card": True}
    cookie = "customer=" + random_letters(saved_cards.SECRET_LETTERS)
    payment = alice("POST", "/payments/public", body, Cookie=cookie).json
    return alice.final(payment)


def call(caller: Caller, route, ids: dict[str, str]) -> Answer:
    path = re.sub(r"<(\w+)>", lambda name: ids[name[1]], route.path)
    return caller(route.method, path, BODIES.get(route.path, {}) if route.body else None)


WITH_IDS = [route for route in ROUTES if "<" in route.path and route.access == "merchant"]
OF_MERCHANTS = [route for route in ROUTES if route.access == "merchant"]


def named(route) -> str:
    return f"{route.method} {route.path}"


def test_the_walk_is_worth_walking():
    assert len(WITH_IDS) >= 18
    assert {route.access for route in ROUTES} <= {"merchant", "public", "open", "demo"}


# Whoever has the id or the address of these may use them: customers, receivers of links, scrapers, browsers.
OPEN_TO_ALL = {
    "/", "/favicon.ico", "/bank/<door_name>/<payment_id>", "/checkout", "/checkout.js", "/checkout/accent/<name>",
    "/checkout/cards/<token>", "/checkout/customer", "/checkout/logo/<merchant_id>",
    "/checkout/payments/<payment_id>", "/checkout/payments/<payment_id>/cancel",
    "/checkout/payments/<payment_id>/live", "/checkout/payments/<payment_id>/qr.svg", "/docs", "/failure",
    "/health", "/l/<code>", "/l/<code>/qr.svg", "/metrics", "/<name>", "/openapi.json",
    "/static/<name>", "/success",
}  # fmt: skip


def test_no_address_of_the_application_escapes_the_walks(tmp_path):
    """What is neither a merchant's route here nor one of the dashboard's is open to all, and is named above."""
    gateway = Gateway(Config(data_dir=tmp_path))
    app = create_app(gateway)
    try:
        served = {re.sub(r":[^>]*>", ">", f"/{route.path}") for route in app.router.routes}
    finally:
        Sanic.unregister_app(app)
        gateway.close()
    walked = {f"/api/v1{route.path}" for route in ROUTES} | {f"/dashboard{route.path}" for route in DASHBOARD}
    assert served - walked == OPEN_TO_ALL


@pytest.mark.parametrize("route", WITH_IDS, ids=named)
def test_her_own_objects_are_there(alice: Caller, alices_ids, route):
    """So that a 404 in the next test means what it says."""
    if route.method == "GET":
        assert call(alice, route, alices_ids).status == 200


@pytest.mark.parametrize("route", WITH_IDS, ids=named)
def test_nobody_reaches_anothers_object_on_any_route(server: Server, bob: Caller, alices_ids, route):
    before = snapshot(server, alices_ids)
    answer = call(bob, route, alices_ids)
    assert (answer.status, answer.code) == (404, "NOT_FOUND_ERROR")
    for word in ("alice", "test@example.com", "50000", merchants.DEMO_MERCHANT_ID):
        assert word not in answer.body.decode()
    assert snapshot(server, alices_ids) == before


@pytest.mark.parametrize("route", OF_MERCHANTS, ids=named)
def test_nobody_without_credentials_gets_in_on_any_route(server: Server, alices_ids, route):
    before = snapshot(server, alices_ids)
    assert call(Caller(server, {}), route, alices_ids).status == 401
    assert snapshot(server, alices_ids) == before


LISTS = [route for route in OF_MERCHANTS if route.method == "GET" and "<" not in route.path]


@pytest.mark.parametrize("route", LISTS, ids=named)
def test_what_needs_no_id_shows_only_ones_own(bob: Caller, alices_ids, route):
    answer = call(bob, route, alices_ids)
    assert answer.status == 200
    shown = answer.body.decode()
    assert merchants.DEMO_MERCHANT_ID not in shown
    assert not [name for name, value in alices_ids.items() if value in shown]


def snapshot(server: Server, ids: dict[str, str]) -> list:
    """What a stranger could have changed."""
    tables = {
        "orders": "order_id", "payments": "payment_id", "refunds": "refund_id", "webhook_endpoints": "endpoint_id",
    }  # fmt: skip
    rows = [server.select(f"SELECT * FROM {table} WHERE id = ?", ids[name]) for table, name in tables.items()]
    return rows + [server.select(f"SELECT count(*) FROM {table}") for table in tables]


# Too much


@pytest.fixture(scope="module")
def busy():
    """A gateway that lets five requests a minute through."""
    names = ("REQUESTS", "ADDRESS_REQUESTS", "LOGINS")
    with Server(environment={f"GATEWAY_LIMITS_{name}_PER_MINUTE": "5" for name in names}) as server:
        yield server


def refused_after_five(ask) -> Answer:
    """The sixth answer, after five that were let through."""
    assert 429 not in [ask().status for _ in range(5)]
    return ask()


def test_a_key_is_limited_and_told_when_to_come_back(busy: Server):
    alice, bob = Caller(busy), add_merchant(busy, **BOB)
    answer = refused_after_five(lambda: alice("GET", "/orders"))
    assert (answer.status, answer.code) == (429, "RATE_LIMIT_ERROR")
    assert 1 <= int(answer.headers["Retry-After"]) <= 13
    assert bob("GET", "/orders").status == 200


def test_what_was_too_much_does_not_use_its_idempotency_key_up(busy: Server):
    carol = add_merchant(busy, "carol@shop.test", "carols cakes")
    refused = refused_after_five(lambda: carol("POST", "/orders", {"amount": 50_000}))
    assert refused.status == 429
    assert carol("POST", "/orders", {"amount": 50_000}, key="k").status == 429
    assert busy.select("SELECT * FROM idempotency_keys") == []


def test_guesses_and_strangers_are_limited_by_their_address(busy: Server):
    def guess() -> Answer:
        return Caller(busy, {"X-Api-Key": ID, "X-Api-Secret": "guess"})("GET", "/orders")

    answer = refused_after_five(guess)
    assert (answer.status, answer.code) == (429, "RATE_LIMIT_ERROR")
    stranger = Caller(busy, {})
    assert stranger("GET", "/orders/order_0123456789abcdef/public").status == 429
    assert add_merchant(busy, "dora@shop.test", "doras dolls")("GET", "/orders").status == 200


def test_a_token_that_died_counts_as_a_guess():
    carol = {"email": "carol@shop.test", "password": "carols cakes"}
    with Server(environment={"GATEWAY_LIMITS_ADDRESS_REQUESTS_PER_MINUTE": "5"}) as server:
        add_merchant(server, **carol)
        token = Caller(server, token_for(Caller(server, {}), **carol))
        change_password(server, carol["email"], "something new")
        assert [token("GET", "/orders").status for _ in range(5)] == [401, 401, 401, 401, 429]


def test_passwords_cannot_be_tried_without_end(busy: Server):
    """Whoever comes from the same address; the right password does not help either then."""
    stranger = Caller(busy, {})
    while (answer := stranger("POST", "/auth/token", LOGIN | {"password": "guess"})).status == 401:
        pass
    assert (answer.status, answer.code) == (429, "RATE_LIMIT_ERROR")
    assert stranger("POST", "/auth/token", LOGIN).status == 429


def test_a_password_is_tried_as_often_here_as_at_the_dashboards_door(server: Server):
    """Ten times in all from one address, though the demo limits no address; a right one in between forgives."""
    erin = {"email": "erin@shop.test", "password": "erins easels"}
    caller = add_merchant(server, **erin)

    def guess() -> Answer:
        return caller("POST", "/auth/token", erin | {"password": "guess"})

    assert [guess().status for _ in range(9)] == [401] * 9
    assert caller("POST", "/auth/token", erin).status == 200
    with data_of(server) as instance:
        for _ in range(4):
            instance.store.write_now(logins.begin, erin["email"], "127.0.0.1", 0)
    assert [guess().status for _ in range(7)] == [401] * 6 + [429]
    assert caller("POST", "/auth/token", erin).status == 429


def test_the_demo_has_no_limits(alice: Caller):
    assert {alice("GET", "/merchant/config").status for _ in range(50)} == {200}


# What a key may do


def test_a_key_that_may_only_read_reads_and_writes_nothing(server: Server, alice: Caller):
    reader = add_key(server, alice, scope="read")
    assert reader("GET", "/orders").status == 200
    refused = reader("POST", "/orders", {"amount": 50_000})
    assert (refused.status, refused.code) == (403, "FORBIDDEN_ERROR")
    assert refused.json["error"]["reason"] == "read_only_key"
    assert reader("PATCH", "/merchant/webhook", {"webhook_url": None}).status == 403


def test_an_account_with_a_second_factor_gets_no_token_for_a_password_alone(server: Server):
    carol = {"email": "carol@example.com", "password": "correct horse battery"}
    caller, login = add_merchant(server, **carol), carol
    assert caller("POST", "/auth/token", login).status == 200
    with data_of(server) as instance:
        instance.store.write_now(_turn_second_factor_on, carol["email"])
    refused = caller("POST", "/auth/token", login)
    assert (refused.status, refused.json["error"]["reason"]) == (403, "second_factor")
    assert caller("POST", "/auth/token", login | {"password": "wrong password"}).status == 401


def _turn_second_factor_on(tx, email):
    user = accounts.find_by_email(tx, email)
    tx.execute("UPDATE users SET totp_sealed = ? WHERE id = ?", (b"sealed", user.id))

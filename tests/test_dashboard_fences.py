"""What the dashboard must never do: show another merchant's things, take a form that is not its own, let anybody in."""

import http.client
import re

import pytest

from gateway.web.dashboard import ROUTES
from tests.counter import Gateway, fetch
from tests.visitor import Forms, Visitor

QUICK = {"SIMULATOR_DELAY_MIN": 0, "SIMULATOR_DELAY_MAX": 0, "SIMULATOR_UPI_SUCCESS_RATE": 1,
         "SIMULATOR_CARD_SUCCESS_RATE": 1}  # fmt: skip
GETS = [route for route in ROUTES if route.method == "GET"]
POSTS = [route for route in ROUTES if route.method == "POST"]
OPEN = {"/login", "/appearance", "/invitation/<invitation>"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), **QUICK, LIMITS_LOGINS_PER_MINUTE=0)
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def alice(gateway):
    return Visitor(gateway, "alice@example.com")


@pytest.fixture(scope="module")
def bob(gateway):
    return Visitor(gateway, "bob@example.com")


@pytest.fixture(scope="module")
def bobs(gateway, bob):
    """One of everything that Bob owns, by the name that addresses give it."""
    order = gateway.ask(gateway.bob, "/orders", {"amount": 50_000, "receipt": "BOBS-RECEIPT"})
    payment = gateway.ask(gateway.bob, "/payments", {"order_id": order["id"], "method": "upi", "vpa": "bob@okbank"})
    link = gateway.ask(gateway.bob, "/payment_links", {"amount": 50_000, "description": "BOBS-LINK"})
    endpoint = gateway.ask(gateway.bob, "/webhook_endpoints", {"url": "http://bobs.example/hook"})
    sent = gateway.ask(gateway.bob, f"/webhook_endpoints/{endpoint['id']}/test", {})
    token = gateway.save_card(gateway.bob)
    bob.submit("/dashboard/team/invite", "/dashboard/team", email="helper@bobs.example", role="viewer")
    return {
        "order_id": order["id"],
        "payment_id": payment["id"],
        "link_id": link["id"],
        "endpoint_id": endpoint["id"],
        "delivery_id": sent["id"],
        "customer_id": token["customer_id"],
        "token_id": token["id"],
        "key_id": gateway.bob.key,
        "user_id": gateway.bob.id,
        "invitation": "x" * 43,
    }


def path_of(route, ids: dict) -> str:
    return "/dashboard" + re.sub(r"<(\w+)>", lambda part: ids[part[1]], route.path)


def with_an_id(routes):
    return [route for route in routes if "_id>" in route.path]


@pytest.mark.parametrize("route", with_an_id(GETS), ids=lambda route: route.path)
def test_another_merchants_objects_are_not_there(route, alice, bob, bobs):
    path = path_of(route, bobs)
    assert bob.get(path).status == 200
    answer = alice.get(path)
    assert answer.status == 404
    assert "BOBS-" not in answer.text and "bobs.example" not in answer.text


@pytest.mark.parametrize("route", with_an_id(POSTS), ids=lambda route: route.path)
def test_nothing_can_be_done_to_another_merchants_objects(route, gateway, alice, bobs):
    before = gateway.ask(gateway.bob, f"/payments/{bobs['payment_id']}")
    answer = alice.submit(path_of(route, bobs), "/dashboard", amount="1.00", role="viewer", url="http://x.example/")
    assert answer.status in (403, 404), (route.path, answer.status, answer.location)
    assert gateway.ask(gateway.bob, f"/payments/{bobs['payment_id']}")["updated_at"] == before["updated_at"]


# A stream has no end, and an invitation no owner yet.
SHARED = [route for route in GETS if "_id>" not in route.path and route.path not in ("/live", *OPEN)]


@pytest.mark.parametrize("route", SHARED, ids=lambda route: route.path)
def test_no_page_of_one_merchant_shows_what_is_anothers(route, alice, bobs):
    text = alice.get(path_of(route, bobs)).text
    names = ("order_id", "payment_id", "key_id", "user_id", "customer_id", "token_id")
    for secret in (*[bobs[name] for name in names], "BOBS-", "bobs.example"):
        assert secret not in text


def test_a_cursor_or_a_filter_with_anothers_id_shows_nothing(alice, bobs):
    assert alice.get(f"/dashboard/transactions?before={bobs['payment_id']}").status == 404
    assert alice.get(f"/dashboard/orders?after={bobs['order_id']}").status == 404
    assert alice.get(f"/dashboard/customers?before={bobs['customer_id']}").status == 404
    for query in (bobs["payment_id"], bobs["order_id"], "BOBS-RECEIPT", "bob@okbank"):
        assert 'data-test-id="transaction-row"' not in alice.get(f"/dashboard/transactions?q={query}").text
    assert bobs["payment_id"] not in alice.get("/dashboard/transactions/export.csv").text


def test_a_customer_of_ones_own_opens_no_card_of_another_shop(gateway, alice, bob, bobs):
    own = gateway.save_card()["customer_id"]
    path = f"/dashboard/customers/{own}/cards/{bobs['token_id']}/remove"
    assert alice.submit(path, "/dashboard").status == 404
    assert bobs["token_id"] in bob.get(f"/dashboard/customers/{bobs['customer_id']}").text


def test_fields_with_anothers_ids_do_nothing(alice, bob, bobs):
    invitation = re.search(r'name="invitation" value="([0-9a-f]+)"', bob.get("/dashboard/team").text)[1]
    assert alice.submit("/dashboard/team/withdraw", "/dashboard/team", invitation=invitation).status == 404
    recover = {"endpoint_id": bobs["endpoint_id"], "hours": "24"}
    assert alice.submit("/dashboard/webhooks/recover", "/dashboard/webhooks", **recover).status == 404
    assert "helper@bobs.example" in bob.get("/dashboard/team").text


# What the contract names is there before anything has happened.
NAMED = {
    "/dashboard": "dashboard api-credentials api-key api-secret stats-container total-transactions total-amount"
    " success-rate",
    "/dashboard/transactions": "transactions-table",
    "/dashboard/webhooks": "webhook-config webhook-config-form webhook-url-input webhook-secret save-webhook-button"
    " regenerate-secret-button test-webhook-button webhook-logs-table",
    "/dashboard/keys": "api-credentials api-key api-secret",
    "/dashboard/docs": "api-docs section-create-order code-snippet-create-order section-sdk-integration"
    " code-snippet-sdk section-webhook-verification code-snippet-webhook",
}


def test_a_new_shop_finds_what_the_contract_names(tmp_path):
    gateway = Gateway(tmp_path)
    try:
        visitor = Visitor(gateway, "alice@example.com")
        for path, names in NAMED.items():
            text = visitor.get(path).text
            assert [name for name in names.split() if text.count(f'data-test-id="{name}"') != 1] == []
    finally:
        gateway.close()


# Forms


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
@pytest.mark.parametrize("given", ["none", "wrong", "another session's"])
def test_every_form_without_its_token_is_refused(route, given, gateway, alice, bob, bobs):
    tokens = {"none": {}, "wrong": {"csrf": "0" * 64}, "another session's": {"csrf": alice.token("/dashboard")}}
    answer = bob.post(path_of(route, bobs), tokens[given] | {"amount": "1"})
    assert answer.status == 403


def test_a_form_that_was_filled_in_as_a_test_is_never_done_live(gateway):
    visitor = Visitor(gateway, "alice@example.com")
    token = visitor.token("/dashboard/orders/new")
    visitor.submit("/dashboard/mode", "/dashboard", mode="live")
    assert visitor.post("/dashboard/orders/new", {"csrf": token, "amount": "500"}).status == 403
    assert visitor.post("/dashboard/mode", {"csrf": token, "mode": "test"}).status == 303
    assert visitor.post("/dashboard/orders/new", {"csrf": token, "amount": "500"}).status == 303


def test_a_form_from_another_site_is_refused_whatever_it_carries(bob):
    fields = {"csrf": bob.token("/dashboard"), "mode": "live"}
    assert bob.post("/dashboard/mode", fields, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert bob.post("/dashboard/mode", fields, **{"Content-Type": "text/plain"}).status == 403


def test_every_form_on_every_page_goes_to_an_address_that_asks_for_the_token(bob, bobs):
    known = [re.compile("/dashboard" + re.sub(r"<\w+>", r"[^/]+", route.path)) for route in POSTS]
    forms = set()
    for route in GETS:
        if route.path not in ("/live", "/orders/<order_id>/qr.svg") and "export" not in route.path:
            path = path_of(route, bobs)
            forms |= {target for method, target in Forms(bob.get(path).text, path).found if method == "post"}
    assert len(forms) > 20
    assert not [target for target in forms if not any(address.fullmatch(target) for address in known)]


# Who is not logged in


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_without_a_session_there_is_only_the_login(route, gateway, bobs):
    if route.path in OPEN:
        return
    stranger = Visitor(gateway)
    path = path_of(route, bobs)
    answer = stranger.get(path) if route.method == "GET" else stranger.submit(path, "/dashboard/login", amount="1")
    assert answer.status == 303 and answer.location.startswith("/dashboard/login")


def test_the_stream_and_refreshes_say_401_instead(gateway):
    for headers in ({"Accept": "text/event-stream"}, {"X-Refresh": "1"}):
        assert Visitor(gateway).get("/dashboard/live", **headers).status == 401


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "/dashboard/\\evil", "/checkout", "x"]
)
def test_a_login_leads_to_our_own_pages_only(gateway, wanted):
    visitor = Visitor(gateway)
    token = visitor.token("/dashboard/login")
    fields = {"csrf": token, "email": "alice@example.com", "password": "correct horse"}
    assert visitor.post(f"/dashboard/login?next={wanted}", fields).location == "/dashboard"


def test_cookies_are_out_of_reach_for_scripts_and_other_sites(gateway):
    answer = Visitor(gateway).log_in("alice@example.com")
    assert [line for line in answer.headers.get_all("Set-Cookie") if line.startswith("session=")]
    for line in answer.headers.get_all("Set-Cookie"):
        assert "HttpOnly" in line and "SameSite=Lax" in line and "Path=/" in line


def test_pages_carry_the_strict_policy_and_are_kept_nowhere(alice):
    headers = alice.get("/dashboard").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store" and headers["X-Frame-Options"] == "DENY"


# Roles


@pytest.fixture(scope="module")
def team(gateway, alice):
    """Alice's people, one of each role."""
    people = {"owner": alice}
    for role in ("developer", "operator", "viewer"):
        page = alice.submit("/dashboard/team/invite", "/dashboard/team", email=f"{role}@example.com", role=role).text
        link = re.search(r"(/dashboard/invitation/[\w-]+)</code>", page)[1]
        people[role] = Visitor(gateway)
        assert people[role].submit(link, name=role, password="their password").status == 303
    return people


MAY = {"owner": {"view", "operate", "develop", "manage"}, "developer": {"view", "develop"},
       "operator": {"view", "operate"}, "viewer": {"view"}}  # fmt: skip


@pytest.mark.parametrize("role", MAY)
def test_each_role_reaches_what_it_may_and_nothing_else(role, gateway, team):
    order = gateway.order()
    payment = gateway.ask(gateway.alice, "/payments", {"order_id": order, "method": "upi", "vpa": "asha@okbank"})["id"]
    token = gateway.save_card()
    ids = {"order_id": order, "payment_id": payment, "link_id": "plink_0000000000000000",
           "endpoint_id": "we_0000000000000000", "delivery_id": "0" * 32, "key_id": "key_test_nothing",
           "user_id": "usr_0000000000000000", "customer_id": token["customer_id"],
           "token_id": "tok_0000000000000000"}  # fmt: skip
    for route in ROUTES:
        if route.needs in ("nobody", "login") or route.path in ("/live", "/account/password"):
            continue
        path = path_of(route, ids)
        visitor = team[role]
        answer = visitor.get(path) if route.method == "GET" else visitor.submit(path, "/dashboard", mode="test")
        assert (answer.status == 403) == (route.needs not in MAY[role]), (role, route.path, answer.status)


def test_secrets_are_for_those_who_develop(team):
    secret = re.compile(r"secret_test_\w{40}")
    seen = {role: bool(secret.search(visitor.get("/dashboard").text)) for role, visitor in team.items()}
    assert seen == {"owner": True, "developer": True, "operator": False, "viewer": False}
    assert not secret.search(team["viewer"].get("/dashboard/docs").text)


# Passwords


def test_a_wrong_password_and_an_unknown_address_look_the_same(gateway):
    answers = [Visitor(gateway).log_in(f"{name}@example.com", "wrong password") for name in ("alice", "nobody")]
    assert [answer.status for answer in answers] == [400, 400]
    texts = [re.sub(r'value="[^"]*"', "", answer.text) for answer in answers]
    assert texts[0] == texts[1] and "e-mail address or the password is wrong" in texts[0]


def test_tries_are_counted_across_restarts(gateway):
    for _ in range(10):
        assert Visitor(gateway).log_in("mallory@example.com", "wrong").status == 400
    gateway.close()
    gateway.start()
    answer = Visitor(gateway).log_in("mallory@example.com", "wrong")
    assert answer.status == 429 and "Too many tries" in answer.text


def test_an_old_cookie_is_worth_nothing_after_a_new_password(gateway, team):
    viewer = team["viewer"]
    elsewhere = Visitor(gateway, "viewer@example.com", "their password")
    changed = viewer.submit(
        "/dashboard/account/password", "/dashboard/account", old_password="their password", new_password="a new one"
    )
    assert changed.location == "/dashboard/account?done=password_changed"
    assert viewer.get("/dashboard").status == 200 and elsewhere.get("/dashboard").status == 303


def test_an_unknown_address_is_a_page_for_people_and_json_for_programs(gateway):
    assert "There is nothing here" in Visitor(gateway).get("/dashboard/nowhere", Accept="text/html").text
    assert fetch(f"{gateway.url}/api/v1/nowhere")[1].startswith('{"error"')


def test_the_bare_address_leads_to_the_dashboard_and_has_an_icon(gateway):
    front = Visitor(gateway).get("/")
    assert (front.status, front.location) == (303, "/dashboard")
    assert Visitor(gateway).get("/favicon.ico").headers["Content-Type"] == "image/svg+xml"


def test_a_stream_carries_one_merchants_events_only(gateway, alice):
    cookie = "; ".join(f"{name}={value}" for name, value in alice.cookies.items())
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
    connection.request("GET", "/dashboard/live", headers={"Cookie": cookie, "Accept": "text/event-stream"})
    stream = connection.getresponse()
    theirs, ours = paid(gateway, gateway.bob), paid(gateway, gateway.alice)
    said = b""
    while ours.encode() not in said:
        said += stream.readline()
    stream.close()
    connection.close()
    assert theirs.encode() not in said


def paid(gateway, merchant) -> str:
    order = gateway.order(merchant)
    return gateway.ask(merchant, "/payments", {"order_id": order, "method": "upi", "vpa": "success@razorpay"})["id"]

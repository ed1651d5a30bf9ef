"""What others might try on the checkout: forged messages, foreign frames, borrowed keys, changed amounts."""

import html
import json
import re

import pytest
from playwright.sync_api import expect

from gateway import merchants
from tests.counter import Gateway, Merchant, Shop, fetch, part, pay_by_vpa, wait_until

# The frame's window tells everybody who asks; the shop's page plays the attacker it may well contain.
EAVESDROP = "window.heard = []; addEventListener('message', ({ data }) => heard.push(data))"
EMBED = """url => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = resolve;
    frame.src = url;
    document.body.append(frame);
})"""
PAGE = re.compile('data-page="([^"]*)"')
JSON = {"Content-Type": "application/json"}
FORGED = {"paymentId": "pay_0000000000000000", "orderId": "order_0000000000000000", "signature": "0" * 64}


@pytest.fixture(scope="module")
def sites():
    """The shop, a neighbour on the same machine, and one whose name begins like the shop's."""
    sites = {host: Shop(host=host) for host in ("localhost", "shop.localhost", "shop.localhost.evil.localhost")}
    yield sites
    for site in sites.values():
        site.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, sites):
    allowed = (sites["localhost"].origin, sites["shop.localhost"].origin)
    gateway = Gateway(
        tmp_path_factory.mktemp("gateway"), allowed_origins=allowed, SIMULATOR_DELAY_MIN=0, SIMULATOR_DELAY_MAX=0
    )
    for site in sites.values():
        site.gateway_url = gateway.url
    yield gateway
    gateway.close()


@pytest.fixture
def shop(sites):
    return sites["localhost"]


@pytest.fixture
def opened(page, gateway, shop):
    """The shop's page with an open modal, and its frame."""
    page.goto(shop.origin)
    page.evaluate("options => sell(options).open()", {"key": gateway.alice.key, "orderId": gateway.order()})
    frame = page.frame_locator('[data-test-id="payment-iframe"]')
    expect(part(frame, "pay-button")).to_be_visible()
    return frame


def calls(page):
    return [name for name, _ in page.evaluate("calls")]


def nonce(page):
    """The worst case: an attacker who has found out the nonce."""
    return page.evaluate("payment.nonce")


def test_a_message_of_the_shops_own_page_is_no_payment(page, opened):
    page.evaluate(
        "message => { window.postMessage(message, '*'); return new Promise(requestAnimationFrame) }",
        {"type": "payment_success", "data": FORGED, "nonce": nonce(page)},
    )
    assert calls(page) == []


def test_a_message_of_a_sibling_frame_is_no_payment(page, opened, gateway):
    """Even one of the gateway's own pages, in a second frame: it is not the frame that was opened."""
    page.evaluate(EMBED, f"{gateway.url}/checkout?order_id=order_0000000000000000")
    message = {"type": "payment_success", "data": FORGED, "nonce": nonce(page)}
    page.frames[-1].evaluate("message => window.parent.postMessage(message, '*')", message)
    page.evaluate("new Promise(requestAnimationFrame)")
    assert calls(page) == []


@pytest.mark.parametrize("host", ["shop.localhost", "shop.localhost.evil.localhost"])
def test_a_window_of_another_origin_is_no_gateway(page, opened, sites, host):
    with page.context.expect_page() as opening:
        page.evaluate("url => { window.popup = window.open(url) }", sites[host].origin)
    opening.value.wait_for_load_state()
    message = {"type": "payment_success", "data": FORGED, "nonce": nonce(page)}
    opening.value.evaluate("message => window.opener.postMessage(message, '*')", message)
    page.evaluate("new Promise(requestAnimationFrame)")
    assert calls(page) == []


@pytest.mark.parametrize("change", [{"nonce": "guessed"}, {"nonce": None}, {"type": "payment_done"}, {"type": None}])
def test_even_the_frame_itself_needs_nonce_and_type(page, opened, change):
    message = {"type": "payment_success", "data": FORGED, "nonce": nonce(page)} | change
    page.frames[1].evaluate("message => window.parent.postMessage(message, '*')", message)
    page.evaluate("new Promise(requestAnimationFrame)")
    assert calls(page) == []


def test_the_same_message_from_the_frame_with_the_nonce_is_heard(page, opened):
    """The check on the checks above: nothing but the forgery is what was refused."""
    message = {"type": "payment_success", "data": FORGED, "nonce": nonce(page)}
    page.frames[1].evaluate("message => window.parent.postMessage(message, '*')", message)
    wait_until(page, "calls.length === 1")
    assert calls(page) == ["success"]


@pytest.mark.parametrize("target", ["*", "null", "", "{other}", "{shop}/", "{shop}.evil.localhost"])
def test_the_frame_speaks_to_no_other_origin_than_the_one_it_was_opened_for(page, gateway, sites, target):
    """A page that was allowed to embed gets no proof under a false name."""
    shop, other = sites["localhost"], sites["shop.localhost"]
    name = target.replace("{shop}", shop.origin).replace("{other}", other.origin)
    page.goto(shop.origin)
    page.evaluate(EAVESDROP)
    page.evaluate(EMBED, gateway.checkout(gateway.order(), embed="1") + f"#nonce=abc&origin={name}")
    frame = page.frame_locator("iframe")
    pay_by_vpa(frame)
    expect(part(frame, "success-state")).to_be_visible()
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.evaluate("heard") == []


@pytest.mark.parametrize(
    ("host", "shown"), [("localhost", True), ("shop.localhost", True), ("shop.localhost.evil.localhost", False)]
)
@pytest.mark.parametrize("path", ["/checkout", "/success"])
def test_only_the_merchants_own_sites_may_frame_the_page(page, gateway, sites, host, shown, path):
    order = gateway.order()
    pay = {"order_id": order, "method": "upi", "vpa": "success@razorpay"}
    payment = gateway.ask(gateway.alice, "/payments", pay)["id"]
    page.goto(sites[host].origin)
    page.evaluate(EMBED, f"{gateway.url}{path}?order_id={order}&payment_id={payment}")
    assert page.frames[1].url.startswith(gateway.url) is shown


def test_pages_of_a_merchant_without_allowed_sites_are_in_nobodys_frame(gateway):
    order = gateway.order(gateway.bob)
    _, _, headers = fetch(f"{gateway.url}/checkout?order_id={order}", headers={"Accept": "text/html"})
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


def test_the_demo_may_be_embedded_anywhere(tmp_path):
    gateway = Gateway(tmp_path, demo=True)
    try:
        order = gateway.order(Merchant(merchants.DEMO_MERCHANT_ID, merchants.DEMO_KEY_ID, merchants.DEMO_SECRET))
        _, text, headers = fetch(gateway.checkout(order, return_url="http://shop.example:99999/"))
    finally:
        gateway.close()
    assert json.loads(html.unescape(PAGE.findall(text)[0]))["returnUrl"] == "", "That is no address of a shop."
    assert "frame-ancestors *" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"amount": 100}, 400),
        ({"currency": "JPY"}, 400),
        ({"capture": "manual"}, 400),
        ({"key": "bob's"}, 404),
        ({"key": "key_test_0000000000000000"}, 404),
        ({"order_id": "order_0000000000000000"}, 404),
        ({"flow": "qr"}, 400),
    ],
)
def test_a_customer_cannot_change_what_is_paid_or_to_whom(gateway, change, status):
    order = gateway.order()
    body = {"order_id": order, "method": "upi", "vpa": "success@razorpay", "key": gateway.alice.key} | change
    if body["key"] == "bob's":
        body["key"] = gateway.bob.key
    answer, _, _ = fetch(f"{gateway.url}/api/v1/payments/public", body, JSON)
    assert answer == status
    assert gateway.payments(order) == []


def test_a_payment_that_waits_for_nobody_cannot_be_given_up_by_its_payer(gateway):
    pay = {"order_id": gateway.order(), "method": "upi", "vpa": "success@razorpay"}
    payment = json.loads(fetch(f"{gateway.url}/api/v1/payments/public", pay, JSON)[1])
    status, _, _ = fetch(f"{gateway.url}/checkout/payments/{payment['id']}/cancel", {}, {})
    assert status == 400

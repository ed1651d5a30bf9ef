"""checkout.js on a shop's page: another origin, with the strictest policy a shop can have."""

import pytest
from playwright.sync_api import expect

from bench.checkout import OPEN_AND_WAIT
from tests.counter import CHALLENGED, NO_MONEY, Gateway, Shop, part, pay_by_card, pay_by_vpa, wait_until

MODAL = "div#payment-gateway-modal[data-test-id='payment-modal']"
CONTENT = f"{MODAL} > .modal-overlay > .modal-content"
@pytest.fixture(scope="module")
def shop():
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, shop):
    """Alice has allowed the shop's origin and no other."""
    gateway = Gateway(
        tmp_path_factory.mktemp("gateway"), allowed_origins=(shop.origin,), SIMULATOR_DELAY_MIN=0, SIMULATOR_DELAY_MAX=0
    )
    shop.gateway_url = gateway.url
    yield gateway
    gateway.close()


@pytest.fixture
def order(gateway):
    return gateway.order()


@pytest.fixture
def said(page):
    """What the shop's developer reads in the console."""
    lines = []
    page.on("console", lambda message: lines.append(message.text))
    return lines


@pytest.fixture
def open_modal(page, gateway, shop, order, said):
    def open_modal(**options):
        page.goto(shop.origin)
        page.evaluate("options => sell(options).open()", {"key": gateway.alice.key, "orderId": order, **options})
        return page.frame_locator('[data-test-id="payment-iframe"]')

    return open_modal


def calls(page, name=None):
    return [told for called, told in page.evaluate("calls") if name in (None, called)]


def wait_for_call(page, name):
    wait_until(page, "name => calls.some(([called]) => called === name)", name)
    return calls(page, name)


def test_the_modal_is_built_as_the_contract_says(page, open_modal):
    frame = open_modal()
    expect(page.locator(f"{CONTENT} > iframe[data-test-id='payment-iframe']")).to_be_visible()
    expect(page.locator(f"{CONTENT} > button[data-test-id='close-modal-button']")).to_be_visible()
    expect(part(frame, "checkout-container")).to_be_visible()
    assert page.evaluate("document.querySelector('.modal-content').style.cssText + document.styleSheets.length") == "1"


def test_a_payment_ends_in_on_success_with_a_signature_and_the_modal_goes(page, open_modal, gateway, order, said):
    pay_by_card(open_modal())
    (paid,) = wait_for_call(page, "success")
    (payment,) = gateway.payments(order)
    assert paid == {
        "paymentId": payment["id"],
        "orderId": order,
        "signature": gateway.alice.signature(order, payment["id"]),
    }
    wait_for_call(page, "close")
    expect(page.locator(MODAL)).to_have_count(0)
    assert [name for name, _ in page.evaluate("calls")] == ["success", "close"]
    assert said == []


def test_a_page_that_is_loaded_anew_tells_of_its_success_no_second_time(page, open_modal):
    expect(part(open_modal(), "pay-button")).to_be_visible()
    page.frames[1].evaluate("for (const type of ['payment_success', 'payment_success', 'close_modal']) shop.tell(type)")
    wait_for_call(page, "close")
    assert [name for name, _ in page.evaluate("calls")] == ["success", "close"]


def by_bank(page, frame):
    part(frame, "method-netbanking").click()
    frame.get_by_text("HDFC Bank").click()
    part(frame, "pay-button").click()


def by_wallet(page, frame):
    part(frame, "method-wallet").click()
    frame.get_by_text("Paytm", exact=True).click()
    part(frame, "pay-button").click()


def by_challenged_card(page, frame):
    pay_by_card(frame, CHALLENGED)
    bank = frame.frame_locator('[data-test-id="challenge-frame"]')
    part(bank, "otp-input").fill("123456")
    part(bank, "otp-submit").click()


def by_qr_code(page, frame):
    part(frame, "pay-button").click()
    with page.context.expect_page() as app:
        frame.get_by_text("Open the simulated UPI app").click()
    part(app.value, "upi-approve").click()


@pytest.mark.parametrize(
    "way", [lambda page, frame: pay_by_vpa(frame), by_bank, by_wallet, by_challenged_card, by_qr_code],
    ids=["upi", "netbanking", "wallet", "3-D Secure", "QR code"],
)  # fmt: skip
def test_every_way_to_pay_works_inside_the_modal(page, open_modal, gateway, order, way):
    way(page, open_modal())
    (paid,) = wait_for_call(page, "success")
    assert paid["signature"] == gateway.alice.signature(order, gateway.payments(order)[0]["id"])


def test_a_failure_is_told_and_the_modal_stays_for_another_try(page, open_modal, gateway, order):
    frame = open_modal()
    pay_by_card(frame, NO_MONEY)
    (failure,) = wait_for_call(page, "failure")
    (payment,) = gateway.payments(order)
    assert failure == {
        "code": payment["error_code"],
        "description": "There is not enough money in the account.",
        "paymentId": payment["id"],
    }
    part(frame, "retry-button").click()
    pay_by_vpa(frame)
    wait_for_call(page, "success")


@pytest.mark.parametrize("way", ["button", "escape in the shop", "escape in the frame", "close()"])
def test_every_way_out_closes_once(page, open_modal, way):
    frame = open_modal()
    expect(part(frame, "pay-button")).to_be_visible()
    if way == "button":
        part(page, "close-modal-button").click()
    if way == "escape in the shop":
        part(page, "close-modal-button").focus()
        page.keyboard.press("Escape")
    if way == "escape in the frame":
        part(frame, "vpa-input").press("Escape")
    if way == "close()":
        page.evaluate("payment.close(); payment.close()")
    wait_for_call(page, "close")
    expect(page.locator(MODAL)).to_have_count(0)
    assert len(calls(page)) == 1


def test_the_shop_is_out_of_reach_while_the_modal_is_open_and_as_before_afterwards(page, open_modal):
    open_modal()
    assert page.evaluate("[buy.closest('[inert]') !== null, getComputedStyle(document.documentElement).overflow]") == [
        True, "hidden",
    ]  # fmt: skip
    page.evaluate("payment.close()")
    assert page.evaluate("[document.querySelectorAll('[inert]').length, document.documentElement.style.overflow]") == [
        0, "",
    ]  # fmt: skip


def test_the_focus_stays_inside_and_returns_to_the_button(page, gateway, shop, order):
    page.goto(shop.origin)
    page.evaluate(
        "options => { buy.onclick = () => sell(options).open() }", {"key": gateway.alice.key, "orderId": order}
    )
    page.locator("#buy").press("Enter")
    frame = page.frame_locator('[data-test-id="payment-iframe"]')
    expect(part(frame, "pay-button")).to_be_visible()
    inside = f"document.activeElement.matches({MODAL!r}.split(',')[0] + ' *')"
    wait_until(page, "document.activeElement.tagName === 'IFRAME'")
    for key in ["Tab"] * 12 + ["Shift+Tab"] * 16:
        page.keyboard.press(key)
        assert page.evaluate(f"document.activeElement === document.body || {inside}")
    page.evaluate("payment.close()")
    expect(page.locator("#buy")).to_be_focused()


def test_opening_twice_is_harmless_and_the_newest_of_several_shows(page, open_modal, gateway):
    open_modal()
    page.evaluate("payment.open()")
    expect(page.locator(MODAL)).to_have_count(1)
    other = gateway.order(amount=77_700)
    page.evaluate("options => sell(options).open()", {"key": gateway.alice.key, "orderId": other})
    expect(page.locator(MODAL)).to_have_count(1)
    frame = page.frame_locator('[data-test-id="payment-iframe"]')
    expect(part(frame, "order-amount")).to_have_text("₹777.00")
    assert len(calls(page, "close")) == 1


def test_prefill_theme_and_locale_reach_the_page_and_no_log(page, open_modal):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    frame = open_modal(
        prefill={"method": "upi", "vpa": "asha@okbank", "name": "Asha"},
        theme={"color": "#0b6e5f", "mode": "dark"},
        locale="hi",
    )
    expect(part(frame, "vpa-input")).to_have_value("asha@okbank")
    expect(frame.locator("html")).to_have_attribute("lang", "hi")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    expect(part(frame, "pay-button")).to_have_css("background-color", "rgb(11, 110, 95)")
    expect(part(page, "close-modal-button")).to_have_attribute("aria-label", "बंद करें")
    assert not [url for url in asked if "asha" in url.partition("#")[0].lower()]


def test_it_covers_a_phone(page, open_modal):
    page.set_viewport_size({"width": 390, "height": 844})
    open_modal()
    page.locator(CONTENT).evaluate("content => Promise.all(content.getAnimations().map((moving) => moving.finished))")
    box = page.locator(CONTENT).bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)


def test_without_a_connection_it_says_so_and_goes_on_when_there_is_one(page, gateway, shop, order):
    page.goto(shop.origin)
    page.context.set_offline(True)
    page.evaluate("options => sell(options).open()", {"key": gateway.alice.key, "orderId": order})
    expect(page.get_by_text("The payment page cannot be reached.")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(part(page.frame_locator('[data-test-id="payment-iframe"]'), "pay-button")).to_be_visible()


@pytest.mark.parametrize(
    ("options", "explanation"),
    [
        ({"key": "pk_123"}, "`key` must be your API key"),
        ({"key": "secret_test_abc"}, "It must never be in a web page"),
        ({"orderId": None}, "`orderId` must be the id of an order that your server made"),
        ({"orderId": "order_0000000000000000"}, "No such order."),
    ],
)
def test_a_developers_mistake_is_explained_in_the_console(page, open_modal, said, options, explanation):
    open_modal(**options)
    _wait_until(page, lambda: any(explanation in line for line in said))


def test_another_merchants_key_is_explained_too(page, open_modal, said, gateway):
    frame = open_modal(key=gateway.bob.key)
    expect(frame.get_by_role("heading", name="There is nothing to pay here")).to_be_visible()
    _wait_until(page, lambda: any("must belong to the same account" in line for line in said))


def test_a_shop_that_is_not_allowed_to_embed_sends_the_customer_to_the_page_itself(page, gateway, order, said):
    stranger = Shop(gateway.url)
    try:
        page.goto(stranger.origin)
        page.evaluate("options => sell(options).open()", {"key": gateway.alice.key, "orderId": order})
        page.wait_for_url(f"{gateway.url}/checkout?**")
        expect(part(page, "order-id")).to_have_text(order)
        assert any("allowed origins" in line for line in said)
    finally:
        stranger.close()


def test_a_policy_of_the_shop_that_forbids_the_frame_leads_to_the_page_itself_and_back(page, gateway, order, said):
    shop = Shop(gateway.url, policy="default-src 'none'; script-src 'self' {gateway}; frame-src 'none'")
    try:
        page.goto(shop.origin)
        page.evaluate("options => sell(options).open()", {"key": gateway.alice.key, "orderId": order})
        page.wait_for_url(f"{gateway.url}/checkout?**")
        assert any("frame-src" in line and "Content-Security-Policy" in line for line in said)
    finally:
        shop.close()


def test_the_page_itself_leads_back_to_the_shop_before_anything_is_paid(page, gateway, shop, order):
    page.goto(gateway.checkout(order, return_url=f"{shop.origin}/cart"))
    page.get_by_role("link", name="Back to the shop").click()
    page.wait_for_url(f"{shop.origin}/cart")
    page.go_back()
    pay_by_card(page, NO_MONEY)
    expect(part(page, "error-state")).to_be_visible()
    expect(page.get_by_role("link", name="Back to the shop")).to_be_visible()


def test_after_a_detour_over_the_page_itself_the_proof_comes_back_with_the_customer(page, gateway, shop, order):
    page.goto(gateway.checkout(order, return_url=f"{shop.origin}/thanks"))
    pay_by_vpa(page)
    page.get_by_role("link", name="Back to the shop").click()
    page.wait_for_url(f"{shop.origin}/thanks?**")
    (payment,) = gateway.payments(order)
    assert f"signature={gateway.alice.signature(order, payment['id'])}" in page.url


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "javascript:alert(1)", "//evil.example", "{shop}.evil.example", "{shop}@evil.x"]
)
def test_nobody_is_sent_back_to_a_stranger(page, gateway, shop, order, url):
    page.goto(gateway.checkout(order, return_url=url.replace("{shop}", shop.origin)))
    pay_by_vpa(page)
    expect(part(page, "success-state")).to_be_visible()
    expect(page.get_by_text("Back to the shop")).to_be_hidden()


def test_it_becomes_interactive(page, gateway, shop):
    """The page itself says so, once its scripts have run; `python -m bench.checkout` measures how soon."""
    page.goto(shop.origin)
    assert page.evaluate(OPEN_AND_WAIT, {"key": gateway.alice.key, "orderId": gateway.order()}) > 0


def _wait_until(page, holds):
    """Lets the browser go on until `holds()`, for what Playwright has no expectation for."""
    for _ in range(300):
        if holds():
            return
        page.evaluate("new Promise(requestAnimationFrame)")
    raise AssertionError("It did not happen.")

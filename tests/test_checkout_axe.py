"""Every page and state of the checkout as axe sees it, in light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.counter import CHALLENGED, NO_MONEY, Gateway, Shop, part, pay_by_card, pay_by_vpa


@pytest.fixture(scope="module")
def shop():
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, shop):
    gateway = Gateway(
        tmp_path_factory.mktemp("gateway"), allowed_origins=(shop.origin,), SIMULATOR_DELAY_MIN=0, SIMULATOR_DELAY_MAX=0
    )
    shop.gateway_url = gateway.url
    yield gateway
    gateway.close()


def choose(method):
    def go(page):
        part(page, f"method-{method}").click()
        expect(part(page, f"{method}-form")).to_be_visible()

    return go


def complain(page):
    choose("card")(page)
    part(page, "pay-button").click()
    expect(page.get_by_text("Enter the card number.")).to_be_visible()


def succeed(page):
    pay_by_vpa(page)
    expect(part(page, "success-state")).to_be_visible()


def fail(page):
    pay_by_card(page, NO_MONEY)
    expect(part(page, "error-state")).to_be_visible()


def be_asked(page):
    pay_by_card(page, CHALLENGED)
    expect(part(page.frame_locator('[data-test-id="challenge-frame"]'), "otp-input")).to_be_visible()


def see_the_bank(page):
    be_asked(page)
    page.goto(page.frames[1].url)
    part(page, "otp-input").fill("1")
    part(page, "otp-submit").click()
    expect(page.get_by_role("alert")).to_be_visible()


def show_qr(page):
    part(page, "pay-button").click()
    expect(part(page, "qr-state")).to_be_visible()


def open_app(page):
    show_qr(page)
    page.goto(page.url.partition("/checkout")[0] + page.locator("#qr-link").get_attribute("href"))
    expect(part(page, "upi-approve")).to_be_visible()


def wait(page):
    page.route("**/api/v1/payments/public", lambda route: None)
    pay_by_vpa(page)
    expect(part(page, "processing-state")).to_be_visible()


def come_again(page):
    succeed(page)
    page.reload()
    expect(part(page, "success-state")).to_contain_text("This order is already paid")


def come_too_late(page, gateway):
    link = gateway.ask(gateway.alice, "/payment_links", {"amount": 99_900, "description": "First flush"})
    gateway.ask(gateway.alice, f"/payment_links/{link['id']}/cancel", {})
    page.goto(link["short_url"])
    expect(part(page, "closed-state")).to_be_visible()


def lose_the_way(page):
    page.goto(page.url.partition("/checkout")[0] + "/checkout?order_id=order_0000000000000000")


SCENES = {
    "upi": choose("upi"),
    "card": choose("card"),
    "netbanking": choose("netbanking"),
    "wallet": choose("wallet"),
    "complaints": complain,
    "processing": wait,
    "success": succeed,
    "failure": fail,
    "paid already": come_again,
    "3-D Secure": be_asked,
    "bank": see_the_bank,
    "QR code": show_qr,
    "UPI app": open_app,
    "no order": lose_the_way,
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scene", SCENES)
def test_axe_finds_nothing(page, gateway, scene, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(gateway.checkout(gateway.order(receipt="INV-7")))
    SCENES[scene](page)
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_link_that_was_cancelled(page, gateway, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    come_too_late(page, gateway)
    assert violations(page) == []


def test_axe_finds_nothing_in_hindi_on_a_phone(page, gateway):
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(reduced_motion="reduce")
    page.goto(gateway.checkout(gateway.order(), locale="hi", color="ffcc00"))
    part(page, "method-card").click()
    assert violations(page) == []


def test_axe_finds_nothing_in_the_modal(page, gateway, shop):
    page.emulate_media(reduced_motion="reduce")
    page.goto(shop.origin)
    page.evaluate("options => sell(options).open()", {"key": gateway.alice.key, "orderId": gateway.order()})
    page.locator("#payment-gateway-modal[data-state=ready]").wait_for()
    assert violations(page) == []


def test_axe_would_find_something(page, gateway):
    page.goto(gateway.checkout(gateway.order()))
    part(page, "method-card").click()
    page.evaluate("document.querySelector('#name-field label').remove()")
    assert any(rule.startswith("label") for rule in violations(page))


def violations(page) -> list[str]:
    """What axe found in the page, in words; frames are pages of their own."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']} ({rule['impact']}): {node['html'][:150]}" for rule in found for node in rule["nodes"]]

"""Saved cards in a browser: agreed to, found again, paid with, removed, and nobody else's business."""

import re

import pytest
from playwright.sync_api import expect

from tests.counter import NO_MONEY, VISA, Gateway, Shop, fill_card, part
from tests.test_checkout_axe import violations

QUICK = {"SIMULATOR_DELAY_MIN": 0, "SIMULATOR_DELAY_MAX": 0, "SIMULATOR_CARD_SUCCESS_RATE": 1}
MASTERCARD, AMEX = "5555555555554444", "378282246310005"


@pytest.fixture(scope="module")
def shops():
    """Shops of another site than the gateway, by the name under which they know it."""
    shops = {"127.0.0.1": Shop(host="localhost"), "localhost": Shop(host="127.0.0.1")}
    yield shops
    for shop in shops.values():
        shop.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, shops):
    origins = tuple(shop.origin for shop in shops.values())
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), allowed_origins=origins, **QUICK)
    for name, shop in shops.items():
        shop.gateway_url = f"http://{name}:{gateway.port}"
    yield gateway
    gateway.close()


def open_checkout(page, gateway, merchant=None, **query):
    merchant = merchant or gateway.alice
    page.goto(gateway.checkout(gateway.order(merchant), key=merchant.key, **query))
    return page


def pay(of, state="success-state"):
    part(of, "pay-button").click()
    expect(part(of, state)).to_be_visible()


def save(page, gateway, number=VISA, **query):
    open_checkout(page, gateway, **query)
    fill_another_card(page, number)
    part(page, "save-card-checkbox").check()
    pay(page)


def fill_another_card(page, number):
    if choose_card(page).count():
        page.get_by_text("Another card").click()
    fill_card(page, number)
    part(page, "cvv-input").fill("1234" if number == AMEX else "123")


def choose_card(of):
    part(of, "method-card").click()
    return part(of, "saved-card")


def cookies(page):
    return {cookie["name"]: cookie for cookie in page.context.cookies()}


def test_save_come_back_pay_and_remove(page, gateway):
    save(page, gateway)
    open_checkout(page, gateway)
    expect(choose_card(page)).to_contain_text(re.compile(r"Visa •••• 4242\s*Expires 12/30"))
    expect(part(page, "card-number-input")).to_be_hidden()
    part(page, "cvv-input").fill("123")
    pay(page)
    expect(part(page, "success-state")).to_contain_text("Visa •••• 4242")

    open_checkout(page, gateway)
    choose_card(page)
    part(page, "remove-card-button").click()
    expect(page.get_by_text("The card was removed.")).to_be_visible()
    expect(part(page, "card-number-input")).to_be_focused()
    open_checkout(page, gateway)
    expect(choose_card(page)).to_have_count(0)
    expect(part(page, "card-number-input")).to_be_visible()


def test_nothing_is_remembered_unless_the_customer_says_so(page, gateway):
    open_checkout(page, gateway)
    fill_card(page)
    expect(part(page, "save-card-checkbox")).not_to_be_checked()
    pay(page)
    assert cookies(page) == {}
    expect(choose_card(open_checkout(page, gateway))).to_have_count(0)


def test_a_declined_payment_saves_nothing(page, gateway):
    open_checkout(page, gateway)
    fill_card(page, NO_MONEY)
    part(page, "save-card-checkbox").check()
    pay(page, "error-state")
    expect(choose_card(open_checkout(page, gateway))).to_have_count(0)


def test_neither_another_browser_nor_another_shop_sees_the_card(page, gateway, browser):
    save(page, gateway)
    expect(choose_card(open_checkout(page, gateway, gateway.bob))).to_have_count(0)
    with browser.new_context() as elsewhere:
        expect(choose_card(open_checkout(elsewhere.new_page(), gateway))).to_have_count(0)
    expect(choose_card(open_checkout(page, gateway))).to_have_count(1)


def test_the_cvv_is_asked_for_every_time(page, gateway):
    save(page, gateway, AMEX)
    open_checkout(page, gateway)
    choose_card(page)
    expect(part(page, "cvv-input")).to_have_value("")
    part(page, "pay-button").click()
    expect(page.get_by_text("Enter the CVV.")).to_be_visible()
    part(page, "cvv-input").fill("123")
    part(page, "pay-button").click()
    expect(page.get_by_text("The CVV has 4 digits.")).to_be_visible()
    part(page, "cvv-input").fill("1234")
    pay(page)


def test_another_card_beside_the_saved_ones(page, gateway):
    save(page, gateway)
    save(page, gateway, MASTERCARD)
    open_checkout(page, gateway)
    expect(choose_card(page)).to_have_count(2)
    fill_another_card(page, AMEX)
    expect(part(page, "save-card-checkbox")).not_to_be_checked()
    pay(page)
    expect(choose_card(open_checkout(page, gateway))).to_have_count(2)


def test_the_cookie_is_out_of_reach_and_its_secret_is_nowhere_on_the_page(page, gateway):
    save(page, gateway)
    cookie = cookies(page)["customer"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    open_checkout(page, gateway)
    assert page.evaluate("document.cookie") == ""
    assert cookie["value"] not in page.content()


@pytest.mark.parametrize("at", ["127.0.0.1", "localhost"])
def test_in_a_shops_frame_the_card_is_found_again_and_only_there(page, gateway, shops, at):
    """Chromium keeps a foreign frame's cookie only where it is partitioned, which takes `Secure`, even on loopback."""
    shop = shops[at]

    def modal():
        page.goto(shop.origin)
        page.evaluate("options => sell(options).open()", {"key": gateway.alice.key, "orderId": gateway.order()})
        return page.frame_locator('[data-test-id="payment-iframe"]')

    frame = modal()
    fill_card(frame)
    part(frame, "save-card-checkbox").check()
    pay(frame)
    cookie = cookies(page)["__Host-customer"]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "None")
    frame = modal()
    expect(choose_card(frame)).to_have_count(1)
    part(frame, "cvv-input").fill("123")
    pay(frame)
    page.goto(gateway.checkout(gateway.order()).replace(gateway.url, shop.gateway_url))
    expect(choose_card(page)).to_have_count(0)


def test_a_browser_without_cookies_is_told_so_and_still_pays(page, gateway):
    open_checkout(page, gateway)
    page.route("**/checkout/customer*", lambda route: route.fulfill(status=204))
    fill_card(page)
    part(page, "save-card-checkbox").check()
    part(page, "pay-button").click()
    expect(page.get_by_text("This browser cannot remember the card.")).to_be_visible()
    part(page, "save-card-checkbox").uncheck()
    part(page, "cvv-input").fill("123")
    pay(page)


def test_an_answer_that_is_lost_saves_the_card_all_the_same(page, gateway):
    open_checkout(page, gateway)
    lost = []

    def lose_the_first(route):
        if lost:
            return route.continue_()
        lost.append(route.fetch().status)
        route.abort("connectionreset")

    page.route("**/api/v1/payments/public", lose_the_first)
    fill_card(page)
    part(page, "save-card-checkbox").check()
    pay(page)
    assert lost == [201]
    expect(choose_card(open_checkout(page, gateway))).to_have_count(1)


def test_the_merchants_server_sees_and_charges_and_deletes_the_card(page, gateway):
    order = gateway.order()
    page.goto(gateway.checkout(order))
    fill_card(page)
    part(page, "save-card-checkbox").check()
    pay(page)
    (payment,) = gateway.payments(order)
    token = gateway.ask(gateway.alice, f"/payments/{payment['id']}/token")
    assert token["card"]["last4"] == "4242"
    address = f"/customers/{token['customer_id']}/tokens"
    assert [each["id"] for each in gateway.ask(gateway.alice, address)["data"]] == [token["id"]]
    charge = {"order_id": gateway.order(), "method": "card", "token": token["id"]}
    assert gateway.ask(gateway.alice, "/payments", charge)["card_last4"] == "4242"
    expect(choose_card(open_checkout(page, gateway))).to_have_count(1)
    borrowed = charge | {"order_id": gateway.order(gateway.bob)}
    for answer in (gateway.ask(gateway.bob, "/payments", borrowed), gateway.ask(gateway.bob, address)):
        assert answer["error"]["code"] == "NOT_FOUND_ERROR"

    headers = {"X-Api-Key": gateway.alice.key, "X-Api-Secret": gateway.alice.secret}
    one = f"{gateway.url}/api/v1{address}/{token['id']}"
    deleted = [page.request.delete(one, headers=headers) for _ in range(2)]
    assert [answer.status for answer in deleted] == [200, 404]
    assert deleted[0].json() == {"id": token["id"], "entity": "token", "deleted": True}
    expect(choose_card(open_checkout(page, gateway))).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, gateway, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    save(page, gateway)
    save(page, gateway, MASTERCARD)
    open_checkout(page, gateway)
    choose_card(page)
    assert violations(page) == []
    page.get_by_text("Another card").click()
    assert violations(page) == []


@pytest.mark.parametrize("language", ["en", "hi"])
def test_nothing_sticks_out_sideways(page, gateway, language):
    save(page, gateway)
    save(page, gateway, AMEX)
    open_checkout(page, gateway, locale=language)
    choose_card(page)
    for width in (360, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert part(page, "saved-card").first.bounding_box()["height"] < 80, "a card is squeezed"

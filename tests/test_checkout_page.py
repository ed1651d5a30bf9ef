"""The hosted checkout page in a browser: every way to pay, every state, and what goes wrong on the way."""

import json

import pytest
from playwright.sync_api import expect

from tests.counter import CHALLENGED, NO_MONEY, Gateway, fetch, fill_card, part, pay_by_card, pay_by_vpa

QUICK = {"SIMULATOR_DELAY_MIN": 0, "SIMULATOR_DELAY_MAX": 0}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), **QUICK, LIMITS_ATTEMPTS_PER_ORDER=3)
    yield gateway
    gateway.close()


@pytest.fixture
def order(gateway):
    return gateway.order(amount=124_950, receipt="INV-7")


@pytest.fixture
def checkout(page, gateway, order):
    """The page of a fresh order."""
    page.goto(gateway.checkout(order))
    return page


def bank(page):
    return page.frame_locator('[data-test-id="challenge-frame"]')


def test_the_page_says_what_is_paid_and_to_whom(checkout, order):
    expect(part(checkout, "checkout-container")).to_be_visible()
    expect(part(checkout, "order-summary")).to_contain_text("Alice's Tea")
    expect(part(checkout, "order-amount")).to_have_text("₹1,249.50")
    expect(part(checkout, "order-id")).to_have_text(order)
    expect(checkout).to_have_title("Pay ₹1,249.50 · Alice's Tea")


# Every way to pay


def test_upi_by_address(checkout, gateway, order):
    pay_by_vpa(checkout)
    expect(part(checkout, "success-state")).to_be_visible()
    (payment,) = gateway.payments(order)
    expect(part(checkout, "payment-id")).to_have_text(payment["id"])
    assert (payment["status"], payment["vpa"], payment["amount"]) == ("success", "success@razorpay", 124_950)


def test_a_card(checkout, gateway, order):
    pay_by_card(checkout)
    expect(part(checkout, "success-message")).to_have_text("Payment successful")
    expect(part(checkout, "success-state")).to_contain_text("Visa •••• 4242")
    assert [payment["card_last4"] for payment in gateway.payments(order)] == ["4242"]


def test_netbanking(checkout, gateway, order):
    part(checkout, "method-netbanking").click()
    checkout.get_by_text("ICICI Bank").click()
    checkout.get_by_label("Another bank").select_option("Yes Bank")
    part(checkout, "pay-button").click()
    expect(part(checkout, "success-state")).to_contain_text("Yes Bank")
    assert [payment["bank"] for payment in gateway.payments(order)] == ["YESB"]


def test_a_wallet(checkout, gateway, order):
    part(checkout, "method-wallet").click()
    checkout.get_by_text("MobiKwik").click()
    part(checkout, "pay-button").click()
    expect(part(checkout, "success-state")).to_contain_text("MobiKwik")
    assert [payment["wallet"] for payment in gateway.payments(order)] == ["mobikwik"]


@pytest.mark.parametrize(("answer", "state"), [("upi-approve", "success-state"), ("upi-decline", "error-state")])
def test_upi_by_qr_code_on_a_phone(checkout, gateway, answer, state):
    part(checkout, "pay-button").click()
    picture = checkout.get_by_alt_text("QR code for this payment")
    expect(picture).to_be_visible()
    assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0

    phone = checkout.context.new_page()
    phone.goto(gateway.url + checkout.locator("#qr-link").get_attribute("href"))
    expect(part(phone, "bank-page")).to_contain_text("Simulat")
    part(phone, answer).click()

    expect(part(checkout, state)).to_be_visible()


def test_whoever_shows_the_qr_code_may_still_pay_another_way(checkout, gateway, order):
    part(checkout, "pay-button").click()
    checkout.get_by_role("button", name="Pay another way").click()
    pay_by_card(checkout)
    expect(part(checkout, "success-state")).to_be_visible()
    assert sorted(payment["status"] for payment in gateway.payments(order)) == ["cancelled", "success"]


@pytest.mark.parametrize(
    ("otp", "button", "state", "words"),
    [
        ("123456", "otp-submit", "success-state", "Payment successful"),
        ("", "otp-cancel", "error-state", "cancelled"),
        ("", "otp-expire", "error-state", "not approved in time"),
    ],
)
def test_the_bank_asks_who_pays(checkout, otp, button, state, words):
    pay_by_card(checkout, CHALLENGED)
    expect(part(bank(checkout), "bank-page")).to_contain_text("Simulation")
    part(bank(checkout), "otp-input").fill(otp)
    part(bank(checkout), button).click()
    expect(part(checkout, state)).to_contain_text(words)


def test_a_wrong_password_may_be_tried_again_but_not_for_ever(checkout):
    pay_by_card(checkout, CHALLENGED)
    for left in (2, 1):
        part(bank(checkout), "otp-input").fill("999999")
        part(bank(checkout), "otp-submit").click()
        expect(bank(checkout).get_by_role("alert")).to_have_text(f"That is not the right code. Tries left: {left}")
    part(bank(checkout), "otp-input").fill("999999")
    part(bank(checkout), "otp-submit").click()
    expect(part(checkout, "error-message")).to_have_text("The bank could not verify the payer.")


# What goes wrong


def test_a_failure_says_why_and_the_same_order_can_be_tried_again(checkout, gateway, order):
    pay_by_card(checkout, NO_MONEY)
    expect(part(checkout, "error-message")).to_have_text("There is not enough money in the account.")
    part(checkout, "retry-button").click()
    pay_by_vpa(checkout)
    expect(part(checkout, "success-state")).to_be_visible()
    assert [payment["status"] for payment in gateway.payments(order)] == ["success", "failed"]


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("card-number-input", "4242 4242 4242 4241", "This card number is not right. Please check the digits."),
        ("card-number-input", "", "Enter the card number."),
        ("expiry-input", "01/20", "This card has expired. Please use another one."),
        ("expiry-input", "13/30", "Write month and year, such as 08/28."),
        ("cvv-input", "12", "The CVV has 3 digits."),
        ("cardholder-name-input", " ", "Enter the name on the card."),
    ],
)
def test_a_field_says_what_is_wrong_with_it(checkout, gateway, order, field, value, complaint):
    fill_card(checkout)
    part(checkout, field).fill(value)
    part(checkout, "pay-button").click()
    expect(checkout.get_by_text(complaint)).to_be_visible()
    expect(part(checkout, field)).to_be_focused()
    assert gateway.payments(order) == []


def test_a_wrong_upi_address_is_told_at_its_field(checkout, gateway, order):
    pay_by_vpa(checkout, "asha at bank")
    expect(checkout.get_by_text("A UPI ID looks like name@bank.")).to_be_visible()
    assert gateway.payments(order) == []


def test_what_only_the_server_refuses_is_told_at_its_field_too(checkout):
    fill_card(checkout)
    part(checkout, "cardholder-name-input").fill("4242424242424242")
    part(checkout, "pay-button").click()
    expect(checkout.get_by_text("Name on the card must not contain the card number")).to_be_visible()


def test_attempts_are_counted_across_restarts(page, gateway, order):
    other_tab = page.context.new_page()
    other_tab.goto(gateway.checkout(order))
    for left in (True, True, False):
        page.goto(gateway.checkout(order))
        pay_by_card(page, NO_MONEY)
        expect(part(page, "error-state")).to_be_visible()
        expect(part(page, "retry-button")).to_be_visible(visible=left)
    expect(part(page, "error-state")).to_contain_text("can be tried again in 60 min.")
    gateway.kill()
    gateway.start()
    page.goto(gateway.checkout(order))
    pay_by_vpa(other_tab)
    for tab in (page, other_tab):
        expect(tab.get_by_role("heading", name="Too many attempts")).to_be_visible()
        expect(part(tab, "closed-state")).to_contain_text("this order can be tried again in 60 min.")
    assert len(gateway.payments(order)) == 3


def test_the_api_says_when_an_order_may_be_tried_again(gateway, order):
    pay = {"order_id": order, "method": "upi", "vpa": "failure@razorpay"}
    address, kind, answers = f"{gateway.url}/api/v1/payments/public", {"Content-Type": "application/json"}, []
    while len(answers) < 4:
        status, body, headers = fetch(address, pay, kind)
        if status != 409:
            answers.append((status, headers.get("retry-after")))
    assert [status for status, _ in answers] == [201, 201, 201, 429]
    assert 3_500 < int(answers[-1][1]) <= 3_600
    assert json.loads(body)["error"]["code"] == "RATE_LIMIT_ERROR"


def test_a_payment_is_followed_where_its_stream_says_nothing(checkout):
    """A proxy may hold back a stream for ever without an error."""
    checkout.route("**/live?*", lambda route: None)
    pay_by_vpa(checkout)
    expect(part(checkout, "success-state")).to_be_visible(timeout=20_000)


def test_a_page_that_nobody_looks_at_keeps_no_connection_and_still_hears(checkout, gateway):
    part(checkout, "pay-button").click()
    expect(part(checkout, "qr-state")).to_be_visible()
    look_away = "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
    with checkout.expect_event("requestfailed", lambda request: "/live?" in request.url):
        checkout.evaluate(f"{look_away}; document.dispatchEvent(new Event('visibilitychange'))")
    phone = checkout.context.new_page()
    phone.goto(gateway.url + checkout.locator("#qr-link").get_attribute("href"))
    part(phone, "upi-approve").click()
    expect(part(checkout, "success-state")).to_be_visible(timeout=20_000)


# Never two charges, never a dead end


def test_whoever_comes_to_a_paid_order_is_told_and_gets_the_receipt(checkout, gateway, order):
    pay_by_vpa(checkout)
    expect(part(checkout, "success-state")).to_contain_text("Thank you.")
    expect(part(checkout, "order-summary")).to_contain_text("Amount paid")
    checkout.reload()
    expect(part(checkout, "success-state")).to_contain_text("This order is already paid")
    expect(part(checkout, "payment-id")).to_have_text(gateway.payments(order)[0]["id"])
    expect(part(checkout, "order-summary")).to_contain_text("Amount paid")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_receipt_prints_on_one_sheet_and_says_if_it_was_a_test(page, gateway, order, theme):
    page.goto(gateway.checkout(order, theme=theme))
    pay_by_vpa(page)
    expect(part(page, "success-state")).to_be_visible()
    page.emulate_media(media="print")
    assert page.locator("body").evaluate("body => getComputedStyle(body).colorScheme") == "light"
    expect(page.get_by_text("This is a test: no money moves.")).to_be_visible()
    for what in (page.locator("#print"), page.locator(".foot")):
        expect(what).to_be_hidden()
    assert page.pdf(format="A4").count(b"/Type /Page\n") == 1


def test_a_double_click_pays_once(checkout, gateway, order):
    fill_card(checkout)
    checkout.evaluate("() => { const pay = document.getElementById('pay-button'); pay.click(); pay.click(); }")
    expect(part(checkout, "success-state")).to_be_visible()
    assert len(gateway.payments(order)) == 1


def test_a_reload_shows_the_payment_and_not_the_form(checkout, gateway, order):
    pay_by_card(checkout, CHALLENGED)
    expect(part(bank(checkout), "otp-input")).to_be_visible()
    checkout.reload()
    part(bank(checkout), "otp-input").fill("123456")
    part(bank(checkout), "otp-submit").click()
    expect(part(checkout, "success-state")).to_be_visible()
    checkout.reload()
    expect(part(checkout, "success-state")).to_be_visible()
    expect(part(checkout, "pay-button")).to_be_hidden()
    assert len(gateway.payments(order)) == 1


def test_a_second_tab_finds_the_first_ones_payment(checkout, gateway, order):
    second = checkout.context.new_page()
    second.goto(gateway.checkout(order))
    checkout.bring_to_front()
    pay_by_card(checkout, CHALLENGED)
    expect(part(bank(checkout), "otp-input")).to_be_visible()
    second.bring_to_front()
    pay_by_vpa(second)
    part(bank(second), "otp-input").fill("123456")
    part(bank(second), "otp-submit").click()
    for tab in (checkout, second):
        expect(part(tab, "success-state")).to_be_visible()
    assert len(gateway.payments(order)) == 1


def test_back_and_forward_never_show_a_form_that_was_paid(checkout, gateway, order):
    pay_by_vpa(checkout)
    expect(part(checkout, "success-state")).to_be_visible()
    checkout.goto(gateway.url + "/health")
    checkout.go_back()
    expect(part(checkout, "success-state")).to_be_visible()
    assert len(gateway.payments(order)) == 1


def test_a_lost_connection_delays_the_payment_and_does_not_double_it(checkout, gateway, order):
    fill_card(checkout)
    checkout.context.set_offline(True)
    expect(checkout.get_by_text("You are offline.")).to_be_visible()
    part(checkout, "pay-button").click()
    expect(part(checkout, "processing-state")).to_be_visible()
    checkout.context.set_offline(False)
    expect(part(checkout, "success-state")).to_be_visible()
    assert len(gateway.payments(order)) == 1


def test_an_answer_that_is_lost_is_asked_for_again_with_the_same_key(checkout, gateway, order):
    keys = []

    def lose_the_first(route):
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) > 1:
            return route.continue_()
        route.fetch()
        route.abort("connectionreset")

    checkout.route("**/api/v1/payments/public", lose_the_first)
    pay_by_card(checkout)
    expect(part(checkout, "success-state")).to_be_visible()
    assert len(keys) == 2 and len(set(keys)) == 1
    assert len(gateway.payments(order)) == 1


def test_a_connection_that_died_without_a_word_is_given_up_and_tried_anew(checkout, gateway, order):
    checkout.evaluate("const wait = AbortSignal.timeout; AbortSignal.timeout = (ms) => wait.call(AbortSignal, ms / 10)")
    dead = []
    checkout.route("**/payments/public", lambda route: route.continue_() if dead else dead.append(route))
    pay_by_vpa(checkout)
    expect(part(checkout, "success-state")).to_be_visible(timeout=20_000)
    assert (len(dead), len(gateway.payments(order))) == (1, 1)


def test_without_a_stream_the_page_asks_from_time_to_time(checkout):
    checkout.route("**/live*", lambda route: route.abort())
    pay_by_vpa(checkout)
    expect(part(checkout, "success-state")).to_be_visible()


def test_the_gateway_may_restart_while_the_bank_asks(checkout, gateway):
    pay_by_card(checkout, CHALLENGED)
    expect(part(bank(checkout), "otp-input")).to_be_visible()
    gateway.kill()
    gateway.start()
    part(bank(checkout), "otp-input").fill("123456")
    part(bank(checkout), "otp-submit").click()
    expect(part(checkout, "success-state")).to_be_visible()


# Pages on their own


def test_the_receipt_has_an_address_of_its_own(checkout, gateway, order):
    pay_by_vpa(checkout)
    expect(part(checkout, "success-state")).to_be_visible()
    payment_id = gateway.payments(order)[0]["id"]
    checkout.goto(f"{gateway.url}/success?payment_id={payment_id}")
    expect(part(checkout, "payment-id")).to_have_text(payment_id)
    checkout.emulate_media(media="print")
    expect(checkout.get_by_role("button", name="Print the receipt")).to_be_hidden()


def test_a_failed_payment_has_one_too_and_never_poses_as_a_success(checkout, gateway, order):
    pay_by_card(checkout, NO_MONEY)
    expect(part(checkout, "error-state")).to_be_visible()
    payment_id = gateway.payments(order)[0]["id"]
    for path in ("failure", "success"):
        checkout.goto(f"{gateway.url}/{path}?payment_id={payment_id}")
        expect(part(checkout, "error-message")).to_have_text("There is not enough money in the account.")
        expect(part(checkout, "success-state")).to_be_hidden()


@pytest.mark.parametrize(
    "path",
    [
        "/checkout",
        "/checkout?order_id=order_0000000000000000",
        "/checkout?order_id=%00",
        "/checkout?order_id={order}&key=%00",
        "/success?payment_id=x",
        "/failure?payment_id=pay_0000000000000000",
        "/l/nothing",
        "/l/%00",
        "/bank/3ds/pay_0000000000000000",
    ],
)
def test_an_address_that_leads_nowhere_says_so(page, gateway, order, path):
    answer = page.goto(gateway.url + path.format(order=order))
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is nothing to pay here")).to_be_visible()


def test_another_merchants_key_opens_nothing(page, gateway, order):
    assert page.goto(gateway.checkout(order, key=gateway.bob.key)).status == 404
    expect(page.get_by_role("heading", name="There is nothing to pay here")).to_be_visible()


def test_a_payment_link_is_the_same_page_until_it_is_closed(page, gateway):
    link = gateway.ask(gateway.alice, "/payment_links", {"amount": 99_900, "description": "First flush"})
    page.goto(f"{gateway.url}/l/{link['short_url'].rpartition('/')[2]}")
    expect(part(page, "order-summary")).to_contain_text("First flush")
    expect(part(page, "order-amount")).to_have_text("₹999.00")
    fill_card(page)
    gateway.ask(gateway.alice, f"/payment_links/{link['id']}/cancel", {})
    part(page, "pay-button").click()
    expect(page.get_by_role("heading", name="This payment link was cancelled")).to_be_visible()
    assert gateway.payments(link["order_id"]) == []


# For everybody


def test_the_keyboard_is_enough(checkout):
    checkout.keyboard.press("Tab")
    checkout.keyboard.press("ArrowDown")
    expect(part(checkout, "card-number-input")).to_be_visible()
    for text in ("4242424242424242", "1230", "123"):
        checkout.keyboard.press("Tab")
        checkout.keyboard.type(text)
    checkout.keyboard.press("Tab")  # the help for the CVV
    checkout.keyboard.press("Tab")
    checkout.keyboard.type("Asha Rao")
    checkout.keyboard.press("Enter")
    expect(part(checkout, "success-state")).to_be_visible()


def test_hindi(page, gateway, order):
    page.goto(gateway.checkout(order, locale="hi"))
    expect(page.locator("html")).to_have_attribute("lang", "hi")
    expect(part(page, "pay-button")).to_contain_text("₹1,249.50")
    pay_by_card(page, NO_MONEY)
    expect(part(page, "error-message")).to_have_text("खाते में पर्याप्त राशि नहीं है।")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("group", name="Choose how to pay")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "hi"])
def test_nothing_sticks_out_sideways(page, gateway, language):
    page.goto(gateway.checkout(gateway.order(amount=12_345_600), locale=language))
    for width in (360, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for method in ("upi", "card", "netbanking", "wallet"):
            part(page, f"method-{method}").click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, method)
        lines = "amount => Math.round(amount.offsetHeight / parseFloat(getComputedStyle(amount).lineHeight))"
        assert part(page, "order-amount").evaluate(lines) == 1, width


def test_right_to_left_only_mirrors_the_page(checkout):
    checkout.set_viewport_size({"width": 390, "height": 800})
    checkout.evaluate("document.documentElement.dir = 'rtl'")
    part(checkout, "method-card").click()
    assert checkout.evaluate("document.documentElement.scrollWidth") <= 390
    summary, stage = (checkout.locator(name).bounding_box() for name in (".merchant-logo", ".badge"))
    assert summary["x"] > stage["x"]
    number, mark = (checkout.locator(name).bounding_box() for name in ("#number", "#mark"))
    assert mark["x"] > number["x"] + number["width"] / 2, "Digits run from left to right everywhere."


def test_the_page_is_small(page, gateway, order):
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    sizes = []
    client.on("Network.loadingFinished", lambda loaded: sizes.append(loaded["encodedDataLength"]))
    page.goto(gateway.checkout(order), wait_until="networkidle")
    assert len(sizes) >= 8 and sum(sizes) <= 60 * 1024, sizes

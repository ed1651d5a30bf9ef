"""The dashboard in a browser: every page and what can be done on it, as somebody who keeps it open all day."""

import csv
import io
import json
import re
import sqlite3
import time

import pytest
from playwright.sync_api import Page, expect

from gateway import two_factor
from gateway.clock import now_ms
from tests.counter import NO_MONEY, Gateway, part
from tests.receivers import Receiver, polite
from tests.visitor import Visitor

QUICK = {"SIMULATOR_DELAY_MIN": 0, "SIMULATOR_DELAY_MAX": 0, "SIMULATOR_UPI_SUCCESS_RATE": 1,
         "SIMULATOR_CARD_SUCCESS_RATE": 1}  # fmt: skip
PASSWORD = "correct horse"
BANK_TIMEOUT_S = 20


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), **QUICK, LIMITS_LOGINS_PER_MINUTE=0,
                      LIMITS_REQUESTS_PER_MINUTE=0, WEBHOOKS_ALLOW_PRIVATE="127.0.0.0/8")  # fmt: skip
    yield gateway
    gateway.close()


def log_in(page: Page, gateway: Gateway, email: str = "alice@example.com", password: str = PASSWORD) -> Page:
    page.goto(f"{gateway.url}/dashboard/login")
    part(page, "email-input").fill(email)
    part(page, "password-input").fill(password)
    part(page, "login-button").click()
    return page


@pytest.fixture
def dashboard(page, gateway):
    log_in(page, gateway)
    expect(part(page, "dashboard")).to_be_visible()
    return page


def pay(gateway, amount=50_000, vpa="success@razorpay", **order) -> dict:
    order_id = gateway.order(amount=amount, **order)
    return gateway.ask(gateway.alice, "/payments", {"order_id": order_id, "method": "upi", "vpa": vpa})


def paid(gateway, **order) -> dict:
    """A payment that is final."""
    payment, ends_at = pay(gateway, **order), time.monotonic() + BANK_TIMEOUT_S
    while payment["status"] not in ("success", "failed"):
        assert time.monotonic() < ends_at, "The bank does not answer."
        payment = gateway.ask(gateway.alice, f"/payments/{payment['id']}")
    return payment


def row(page: Page, payment_id: str):
    return page.locator(f'[data-payment-id="{payment_id}"]')


def notice(page: Page):
    return page.locator(".notice").first


# Coming in


def test_a_wrong_password_says_so_and_keeps_the_address(page, gateway):
    log_in(page, gateway, password="wrong")
    expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is wrong.")
    expect(part(page, "email-input")).to_have_value("alice@example.com")
    expect(part(page, "password-input")).to_have_value("")


def test_the_login_leads_to_the_page_that_was_asked_for(page, gateway):
    page.goto(f"{gateway.url}/dashboard/orders")
    expect(part(page, "login-form")).to_be_visible()
    part(page, "email-input").fill("alice@example.com")
    part(page, "password-input").fill(PASSWORD)
    part(page, "login-button").click()
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()


def test_logging_out_ends_the_session(dashboard, gateway):
    dashboard.get_by_role("button", name="My account").click()
    dashboard.get_by_role("button", name="Log out").click()
    expect(notice(dashboard)).to_have_text("You are logged out.")
    dashboard.goto(f"{gateway.url}/dashboard")
    expect(part(dashboard, "login-form")).to_be_visible()


# The first page


def test_the_overview_shows_the_figures_and_the_credentials(dashboard, gateway):
    paid(gateway, amount=123_456)
    dashboard.goto(f"{gateway.url}/dashboard?range=today")
    expect(part(dashboard, "total-transactions")).to_have_text(re.compile(r"^\d+$"))
    expect(part(dashboard, "total-amount")).to_contain_text("₹")
    expect(part(dashboard, "success-rate")).to_contain_text("%")
    expect(part(dashboard, "api-key")).to_have_text(gateway.alice.key)
    expect(part(dashboard, "api-secret")).to_have_text(gateway.alice.secret)
    assert dashboard.locator("svg.chart-columns .chart-fill").count() >= 1


def test_a_secret_is_veiled_until_somebody_wants_to_see_it(dashboard):
    veil = part(dashboard, "api-secret")
    assert "blur" in veil.evaluate("secret => getComputedStyle(secret).filter")
    dashboard.get_by_role("button", name="Show the secret").click()
    expect(veil).to_have_css("filter", "none")


def test_the_mode_cannot_be_overlooked(dashboard, gateway):
    payment = paid(gateway)
    expect(dashboard.locator(".mode-strip")).to_contain_text("Test mode")
    dashboard.get_by_role("button", name="Live", exact=True).click()
    expect(dashboard.locator(".mode-strip")).to_contain_text("Live mode")
    expect(dashboard.get_by_text("No key in this mode")).to_be_visible()
    dashboard.goto(f"{gateway.url}/dashboard/transactions")
    expect(dashboard.get_by_text("No payments yet")).to_be_visible()
    assert dashboard.goto(f"{gateway.url}/dashboard/transactions/{payment['id']}").status == 404


# Payments


def test_the_list_names_what_the_contract_names(dashboard, gateway):
    payment = paid(gateway, amount=75_000)
    dashboard.goto(f"{gateway.url}/dashboard/transactions")
    found = row(dashboard, payment["id"])
    expect(part(found, "payment-id")).to_have_text(payment["id"])
    expect(part(found, "order-id")).to_have_text(payment["order_id"])
    expect(part(found, "amount")).to_have_text("₹750.00")
    expect(part(found, "method")).to_have_text("upi")
    expect(part(found, "status")).to_have_text("success")
    expect(part(found, "created-at")).to_contain_text("just now")


@pytest.mark.parametrize(
    ("filters", "finds"),
    [
        ("status=success", "good"), ("status=failed", "bad"), ("method=upi", "both"), ("method=card", "none"),
        ("min=987&max=988", "good"), ("q=NEEDLE", "bad"), ("q=in-the-hay", "good"),
        ("from=2020-01-01&to=2020-02-01", "none"),
    ],
)  # fmt: skip
def test_filters_find_what_they_say(dashboard, gateway, filters, finds):
    good = paid(gateway, amount=98_765, receipt="IN-THE-HAY")["id"]
    bad = paid(gateway, amount=10_000, vpa="failure@razorpay", notes={"look": "needle"})["id"]
    dashboard.goto(f"{gateway.url}/dashboard/transactions?{filters}")
    wanted = {"good": {good}, "bad": {bad}, "both": {good, bad}, "none": set()}[finds]
    shown = {found.get_attribute("data-payment-id") for found in part(dashboard, "transaction-row").all()}
    assert shown & {good, bad} == wanted


def test_filters_are_set_by_hand_and_cleared(dashboard, gateway):
    paid(gateway)
    dashboard.goto(f"{gateway.url}/dashboard/transactions")
    dashboard.keyboard.press("/")
    dashboard.keyboard.type("nothing is called like this")
    dashboard.keyboard.press("Enter")
    expect(dashboard.get_by_text("No payment fits")).to_be_visible()
    assert dashboard.url.endswith("?q=nothing+is+called+like+this")
    dashboard.get_by_role("link", name="Clear filters").click()
    expect(part(dashboard, "transactions-table")).to_be_visible()
    dashboard.get_by_label("Status").select_option("failed")
    expect(dashboard).to_have_url(re.compile(r"status=failed$"))


def test_a_filter_that_cannot_be_says_why(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/transactions?min=abc")
    expect(dashboard.get_by_role("alert")).to_have_text("An amount in INR looks like 1234.50.")
    expect(dashboard.get_by_label("Amount from")).to_have_value("abc")


def test_exports_hold_exactly_what_is_filtered(dashboard, gateway):
    wanted = [paid(gateway, amount=33_300, receipt="EXPORT")["id"] for _ in range(2)]
    paid(gateway, amount=33_300)
    dashboard.goto(f"{gateway.url}/dashboard/transactions?q=export")
    with dashboard.expect_download() as download:
        dashboard.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert {found["id"] for found in rows} == set(wanted) and rows[0]["amount"] == "333.00"
    with dashboard.expect_download() as download:
        dashboard.get_by_role("link", name="JSON").click()
    assert [found["id"] for found in json.loads(download.value.path().read_text())] == [r["id"] for r in rows]


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("of", ["transactions", "orders", "refunds"])
def test_an_export_of_nothing_is_a_file_and_one_of_nonsense_none(gateway, of, kind):
    visitor = Visitor(gateway, "alice@example.com")
    nothing = visitor.get(f"/dashboard/{of}/export.{kind}?from=2020-01-01&to=2020-01-01")
    assert nothing.text.startswith("id,") if kind == "csv" else json.loads(nothing.text) == []
    for nonsense in ("status=nonsense", "from=yesterday"):
        assert visitor.get(f"/dashboard/{of}/export.{kind}?{nonsense}").status == 400


# One payment


def test_a_refund_in_two_parts(dashboard, gateway):
    payment = paid(gateway, amount=50_000)
    dashboard.goto(f"{gateway.url}/dashboard/transactions/{payment['id']}")
    expect(part(dashboard, "remaining-amount")).to_have_text("₹500.00")
    part(dashboard, "refund-amount").fill("120.50")
    dashboard.get_by_label("Reason").fill("One of two returned")
    part(dashboard, "refund-button").click()
    expect(notice(dashboard)).to_contain_text("The refund is on its way")
    expect(part(dashboard, "remaining-amount")).to_have_text("₹379.50")
    expect(part(dashboard, "refund-row")).to_contain_text("One of two returned")
    expect(part(dashboard, "refund-row")).to_contain_text("processed")
    part(dashboard, "refund-button").click()
    expect(part(dashboard, "remaining-amount")).to_have_text("₹0.00")
    expect(part(dashboard, "refund-button")).to_have_count(0)
    refunds = gateway.ask(gateway.alice, f"/payments/{payment['id']}/refunds")["data"]
    assert [refund["amount"] for refund in refunds] == [37_950, 12_050]


def test_too_much_is_refused_and_what_was_typed_stays(dashboard, gateway):
    payment = paid(gateway, amount=50_000)
    dashboard.goto(f"{gateway.url}/dashboard/transactions/{payment['id']}")
    part(dashboard, "refund-amount").fill("500.01")
    part(dashboard, "refund-button").click()
    expect(dashboard.get_by_role("alert")).to_have_text("Refund amount exceeds available amount")
    expect(part(dashboard, "refund-amount")).to_have_value("500.01")


def test_a_double_click_refunds_once(dashboard, gateway):
    payment = paid(gateway, amount=50_000)
    dashboard.goto(f"{gateway.url}/dashboard/transactions/{payment['id']}")
    part(dashboard, "refund-amount").fill("100.00")
    part(dashboard, "refund-button").dblclick()
    expect(part(dashboard, "remaining-amount")).to_have_text("₹400.00")
    assert len(gateway.ask(gateway.alice, f"/payments/{payment['id']}/refunds")["data"]) == 1


def test_two_windows_with_the_same_form_refund_once(dashboard, gateway):
    payment = paid(gateway, amount=50_000)
    address = f"{gateway.url}/dashboard/transactions/{payment['id']}"
    dashboard.goto(address)
    other = dashboard.context.new_page()
    other.goto(address)
    other.evaluate("document.querySelectorAll('[data-live-part]').forEach(part => delete part.dataset.livePart)")
    for window in (dashboard, other):
        part(window, "refund-amount").fill("100.00")
    part(dashboard, "refund-button").click()
    expect(part(dashboard, "remaining-amount")).to_have_text("₹400.00")
    part(other, "refund-button").click()
    expect(notice(other)).to_contain_text("nothing was refunded twice")
    assert len(gateway.ask(gateway.alice, f"/payments/{payment['id']}/refunds")["data"]) == 1


def test_capture_and_cancel_of_what_is_only_authorised(dashboard, gateway):
    payment = paid(gateway, amount=50_000, capture="manual")
    dashboard.goto(f"{gateway.url}/dashboard/transactions/{payment['id']}")
    dashboard.get_by_label("Amount in INR").fill("300")
    part(dashboard, "capture-button").click()
    expect(notice(dashboard)).to_have_text("The payment is captured.")
    expect(part(dashboard, "remaining-amount")).to_have_text("₹300.00")
    other = paid(gateway, amount=50_000, capture="manual")
    dashboard.goto(f"{gateway.url}/dashboard/transactions/{other['id']}")
    part(dashboard, "cancel-button").click()
    part(dashboard, "confirm-cancel-button").click()
    expect(notice(dashboard)).to_have_text("The payment is cancelled.")
    expect(part(dashboard, "status")).to_have_text("cancelled")


def test_the_story_of_a_payment_is_told_to_the_end(dashboard, gateway):
    payment = paid(gateway, amount=50_000, receipt="R-7")
    dashboard.goto(f"{gateway.url}/dashboard/transactions/{payment['id']}")
    story = part(dashboard, "timeline")
    for line in ("payment.created", "processing", "payment.success", "payment.captured", "capture: merchant"):
        expect(story).to_contain_text(line)
    expect(dashboard.get_by_text("R-7")).to_be_visible()


def test_a_failure_says_why(dashboard, gateway):
    order = gateway.order()
    card = {"number": NO_MONEY, "expiry_month": 12, "expiry_year": 2030, "cvv": "123", "holder_name": "Asha Rao"}
    payment = gateway.ask(gateway.alice, "/payments", {"order_id": order, "method": "card", "card": card})
    dashboard.goto(f"{gateway.url}/dashboard/transactions/{payment['id']}")
    expect(part(dashboard, "status")).to_have_text("failed")
    dashboard.reload()
    expect(dashboard.locator(".notice-bad")).to_contain_text("insufficient")
    expect(dashboard.get_by_text("9995")).to_be_visible()


def test_a_large_refund_asks_for_the_password_again(dashboard, gateway):
    payment = paid(gateway, amount=2_000_000)
    alter(gateway, "UPDATE sessions SET confirmed_at = 0")
    dashboard.goto(f"{gateway.url}/dashboard/transactions/{payment['id']}")
    part(dashboard, "refund-button").click()
    expect(dashboard.get_by_role("heading", name="Is it still you?")).to_be_visible()
    dashboard.get_by_label("Password").fill("wrong")
    dashboard.get_by_role("button", name="Confirm").click()
    expect(dashboard.get_by_role("alert")).to_have_text("The password is wrong.")
    dashboard.get_by_label("Password").fill(PASSWORD)
    dashboard.get_by_role("button", name="Confirm").click()
    expect(notice(dashboard)).to_contain_text("The refund is on its way")


def alter(gateway, sql: str) -> None:
    """Behind the gateway's back."""
    with sqlite3.connect(gateway.folder / "gateway.db", timeout=5) as database:
        database.execute(sql)
    database.close()


# Orders, links, refunds


def test_an_order_is_made_and_paid_from_its_address(dashboard, gateway, browser):
    dashboard.goto(f"{gateway.url}/dashboard/orders")
    dashboard.get_by_role("link", name="Create an order").first.click()
    dashboard.get_by_label("Amount").fill("1,250.50")
    dashboard.get_by_label("Receipt").fill("BY-HAND-1")
    dashboard.get_by_label("Notes").fill("table: 12")
    dashboard.get_by_role("button", name="Create the order").click()
    expect(notice(dashboard)).to_contain_text("The order is ready")
    expect(dashboard.get_by_text("₹1,250.50").first).to_be_visible()
    picture = dashboard.get_by_alt_text("QR code of the address at which the order is paid")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    address = part(dashboard, "pay-url").inner_text()
    customer = browser.new_page()
    customer.goto(address.replace("http://127.0.0.1:8000", gateway.url))
    expect(part(customer, "order-amount")).to_have_text("₹1,250.50")
    customer.close()


@pytest.mark.parametrize(
    ("amount", "complaint"), [("", None), ("abc", "looks like"), ("0.50", "at least"), ("1.234", "looks like")]
)
def test_an_order_that_cannot_be_says_why_at_its_field(dashboard, gateway, amount, complaint):
    dashboard.goto(f"{gateway.url}/dashboard/orders/new")
    dashboard.get_by_label("Amount").fill(amount)
    dashboard.get_by_role("button", name="Create the order").click()
    if complaint:
        expect(dashboard.locator("#error-amount")).to_contain_text(complaint)
        expect(dashboard.get_by_label("Amount")).to_be_focused()
    expect(dashboard.get_by_label("Amount")).to_have_value(amount)


def test_a_payment_link_is_made_and_closed(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/links")
    dashboard.get_by_label("What it is for").fill("Invoice 42")
    dashboard.get_by_label("Amount").fill("99")
    dashboard.get_by_role("button", name="Create the link").click()
    expect(notice(dashboard)).to_contain_text("The payment link is ready")
    assert "/l/" in part(dashboard, "pay-url").inner_text()
    dashboard.goto(f"{gateway.url}/dashboard/links")
    dashboard.get_by_role("row", name=re.compile("Invoice 42")).get_by_role("button", name="Close").click()
    expect(dashboard.get_by_role("row", name=re.compile("Invoice 42"))).to_contain_text("cancelled")


def test_refunds_are_listed_with_their_payments(dashboard, gateway):
    payment = paid(gateway)
    gateway.ask(gateway.alice, f"/payments/{payment['id']}/refunds", {"amount": 1_000, "reason": "Broken cup"})
    dashboard.goto(f"{gateway.url}/dashboard/refunds?q=broken")
    expect(dashboard.get_by_role("link", name=payment["id"])).to_be_visible()


# Webhooks


@pytest.fixture
def shop():
    with Receiver(polite) as receiver:
        yield receiver


def test_a_webhook_is_set_up_tested_read_and_sent_again(dashboard, gateway, shop):
    dashboard.goto(f"{gateway.url}/dashboard/webhooks")
    part(dashboard, "webhook-url-input").fill(shop.url())
    part(dashboard, "save-webhook-button").click()
    expect(notice(dashboard)).to_have_text("Saved.")
    part(dashboard, "test-webhook-button").click()
    entry = part(dashboard, "webhook-log-item").first
    expect(part(entry, "webhook-event")).to_have_text("webhook.test")
    expect(part(entry, "webhook-status")).to_have_text("success")
    expect(part(entry, "webhook-attempts")).to_have_text("1")
    expect(part(entry, "webhook-response-code")).to_have_text("200")
    expect(part(entry, "webhook-last-attempt")).to_contain_text("just now")
    part(entry, "retry-webhook-button").click()
    expect(notice(dashboard)).to_contain_text("sent again")
    expect(part(part(dashboard, "webhook-log-item").first, "webhook-attempts")).to_have_text("2")
    part(part(dashboard, "webhook-log-item").first, "webhook-event").click()
    expect(dashboard.get_by_text("Attempt 2")).to_be_visible()
    expect(dashboard.locator("pre").last).to_contain_text("Your webhook endpoint works.")


def test_a_secret_of_ones_own_is_shown_as_libraries_must_be_given_it(dashboard, gateway):
    body = {"url": "https://shop.example/h", "secret": "plain-old-secret"}
    made = gateway.ask(gateway.alice, "/webhook_endpoints", body)
    dashboard.goto(f"{gateway.url}/dashboard/webhooks/endpoints/{made['id']}")
    expect(part(dashboard, "webhook-secret")).to_have_text("plain-old-secret")
    expect(part(dashboard, "standard-secret")).to_have_text("whsec_cGxhaW4tb2xkLXNlY3JldA==")
    dashboard.goto(f"{gateway.url}/dashboard/webhooks")
    expect(part(dashboard, "webhook-secret")).to_be_attached()
    expect(part(dashboard, "standard-secret")).to_have_count(0)


def test_the_secret_is_shown_and_replaced(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/webhooks")
    before = part(dashboard, "webhook-secret").inner_text()
    part(dashboard, "regenerate-secret-button").click()
    expect(notice(dashboard)).to_contain_text("There is a new secret")
    assert part(dashboard, "webhook-secret").inner_text() != before


def test_a_url_that_cannot_be_called_is_refused_at_its_field(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/webhooks")
    part(dashboard, "webhook-url-input").fill("ftp://shop.example/")
    part(dashboard, "save-webhook-button").click()
    expect(dashboard.locator("#error-webhook_url")).to_be_visible()
    expect(part(dashboard, "webhook-url-input")).to_have_value("ftp://shop.example/")


def test_an_endpoint_with_a_filter_is_made_changed_and_deleted(dashboard, gateway, shop):
    dashboard.goto(f"{gateway.url}/dashboard/webhooks")
    dashboard.get_by_role("link", name="Add an endpoint").click()
    dashboard.get_by_label("URL").fill(shop.url())
    dashboard.get_by_label("All of them").uncheck()
    dashboard.get_by_label("refund.processed").check()
    dashboard.get_by_role("button", name="Add the endpoint").click()
    expect(notice(dashboard)).to_contain_text("The endpoint is ready")
    expect(dashboard.get_by_label("refund.processed")).to_be_checked()
    expect(dashboard.get_by_label("All of them")).not_to_be_checked()
    dashboard.get_by_label("Deliver", exact=True).select_option("no")
    dashboard.get_by_role("button", name="Save").click()
    expect(dashboard.get_by_text("disabled", exact=True)).to_be_visible()
    part(dashboard, "delete-endpoint-button").click()
    expect(dashboard.get_by_role("dialog")).to_contain_text("Nothing is sent to it any more")
    part(dashboard, "confirm-delete-endpoint-button").click()
    expect(notice(dashboard)).to_have_text("The endpoint is gone.")


def test_what_was_missed_is_recovered(dashboard, gateway, shop):
    dashboard.goto(f"{gateway.url}/dashboard/webhooks")
    part(dashboard, "webhook-url-input").fill(shop.url())
    part(dashboard, "save-webhook-button").click()
    part(dashboard, "test-webhook-button").click()
    dashboard.get_by_text("Recover what was missed").click()
    part(dashboard, "recover-button").click()
    expect(notice(dashboard)).to_contain_text("sent again")


# Developers


def test_a_key_is_made_revealed_and_revoked(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/keys")
    dashboard.get_by_label("Name of a new key").fill("Second shop")
    part(dashboard, "create-key-button").click()
    new = dashboard.locator("tr[data-key-id]").filter(has_text="Second shop")
    expect(dashboard.get_by_label("Name of a new key")).to_have_value("")
    key, secret = part(new, "api-key").inner_text(), part(new, "api-secret").inner_text()
    assert gateway.ask(type(gateway.alice)(gateway.alice.id, key, secret), "/orders")["data"] is not None
    dashboard.goto(f"{gateway.url}/dashboard/keys")
    expect(part(new, "api-secret")).to_have_text("••••••••")
    part(new, "reveal-key-button").click()
    expect(part(new, "api-secret")).to_have_text(secret)
    part(new, "revoke-key-button").click()
    part(new, "confirm-revoke-key-button").click()
    expect(new).to_contain_text("revoked")
    assert "error" in gateway.ask(type(gateway.alice)(gateway.alice.id, key, secret), "/orders")


def test_keys_ask_for_the_password_after_a_while(dashboard, gateway):
    alter(gateway, "UPDATE sessions SET confirmed_at = 0")
    dashboard.goto(f"{gateway.url}/dashboard/keys")
    part(dashboard, "reveal-key-button").first.click()
    dashboard.get_by_label("Password").fill(PASSWORD)
    dashboard.get_by_role("button", name="Confirm").click()
    expect(part(dashboard, "api-secret").filter(has_text="secret_test_")).to_be_visible()


def test_the_guide_carries_the_own_key(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/docs")
    for section in ("api-docs", "section-create-order", "section-sdk-integration", "section-webhook-verification"):
        expect(part(dashboard, section)).to_be_visible()
    expect(part(dashboard, "code-snippet-create-order")).to_contain_text("key_test_")
    expect(part(dashboard, "code-snippet-sdk")).to_contain_text("new PaymentGateway")
    expect(part(dashboard, "code-snippet-webhook")).to_contain_text("createHmac")
    dashboard.get_by_text("Python", exact=True).first.click()
    expect(dashboard.get_by_text("urllib.request.Request").first).to_be_visible()


def test_the_reference_is_drawn_from_the_openapi_document(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/reference")
    document = json.loads(dashboard.request.get(f"{gateway.url}/openapi.json").text())
    operations = sum(len(operations) for operations in document["paths"].values())
    assert dashboard.locator("details.operation").count() == operations
    dashboard.get_by_text("/api/v1/payments/{payment_id}/refunds").first.click()
    expect(dashboard.get_by_text("X-Api-Key: key_test_").first).to_be_attached()
    reading = dashboard.locator("details.operation").filter(has_text="Show what the gateway owes the merchant")
    expect(reading.get_by_text("balances", exact=True)).to_be_attached()
    expect(reading.get_by_text("required")).to_have_count(0)


def test_requests_and_idempotency_keys_are_there_to_be_looked_at(dashboard, gateway):
    visitor = Visitor(gateway)
    headers = {"X-Api-Key": gateway.alice.key, "X-Api-Secret": gateway.alice.secret, "Idempotency-Key": "once-1"}
    for body in ('{"amount":50000}', '{"amount":50000}', '{"amount":60000}'):
        visitor._ask("POST", "/api/v1/orders", body, headers | {"Content-Type": "application/json"})
    dashboard.goto(f"{gateway.url}/dashboard/idempotency")
    cells = dashboard.get_by_role("row", name=re.compile("once-1")).locator("td").all_inner_texts()
    assert cells[:5] == ["once-1", "POST /api/v1/orders", "201", "1", "1"]
    dashboard.goto(f"{gateway.url}/dashboard/requests?status=trouble")
    for _ in range(20):
        if dashboard.get_by_text("IDEMPOTENCY_ERROR").count():
            break
        dashboard.wait_for_timeout(100)
        dashboard.reload()
    expect(dashboard.get_by_text("IDEMPOTENCY_ERROR").first).to_be_visible()


# Customers


def test_the_list_of_customers_says_how_they_come_about(page, gateway):
    log_in(page, gateway, "bob@example.com")
    page.goto(f"{gateway.url}/dashboard/customers")
    expect(page.get_by_text("No customers yet")).to_be_visible()
    expect(page.get_by_text("lets the checkout save their card")).to_be_visible()


def test_a_customer_is_found_from_a_payment_and_a_card_removed(dashboard, gateway):
    token = gateway.save_card(secret="c" * 43)
    gateway.save_card(secret="c" * 43, number="5555555555554444")
    dashboard.get_by_role("link", name="Customers").click()
    found = part(dashboard, "customer-row").filter(has_text=token["customer_id"])
    expect(found).to_contain_text("Visa •••• 4242")
    expect(found).to_contain_text("Mastercard •••• 4444")
    found.get_by_role("link").click()
    part(dashboard, "payment-row").first.get_by_role("link").click()
    part(dashboard, "customer-id").click()
    card = part(dashboard, "saved-card").filter(has_text="4242")
    card.get_by_role("button", name="Remove Visa •••• 4242").click()
    expect(card.get_by_role("button", name="Keep it")).to_be_focused()
    dashboard.keyboard.press("Escape")
    expect(part(card, "confirm-remove-card-button")).to_be_hidden()
    part(card, "remove-card-button").click()
    part(card, "confirm-remove-card-button").click()
    expect(notice(dashboard)).to_contain_text("The card is removed")
    expect(part(dashboard, "saved-card")).to_have_count(1)
    expect(part(dashboard, "payment-row")).to_have_count(2)
    dashboard.goto(f"{gateway.url}/dashboard/audit")
    removal = part(dashboard, "audit-table").get_by_role("row").filter(has_text="card.remove")
    expect(removal).to_contain_text(token["id"])
    expect(removal).to_contain_text("visa •••• 4242")


def test_a_customer_appears_and_grows_on_the_open_page(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/customers")
    token = gateway.save_card(secret="n" * 43)
    found = part(dashboard, "customer-row").filter(has_text=token["customer_id"])
    expect(found).to_contain_text("Visa •••• 4242")
    found.get_by_role("link").click()
    expect(part(dashboard, "payment-row")).to_have_count(1)
    gateway.save_card(secret="n" * 43, number="5555555555554444")
    expect(part(dashboard, "payment-row")).to_have_count(2)
    expect(part(dashboard, "saved-card")).to_have_count(2)


# Settings, team, account


def test_the_shop_is_set_up(dashboard, gateway, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(PIXEL)
    dashboard.goto(f"{gateway.url}/dashboard/settings")
    dashboard.get_by_label("Name that customers see").fill("Tea & More")
    dashboard.get_by_role("button", name="Save").first.click()
    expect(dashboard.get_by_label("Name that customers see")).to_have_value("Tea & More")
    dashboard.get_by_label("PNG, JPEG or WebP").set_input_files(logo)
    dashboard.get_by_role("button", name="Save").nth(1).click()
    expect(dashboard.get_by_alt_text("Your logo")).to_be_visible()
    for nothing in ([], [{"name": "empty.png", "mimeType": "image/png", "buffer": b""}]):
        dashboard.get_by_label("PNG, JPEG or WebP").set_input_files(nothing)
        dashboard.get_by_role("button", name="Save").nth(1).click()
        expect(dashboard.get_by_role("alert")).to_have_text("Choose a picture first.")
        expect(dashboard.get_by_alt_text("Your logo")).to_be_visible()
    dashboard.get_by_label("Sites, one per line").fill("https://shop.example/path")
    dashboard.get_by_role("button", name="Save").nth(2).click()
    expect(dashboard.locator("#error-allowed_origins")).to_contain_text("without a path")
    dashboard.goto(f"{gateway.url}/dashboard/settings")
    dashboard.get_by_label("Capture").select_option("manual")
    dashboard.get_by_label("Time zone").select_option("UTC")
    dashboard.get_by_role("button", name="Save").nth(3).click()
    expect(dashboard.get_by_label("Time zone")).to_have_value("UTC")
    assert gateway.ask(gateway.alice, "/orders", {"amount": 50_000})["capture"] == "manual"
    dashboard.get_by_label("Capture").select_option("")
    dashboard.get_by_role("button", name="Save").nth(3).click()
    expect(notice(dashboard)).to_have_text("Saved.")
    assert gateway.ask(gateway.alice, "/orders", {"amount": 50_000})["capture"] == "automatic"


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8ff1f0003030100c9fe92ef0000000049454e44ae426082"
)


def test_a_test_mail_without_a_server_says_what_is_missing(dashboard, gateway):
    dashboard.goto(f"{gateway.url}/dashboard/settings")
    dashboard.get_by_label("E-mail address for notices").fill("me@shop.example")
    dashboard.get_by_role("button", name="Send a test").click()
    expect(dashboard.get_by_role("alert")).to_contain_text("mail.host")
    dashboard.goto(f"{gateway.url}/dashboard/settings")
    expect(dashboard.get_by_label("E-mail address for notices")).to_have_value("me@shop.example")


def test_a_colleague_is_invited_works_and_leaves(dashboard, gateway, browser):
    dashboard.goto(f"{gateway.url}/dashboard/team")
    dashboard.get_by_label("E-mail").fill("ravi@example.com")
    dashboard.get_by_label("Role", exact=True).select_option("viewer")
    dashboard.get_by_role("button", name="Make the link").click()
    link = part(dashboard, "invitation-link").inner_text()
    with browser.new_context() as context:
        ravi = context.new_page()
        ravi.goto(gateway.url + link[link.index("/dashboard") :])
        ravi.get_by_label("Your name").fill("Ravi")
        ravi.get_by_label("Choose a password").fill("long enough")
        ravi.get_by_role("button", name="Join").click()
        expect(part(ravi, "dashboard")).to_be_visible()
        ravi.goto(f"{gateway.url}/dashboard/audit")
        expect(ravi.get_by_text("Your role, viewer, does not allow this")).to_be_visible()
        dashboard.goto(f"{gateway.url}/dashboard/team")
        dashboard.get_by_role("button", name="Remove ravi@example.com?").click()
        part(dashboard, "confirm-remove-person-button").click()
        expect(notice(dashboard)).to_contain_text("out of the team")
        ravi.goto(f"{gateway.url}/dashboard")
        expect(part(ravi, "login-form")).to_be_visible()
    dashboard.goto(f"{gateway.url}/dashboard/audit")
    expect(part(dashboard, "audit-table")).to_contain_text("team.remove")


def test_a_second_factor_guards_the_next_login_and_recovery_codes_help(page, gateway):
    log_in(page, gateway, "bob@example.com")
    page.goto(f"{gateway.url}/dashboard/account/two-factor")
    secret = part(page, "totp-secret").inner_text()
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("alert")).to_contain_text("does not fit")
    assert part(page, "totp-secret").inner_text() == secret
    page.get_by_label("Code", exact=True).fill(code(secret))
    page.get_by_role("button", name="Turn it on").click()
    recovery = part(page, "recovery-codes").locator("li").first.inner_text()
    page.context.clear_cookies()
    log_in(page, gateway, "bob@example.com")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.goto(f"{gateway.url}/dashboard/transactions")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_label("Code", exact=True).fill(recovery)
    page.get_by_role("button", name="Continue").click()
    expect(part(page, "dashboard")).to_be_visible()
    page.goto(f"{gateway.url}/dashboard/account")
    expect(page.get_by_text("9 recovery codes are left.")).to_be_visible()
    page.get_by_role("button", name="Turn it off").click()
    expect(notice(page)).to_have_text("The second factor is off.")


def code(secret: str) -> str:
    return two_factor._totp(secret).generate(now_ms() // 1000).decode()


def test_other_sessions_are_seen_and_ended(dashboard, gateway, browser):
    with browser.new_context() as context:
        elsewhere = log_in(context.new_page(), gateway)
        expect(part(elsewhere, "dashboard")).to_be_visible()
        dashboard.goto(f"{gateway.url}/dashboard/account")
        dashboard.get_by_role("button", name="Log out everywhere else").click()
        expect(notice(dashboard)).to_contain_text("other sessions have ended")
        elsewhere.reload()
        expect(part(elsewhere, "login-form")).to_be_visible()



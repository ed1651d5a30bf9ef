"""The dashboard for everybody: screen readers, small screens, the dark, Hindi, no script, no stranger's requests."""

import gzip
import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from gateway import accounts, i18n, reports
from gateway.processors import instruments
from gateway.web import pages
from tests.counter import Gateway, part
from tests.receivers import Receiver, answering
from tests.test_dashboard_pages import log_in, pay

QUICK = {"SIMULATOR_DELAY_MIN": 0, "SIMULATOR_DELAY_MAX": 0, "SIMULATOR_UPI_SUCCESS_RATE": 1,
         "SIMULATOR_CARD_SUCCESS_RATE": 1, "WEBHOOKS_ALLOW_PRIVATE": "127.0.0.0/8",
         "WEBHOOKS_RETRY_SECONDS": 3600}  # fmt: skip
TALKATIVE = answering(b"HTTP/1.1 500 Broken\r\nContent-Length: 4000\r\n\r\n" + b"x" * 4000)
SCRIPT_BYTES_MAX = 20 * 1024
PATHS = (
    "", "/transactions", "/transactions/{payment}", "/orders", "/orders/new", "/orders/{order}", "/links", "/refunds",
    "/customers", "/customers/{customer}",
    "/webhooks", "/webhooks/endpoints/new", "/webhooks/endpoints/{endpoint}", "/webhooks/deliveries/{delivery}",
    "/keys", "/docs", "/reference", "/requests", "/idempotency", "/settings", "/account", "/account/two-factor",
    "/team", "/audit", "/nowhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), **QUICK, LIMITS_LOGINS_PER_MINUTE=0)
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def ids(gateway):
    """One of everything, so that no page is empty."""
    payment = pay(gateway, receipt="x" * 40)
    pay(gateway, vpa="failure@razorpay")
    gateway.ask(gateway.alice, f"/payments/{payment['id']}/refunds", {"amount": 1_000, "reason": "Returned"})
    gateway.ask(gateway.alice, "/payment_links", {"amount": 50_000, "description": "Invoice 42"})
    endpoint = gateway.ask(gateway.alice, "/webhook_endpoints", {"url": "http://shop.example/hook/" + "x" * 60})
    with Receiver(TALKATIVE) as receiver:
        sent = failed_delivery(gateway, receiver.url())
    token = gateway.save_card()
    return {"payment": payment["id"], "order": payment["order_id"], "endpoint": endpoint["id"], "delivery": sent["id"],
            "customer": token["customer_id"]}  # fmt: skip


def failed_delivery(gateway, url) -> dict:
    """A test event that its receiver answered at length."""
    endpoint = gateway.ask(gateway.alice, "/webhook_endpoints", {"url": url})
    sent, ends_at = gateway.ask(gateway.alice, f"/webhook_endpoints/{endpoint['id']}/test", {}), time.monotonic() + 20
    while not gateway.ask(gateway.alice, f"/webhooks/{sent['id']}")["attempts"]:
        assert time.monotonic() < ends_at, "Nothing was delivered."
        time.sleep(0.05)
    return sent


@pytest.fixture(scope="module")
def member(browser, gateway, ids):
    """Somebody who is logged in, for many pages."""
    with browser.new_context() as context:
        yield log_in(context.new_page(), gateway)


def open_page(member, gateway, ids, path):
    member.goto(f"{gateway.url}/dashboard{path.format(**ids)}")
    return member


def serious(page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_serious(member, gateway, ids, path, scheme):
    member.emulate_media(color_scheme=scheme)
    member.set_viewport_size({"width": 1280, "height": 900})
    assert serious(open_page(member, gateway, ids, path)) == []


@pytest.mark.parametrize("path", ["/login", "/login?done=logged_out"])
def test_axe_finds_nothing_serious_at_the_door(page, gateway, path):
    page.goto(f"{gateway.url}/dashboard{path}")
    assert serious(page) == []


@pytest.mark.parametrize("language", ["en", "hi"])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_sticks_out_sideways_on_a_small_phone(member, gateway, ids, path, language):
    member.set_viewport_size({"width": 360, "height": 740})
    member.context.add_cookies([{"name": "language", "value": language, "url": gateway.url}])
    page = open_page(member, gateway, ids, path)
    member.context.add_cookies([{"name": "language", "value": "en", "url": gateway.url}])
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('pre, .scroll, .visually-hidden')"
        " && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, wide
    assert wide == []


def test_a_long_answer_of_a_receiver_stays_in_its_place(member, gateway, ids):
    member.set_viewport_size({"width": 1280, "height": 900})
    page = open_page(member, gateway, ids, "/webhooks/deliveries/{delivery}")
    box = page.locator(".answer").bounding_box()
    facts = page.locator("#facts").bounding_box()
    assert page.locator(".answer").inner_text().startswith("xxx")
    assert box["x"] + box["width"] < facts["x"]


def test_a_refusal_keeps_the_menu_for_those_inside_and_a_way_back_for_all(member, gateway, ids, browser):
    member.set_viewport_size({"width": 1280, "height": 900})
    page = open_page(member, gateway, ids, "/transactions/pay_0000000000000000")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    expect(page.get_by_text("No such payment.")).to_have_count(1)
    expect(page.get_by_role("link", name="Payment links")).to_be_visible()
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{gateway.url}/dashboard/nowhere")
        expect(page.get_by_role("link", name="To the overview")).to_be_visible()


def test_the_menu_of_a_phone_opens_and_leads_on(member, gateway, ids):
    member.set_viewport_size({"width": 360, "height": 740})
    page = open_page(member, gateway, ids, "")
    expect(page.get_by_role("link", name="Payment links")).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    page.get_by_role("link", name="Payment links").click()
    expect(page.get_by_role("heading", name="Payment links")).to_be_visible()


def test_a_refund_on_a_phone(member, gateway, ids):
    member.set_viewport_size({"width": 360, "height": 740})
    page = open_page(member, gateway, ids, "/transactions/{payment}")
    part(page, "refund-amount").fill("1")
    part(page, "refund-button").click()
    expect(page.locator(".notice")).to_contain_text("The refund is on its way")


def test_the_keyboard_is_enough(page, gateway):
    page.goto(f"{gateway.url}/dashboard/login")
    page.keyboard.press("Tab")
    page.keyboard.type("alice@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse")
    page.keyboard.press("Enter")
    expect(part(page, "dashboard")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_theme_and_language_are_remembered_by_the_browser(page, gateway):
    log_in(page, gateway)
    page.get_by_role("button", name="My account").click()
    page.get_by_label("Theme").select_option("dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="My account").click()
    page.get_by_label("Language").select_option("hi")
    expect(page.locator("html")).to_have_attribute("lang", "hi")
    expect(page.get_by_role("heading", level=1)).to_have_text("सारांश")
    page.goto(f"{gateway.url}/dashboard/transactions")
    expect(page.get_by_role("heading", level=1)).to_have_text("भुगतान")


def test_refusals_and_the_words_of_the_domain_are_hindi_too(page, gateway, ids):
    page.context.add_cookies([{"name": "language", "value": "hi", "url": gateway.url}])
    page.goto(f"{gateway.url}/dashboard/login")
    part(page, "email-input").fill("alice@example.com")
    part(page, "password-input").fill("wrong")
    part(page, "login-button").click()
    expect(page.get_by_role("alert")).to_have_text("ई-मेल पता या पासवर्ड गलत है।")
    log_in(page, gateway)
    page.goto(f"{gateway.url}/dashboard/transactions/{ids['payment']}")
    expect(part(page, "status")).to_have_text("सफल")
    expect(part(page, "method")).to_have_text("UPI")
    page.goto(f"{gateway.url}/dashboard/customers/cust_0000000000000000")
    expect(page.get_by_text("ऐसा कोई ग्राहक नहीं है।")).to_be_visible()
    page.goto(f"{gateway.url}/dashboard/refunds?status=nothing")
    expect(page.get_by_role("alert")).to_contain_text("इनमें से एक होता है: pending, processed, failed")
    expect(page.get_by_role("option", name="लंबित")).to_be_attached()


STATES = {"open", "expired", "cancelled", *reports.orders.ORDER_STATUSES, *reports.orders.REFUND_STATUSES,
          *reports.payments.STATUSES, *reports.payments.METHODS, *reports.webhooks.STATUSES}  # fmt: skip


REASONS = {"card_data_lost", "authentication_expired", "unknown", *instruments._DESCRIPTIONS}


def test_every_state_method_role_and_reason_has_a_word_in_hindi():
    words = STATES | {reason.replace("_", " ") for reason in REASONS} | set(accounts.ROLES) | {"automatic", "manual"}
    assert sorted(words - set(i18n.catalogue("hi"))) == []
    assert sorted(set(instruments._DESCRIPTIONS.values()) - set(i18n.catalogue("hi"))) == []


def test_every_page_works_without_a_script(browser, gateway, ids):
    with browser.new_context(java_script_enabled=False) as context:
        page = log_in(context.new_page(), gateway)
        expect(part(page, "dashboard")).to_be_visible()
        page.goto(f"{gateway.url}/dashboard/transactions/{ids['payment']}")
        part(page, "refund-amount").fill("2")
        part(page, "refund-button").click()
        expect(page.locator(".notice")).to_contain_text("The refund is on its way")


def test_no_page_breaks_its_own_policy(page, gateway, ids):
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    log_in(page, gateway)
    for path in PATHS[:-1]:
        page.goto(f"{gateway.url}/dashboard{path.format(**ids)}")
    assert complaints == []


def test_the_script_is_small():
    scripts = [file.body for name, file in pages.static().files.items() if re.match(r"dashboard.*\.js", name)]
    assert scripts and sum(len(gzip.compress(script, 9)) for script in scripts) <= SCRIPT_BYTES_MAX


def test_a_click_on_copy_copies(browser, gateway, ids):
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = log_in(context.new_page(), gateway)
        page.get_by_role("button", name="Copy the key").click()
        assert page.evaluate("navigator.clipboard.readText()") == gateway.alice.key


WORDS = re.compile(r'_\("((?:[^"\\]|\\.)*)"\)|_\(\'((?:[^\'\\]|\\.)*)\'\)')


def test_every_word_of_the_dashboard_is_there_in_hindi():
    templates = pages.environment().loader.list_templates()
    said = set()
    for name in templates:
        if name.startswith("dashboard/"):
            source = pages.environment().loader.get_source(pages.environment(), name)[0]
            said |= {double or single for double, single in WORDS.findall(source)}
    missing = sorted(said - set(i18n.catalogue("hi")))
    assert len(said) > 200 and missing == []

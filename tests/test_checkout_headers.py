"""What every page of the checkout is sent with, and which scripts run on it."""

import re
import urllib.request

import pytest
from playwright.sync_api import expect

from gateway import signatures
from gateway.web import pages
from gateway.web.checkout import SDK
from tests.counter import CHALLENGED, NO_MONEY, Gateway, fetch, fill_card, part, pay_by_card
from tests.services import ROOT, run_node

HTML = {"Accept": "text/html"}
SCRIPT = re.compile(r'<script src="/static/([\w.-]+\.js)\?v=\w+" integrity="([^"]+)" defer></script>')
LISTED = re.compile(r"^\| `([\w.-]+\.js)` \| `(sha384-[^`]+)` \|", re.MULTILINE)
SDK_BYTES_MAX = 8 * 1024


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), SIMULATOR_DELAY_MIN=0, SIMULATOR_DELAY_MAX=0)
    yield gateway
    gateway.close()


PAGES = ["/checkout?order_id={order}", "/success?payment_id={payment}", "/checkout", "/bank/3ds/{challenged}"]


@pytest.fixture(scope="module")
def address(gateway):
    """Fills in ids that exist."""
    order, challenged = gateway.order(), gateway.order()
    payment = gateway.ask(gateway.alice, "/payments", {"order_id": order, "method": "upi", "vpa": "success@razorpay"})
    card = {"number": "4000002760003184", "expiry_month": 12, "expiry_year": 2030, "cvv": "123", "holder_name": "A"}
    waiting = gateway.ask(gateway.alice, "/payments", {"order_id": challenged, "method": "card", "card": card})
    named = {"order": order, "payment": payment["id"], "challenged": waiting["id"]}
    return lambda path: gateway.url + path.format(**named)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_forbids_what_is_inline_and_what_is_foreign(address, path):
    _, text, headers = fetch(address(path), headers=HTML)
    policy = dict(directive.split(" ", 1) for directive in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert headers["cache-control"] == "no-store"
    for forbidden in ("<style", " style=", " onclick=", " onload=", "javascript:", "http://", "https://", "<script>"):
        assert forbidden not in text


@pytest.mark.parametrize("path", PAGES)
def test_no_page_violates_its_own_policy(page, address, path):
    violations = []
    page.on("console", lambda message: violations.append(message.text) if "Content Security" in message.text else None)
    page.goto(address(path), wait_until="networkidle")
    assert violations == []


def pay_at_the_bank(page):
    pay_by_card(page, CHALLENGED)
    bank = page.frame_locator('[data-test-id="challenge-frame"]')
    part(bank, "otp-input").fill("123456")
    part(bank, "otp-submit").click()


def pay_in_the_app(page):
    part(page, "pay-button").click()
    with page.context.expect_page() as app:
        page.get_by_role("link", name="Open the simulated UPI app").click()
    part(app.value, "upi-approve").click()


def fail_and_pay_otherwise(page):
    pay_by_card(page, NO_MONEY)
    part(page, "retry-button").click()
    fill_card(page)
    part(page, "save-card-checkbox").check()
    part(page, "pay-button").click()


@pytest.mark.parametrize("way", [pay_at_the_bank, pay_in_the_app, fail_and_pay_otherwise])
def test_no_step_of_a_payment_violates_the_policy_or_asks_anybody_else(page, gateway, way):
    """Every document reports what its policy would stop, as a page with `report-only` does."""
    violations, asked = [], set()
    page.context.expose_function("violated", lambda uri: violations.append(uri))
    page.context.add_init_script(
        "addEventListener('securitypolicyviolation', ({ blockedURI }) => window.violated(blockedURI))"
    )
    page.context.on("request", lambda request: asked.add(request.url[: len(gateway.url)]))
    page.goto(gateway.checkout(gateway.order(), color="0b6e5f", theme="dark"))
    way(page)
    expect(part(page, "success-state")).to_be_visible()
    assert (violations, asked) == ([], {gateway.url})


def test_card_fields_leave_the_page_in_one_request_alone(page, gateway):
    sent = []
    page.on("request", lambda request: sent.append((request.url, request.post_data or "")))
    page.goto(gateway.checkout(gateway.order()))
    pay_by_card(page)
    expect(part(page, "success-state")).to_be_visible()
    carrying = [url for url, body in sent if "4242424242424242" in url + body]
    assert carrying == [f"{gateway.url}/api/v1/payments/public"]


def test_every_script_on_the_page_is_in_the_inventory_with_its_hash(gateway):
    """PCI DSS 6.4.3 and 11.6.1: docs/checkout.md lists what runs on the payment page, and this is what is served."""
    listed = dict(LISTED.findall((ROOT / "docs" / "checkout.md").read_text("utf-8")))
    _, text, _ = fetch(gateway.checkout(gateway.order()))
    served = dict(SCRIPT.findall(text))
    assert text.count("<script") == len(served) > 0
    assert listed == served | {SDK: pages.static().integrity(SDK)}


def test_the_sdk_may_be_pinned_by_its_hash_from_any_origin(gateway):
    for path in ("/checkout.js", f"/{SDK}"):
        status, text, headers = fetch(gateway.url + path)
        assert (status, text.encode()) == (200, pages.static().files[SDK].body)
        assert headers["access-control-allow-origin"] == "*"
        assert headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("path", ["/checkout.js", "/checkout?order_id={order}", "/success?payment_id={payment}"])
def test_whoever_only_looks_whether_it_is_there_is_told(address, path):
    with urllib.request.urlopen(urllib.request.Request(address(path), method="HEAD")) as answer:
        assert (answer.status, answer.read()) == (200, b"")


def test_the_sdk_is_small():
    assert len(pages.static().files[SDK].compressed) <= SDK_BYTES_MAX


SIGNED = ("order_1", "pay_1")


def example(language: str) -> str:
    """The code of that language in docs/checkout.md which checks a signature."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "checkout.md").read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if "hmac" in block.lower())


def test_the_documented_check_of_a_signature_works_in_python():
    names = {"API_SECRET": "secret_test_1"}
    exec(example("python"), names)
    genuine = signatures.checkout_signature("secret_test_1", *SIGNED)
    assert names["is_genuine"](*SIGNED, genuine)
    assert not names["is_genuine"]("order_2", "pay_1", genuine)


def test_the_documented_check_of_a_signature_works_in_node():
    genuine = signatures.checkout_signature("secret_test_1", *SIGNED)
    given = [[*SIGNED, genuine], ["order_2", "pay_1", genuine], [*SIGNED, "00"]]
    asked = f"console.log(JSON.stringify({given}.map((given) => isGenuine(...given))))"
    assert run_node(f'const API_SECRET = "secret_test_1";{example("js")}{asked}').strip() == "[true,false,false]"

"""A dashboard that is left open: payments appear by themselves, once each, whatever happens to the server."""

import time

import pytest
from playwright.sync_api import expect

from tests.counter import Gateway, part
from tests.test_dashboard_pages import log_in
from tests.visitor import Visitor

QUICK = {"SIMULATOR_DELAY_MIN": 0, "SIMULATOR_DELAY_MAX": 0, "SIMULATOR_UPI_SUCCESS_RATE": 1}
WITHIN_MS = 1_000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), **QUICK, LIMITS_LOGINS_PER_MINUTE=0)
    yield gateway
    gateway.close()


@pytest.fixture
def payments(page, gateway):
    """The list of payments, left open."""
    log_in(page, gateway)
    page.goto(f"{gateway.url}/dashboard/transactions")
    listening(page)
    return page


def listening(page) -> None:
    expect(page.locator("body")).to_have_attribute("data-stream", "open", timeout=15_000)


def pay(gateway, merchant=None, amount=50_000, **order) -> str:
    merchant = merchant or gateway.alice
    order = gateway.order(merchant, amount, **order)
    return gateway.ask(merchant, "/payments", {"order_id": order, "method": "upi", "vpa": "success@razorpay"})["id"]


def rows(page) -> list[str]:
    return [row.get_attribute("data-payment-id") for row in part(page, "transaction-row").all()]


def test_a_payment_appears_within_a_second_and_reaches_its_end_without_a_reload(payments, gateway):
    pay(gateway)
    payments.reload()
    listening(payments)
    payments.evaluate("window.untouched = true")
    payment = pay(gateway)
    began = time.monotonic()
    expect(payments.locator(f"#{payment}")).to_be_visible(timeout=WITHIN_MS)
    assert time.monotonic() - began < WITHIN_MS / 1000
    expect(part(payments.locator(f"#{payment}"), "status")).to_have_text("success")
    assert payments.evaluate("window.untouched") and rows(payments)[0] == payment


def test_the_first_payment_ever_replaces_the_empty_state(page, gateway):
    log_in(page, gateway, "bob@example.com")
    page.goto(f"{gateway.url}/dashboard/transactions")
    expect(page.get_by_text("No payments yet")).to_be_visible()
    listening(page)
    payment = pay(gateway, gateway.bob)
    expect(page.locator(f"#{payment}")).to_be_visible(timeout=WITHIN_MS)


def test_the_keyboard_stays_where_it_is_while_rows_appear(payments, gateway):
    first = pay(gateway)
    link = part(payments.locator(f"#{first}"), "payment-id")
    link.focus()
    second = pay(gateway)
    expect(payments.locator(f"#{second}")).to_be_visible()
    expect(link).to_be_focused()


def test_what_was_not_there_when_a_page_was_opened_appears(page, gateway):
    payment = pay(gateway)
    log_in(page, gateway)
    page.goto(f"{gateway.url}/dashboard/transactions/{payment}")
    listening(page)
    expect(part(page, "status")).to_have_text("success")
    gateway.ask(gateway.alice, f"/payments/{payment}/refunds", {"amount": 10_000, "reason": "Broken cup"})
    expect(part(page, "refund-row")).to_contain_text("Broken cup")
    order = gateway.order(gateway.alice)
    page.goto(f"{gateway.url}/dashboard/orders/{order}")
    listening(page)
    expect(part(page, "pay-url")).to_be_visible()
    gateway.ask(gateway.alice, "/payments", {"order_id": order, "method": "upi", "vpa": "success@razorpay"})
    expect(part(page, "pay-url")).to_have_count(0)


def test_what_was_clicked_is_renewed_and_keeps_the_keyboard(page, gateway):
    payment = pay(gateway, capture="manual")
    log_in(page, gateway)
    page.goto(f"{gateway.url}/dashboard/transactions/{payment}")
    listening(page)
    expect(part(page, "status")).to_have_text("success")
    copy = page.locator("#summary").get_by_role("button", name="Copy the id")
    copy.focus()
    gateway.ask(gateway.alice, f"/payments/{payment}/cancel", {})
    expect(part(page, "status")).to_have_text("cancelled")
    expect(copy).to_be_focused()


def test_the_next_page_begins_where_the_living_list_ends(payments, gateway):
    for _ in range(26):
        pay(gateway)
    payments.reload()
    listening(payments)
    last = rows(payments)[-1]
    newest = pay(gateway)
    expect(payments.locator(f"#{newest}")).to_be_visible()
    expect(payments.locator(f"#{last}")).to_have_count(0)
    payments.get_by_role("link", name="Older").click()
    expect(payments.locator(f"#{last}")).to_be_visible()


def test_what_is_unfolded_stays_unfolded(page, gateway):
    log_in(page, gateway)
    listening(page)
    page.get_by_text("Show as a table").click()
    page.locator("h1").click()
    count = part(page, "total-transactions").inner_text()
    payment = pay(gateway)
    expect(page.locator(f"#recent-{payment}")).to_be_visible()
    expect(part(page, "total-transactions")).not_to_have_text(count)
    expect(page.locator(".chart-table table")).to_be_visible()


def test_nothing_of_another_merchant_appears(payments, gateway):
    theirs = pay(gateway, gateway.bob)
    ours = pay(gateway)
    expect(payments.locator(f"#{ours}")).to_be_visible()
    assert theirs not in payments.content()


def test_only_what_the_filter_wants_appears(payments, gateway):
    payments.goto(f"{gateway.url}/dashboard/transactions?min=700")
    listening(payments)
    small, large = pay(gateway, amount=60_000), pay(gateway, amount=70_000)
    expect(payments.locator(f"#{large}")).to_be_visible()
    assert small not in rows(payments)


def test_a_restart_is_survived_and_no_row_appears_twice(payments, gateway):
    before = pay(gateway)
    expect(payments.locator(f"#{before}")).to_be_visible()
    gateway.kill()
    expect(payments.locator("body")).to_have_attribute("data-stream", "lost", timeout=10_000)
    gateway.start()
    meanwhile = pay(gateway)
    expect(payments.locator(f"#{meanwhile}")).to_be_visible(timeout=15_000)
    listening(payments)
    after = pay(gateway)
    expect(payments.locator(f"#{after}")).to_be_visible(timeout=WITHIN_MS)
    found = rows(payments)
    assert len(found) == len(set(found)) and found[:3] == [after, meanwhile, before]


def test_the_overview_moves_by_itself(page, gateway):
    log_in(page, gateway)
    listening(page)
    count = int(part(page, "total-transactions").inner_text())
    payment = pay(gateway)
    expect(part(page, "total-transactions")).to_have_text(str(count + 1), timeout=2 * WITHIN_MS)
    expect(page.locator(f"#recent-{payment}")).to_be_visible()


def test_the_story_of_a_payment_goes_on_while_it_is_read(page, gateway):
    payment = pay(gateway)
    log_in(page, gateway)
    page.goto(f"{gateway.url}/dashboard/transactions/{payment}")
    listening(page)
    part(page, "refund-amount").fill("5.00")
    gateway.ask(gateway.alice, f"/payments/{payment}/refunds", {"amount": 10_000})
    expect(part(page, "timeline")).to_contain_text("refund.processed")
    expect(part(page, "remaining-amount")).to_have_text("₹400.00")
    expect(part(page, "refund-amount")).to_have_value("5.00")


def test_a_window_follows_when_another_switches_the_mode(payments, gateway):
    other = payments.context.new_page()
    other.goto(f"{gateway.url}/dashboard")
    other.get_by_role("button", name="Live", exact=True).click()
    expect(other.locator(".mode-strip")).to_contain_text("Live mode")
    other.close()
    pay(gateway)
    expect(payments.locator(".mode-strip")).to_contain_text("Live mode", timeout=15_000)
    expect(payments.get_by_text("No payments yet")).to_be_visible()


def test_a_session_that_ended_elsewhere_leaves_no_page_behind(payments, gateway):
    Visitor(gateway, "alice@example.com").submit("/dashboard/account/sessions/end-others", "/dashboard/account")
    expect(part(payments, "login-form")).to_be_visible(timeout=20_000)


def test_a_logged_out_stream_ends_and_the_page_with_it(payments, gateway):
    payments.context.clear_cookies()
    pay(gateway)
    expect(part(payments, "login-form")).to_be_visible()


def test_a_server_with_open_streams_stops_at_once(page, gateway):
    log_in(page, gateway)
    listening(page)
    began = time.monotonic()
    gateway.close()
    took_s = time.monotonic() - began
    gateway.start()
    assert took_s < 3


def test_what_a_stream_missed_comes_first_when_it_is_back(gateway):
    import http.client

    visitor = Visitor(gateway, "alice@example.com")
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    payment = pay(gateway)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
    headers = {"Cookie": cookie, "Accept": "text/event-stream", "Last-Event-ID": "1"}
    connection.request("GET", "/dashboard/live", headers=headers)
    stream, said = connection.getresponse(), b""
    while payment.encode() not in said:
        said += stream.readline()
    stream.close()
    connection.close()
    ids = [int(line.removeprefix(b"id: ")) for line in said.split(b"\n") if line.startswith(b"id: ")]
    assert ids == sorted(set(ids)) and ids[0] > 1

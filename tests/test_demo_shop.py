"""The demo shop: the whole loop, from the order over the checkout to the webhook, on an origin of its own."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from gateway.web.demo_shop import DemoShop
from tests.counter import Gateway, fetch, part, pay_by_vpa

STEPS = ["Made an order", "onSuccess", "Signature is genuine: tea is packed", "payment.success", "order.paid"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), demo=True, SIMULATOR_DELAY_MIN=0, SIMULATOR_DELAY_MAX=0)
    yield gateway
    gateway.close()


def test_a_newcomer_sees_every_step(page, gateway):
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{gateway.url}/demo")
    assert not page.url.startswith(gateway.url)
    part(page, "buy-chai").click()
    frame = page.frame_locator('[data-test-id="payment-iframe"]')
    pay_by_vpa(frame)
    expect(part(frame, "success-state")).to_be_visible()
    for step in STEPS:
        expect(page.get_by_role("heading", name=step, exact=True)).to_be_attached()
    part(page, "close-modal-button").click()
    expect(page.get_by_role("heading", name="onClose")).to_be_visible()
    assert not Axe().run(page).response["violations"]
    page.goto(f"{gateway.url}/demo")
    expect(page.get_by_role("heading", name="Buy some tea")).to_be_visible()


def test_the_shop_believes_neither_a_forged_webhook_nor_a_forged_signature(gateway):
    shop = DemoShop("127.0.0.1", gateway.port)
    shop.open()
    try:
        at = f"http://127.0.0.1:{shop.port}"
        assert fetch(f"{at}/hook", {"event": "order.paid"}, {"X-Webhook-Signature": "0" * 64})[0] == 401
        assert fetch(f"{at}/heard?since=0")[1] == "[]"
        paid = {"orderId": "order_1", "paymentId": "pay_1", "signature": "0" * 64}
        assert fetch(f"{at}/verify", paid)[1] == '{"genuine": false}'
        assert fetch(f"{at}/order", {"tea": "coffee"})[0] == 400
        assert fetch(f"{at}/order", {})[0] == 400
    finally:
        shop.close()


@pytest.mark.parametrize(("host", "called"), [("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")])
def test_the_shop_opens_beside_the_gateway_on_any_loopback_address(page, tmp_path, host, called):
    gateway = Gateway(tmp_path, demo=True, SERVER_HOST=host)
    try:
        page.goto(f"http://{called}:{gateway.port}/demo")
        part(page, "buy-chai").click()
        expect(part(page.frame_locator('[data-test-id="payment-iframe"]'), "checkout-container")).to_be_visible()
    finally:
        gateway.close()


def test_outside_the_demo_there_is_no_shop(tmp_path):
    gateway = Gateway(tmp_path)
    try:
        assert fetch(f"{gateway.url}/demo")[0] == 404
    finally:
        gateway.close()

"""A merchant's server takes payments through the running gateway, and other people's code accepts what it says."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import standardwebhooks

from bench.server import Server
from tests.flow import KEY_ID, SECRET, WEBHOOK_SECRET, Shop, ask, listen, sell_and_refund, start_payment
from tests.services import run_node

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Importing it looks for a package that is gone from Python.
    import razorpay

# The three lines that every Node developer writes.
NODE_WEBHOOKS = """
const { createHmac } = require('crypto')
const genuine = ({ body, signature }) =>
  createHmac('sha256', process.argv[1]).update(JSON.stringify(JSON.parse(body))).digest('hex') === signature
console.log(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(genuine)))
"""

NODE_RAZORPAY = """
const { validatePaymentVerification } = require('razorpay/dist/utils/razorpay-utils')
const [order_id, payment_id, signature, secret] = process.argv.slice(1)
console.log(validatePaymentVerification({ order_id, payment_id }, signature, secret))
"""


@contextmanager
def running_gateway() -> Iterator[str]:
    """The URL of a gateway in demo mode whose bank needs no time."""
    with Server(environment={"GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0"}) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    with running_gateway() as url:
        yield url


@pytest.fixture
def shop(gateway: str) -> Iterator[Shop]:
    with Shop() as shop:
        listen(gateway, shop)
        yield shop


def test_a_sale_from_the_order_to_the_refund(gateway: str, shop: Shop):
    order, payment, refund = sell_and_refund(gateway, shop)
    assert (order["status"], order["amount_paid"], order["attempts"]) == ("paid", 50_000, 1)
    assert (payment["status"], payment["captured"], payment["refund_status"]) == ("success", True, "partial")
    assert ask("GET", f"{gateway}/api/v1/refunds/{refund['id']}") == refund


def test_what_is_only_authorised_is_captured_when_the_merchant_says_so(gateway: str, shop: Shop):
    payment = start_payment(gateway, capture="manual")
    path = f"{gateway}/api/v1/payments/{payment['id']}"
    authorised = shop.wait_for("payment.success", payment["id"]).subject
    assert (authorised["captured"], authorised["amount_captured"]) == (False, 0)

    assert ask("POST", f"{path}/capture", amount=30_000)["captured"] is True
    assert shop.wait_for("payment.captured", payment["id"]).subject["amount_captured"] == 30_000
    assert shop.wait_for("order.paid", payment["order_id"]).subject["amount_paid"] == 30_000
    assert ask("POST", f"{path}/refunds")["amount"] == 30_000


def test_three_lines_of_node_accept_every_webhook(gateway: str, shop: Shop):
    sell_and_refund(gateway, shop)
    told = [{"body": webhook.body, "signature": webhook.headers["x-webhook-signature"]} for webhook in shop.heard]
    told.append({"body": told[0]["body"].replace("₹", "$"), "signature": told[0]["signature"][::-1]})
    *genuine, forged = json.loads(run_node(NODE_WEBHOOKS, WEBHOOK_SECRET, stdin=json.dumps(told)))
    assert len(genuine) >= 6
    assert all(genuine)
    assert not forged


def test_the_standard_webhooks_library_accepts_them_under_the_demo_secret(gateway: str, shop: Shop):
    sell_and_refund(gateway, shop)
    library = standardwebhooks.Webhook(WEBHOOK_SECRET.encode())  # It is no base64, so its bytes are the key.
    for webhook in shop.heard:
        assert library.verify(webhook.body, webhook.headers)["id"] == webhook.headers["webhook-id"]
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        library.verify(webhook.body.replace("500", "501"), webhook.headers)


def test_and_under_a_secret_of_its_own_form_as_it_is_shown():
    with running_gateway() as gateway, Shop() as shop:
        listen(gateway, shop)
        shop.secret = ask("POST", f"{gateway}/api/v1/merchant/webhook/regenerate")["webhook_secret"]
        assert shop.secret != WEBHOOK_SECRET
        payment = start_payment(gateway)
        webhook = shop.wait_for("payment.success", payment["id"])
        told = standardwebhooks.Webhook(shop.secret).verify(webhook.body, webhook.headers)
        assert told["data"]["payment"]["id"] == payment["id"]


def test_razorpays_libraries_accept_the_signature_of_the_checkout(gateway: str, shop: Shop):
    payment = start_payment(gateway)
    shop.wait_for("payment.success", payment["id"])
    signature = ask("GET", f"{gateway}/api/v1/payments/{payment['id']}/public?key={KEY_ID}")["signature"]
    proof = {
        "razorpay_order_id": payment["order_id"],
        "razorpay_payment_id": payment["id"],
        "razorpay_signature": signature,
    }
    library = razorpay.Client(auth=(KEY_ID, SECRET)).utility
    assert library.verify_payment_signature(proof) is True
    with pytest.raises(razorpay.errors.SignatureVerificationError):
        library.verify_payment_signature(proof | {"razorpay_order_id": "order_of_somebody_else"})
    assert run_node(NODE_RAZORPAY, payment["order_id"], payment["id"], signature, SECRET).strip() == "true"

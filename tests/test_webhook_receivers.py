"""Deliveries as they leave the gateway, before, during and after a rotation, at receivers with official libraries.

All get the bytes from the wire: `standardwebhooks` of Python and of npm, and the three lines of Node in the README.
"""

import json

import pytest
import standardwebhooks

from gateway import clock, endpoints, events
from tests import receivers
from tests.post_office import post_office, wait_until
from tests.receivers import Receiver
from tests.services import run_node
from tests.shop import ALICE, DAY_S, Shop

# What leaves the gateway does not depend on the database.
pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

OLD_STYLE, OWN = "whsec_test_abc123", "the-shop-s-own-secret"
SHOWN = '{"id":"pay_1","notes":{"1":"₹","a":"\\"q\\" 😀 \u2028 <&>","नाम":"राम"}}'.encode()

NODE = """
const crypto = require('crypto'), { Webhook } = require('standardwebhooks')
const readme = (secret, body, signature) =>
  crypto.createHmac('sha256', secret).update(JSON.stringify(JSON.parse(body))).digest('hex') === signature
const library = (secret, body, headers) => {
  const options = secret.startsWith('whsec_') && secret.length === 50 ? {} : { format: 'raw' }
  try { return new Webhook(secret, options).verify(body, headers).id === headers['webhook-id'] } catch { return false }
}
const cases = JSON.parse(require('fs').readFileSync(0))
console.log(JSON.stringify(cases.map(({ secret, headers, body }) => ({
  library: library(secret, body, headers),
  readme: readme(secret, body, headers['x-webhook-signature']),
  previous: readme(secret, body, headers['x-webhook-signature-previous']),
}))))
"""


@pytest.fixture
def shop(store, monkeypatch) -> Shop:
    monkeypatch.setattr(clock, "_offset_ms", 0)
    return Shop(store)


def parsed(request: bytes) -> tuple[dict[str, str], str]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}, body.decode()


def python_accepts(secret: str, headers: dict[str, str], body: str) -> bool:
    is_standard = secret.startswith("whsec_") and len(secret) == 50
    try:
        webhook = standardwebhooks.Webhook(secret if is_standard else secret.encode())
        return webhook.verify(body, headers)["id"] == headers["webhook-id"]
    except standardwebhooks.WebhookVerificationError:
        return False


def verdicts(secret: str, request: bytes) -> dict[str, bool]:
    """What each receiver that knows `secret` says to a request."""
    headers, body = parsed(request)
    (said,) = json.loads(run_node(NODE, stdin=json.dumps([{"secret": secret, "headers": headers, "body": body}])))
    return said | {"python": python_accepts(secret, headers, body)}


ACCEPTED = {"library": True, "readme": True, "previous": False, "python": True}
STILL_ACCEPTED = {"library": True, "readme": False, "previous": True, "python": True}
REFUSED = {"library": False, "readme": False, "previous": False, "python": False}


@pytest.mark.parametrize("first", [OLD_STYLE, OWN, None], ids=["old style", "own", "new"])
@pytest.mark.parametrize("second", [OWN + "-2", None], ids=["own", "new"])
def test_official_receivers_accept_every_delivery_through_a_rotation(shop, tmp_path, first, second):
    with Receiver(receivers.polite) as receiver, post_office(shop, tmp_path):

        def deliver() -> bytes:
            before = len(receiver.requests)
            shop.store.write_now(events.record, ALICE, "payment.success", "pay_1", "payment", SHOWN)
            wait_until(lambda: len(receiver.requests) > before, "delivered")
            return receiver.requests[-1]

        endpoint = shop.endpoint(receiver.url(), secret=first)
        before = deliver()
        rotated = shop.store.write_now(endpoints.rotate, ALICE, endpoint.id, second, shop.master, DAY_S * 1000)
        during = deliver()
        shop.store.write_now(_end_rotation, endpoint.id)
        after = deliver()
    old, new = endpoint.secret, rotated.secret
    assert (verdicts(old, before), verdicts(new, before)) == (ACCEPTED, REFUSED)
    assert (verdicts(old, during), verdicts(new, during)) == (STILL_ACCEPTED, ACCEPTED)
    assert (verdicts(old, after), verdicts(new, after)) == (REFUSED, ACCEPTED)


def _end_rotation(tx, endpoint_id: str) -> None:
    """A day has passed; the receivers' own clocks, which check the timestamps, cannot be moved."""
    tx.execute("UPDATE webhook_endpoints SET previous_secret_until = ? WHERE id = ?", (clock.now_ms(), endpoint_id))

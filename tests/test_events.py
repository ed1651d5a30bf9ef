"""Events: announced with the change itself, in bytes that JavaScript gives back as they are."""

import json
import re

import pytest

from gateway import events
from tests import services
from tests.scenes import REFUND_FAILS, THREE_D_SECURE, UPI_FAILS, Scene, Shop, card

# What `JSON.stringify(JSON.parse(body))` makes of every line.
STRINGIFY = """
const lines = require('fs').readFileSync(0, 'utf8').split('\\n').slice(0, -1);
for (const line of lines) process.stdout.write(JSON.stringify(JSON.parse(line)) + '\\n');
"""

PAID = ["payment.created", "payment.pending", "payment.success", "payment.captured"]


def bodies(scene: Scene) -> list[bytes]:
    return [bytes(body) for body in scene.values("SELECT body FROM events ORDER BY seq")]


def test_an_event_looks_as_the_contract_says(scene: Scene, alice: Shop):
    payment = alice.paid()
    body = json.loads(bodies(scene)[2])
    assert list(body) == ["id", "event", "timestamp", "data"]
    assert re.fullmatch(r"evt_[A-Za-z0-9]{16}", body["id"])
    assert body["event"] == "payment.success"
    assert 1_700_000_000 < body["timestamp"] < 10_000_000_000
    assert body["data"] == {"payment": payment}
    assert scene.values("SELECT id FROM events ORDER BY seq")[2] == body["id"]


def test_the_object_is_told_as_it_was_at_that_moment(scene: Scene, alice: Shop):
    payment = alice.paid()
    alice.refunded(payment)
    told = {json.loads(body)["event"]: json.loads(body)["data"] for body in bodies(scene)}
    assert told["payment.created"]["payment"]["status"] == told["payment.pending"]["payment"]["status"] == "pending"
    assert told["payment.captured"]["payment"]["amount_captured"] == 50_000
    assert told["payment.captured"]["payment"]["amount_refunded"] == 0
    assert told["order.paid"]["order"]["status"] == "paid"
    assert told["refund.created"]["refund"]["status"] == "pending"
    assert told["refund.processed"]["refund"]["status"] == "processed"
    assert told["refund.processed"]["refund"]["processed_at"]


def test_every_way_through_life_is_announced_in_order(scene: Scene, alice: Shop):
    lives = [
        (alice.paid(), PAID),
        (alice.paid(instrument=UPI_FAILS), ["payment.created", "payment.pending", "payment.failed"]),
        (alice.authorised(), ["payment.created", "payment.pending", "payment.success"]),
        (alice.cancel(alice.authorised()), [*PAID[:3], "payment.cancelled"]),
        (alice.cancel(alice.pay()), [*PAID[:2], "payment.cancelled"]),
        (alice.paid(instrument=card(THREE_D_SECURE)), PAID[:2]),
    ]
    for payment, expected in lives:
        assert alice.event_types(payment) == expected
        assert alice.event_types({"id": payment["order_id"]}) == (["order.paid"] if expected == PAID else [])
    processed, failed = alice.refunded(alice.paid(), 1), alice.refunded(alice.paid(instrument=card(REFUND_FAILS)))
    scene.later(6)
    assert alice.event_types(processed) == ["refund.created", "refund.processed"]
    assert alice.event_types(failed) == ["refund.created", "refund.failed"]
    assert set(alice.event_types()) <= set(events.TYPES)


NOTES = [
    {"price": "₹ 1,23,456.78", "mood": "🍵😀", "quote": 'she said "hello"', "path": "C:\\tea\\", "slash": "</script>"},
    {"10": "ten", "9": "nine", "b": "after numbers", "a": "as given", "0": "first", "01": "a name"},
    {"lines": "one\ntwo\ttabbed", "separators": "\u2028\u2029", "nbsp": "a\u00a0b", "zero width": "a\u200bb"},
    {"अनुवाद": "हिन्दी", "ключ": "значение", "中文": "茶", "combining": "e\u0301", "high": "\U0010ffff"},
    {"": "an empty name", "__proto__": "nothing special", "constructor": "neither", "4294967295": "not an index"},
]


def test_javascript_gives_the_bytes_back_as_they_are(scene: Scene, alice: Shop):
    """A receiver that signs JSON.stringify(JSON.parse(body)) gets the digest that we sent."""
    for notes in NOTES:
        payment = alice.paid(alice.order(2**53 - 1, notes=notes), card(holder_name='Ünal "Ü" Ōta 🍵'))
        alice.refund(payment, 1, notes=notes)
    scene.work()
    told = b"\n".join(bodies(scene)) + b"\n"
    assert services.run_node(STRINGIFY, stdin=told.decode()).encode() == told
    assert len(bodies(scene)) == 7 * len(NOTES)


def test_events_belong_to_one_merchant_and_mode(alice: Shop, bob: Shop):
    bob.paid(), alice.pay()
    assert alice.event_types() == PAID[:2]
    assert bob.event_types() == [*PAID, "order.paid"]
    assert alice.live.event_types() == []
    alice.scene.work()


def test_what_is_refused_announces_nothing(scene: Scene, alice: Shop):
    payment = alice.paid()
    before = bodies(scene)
    for call, arguments in ((alice.pay, ({"id": payment["order_id"]},)), (alice.refund, (payment, 50_001))):
        with pytest.raises(Exception, match="paid|available"):
            call(*arguments)
    assert bodies(scene) == before


@pytest.mark.parametrize(
    ("wanted", "event", "listens"),
    [
        (["*"], "payment.success", True),
        (["payment.success"], "payment.success", True),
        (["payment.success"], "payment.failed", False),
        (["payment.*"], "payment.failed", True),
        (["payment.*"], "refund.created", False),
        (["refund.*", "order.paid"], "order.paid", True),
        ([], "order.paid", False),
    ],
)
def test_a_filter_names_events_or_families(wanted, event, listens):
    assert events.listens(json.dumps(wanted), event) == listens

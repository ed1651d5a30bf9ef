"""Receivers with our header, with Standard Webhooks, before, during and after a rotation, in Python and in node."""

import base64
import json
import subprocess
import time
from pathlib import Path

import pytest
import standardwebhooks

from gateway import signatures
from gateway.errors import BadRequest

NODE = Path(__file__).parent / "node"
LEGACY = "whsec_test_abc123"
MODERN = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLDER = "whsec_" + base64.b64encode(bytes(range(100, 132))).decode()
EVENT_ID = "evt_Ab3dEf6hIj9kLm2n"
DELIVERY_ID = "3f0c6f5e-2f5a-4a51-9d36-6d1f0a5b7c88"
BODY = (
    '{"id":"evt_Ab3dEf6hIj9kLm2n","event":"payment.success","timestamp":1705315870,'
    '"data":{"payment":{"id":"pay_0123456789abcdef","amount":50000,"notes":{"नाम":"राम / \\"₹\\" 😀 <&>"}}}}'
).encode()

# Computed by node 20 from JSON.stringify(JSON.parse(body)), so that this file checks them without node, too.
FROZEN_LEGACY = "da372425e3c4a3c2d5acff11887daf7c0d54ea306ac2f6453b1d7bce93971f06"
FROZEN_MODERN = "cdbfa0584174dbf2c7e655737601a83dd1c7cd5bc7c06cd08ed5866fc815be47"
FROZEN_CHECKOUT = "c7b87318ea0307db347f047a1540e84156750cf13c8a8fab6d1b6b390962c2e4"


def headers(secret=MODERN, previous=None, at_s=1705315870, body=BODY):
    return signatures.webhook_headers(
        event_id=EVENT_ID,
        event="payment.success",
        body=body,
        secret=secret,
        previous_secret=previous,
        delivery_id=DELIVERY_ID,
        at_s=at_s,
    )


def test_a_new_secret_is_32_random_bytes_in_the_standard_form():
    secret = signatures.new_secret()
    assert secret.startswith("whsec_") and len(base64.b64decode(secret[6:], validate=True)) == 32
    assert secret != signatures.new_secret()
    assert signatures.standard_form(secret) == signatures.validate_secret(secret) == secret


def test_the_headers_of_one_attempt():
    sent = headers(LEGACY)
    standard = sent.pop("webhook-signature")
    assert sent == {
        "Content-Type": "application/json",
        "User-Agent": "Gateway-Webhooks/0.1.0",
        "X-Webhook-Event": "payment.success",
        "X-Webhook-Id": DELIVERY_ID,
        "X-Webhook-Signature": FROZEN_LEGACY,
        "webhook-id": EVENT_ID,
        "webhook-timestamp": "1705315870",
    }
    assert standard.startswith("v1,") and len(base64.b64decode(standard[3:], validate=True)) == 32


def test_the_next_attempt_has_the_same_ids_and_digest_but_its_own_time_and_signature():
    first, second = headers(), headers(at_s=1705315930)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"webhook-timestamp", "webhook-signature"}


@pytest.mark.parametrize(
    ("secret", "previous", "entries"),
    [(MODERN, None, 2), (LEGACY, None, 1), (MODERN, OLDER, 4), (MODERN, LEGACY, 3), (LEGACY, MODERN, 3)],
)
def test_one_v1_for_every_key_a_receiver_may_hold(secret, previous, entries):
    sent = headers(secret, previous)
    assert len(set(sent["webhook-signature"].split(" "))) == entries
    assert ("X-Webhook-Signature-Previous" in sent) == (previous is not None)


def test_during_a_rotation_the_old_digest_has_a_header_of_its_own():
    sent = headers(MODERN, LEGACY)
    assert sent["X-Webhook-Signature"] == FROZEN_MODERN
    assert sent["X-Webhook-Signature-Previous"] == FROZEN_LEGACY


RECEIVERS = [
    # what is sent with     the receiver holds                          accepted
    ((MODERN, None), MODERN, True),
    ((MODERN, None), MODERN.encode(), True),
    ((MODERN, None), OLDER, False),
    ((LEGACY, None), signatures.standard_form(LEGACY), True),
    ((LEGACY, None), LEGACY.encode(), True),
    ((MODERN, OLDER), MODERN, True),
    ((MODERN, OLDER), OLDER, True),
    ((MODERN, LEGACY), signatures.standard_form(LEGACY), True),
    ((MODERN, LEGACY), LEGACY.encode(), True),
    ((LEGACY, OLDER), OLDER, True),
    ((LEGACY, None), MODERN, False),
]


@pytest.mark.parametrize(("sent_with", "held", "accepted"), RECEIVERS)
def test_the_standard_library_for_python_agrees(sent_with, held, accepted):
    webhook = standardwebhooks.Webhook(held)
    sent = headers(*sent_with, at_s=int(time.time()))
    if accepted:
        assert webhook.verify(BODY, sent) == json.loads(BODY)
        return
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        webhook.verify(BODY, sent)


def test_the_standard_library_for_node_agrees(standard_webhooks_for_node):
    cases = [
        {
            "headers": headers(*sent_with, at_s=int(time.time())),
            "secret": held if isinstance(held, str) else held.decode(),
            "format": None if isinstance(held, str) else "raw",
        }
        for sent_with, held, _ in RECEIVERS
    ]
    verdicts = run_node(
        """
        const { Webhook } = require("standardwebhooks");
        const accepts = ({ headers, secret, format }) => {
            try { new Webhook(secret, format ? { format } : {}).verify(input.body, headers); return true; }
            catch (error) { if (error.name !== "WebhookVerificationError") throw error; return false; }
        };
        output(input.cases.map(accepts));
        """,
        {"body": BODY.decode(), "cases": cases},
        cwd=standard_webhooks_for_node,
    )
    assert verdicts == [accepted for *_, accepted in RECEIVERS]


def test_a_receiver_that_stringifies_the_parsed_body_gets_the_same_digest():
    digests = run_node(
        """
        const { createHmac } = require("crypto");
        const text = JSON.stringify(JSON.parse(input.body));
        output(input.secrets.map((secret) => createHmac("sha256", secret).update(text).digest("hex")));
        """,
        {"body": BODY.decode(), "secrets": [LEGACY, MODERN]},
    )
    assert digests == [FROZEN_LEGACY, FROZEN_MODERN]
    assert digests == [headers(secret)["X-Webhook-Signature"] for secret in (LEGACY, MODERN)]


def test_the_signature_of_the_checkout_verifies_in_node():
    ids = ["secret_test_xyz789", "order_0123456789abcdef", "pay_0123456789abcdef"]
    digest = run_node(
        """
        const [secret, order, payment] = input;
        output(require("crypto").createHmac("sha256", secret).update(`${order}|${payment}`).digest("hex"));
        """,
        ids,
    )
    assert signatures.checkout_signature(*ids) == digest == FROZEN_CHECKOUT


@pytest.mark.parametrize(
    ("secret", "form"),
    [
        (LEGACY, "whsec_d2hzZWNfdGVzdF9hYmMxMjM="),
        ("some plain text", "whsec_c29tZSBwbGFpbiB0ZXh0"),
        (MODERN, MODERN),
        (MODERN.rstrip("="), "whsec_" + base64.b64encode(MODERN.rstrip("=").encode()).decode()),
    ],
)
def test_the_form_to_give_to_a_standard_webhooks_library(secret, form):
    assert signatures.standard_form(secret) == form


def whsec(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(length)).decode()


@pytest.mark.parametrize(
    "secret", [LEGACY, MODERN, whsec(24), whsec(64), "a" * 16, "a" * 128, "whsec_Zm9v-_YmFyYmF6", "!~" * 8]
)
def test_secrets_that_a_merchant_may_choose(secret):
    assert signatures.validate_secret(secret) == secret


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "printable"),
        (None, "printable"),
        (b"x" * 32, "printable"),
        ("with spaces in the text", "printable"),
        ("ends with a new line\n".replace(" ", "_"), "printable"),
        ("рассекречено_рассекречено", "printable"),
        ("\ud800" * 20, "printable"),
        ("a" * 15, "16 to 128"),
        ("a" * 129, "16 to 128"),
        ("whsec_", "16 to 128"),
        (whsec(23), "base64"),
        (whsec(65), "base64"),
        (MODERN.rstrip("="), "base64"),
        (MODERN + "=", "base64"),
        (MODERN.replace("Hh8=", "Hh9="), "base64"),
    ],
)
def test_secrets_that_are_refused(secret, why):
    with pytest.raises(BadRequest, match=why) as refusal:
        signatures.validate_secret(secret)
    assert refusal.value.field == "secret"


@pytest.fixture(scope="session")
def standard_webhooks_for_node() -> Path:
    if not (NODE / "node_modules" / "standardwebhooks").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True, capture_output=True)
    return NODE


def run_node(script: str, value, cwd=None):
    """What `script` gives to `output`, with `value` as its `input`."""
    frame = (
        'const input = JSON.parse(require("fs").readFileSync(0, "utf8"));'
        "const output = (value) => console.log(JSON.stringify(value));"
    )
    done = subprocess.run(
        ["node", "-e", frame + script], input=json.dumps(value), cwd=cwd, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

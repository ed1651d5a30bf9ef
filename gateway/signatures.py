"""Signatures that receivers check: our own header, Standard Webhooks beside it, and the checkout's.

One delivery carries both schemes. `X-Webhook-Signature` is keyed by the text of the whole secret, as the original
system did it; `webhook-signature` follows standardwebhooks.com and lists one `v1` for every key a receiver may hold.
"""

import base64
import binascii
import hmac
import os
import re
from functools import lru_cache

from gateway import __version__, errors

PREFIX = "whsec_"
NEW_KEY_BYTES = 32
KEY_BYTES = range(24, 65)  # what the Standard Webhooks specification allows
SECRET_LENGTH = range(16, 129)  # of a secret that a merchant chooses
KEYS_CACHED = 4096
USER_AGENT = f"Gateway-Webhooks/{__version__}"

_PRINTABLE = re.compile(r"[!-~]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/=]*")


def new_secret() -> str:
    """A fresh secret in the Standard Webhooks form."""
    return PREFIX + _base64(os.urandom(NEW_KEY_BYTES))


def webhook_headers(
    *, event_id: str, event: str, body: bytes, secret: str, previous_secret: str | None, delivery_id: str, at_s: int
) -> dict[str, str]:
    """The headers of one attempt, made at `at_s` (seconds since 1970); a later attempt needs its own.

    During a rotation `previous_secret` is the one that is still valid: the single-digest header changes to the new
    secret at once, `X-Webhook-Signature-Previous` and further `v1` entries serve receivers that have not changed yet.
    """
    signed = f"{event_id}.{at_s}.".encode() + body
    keys = _keys(secret)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Webhook-Event": event,
        "X-Webhook-Id": delivery_id,
        "X-Webhook-Signature": _hex_digest(secret.encode(), body),
    }
    if previous_secret is not None:
        headers["X-Webhook-Signature-Previous"] = _hex_digest(previous_secret.encode(), body)
        keys += _keys(previous_secret)
    headers["webhook-id"] = event_id
    headers["webhook-timestamp"] = str(at_s)
    headers["webhook-signature"] = " ".join([_v1(key, signed) for key in keys])
    return headers


def standard_form(secret: str) -> str:
    """The secret as Standard Webhooks libraries must be given it; a secret already in that form stays as it is."""
    return secret if _standard_key(secret) else PREFIX + _base64(secret.encode())


def validate_secret(secret: str) -> str:
    """The secret, if a merchant may choose it; raises BadRequest otherwise.

    What only looks like a Standard Webhooks secret is refused, because libraries would decode it to a key that is not
    the one we sign with.
    """
    if not isinstance(secret, str) or not _PRINTABLE.fullmatch(secret):
        raise errors.BadRequest("A webhook secret is text of printable ASCII characters without spaces", field="secret")
    if len(secret) not in SECRET_LENGTH:
        raise errors.BadRequest("A webhook secret has 16 to 128 characters", field="secret")
    if secret.startswith(PREFIX) and _BASE64.fullmatch(secret, len(PREFIX)) and not _standard_key(secret):
        raise errors.BadRequest(
            "A secret that starts with whsec_ goes on with padded base64 of 24 to 64 bytes; leave the prefix out to "
            "use other text",
            field="secret",
        )
    return secret


def checkout_signature(api_secret: str, order_id: str, payment_id: str) -> str:
    """What the checkout hands to the merchant's page as proof of payment (Razorpay's scheme)."""
    return _hex_digest(api_secret.encode(), f"{order_id}|{payment_id}".encode())


@lru_cache(KEYS_CACHED)
def _keys(secret: str) -> tuple[bytes, ...]:
    key, text = _standard_key(secret), secret.encode()
    return (key, text) if key else (text,)


def _standard_key(secret: str) -> bytes | None:
    if not secret.startswith(PREFIX):
        return None
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    # Only the canonical text is accepted, because lenient and strict libraries agree on nothing else.
    return key if len(key) in KEY_BYTES and _base64(key) == encoded else None


def _v1(key: bytes, signed: bytes) -> str:
    return "v1," + _base64(hmac.digest(key, signed, "sha256"))


def _hex_digest(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()

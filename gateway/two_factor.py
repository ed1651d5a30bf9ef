"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for when the phone is lost."""

import binascii
import hashlib
import hmac
import os
from base64 import b32decode, b32encode

import msgspec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from gateway.accounts import User
from gateway.clock import now_ms
from gateway.crypto import MasterKey
from gateway.ids import random_letters
from gateway.objects import encode

SECRET_BYTES = 20
DIGITS = 6
STEP_S = 30
DRIFT_STEPS = 1  # a phone's clock may be half a minute off
RECOVERY_CODES = 10


def new_secret() -> str:
    """A secret as base32 text, as authenticator apps take it."""
    return b32encode(os.urandom(SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether this is a secret of ours, on its way back from the page that showed it."""
    try:
        return len(b32decode(text)) == SECRET_BYTES
    except (binascii.Error, ValueError):
        return False


def uri(secret: str, email: str, issuer: str) -> str:
    """What the QR code says."""
    return _totp(secret).get_provisioning_uri(email, issuer)


def matching_step(secret: str, code: str) -> int | None:
    """The time step to which this code belongs, if that is now or nearly now."""
    code = code.replace(" ", "")
    step_now = now_ms() // 1000 // STEP_S
    totp = _totp(secret)
    for step in range(step_now - DRIFT_STEPS, step_now + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate(step * STEP_S), code.encode("utf-8", "replace")):
            return step
    return None


def turn_on(tx, master: MasterKey, user_id: str, secret: str, used_step: int = 0) -> list[str]:
    """Stores the secret sealed and returns the recovery codes, which are shown this once.

    `used_step` is that of the code which proved that the app has the secret: it opens nothing any more.
    """
    codes = [f"{random_letters(6).lower()}-{random_letters(6).lower()}" for _ in range(RECOVERY_CODES)]
    marks = encode([_mark(master, code) for code in codes]).decode()
    tx.execute(
        "UPDATE users SET totp_sealed = ?, totp_used_step = ?, recovery_codes = ? WHERE id = ?",
        (master.seal(secret, _row(user_id)), used_step, marks, user_id),
    )
    return codes


def turn_off(tx, user_id: str) -> None:
    tx.execute("UPDATE users SET totp_sealed = NULL, recovery_codes = '[]' WHERE id = ?", (user_id,))


def use_code(tx, master: MasterKey, user: User, code: str) -> bool:
    """Takes a code of the app or a recovery code, each once; False for any other."""
    if user.totp_sealed is None:
        return False
    step = matching_step(master.unseal(user.totp_sealed, _row(user.id)), code)
    if step is None:
        return _use_recovery_code(tx, master, user, code)
    newer = "UPDATE users SET totp_used_step = ? WHERE id = ? AND totp_used_step < ?"
    return tx.changed(newer, (step, user.id, step)) == 1


def recovery_codes_left(tx, user_id: str) -> int:
    return len(_recovery_codes(tx, user_id))


def _use_recovery_code(tx, master: MasterKey, user: User, code: str) -> bool:
    known, mark = _recovery_codes(tx, user.id), _mark(master, code.strip().lower())
    if mark not in known:
        return False
    left = [other for other in known if other != mark]
    tx.execute("UPDATE users SET recovery_codes = ? WHERE id = ?", (encode(left).decode(), user.id))
    return True


def _recovery_codes(tx, user_id: str) -> list[str]:
    return msgspec.json.decode(tx.one("SELECT recovery_codes FROM users WHERE id = ?", (user_id,))[0])


def _mark(master: MasterKey, code: str) -> str:
    key = master.derive("recovery codes")
    return hmac.digest(key, code.encode("utf-8", "replace"), hashlib.sha256).hex()


def _row(user_id: str) -> str:
    return f"totp:{user_id}"


def _totp(secret: str) -> TOTP:
    # Authenticator apps know SHA-1 and nothing else; RFC 6238 allows it, since HMAC does not rest on collisions.
    return TOTP(b32decode(secret), DIGITS, SHA1(), STEP_S)

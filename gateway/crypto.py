"""Sealing secrets under the master key, hashing passwords, and deriving keys for single purposes."""

import base64
import binascii
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidKey, InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

KEY_BYTES = 32
KEY_ID_BYTES = 4
NONCE_BYTES = 12

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
ARGON2_MEMORY_KIB = 19_456
ARGON2_PASSES = 2
PASSWORD_LENGTH_MAX = 256


class SealBroken(Exception):
    """What was sealed cannot be opened: another master key, another row, or altered bytes."""


class Secret(str):
    """Text whose repr shows nothing, so that it cannot slip into a log or a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class MasterKey:
    """The instance's key: seals what must be read back (AES-256-GCM), bound to the row it belongs to.

    Sealed bytes start with the key's id, so that a later rotation knows which key opens them.
    """

    def __init__(self, key: bytes):
        if len(key) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self._key = key
        self._cipher = AESGCM(key)
        self.id = hashlib.sha256(b"key id" + key).digest()[:KEY_ID_BYTES]

    def __repr__(self) -> str:
        return f"MasterKey({self.id.hex()})"

    def seal(self, secret: str, row: str) -> bytes:
        """Encrypts `secret` for the row with this id; the same bytes do not open for another row."""
        nonce = os.urandom(NONCE_BYTES)
        return self.id + nonce + self._cipher.encrypt(nonce, secret.encode(), row.encode())

    def unseal(self, sealed: bytes, row: str) -> Secret:
        """Opens what `seal` made for the same row; raises SealBroken."""
        sealed = bytes(sealed)
        nonce = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES]
        if sealed[:KEY_ID_BYTES] != self.id:
            raise SealBroken("sealed under another master key")
        try:
            return Secret(self._cipher.decrypt(nonce, sealed[KEY_ID_BYTES + NONCE_BYTES :], row.encode()).decode())
        except (InvalidTag, ValueError):
            raise SealBroken("altered, or sealed for another row") from None

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose alone (HKDF-Expand of RFC 5869, one block)."""
        return hmac.digest(self._key, purpose.encode() + b"\x01", "sha256")


def load_master_key(encoded: str, file: Path) -> MasterKey:
    """The key from the configuration, or from `file`, which is made (0600) where there is none.

    Raises ValueError with a sentence for the operator.
    """
    if not encoded and not file.exists():
        _write_new_key(file)
    source = "security.master_key" if encoded else str(file)
    text = encoded or file.read_text()
    try:
        return MasterKey(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError):
        raise ValueError(f"{source}: expected base64 of {KEY_BYTES} bytes") from None


def _write_new_key(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
        out.flush()
        os.fsync(out.fileno())


def hash_password(password: str) -> str:
    """Argon2id in the PHC string format; takes tens of milliseconds, so never inside a transaction."""
    kdf = Argon2id(
        salt=os.urandom(16), length=32, iterations=ARGON2_PASSES, lanes=1, memory_cost=ARGON2_MEMORY_KIB
    )
    return kdf.derive_phc_encoded(password.encode())


def password_matches(password: str, phc: str) -> bool:
    """Whether `password` is the one that was hashed; as slow for a wrong one as for a right one."""
    try:
        Argon2id.verify_phc_encoded(password[:PASSWORD_LENGTH_MAX].encode("utf-8", "replace"), phc)
    except InvalidKey:
        return False
    return True

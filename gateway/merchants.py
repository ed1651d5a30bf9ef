"""Merchants and their API keys: who may ask, and in which mode."""

import re
import uuid

from msgspec import Struct

from gateway import crypto
from gateway.clock import now_ms, rfc3339
from gateway.crypto import MasterKey, Secret
from gateway.errors import BadRequest, NotFound
from gateway.ids import random_letters
from gateway.models import ApiKey, Merchant, Setting
from gateway.objects import Owner

EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}", re.ASCII)
NAME_LENGTH_MAX = 100
PASSWORD_LENGTH_MIN = 8
SECRET_LETTERS = 40  # 238 bits

DEMO_MERCHANT_ID = "550e8400-e29b-41d4-a716-446655440000"
DEMO_EMAIL = "test@example.com"
DEMO_PASSWORD = "test1234"
DEMO_KEY_ID = "key_test_abc123"
DEMO_SECRET = "secret_test_xyz789"
DEMO_WEBHOOK_SECRET = "whsec_test_abc123"


# What a key may do: everything, or look only.
SCOPES = ("full", "read")


class KeyRow(Struct, frozen=True):
    """An API key as it is stored."""

    id: str
    merchant_id: str
    mode: str
    scope: str
    secret_sealed: bytes
    revoked_at: int | None

    @property
    def owner(self) -> Owner:
        return Owner(self.merchant_id, self.mode)


KEY_COLUMNS = ", ".join(KeyRow.__struct_fields__)


def add(tx, *, name: str, email: str, password_hash: str, merchant_id: str | None = None) -> str:
    """Creates a merchant and returns its id; raises BadRequest where the e-mail address is wrong or taken."""
    name, email = name.strip(), email.strip().lower()
    if not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise BadRequest(f"The name must be 1 to {NAME_LENGTH_MAX} printable characters.", field="name")
    if not EMAIL.fullmatch(email):
        raise BadRequest("This is not an e-mail address.", field="email")
    if Merchant.select().where(Merchant.email == email).exists():
        raise BadRequest("A merchant with this e-mail address exists already.", field="email")
    merchant_id = merchant_id or str(uuid.uuid4())
    Merchant.insert(
        id=merchant_id, name=name, email=email, password_hash=password_hash, created_at=now_ms()
    ).execute()
    return merchant_id


def check_password(password: str) -> str:
    """Refuses passwords that are too short or too long to be one."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= crypto.PASSWORD_LENGTH_MAX:
        raise BadRequest(
            f"A password has {PASSWORD_LENGTH_MIN} to {crypto.PASSWORD_LENGTH_MAX} characters.", field="password"
        )
    return password


def find(tx, merchant_id: str) -> Merchant:
    merchant = Merchant.get_or_none(Merchant.id == merchant_id)
    if not merchant:
        raise NotFound("No such merchant.")
    return merchant


def find_or_none(tx, merchant_id: str) -> Merchant | None:
    return Merchant.get_or_none(Merchant.id == merchant_id)


def find_by_email(tx, email: str) -> Merchant | None:
    return Merchant.get_or_none(Merchant.email == email.strip().lower())


def usual(tx) -> Merchant | None:
    """Whom an operator means who names nobody: the only one, or the demo's; None where that is open."""
    few = list(Merchant.select().limit(2))
    return few[0] if len(few) == 1 else find_or_none(tx, DEMO_MERCHANT_ID)


def list_merchants(tx) -> list[dict]:
    return [
        {"id": merchant.id, "name": merchant.name, "email": merchant.email, "created_at": rfc3339(merchant.created_at)}
        for merchant in Merchant.select().order_by(Merchant.created_at)
    ]


def create_key(
    tx,
    master: MasterKey,
    merchant_id: str,
    mode: str,
    name: str = "",
    scope: str = "full",
    *,
    key_id: str = "",
    secret: str = "",
) -> tuple[str, Secret]:
    """A new key and its secret, which is stored sealed under the master key; raises BadRequest, NotFound."""
    find(tx, merchant_id)
    if scope not in SCOPES:
        raise BadRequest("A key's scope is full or read.", field="scope")
    key_id = key_id or f"key_{mode}_{random_letters()}"
    secret = Secret(secret or f"secret_{mode}_{random_letters(SECRET_LETTERS)}")
    ApiKey.insert(
        id=key_id,
        merchant_id=merchant_id,
        mode=mode,
        scope=scope,
        name=name[:NAME_LENGTH_MAX],
        secret_sealed=master.seal(secret, key_id),
        created_at=now_ms(),
    ).execute()
    return key_id, secret


def revoke_key(tx, key_id: str, merchant_id: str | None = None) -> None:
    """Makes a key worthless at once; safe to repeat. Raises NotFound (with `merchant_id`: for another's key too)."""
    key = ApiKey.get_or_none(ApiKey.id == key_id)
    if not key or merchant_id not in (None, key.merchant_id):
        raise NotFound("No such API key.")
    ApiKey.update(revoked_at=now_ms()).where(ApiKey.id == key_id, ApiKey.revoked_at.is_null()).execute()


def list_keys(tx, merchant_id: str | None = None) -> list[dict]:
    keys = ApiKey.select().order_by(ApiKey.created_at)
    return [
        {
            "id": key.id,
            "merchant_id": key.merchant_id,
            "mode": key.mode,
            "scope": key.scope,
            "name": key.name,
            "created_at": rfc3339(key.created_at),
            "last_used_at": rfc3339(key.last_used_at),
            "revoked_at": rfc3339(key.revoked_at),
        }
        for key in (keys.where(ApiKey.merchant_id == merchant_id) if merchant_id else keys)
    ]


def find_key(tx, key_id: str) -> KeyRow | None:
    row = tx.one(f"SELECT {KEY_COLUMNS} FROM api_keys WHERE id = ?", (key_id,))
    return KeyRow(*row) if row else None


def newest_key(tx, owner: Owner) -> KeyRow | None:
    """The key that the owner's pages and signatures use."""
    row = tx.one(
        f"SELECT {KEY_COLUMNS} FROM api_keys"
        " WHERE merchant_id = ? AND mode = ? AND scope = 'full' AND revoked_at IS NULL"
        " ORDER BY created_at DESC LIMIT 1",
        owner,
    )
    return KeyRow(*row) if row else None


def key_was_used(tx, key_id: str, at_ms: int) -> None:
    tx.execute("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (at_ms, key_id))


def seed_demo(tx, master: MasterKey, password_hash: str) -> bool:
    """Creates the test merchant of the contract; False if it is there already."""
    if Merchant.get_or_none(Merchant.id == DEMO_MERCHANT_ID):
        return False
    add(tx, name="Test Merchant", email=DEMO_EMAIL, password_hash=password_hash, merchant_id=DEMO_MERCHANT_ID)
    create_key(tx, master, DEMO_MERCHANT_ID, "test", "Demo", key_id=DEMO_KEY_ID, secret=DEMO_SECRET)
    return True


def has_demo_secrets(tx) -> bool:
    """Whether the demo's merchant is there with the API secret or the password that everybody knows."""
    key = find_key(tx, DEMO_KEY_ID)
    if key and key.revoked_at is None:
        return True
    hashes = tx.all(
        "SELECT password_hash FROM merchants WHERE id = ? UNION SELECT password_hash FROM users WHERE merchant_id = ?",
        (DEMO_MERCHANT_ID, DEMO_MERCHANT_ID),
    )
    return any(known and crypto.password_matches(DEMO_PASSWORD, known) for (known,) in hashes)


def remember_master_key(tx, master: MasterKey) -> None:
    """Notes which master key seals this database; raises SealBroken where it was another one."""
    known = Setting.get_or_none(Setting.name == "master_key_id")
    if known is None:
        Setting.insert(name="master_key_id", value=master.id.hex()).execute()
    elif known.value != master.id.hex():
        raise crypto.SealBroken("the master key is not the one that sealed this database; put the right one back")

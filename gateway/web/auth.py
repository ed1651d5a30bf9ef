"""Who is calling: an API key with its secret, the same as HTTP Basic, or a token for an e-mail and password."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct
from sanic import Request

from gateway import accounts, clock, crypto, logins, merchants, objects
from gateway.errors import AuthenticationFailed, Forbidden
from gateway.limits import Limiter
from gateway.objects import Owner

KEYS_CACHED_S = 1.0  # a key revoked by another process stays valid for at most this long
KEYS_CACHED_MAX = 10_000
USE_NOTED_EVERY_MS = 60_000
TOKEN_LIFETIME_S = 900
READING = ("GET", "HEAD")
TOKEN_AUDIENCE = "gateway api"

WRONG = "The API key or its secret is missing or wrong."
WRONG_LOGIN = "The e-mail address or the password is wrong."
NEEDS_KEY = "This account asks for a second factor, which a token cannot. Use an API key."
WRONG_TOKEN = "The token is wrong or has expired."


@cache
def _nobody() -> str:
    """What an unknown address is checked against, so that it takes as long as a known one."""
    return crypto.hash_password("nobody has this password")


class Login(Struct, forbid_unknown_fields=True):
    """What a merchant gives for a token."""

    email: Annotated[str, Meta(max_length=255)]
    password: Annotated[str, Meta(max_length=crypto.PASSWORD_LENGTH_MAX)]
    mode: objects.Mode = "test"


class Token(Struct):
    """A token for the Authorization header."""

    token: str
    token_type: str
    expires_at: str


class KnownKey(NamedTuple):
    """What is remembered of a key for a moment: whose it is, what it may do, and a hash of its secret."""

    until_s: float
    owner: Owner
    scope: str
    digest: bytes


class Authenticator:
    """Lets merchants in and counts what they ask; raises AuthenticationFailed or RateLimited."""

    def __init__(self, *, store, master: crypto.MasterKey, limits, trusted_proxies: tuple[str, ...]):
        self._store = store
        self._master = master
        self._token_key = master.derive("api tokens")
        self._keys: dict[str, KnownKey] = {}
        self._used_at: dict[str, int] = {}
        self._by_key = Limiter(limits.requests_per_minute, "requests with this API key")
        self._by_address = Limiter(limits.address_requests_per_minute, "requests from this address")
        self._logins_per_minute = limits.logins_per_minute
        self._passwords = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._proxies = tuple(ipaddress.ip_network(network) for network in trusted_proxies)

    def address(self, request: Request) -> str:
        """The caller's address: what a trusted proxy says it is, otherwise the connection's."""
        address = request.ip or ""
        forwarded = request.headers.getone("x-forwarded-for", "") if self._proxies else ""
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if not self._trusts(address):
                break
            address = hop
        return address

    def _trusts(self, address: str) -> bool:
        try:
            return any(ipaddress.ip_address(address) in network for network in self._proxies)
        except ValueError:
            return False

    def count_address(self, request: Request) -> None:
        """Counts a request that comes without credentials."""
        self._by_address.count(self.address(request))

    async def merchant(self, request: Request) -> tuple[Owner, str | None]:
        """Whose request it is, and by which key (None for a token)."""
        headers = request.headers
        key_id, secret = headers.get("x-api-key"), headers.get("x-api-secret")
        if key_id is None:
            scheme, _, credentials = headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                return await self._by_token(request, credentials.strip()), None
            key_id, secret = _basic(credentials) if scheme.lower() == "basic" else (None, None)
        key = await self._key(key_id, secret) if key_id and secret else None
        if key is None:
            self.count_address(request)
            raise AuthenticationFailed(WRONG)
        self._by_key.count(key_id)
        self._note_use(key_id)
        if key.scope == "read" and request.method not in READING:
            raise Forbidden("This API key may only read.", reason="read_only_key")
        return key.owner, key_id

    async def _key(self, key_id: str, secret: str) -> KnownKey | None:
        if not (key_id.isascii() and key_id.isprintable()):
            return None  # Not every database could even be asked about it.
        key = self._keys.get(key_id)
        if key is None or key.until_s < time.monotonic():
            key = await self._look_up(key_id)
        return key if key and hmac.compare_digest(_digest(secret), key.digest) else None

    async def _look_up(self, key_id: str) -> KnownKey | None:
        row = await self._store.read(merchants.find_key, key_id)
        if row is None or row.revoked_at is not None:
            self._keys.pop(key_id, None)
            return None
        secret = self._master.unseal(row.secret_sealed, row.id)
        if len(self._keys) >= KEYS_CACHED_MAX:
            self._keys.clear()
        key = KnownKey(time.monotonic() + KEYS_CACHED_S, row.owner, row.scope, _digest(secret))
        self._keys[key_id] = key
        return key

    def forget_key(self, key_id: str) -> None:
        """Makes a revocation in this process count at once."""
        self._keys.pop(key_id, None)

    def _note_use(self, key_id: str) -> None:
        now = clock.now_ms()
        if now - self._used_at.get(key_id, 0) < USE_NOTED_EVERY_MS:
            return
        self._used_at[key_id] = now
        noting = asyncio.ensure_future(self._store.write(merchants.key_was_used, key_id, now))
        noting.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _by_token(self, request: Request, token: str) -> Owner:
        import jwt

        try:
            claims = jwt.decode(token, self._token_key, algorithms=["HS256"], audience=TOKEN_AUDIENCE)
            owner = Owner(str(claims["sub"]), str(claims["mode"]))
        except (jwt.PyJWTError, KeyError, UnicodeError):
            self.count_address(request)
            raise AuthenticationFailed(WRONG_TOKEN) from None
        merchant = await self._store.read(merchants.find_or_none, owner.merchant_id)
        if not merchant or claims.get("pwd") != _password_mark(merchant.password_hash):
            self.count_address(request)
            raise AuthenticationFailed(WRONG_TOKEN)
        self._by_key.count(owner.merchant_id)
        return owner

    async def issue_token(self, request: Request, login: Login) -> Token:
        """A token for a quarter of an hour; it dies with the password it was issued for.

        Tries count together with those at the dashboard's door: it is the same password.
        """
        import jwt

        address = self.address(request)
        await self._store.write(logins.begin, login.email, address, self._logins_per_minute)
        merchant = await self._store.read(merchants.find_by_email, login.email)
        known = merchant.password_hash if merchant else _nobody()
        check = partial(crypto.password_matches, login.password, known)
        if not await asyncio.get_running_loop().run_in_executor(self._passwords, check) or not merchant:
            raise AuthenticationFailed(WRONG_LOGIN)
        if await self._store.read(accounts.has_second_factor, login.email):
            raise Forbidden(NEEDS_KEY, reason="second_factor")
        await self._store.write(logins.forgive, login.email, address)
        expires_s = int(time.time()) + TOKEN_LIFETIME_S
        claims = {
            "sub": merchant.id,
            "mode": login.mode,
            "aud": TOKEN_AUDIENCE,
            "exp": expires_s,
            "pwd": _password_mark(known),
        }
        return Token(jwt.encode(claims, self._token_key, "HS256"), "Bearer", clock.rfc3339(expires_s * 1000))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _password_mark(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def _basic(credentials: str) -> tuple[str | None, str | None]:
    try:
        key_id, colon, secret = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None, None
    return (key_id, secret) if colon else (None, None)

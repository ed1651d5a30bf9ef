"""Asking the API as a merchant's server does: one connection for each request, answers as they come."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from bench.server import KEY, Server
from gateway import config, crypto, merchants
from gateway.merchants import DEMO_MERCHANT_ID
from gateway.server import Instance

TIMEOUT_S = 30
JSON = "application/json"
BOB = {"email": "bob@shop.test", "password": "bobs bikes"}


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The contract's word for a refusal."""
        return self.json["error"]["code"] if self.status >= 400 else None

    @property
    def reason(self) -> str | None:
        return self.json["error"].get("reason")


class Caller:
    """Somebody with these credentials, the demo merchant unless told otherwise; `{}` is a stranger."""

    def __init__(self, server: Server, credentials: dict[str, str] | None = None, merchant_id: str = DEMO_MERCHANT_ID):
        self._server = server
        self.credentials = KEY if credentials is None else credentials
        self.merchant_id = merchant_id

    def __call__(self, method: str, path: str, body=None, *, key: str | None = None, **headers: str) -> Answer:
        """`body` is sent as JSON, or as it is where it is bytes; names of `headers` are written with underscores."""
        sent = self.credentials | {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Idempotency-Key"] = key
        if body is not None:
            sent = {"Content-Type": JSON} | sent
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        path = path if path.startswith(("/api", "/health", "/metrics", "/openapi")) else f"/api/v1{path}"
        with closing(http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=TIMEOUT_S)) as connection:
            connection.request(method, path, data, {name: value.encode() for name, value in sent.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def made(self, path: str, **fields) -> dict:
        answer = self("POST", path, fields)
        assert answer.status in (200, 201), answer.body
        return answer.json

    def order(self, **fields) -> dict:
        return self.made("/orders", **{"amount": 50_000} | fields)

    def pay(self, order: dict | None = None, **fields) -> dict:
        """A payment that the bank will accept, unless `fields` say otherwise."""
        usual = {} if "method" in fields else {"method": "upi", "vpa": "success@razorpay"}
        return self.made("/payments", order_id=(order or self.order())["id"], **usual | fields)

    def paid(self, order: dict | None = None, **fields) -> dict:
        """The same when the bank is done with it."""
        return self.final(self.pay(order, **fields))

    def final(self, payment: dict) -> dict:
        """The payment as the bank left it, or as it waits for the customer."""
        while (now := self("GET", f"/payments/{payment['id']}").json)["status"] in ("pending", "processing"):
            pass
        return now


@contextmanager
def data_of(server: Server) -> Iterator[Instance]:
    """The running gateway's data, as the commands open them beside it."""
    with Instance(config.load(data_dir=server.data, environment={})) as instance:
        yield instance


def add_merchant(server: Server, email: str, password: str, mode: str = "test") -> Caller:
    """Somebody new at the running gateway."""
    hashed = crypto.hash_password(password)

    def add(tx, master):
        merchant_id = merchants.add(tx, name=email, email=email, password_hash=hashed)
        return merchant_id, merchants.create_key(tx, master, merchant_id, mode)

    with data_of(server) as instance:
        merchant_id, pair = instance.store.write_now(add, instance.master)
    return Caller(server, credentials(*pair), merchant_id)


def add_key(server: Server, caller: Caller, mode: str = "test", scope: str = "full") -> Caller:
    """Another key of the same merchant."""
    with data_of(server) as instance:
        pair = instance.store.write_now(
            merchants.create_key, instance.master, caller.merchant_id, mode, "", scope
        )
    return Caller(server, credentials(*pair), caller.merchant_id)


def credentials(key_id: str, secret: str) -> dict[str, str]:
    return {"X-Api-Key": key_id, "X-Api-Secret": secret}

"""Bad input ends in a 4xx that says what is wrong, and changes nothing."""

import gzip
import json

import pytest

from bench.server import Server
from tests.calling import JSON, Caller

DIGITS = "1234567890"
ID = "0123456789abcdef"
GREAT = 2**20


def short(text: str) -> str:
    """A name for a case."""
    return text if len(text) <= 40 else f"{text[:20]}... of {len(text)}"


@pytest.fixture(scope="module")
def server():
    with Server(environment={"GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0"}) as server:
        yield server


@pytest.fixture(scope="module")
def alice(server: Server) -> Caller:
    return Caller(server)


@pytest.fixture(scope="module")
def ids(alice: Caller) -> dict[str, str]:
    """Objects that bad requests are about; the bank is done with all of them."""
    authorised, captured = alice.paid(alice.order(capture="manual")), alice.paid()
    return {"order": alice.order()["id"], "authorised": authorised["id"], "captured": captured["id"]}


# What the gateway writes for itself, whoever asks.
OWN_NOTES = {"api_requests", "totals", "settings", "sqlite_sequence"}


@pytest.fixture
def unchanged(server: Server, ids):
    """Fails the test if there is a row more or less afterwards, or an object has changed."""
    before = contents(server)
    yield
    assert contents(server) == before


def contents(server: Server) -> dict:
    names = [name for (name,) in server.select("SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {name: server.select(f"SELECT count(*) FROM {name}") for name in names if name not in OWN_NOTES}
    return counts | {name: server.select(f"SELECT * FROM {name}") for name in ("orders", "payments", "refunds")}


def refused(answer, status: int = 400, code: str = "BAD_REQUEST_ERROR", field: str | None = None) -> None:
    assert (answer.status, answer.code) == (status, code), answer.body
    error = answer.json["error"]
    assert error["description"]
    assert answer.headers["X-Request-Id"]
    if field is not None:
        assert error.get("field") == field


# Documents

DOCUMENTS = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "a BOM": b'\xef\xbb\xbf{"amount":50000}',
    "UTF-16": '{"amount":50000}'.encode("utf-16"),
    "UTF-16 without a BOM": '{"amount":50000}'.encode("utf-16-le"),
    "bad UTF-8": b'{"amount":50000,"receipt":"\xff"}',
    "overlong UTF-8": b'{"amount":50000,"receipt":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"amount":50000,"receipt":"\xed\xa0\x80"}',
    "single quotes": b"{'amount':50000}",
    "a trailing comma": b'{"amount":50000,}',
    "a comment": b'{"amount":50000/* rupees */}',
    "trailing junk": b'{"amount":50000}x',
    "two documents": b'{"amount":50000}{"amount":50000}',
    "half a document": b'{"amount":50000',
    "a name twice": b'{"amount":50000,"amount":100}',
    "a name twice inside": b'{"amount":50000,"notes":{"a":"1","a":"2"}}',
    "33 levels": b'{"amount":50000,"notes":' + b'{"a":' * 32 + b'"x"' + b"}" * 32 + b"}",
    "100,000 levels": b'{"amount":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "50,000 parts": b'{"amount":50000,"notes":{' + b",".join(b'"%d":""' % n for n in range(50_000)) + b"}}",
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("path", ["/orders", "/payments", "/payments/public", "/webhook_endpoints", "/auth/token"])
def test_what_is_no_json_object(alice: Caller, unchanged, path, document):
    refused(alice("POST", path, document))


AMOUNTS = [
    "NaN", "Infinity", "-Infinity", "1e309", "1e308", "1e2", "1.0", "100.5", "-0", "-0.0", "true", "false", "null",
    '"100"', '"१००"', "[]", "{}", "[100]", "-100", "0", "99", "9007199254740992", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "1" + "0" * 50, DIGITS * 500, DIGITS * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("amount", AMOUNTS, ids=short)
def test_what_is_no_amount(alice: Caller, unchanged, ids, amount):
    document = f'{{"amount":{amount}}}'.encode()
    refused(alice("POST", "/orders", document), field="amount")
    if amount != "null":
        refused(alice("POST", f"/payments/{ids['authorised']}/capture", document), field="amount")
    if amount not in ("null", "99"):
        refused(alice("POST", f"/payments/{ids['captured']}/refunds", document), field="amount")


@pytest.mark.parametrize("amount", ["01", "+1", "0x10", "1_000", "1,000", ".5", "5.", "１００", "nan", "--1", "Inf"])
def test_what_is_not_even_a_number(alice: Caller, unchanged, amount):
    refused(alice("POST", "/orders", f'{{"amount":{amount}}}'.encode()))


PAY = {"method": "upi", "vpa": "success@razorpay"}
CARD = {"number": "4111111111111111", "expiry_month": 12, "expiry_year": 2030, "cvv": "737", "holder_name": "Asha Rao"}
BY_CARD = {"order_id": "{order}", "method": "card"}
FIELDS = [
    ("/orders", {"amount": 50_000, "colour": "red"}, "colour"),
    ("/orders", {"amount": 50_000, "__proto__": {"admin": True}}, "__proto__"),
    ("/orders", {"amount": 50_000, "constructor": {}}, "constructor"),
    ("/orders", {"amount": 50_000, "merchant_id": "bob"}, "merchant_id"),
    ("/orders", {"amount": 50_000, "status": "paid"}, "status"),
    ("/orders", {"amount": 50_000, "currency": "inr"}, "currency"),
    ("/orders", {"amount": 50_000, "currency": ["INR"]}, "currency"),
    ("/orders", {"amount": 50_000, "currency": "XYZ"}, "currency"),
    ("/orders", {"amount": 50_000, "receipt": "r" * 41}, "receipt"),
    ("/orders", {"amount": 50_000, "receipt": 7}, "receipt"),
    ("/orders", {"amount": 50_000, "notes": "x"}, "notes"),
    ("/orders", {"amount": 50_000, "notes": ["x"]}, "notes"),
    ("/orders", {"amount": 50_000, "notes": {"a": 1}}, "notes"),
    ("/orders", {"amount": 50_000, "notes": {"a": "x" * 257}}, "notes"),
    ("/orders", {"amount": 50_000, "notes": {str(n): "" for n in range(16)}}, "notes"),
    ("/orders", {"amount": 50_000, "capture": "later"}, "capture"),
    ("/orders", {"amount": 50_000, "capture": True}, "capture"),
    ("/payments", {}, "order_id"),
    ("/payments", {"order_id": 7, **PAY}, "order_id"),
    ("/payments", {"order_id": "{order}"}, "method"),
    ("/payments", {"order_id": "{order}", "method": "cash"}, "method"),
    ("/payments", {"order_id": "{order}", "method": "upi"}, "vpa"),
    ("/payments", {"order_id": "{order}", "method": "upi", "vpa": "x" * 5_000 + "@bank"}, "vpa"),
    ("/payments", {"order_id": "{order}", "method": "upi", "vpa": {"$ne": None}}, "vpa"),
    ("/payments", {"order_id": "{order}", "method": "netbanking", "bank": "'; DROP TABLE payments"}, "bank"),
    ("/payments", BY_CARD | {"card": "4111111111111111"}, "card"),
    ("/payments", BY_CARD | {"card": CARD | {"pin": "1234"}}, "card.pin"),
    ("/payments", BY_CARD | {"card": CARD | {"number": 4111111111111111}}, "card.number"),
    ("/payments", BY_CARD | {"card": CARD | {"cvv": 737}}, "card.cvv"),
    ("/payments", {"order_id": "{order}", **PAY, "amount": 1}, "amount"),
    ("/payments/public", {"order_id": "{order}", **PAY, "amount": 1}, "amount"),
    ("/payments/public", {"order_id": "{order}", **PAY, "key": 5}, "key"),
    ("/payments/{captured}/refunds", {"reason": "r" * 256}, "reason"),
    ("/payments/{captured}/refunds", {"notes": {"a": None}}, "notes"),
    ("/payments/{captured}/refunds", {"speed": "optimum"}, "speed"),
    ("/payments/{authorised}/capture", {"currency": "INR"}, "currency"),
    ("/payments/{authorised}/cancel", {"amount": 1}, "amount"),
    ("/webhook_endpoints", {"url": "javascript:alert(1)"}, "url"),
    ("/webhook_endpoints", {"url": "//evil.example"}, "url"),
    ("/webhook_endpoints", {"url": "https://a\r\nX: y"}, "url"),
    ("/webhook_endpoints", {"url": "https://shop.example/", "events": ["payment.exploded"]}, "events"),
    ("/webhooks/recover", {"endpoint_id": f"we_{ID}", "since": "yesterday"}, "since"),
    ("/auth/token", {"email": "a@b"}, "password"),
    ("/auth/token", {"email": "a@b", "password": ["x"]}, "password"),
    ("/auth/token", {"email": "a@b", "password": "x" * 300}, "password"),
    ("/auth/token", {"email": "a@b", "password": "x", "mode": "root"}, "mode"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "field"), FIELDS, ids=map(str, range(len(FIELDS))))
def test_fields_that_are_wrong_unknown_or_missing(alice: Caller, unchanged, ids, path, body, field):
    if "order_id" in body and body["order_id"] == "{order}":
        body = body | {"order_id": ids["order"]}
    answer = alice("POST", path.format(**ids), body)
    assert (answer.status, answer.code in ("BAD_REQUEST_ERROR", "INVALID_CARD", "INVALID_VPA")) == (400, True)
    assert (answer.json["error"]["field"] + ".").startswith(field + ".")
    assert "4111" not in answer.body.decode()


TEXTS = {
    "half a surrogate pair": r"\ud800",
    "the other half": r"\udc00",
    "a pair the wrong way round": r"\udc00\ud800",
    "NUL": r"\u0000",
    "a control character": r"\u001b[31m",
    "DEL": r"\u007f",
    "C1": r"\u0085",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_that_cannot_be_kept(alice: Caller, unchanged, ids, text):
    refused(alice("POST", "/orders", f'{{"amount":50000,"receipt":"{text}"}}'.encode()), field="receipt")
    refused(alice("POST", "/orders", f'{{"amount":50000,"notes":{{"a":"{text}"}}}}'.encode()), field="notes.a")
    refused(alice("POST", "/orders", f'{{"amount":50000,"notes":{{"{text}":"a"}}}}'.encode()))
    refused(alice("POST", f"/payments/{ids['captured']}/refunds", f'{{"reason":"{text}"}}'.encode()), field="reason")
    refused(alice("POST", "/auth/token", f'{{"email":"{text}","password":"{text}"}}'.encode()))


def test_raw_control_characters_in_a_text(alice: Caller, unchanged):
    for character in (b"\0", b"\n", b"\x1f"):
        refused(alice("POST", "/orders", b'{"amount":50000,"receipt":"' + character + b'"}'))


PLAIN = [
    "' OR 1=1 --", "{{7*7}}", "{% raw %}", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "\u202egnp.exe",
    "a\u200bb", "🍵👩🏽\u200d🍳", "e\u0301", "\u00e9", "\ufeffBOM inside", "%s %d %00", "$(reboot)", "../../etc/passwd",
    "NULL", "\u2028",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_looks_dangerous_is_kept_as_it_is(alice: Caller, text):
    order = alice.order(receipt=text, notes={text: text})
    assert (order["receipt"], order["notes"]) == (text, {text: text})
    assert alice("GET", f"/orders/{order['id']}").json == order


# The way it is sent


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "application/json; charset=utf-7"},
        {"Content_Type": "application/json; charset=utf-16"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Content_Type": "application/jsonp"},
        {"Content_Type": ""},
        {"Content_Encoding": "gzip"},
        {"Content_Encoding": "br"},
    ],
    ids=str,
)
def test_media_types_that_are_not_ours(alice: Caller, unchanged, headers):
    body = b'{"amount":50000}'
    body = gzip.compress(body) if headers.get("Content_Encoding") == "gzip" else body
    refused(alice("POST", "/orders", body, **headers), 415, "UNSUPPORTED_MEDIA_TYPE_ERROR")


@pytest.mark.parametrize("media_type", [JSON, f"{JSON};charset=utf-8", f"{JSON}; charset=UTF-8", "Application/JSON"])
def test_media_types_that_are(alice: Caller, media_type):
    assert alice("POST", "/orders", {"amount": 50_000}, Content_Type=media_type).status == 201


def test_a_body_of_a_mebibyte_and_one_byte_more(alice: Caller, unchanged):
    head, tail = b'{"amount":50000,"receipt":"', b'"}'
    filled = head + b"x" * (GREAT - len(head) - len(tail)) + tail
    refused(alice("POST", "/orders", filled), 400, field="receipt")
    refused(alice("POST", "/orders", filled + b" "), 413, "PAYLOAD_TOO_LARGE_ERROR")


# Addresses

PATHS = [
    "/orders/%00", "/orders/%ff", "/orders/%2f", "/orders/..%2f..%2fetc", "/orders/a;b=c", "/orders/order_%00",
    "/orders/%2e%2e", "/orders/..", "/orders/order_", "/orders/order_short", f"/orders/pay_{ID}", f"/orders/ORDER_{ID}",
    f"/orders/order_{ID}'--", f"/orders/order_{ID}%20", f"/orders/order_{'a' * 41}", f"/orders/{'a' * 5_000}",
    "/orders/order_%EF%BC%91234567890123456", f"/orders/order_{ID}/payments", f"/orders/order_{ID}/nothing",
    f"/payments/order_{ID}", f"/payments/pay_{ID}", f"/payments/pay_{ID}/refunds", f"/refunds/rfnd_{ID}",
    f"/events/evt_{ID}", "/webhooks/1", "/webhooks/00000000-0000-0000-0000-000000000000", f"/webhook_endpoints/we_{ID}",
    "/nothing", "/", "/%00", "//orders",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=short)
def test_addresses_where_nothing_is(alice: Caller, unchanged, path):
    refused(alice("GET", path), 404, "NOT_FOUND_ERROR")


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("/payments/")])
@pytest.mark.parametrize("verb", ["capture", "cancel", "refunds"])
def test_nothing_can_be_done_there_either(alice: Caller, unchanged, path, verb):
    refused(alice("POST", f"{path}/{verb}"), 404, "NOT_FOUND_ERROR")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/orders", "GET, POST"),
        ("PUT", "/payments", "GET, POST"),
        ("PATCH", "/refunds", "GET"),
        ("TRACE", "/orders", "GET, POST"),
        ("get", "/orders", "GET, POST"),
        ("BREW", "/orders", "GET, POST"),
        ("GET", "/auth/token", "POST"),
        ("POST", f"/orders/order_{ID}", "GET"),
        ("PUT", f"/payments/pay_{ID}/refunds", "GET, POST"),
        ("TRACE", f"/webhook_endpoints/we_{ID}", "DELETE, GET, PATCH"),
    ],
)
def test_methods_that_an_address_does_not_know(alice: Caller, unchanged, method, path, allowed):
    answer = alice(method, path)
    refused(answer, 405, "METHOD_NOT_ALLOWED_ERROR")
    assert sorted(answer.headers["Allow"].replace(",", " ").split()) == allowed.replace(",", "").split()


# Queries

QUERIES = [
    ("limit=-1", "limit"), ("limit=0", "limit"), ("limit=101", "limit"), ("limit=1000000000", "limit"),
    ("limit=%EF%BC%91%EF%BC%92", "limit"), ("limit=abc", "limit"), ("limit=", "limit"), ("limit=1.5", "limit"),
    ("limit=1e1", "limit"), ("limit=%2B1", "limit"), ("limit=0x1", "limit"), ("limit=1&limit=2", "limit"),
    ("limit=" + "9" * 400, "limit"), ("offset=-1", "offset"), ("offset=99999999999999999999", "offset"),
    ("after=", "after"), ("after=order_nobody", "after"), ("after=" + "x" * 100, "after"), ("after=%00", "after"),
    ("from=yesterday", "from"), ("from=2026-13-01", "from"), ("from=2026-02-30T00:00:00Z", "from"),
    ("to=2026-01-01T25:00:00Z", "to"), ("to=-1", "to"), ("to=99999999999999", "to"), ("status=exploded", "status"),
    ("status=", "status"), ("colour=red", "colour"), ("limit[]=1", "limit[]"), ("__proto__=1", "__proto__"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "field"), QUERIES, ids=[short(query) for query, _ in QUERIES])
@pytest.mark.parametrize("path", ["/orders", "/payments", "/refunds", "/webhooks"])
def test_queries_that_make_no_sense(alice: Caller, unchanged, path, query, field):
    refused(alice("GET", f"{path}?{query}"), field=field)


@pytest.mark.parametrize("query", ["%ff", "a=%ff", "&".join(f"a{number}=1" for number in range(51))])
def test_queries_that_cannot_be_read(alice: Caller, unchanged, query):
    refused(alice("GET", f"/orders?{query}"))


@pytest.mark.parametrize(
    ("path", "query"),
    [("/payments", "method=cash"), ("/payments", "order_id="), ("/payments", "order_id=" + "x" * 65),
     ("/orders", "receipt=" + "x" * 41), ("/refunds", "payment_id=%00"), ("/events", "event=payment.exploded"),
     (f"/orders/order_{ID}/public", "key="), ("/balance", "currency=INR"), ("/stats", "from=never")],
)  # fmt: skip
def test_filters_that_make_no_sense(alice: Caller, unchanged, path, query):
    refused(alice("GET", f"{path}?{query}"))


# Keys


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ", "🔑", "a\x7fb", "caf\u00e9"], ids=repr)
@pytest.mark.parametrize("path", ["/orders", "/payments", "/payments/public"])
def test_idempotency_keys_that_are_none(alice: Caller, unchanged, path, key):
    refused(alice("POST", path, {"amount": 50_000} if path == "/orders" else {"order_id": "x", **PAY}, key=key))


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", "~!@#$%^&*()_+", '"quoted"'])
def test_idempotency_keys_that_are(alice: Caller, key):
    first = alice("POST", "/orders", {"amount": 50_000}, key=key)
    again = alice("POST", "/orders", {"amount": 50_000}, key=key)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


@pytest.mark.parametrize("body", [{"amount": 1}, {"amount": "x"}, {"colour": "red"}])
def test_what_was_refused_leaves_its_key_free(alice: Caller, body):
    key = f"tried with {json.dumps(body)}"
    refused(alice("POST", "/orders", body, key=key))
    answer = alice("POST", "/orders", {"amount": 50_000}, key=key)
    assert (answer.status, "Idempotent-Replayed" in answer.headers) == (201, False)


def test_a_stranger_does_not_use_anybodys_key_up(alice: Caller, server: Server):
    assert Caller(server, {})("POST", "/orders", {"amount": 50_000}, key="a stranger's").status == 401
    assert "Idempotent-Replayed" not in alice("POST", "/orders", {"amount": 50_000}, key="a stranger's").headers


def test_a_request_that_the_rules_refuse_leaves_its_key_free_too(alice: Caller, ids):
    path = f"/payments/{ids['captured']}/refunds"
    refused(alice("POST", path, {"amount": 50_001}, key="too much"), field="amount")
    assert alice("POST", path, {"amount": 1}, key="too much").status == 201


def test_after_all_this_the_books_are_in_order(server: Server):
    checked = server.run("check")
    assert checked.returncode == 0, checked.stdout
    assert "Traceback" not in server.log()

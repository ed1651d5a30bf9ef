"""After a full day nothing secret stands in any file: no card number, CVV or secret, in any writing."""

import base64
import json
import re
import signal
import urllib.parse
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from bench.server import KEY, WEBHOOK_SECRET, Server
from gateway import saved_cards
from gateway.ids import random_letters
from gateway.processors.instruments import documented
from tests.calling import BOB, Caller, add_merchant
from tests.receivers import Receiver, polite

ENVIRONMENT = {
    "GATEWAY_SIMULATOR_DELAY_MIN": "0",
    "GATEWAY_SIMULATOR_DELAY_MAX": "0",
    "GATEWAY_LOG_LEVEL": "debug",
    "GATEWAY_LOG_REQUESTS": "all",
    "GATEWAY_WEBHOOKS_RETRY_SECONDS": "0.1",
}
WRONG_NUMBER = "4242424242424241"  # The gateway itself refuses it; that must not put it into a log either.
NUMBERS = [row.instrument for row in documented() if row.kind.endswith("card")]
CUSTOMER = random_letters(saved_cards.SECRET_LETTERS)  # what a browser is known by
CVV, CVV_OF_AMEX = "739", "7391"
# Three digits stand everywhere by chance, so a CVV is looked for beside a name that would introduce it.
CVV_BESIDE_ITS_NAME = re.compile(rb"(?i)(?:cvv|cvc|security.?code)[\\'\": =]{0,6}7391?(?![0-9])")
DIGITS = re.compile(rb"[0-9]{12,}")
HEX = re.compile(rb"(?:[0-9a-f]{8,}|[0-9A-F]{8,})")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}")
TO_STANDARD_BASE64 = bytes.maketrans(b"-_", b"+/")


def readings(content: bytes) -> Iterator[bytes]:
    """The content as it would be read by whoever knows how something was written into it."""
    yield content
    yield content[::-1]
    yield content.translate(None, b" -")
    yield content.translate(None, b"\0")  # UTF-16
    yield urllib.parse.unquote_to_bytes(content)
    yield b"\n".join(bytes.fromhex(run[at : at + (len(run) - at) // 2 * 2].decode())
                     for run in HEX.findall(content) for at in (0, 1))  # fmt: skip
    yield b"\n".join(base64.b64decode(run[at:] + b"A" * (-len(run[at:]) % 4))
                     for run in BASE64.findall(content.translate(TO_STANDARD_BASE64)) for at in range(4))  # fmt: skip


class File(NamedTuple):
    name: str
    content: bytes
    read: bytes  # in every way there is


def opened(name: str, content: bytes) -> File:
    return File(name, content, b"\n".join(readings(content)))


def places(files: list[File], text: str) -> list[str]:
    """Which files hold the text, in any writing."""
    return [file.name for file in files if text.encode() in file.read]


def numbers_in(files: list[File]) -> list[str]:
    """Which of the cards' numbers stand in which file, as text in any writing or as an integer."""
    return [f"{file.name}: {number}" for file in files for number in numbers_of(file)]


def numbers_of(file: File) -> list[str]:
    digits = b"\n".join(DIGITS.findall(file.read))
    return [number for number in NUMBERS if number.encode() in digits or is_integer_in(file.content, int(number))]


def is_integer_in(content: bytes, number: int) -> bool:
    return any(number.to_bytes(8, order).strip(b"\0") in content for order in ("big", "little"))


@pytest.fixture(scope="module")
def day():
    """Every card, paid and refunded, with webhooks that fail and succeed, refusals and a restart; then the files."""
    with Server(environment=ENVIRONMENT) as server, Receiver(polite) as shop:
        alice, bob = Caller(server), add_merchant(server, **BOB)
        alice("PATCH", "/merchant/webhook", {"webhook_url": shop.url()})
        alice.made("/webhook_endpoints", url="http://127.0.0.1:9/nobody-listens")
        endpoint = alice.made("/webhook_endpoints", url=shop.url(), events=["order.paid"])
        payments = [pay(alice, way, number) for way, number in enumerate(NUMBERS) if number != WRONG_NUMBER]
        tricks(alice)
        settle(alice, payments)
        for payment in payments:
            alice("POST", f"/payments/{payment['id']}/refunds", {"amount": 100})
        files = read_all(server)
        server.stop(signal.SIGTERM)
        files += read_all(server)
        server.start()
        yield server, files, [bob.credentials["X-Api-Secret"], endpoint["secret"]]


def pay(alice: Caller, way: int, number: str) -> dict:
    """By a merchant's server or by a customer, who wants the card kept; with and without spaces."""
    amex = len(number) == 15
    card = {
        "number": " ".join(number[at : at + 4] for at in range(0, len(number), 4)) if way % 2 else number,
        "expiry_month": 12, "expiry_year": 2031, "cvv": CVV_OF_AMEX if amex else CVV, "holder_name": "Asha Rao",
    }  # fmt: skip
    body = {"order_id": alice.order()["id"], "method": "card", "card": card}
    if way % 4 < 2:
        return alice.made("/payments", **body)
    cookie = f"customer={CUSTOMER}"
    return alice("POST", "/payments/public", body | {"save_card": True}, key=number[-4:], Cookie=cookie).json


def tricks(alice: Caller) -> None:
    """Numbers and CVVs where they do not belong, none of which is taken."""
    number, order = NUMBERS[0], alice.order()["id"]
    good = {"number": number, "expiry_month": 12, "expiry_year": 2031, "cvv": CVV, "holder_name": "Asha"}
    for card in (
        good | {"number": WRONG_NUMBER},
        good | {"holder_name": number},
        good | {"cvv": CVV + "99"},
        good | {"expiry_year": 1999},
        good | {"number": int(number)},
        good | {"pin": number},
        number,
        [number, CVV],
    ):
        answer = alice("POST", "/payments", {"order_id": order, "method": "card", "card": card}, key="trick")
        assert answer.status == 400
        assert number not in answer.body.decode()
    broken = json.dumps({"order_id": order, "method": "card", "card": good}).encode()
    assert alice("POST", "/payments", broken[:-1]).status == 400
    assert alice("POST", "/payments", broken, Content_Type="text/plain").status == 415
    assert Caller(alice._server, {})("POST", "/payments", broken).status == 401


def settle(alice: Caller, payments: list[dict]) -> None:
    """Until the bank is done, except where it waits for a customer."""
    for payment in payments:
        while alice("GET", f"/payments/{payment['id']}").json["status"] in ("pending", "processing"):
            pass


def read_all(server: Server) -> list[File]:
    return [opened(path.name, path.read_bytes()) for path in server.data.rglob("*") if path.is_file()]


NUMBER = NUMBERS[0]
GROUPED = " ".join(NUMBER[at : at + 4] for at in range(0, 16, 4))
WRITINGS = [
    NUMBER.encode(),
    GROUPED.encode(),
    GROUPED.replace(" ", "-").encode(),
    NUMBER.encode("utf-16"),
    NUMBER.encode().hex().encode(),
    b"a" + NUMBER.encode().hex().upper().encode(),
    base64.b64encode(NUMBER.encode()),
    base64.b64encode(b"a" + NUMBER.encode() + b"b"),
    base64.urlsafe_b64encode(b'{"number":"' + NUMBER.encode() + b'"}'),
    "".join(f"%{byte:02x}" for byte in NUMBER.encode()).encode(),
    NUMBER[::-1].encode(),
    int(NUMBER).to_bytes(8, "big"),
    int(NUMBER).to_bytes(8, "little"),
]


@pytest.mark.parametrize("written", WRITINGS, ids=map(str, range(len(WRITINGS))))
def test_the_search_finds_a_number_however_it_is_written(written):
    assert numbers_in([opened("x", b"before\xff" + written + b"\xffafter")]) == [f"x: {NUMBER}"]


def test_the_search_sees_every_file_and_what_may_stand_there(day):
    _, files, _ = day
    names = {file.name for file in files}
    assert {"gateway.db", "gateway.db-wal", "queue.db", "simulator.db", "server.log", "master.key"} <= names
    assert places(files, "Asha Rao"), "the holder's name is stored in clear"
    assert CVV_BESIDE_ITS_NAME.search(b'{"cvv": "739"}') and CVV_BESIDE_ITS_NAME.search(b"cvv='7391'")


def test_every_card_was_tried(day):
    server, _, _ = day
    ((count,),) = server.select("SELECT count(*) FROM payments WHERE method = 'card'")
    assert count == len(NUMBERS) - 1
    statuses = {status for (status,) in server.select("SELECT DISTINCT status FROM payments")}
    assert statuses >= {"success", "failed", "requires_action"}
    assert server.select("SELECT count(*) FROM saved_cards")[0][0] > 10


def test_no_card_number_in_any_file(day):
    _, files, _ = day
    assert numbers_in(files) == []


def test_no_cvv_in_any_file(day):
    _, files, _ = day
    assert [file.name for file in files if CVV_BESIDE_ITS_NAME.search(file.read)] == []


def test_no_secret_outside_the_master_key(day):
    server, files, secrets = day
    master = (server.data / "master.key").read_text().strip()
    others = [file for file in files if file.name != "master.key"]
    for secret in [*secrets, master, BOB["password"], CUSTOMER]:
        assert places(others, secret) == []
    assert [file.name for file in others if base64.b64decode(master) in file.content] == []
    # The demo's own secrets are printed at its start, which is what a demo is for.
    for secret in (KEY["X-Api-Secret"], WEBHOOK_SECRET, "test1234"):
        assert set(places(others, secret)) <= {"server.log"}


def test_nothing_went_wrong_on_this_day(day):
    server, _, _ = day
    assert "Traceback" not in server.log()
    checked = server.run("check")
    assert checked.returncode == 0, checked.stdout

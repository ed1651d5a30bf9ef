"""Two shops and a stranger at a gateway without a server, whose clock, bank and accidents are in the test's hand."""

import json
from pathlib import Path

import msgspec

from gateway import checkout, clock, merchants, orders, payments, refunds, settlement
from gateway.config import Config
from gateway.crypto import MasterKey, hash_password
from gateway.cvv import CvvMemory
from gateway.errors import GatewayError
from gateway.jobs.tasks import Worker
from gateway.lists import Page
from gateway.objects import Owner, PaymentRow, encode
from gateway.processors.simulator import Simulator

ALICE, BOB = "alice", "bob"
PASSWORD = "correct horse"
PASSWORD_HASH = hash_password(PASSWORD)
MASTER = MasterKey(bytes(range(32)))

VISA = "4111111111111111"
DECLINED, NO_MONEY, UNANSWERED = "4000000000000002", "4100280000080001", "4100280000090000"
THREE_D_SECURE = "4000002760003184"
REFUND_FAILS, REFUND_LATE = "4000000000005126", "4000000000007726"

UPI = {"method": "upi", "vpa": "success@razorpay"}
UPI_FAILS = {"method": "upi", "vpa": "failure@razorpay"}
NETBANKING = {"method": "netbanking", "bank": "HDFC"}
WALLET = {"method": "wallet", "wallet": "paytm"}


def card(number: str = VISA, **fields) -> dict:
    """A payment by card, with that number."""
    usual = {"number": number, "expiry_month": 12, "expiry_year": 2030, "cvv": "737", "holder_name": "Asha Rao"}
    return {"method": "card", "card": usual | fields}


class Scene:
    """The core on one store: the desk, the teller, the worker's hands and the simulated bank."""

    def __init__(self, store, folder: Path):
        self.store = store
        self.config = Config(data_dir=folder)
        self.bank = _bank(folder)
        for merchant_id, name in ((ALICE, "Alice's Tea"), (BOB, "Bob's Bikes")):
            store.write_now(_add_merchant, merchant_id, name)
        self.alice, self.bob = Shop(self, ALICE), Shop(self, BOB)
        self.restart()

    def restart(self) -> None:
        """The process dies and comes back: what was in memory is gone, the claims are given back."""
        self.cvvs = CvvMemory()
        self.desk = payments.Desk(master=MASTER, cvvs=self.cvvs, processor_of={"test": self.bank.name})
        self.teller = settlement.Teller(store=self.store, master=MASTER, cvvs=self.cvvs, action_expires_s=900)
        self.store.write_now(settlement.release_all)

    def change_bank(self, **ways) -> None:
        """The bank behaves otherwise from now on: `delay_s`, `upi_success_rate`, `card_success_rate`."""
        self.close()
        self.bank = _bank(self.config.data_dir, **ways)

    def close(self) -> None:
        self.bank.close()

    def work(self) -> None:
        """Everything that is due is done."""
        self.worker.payments()
        self.worker.refunds()

    @property
    def worker(self) -> Worker:
        processors = {self.bank.name: self.bank}
        return Worker(store=self.store, teller=self.teller, processors=processors, config=self.config)

    def later(self, seconds: float) -> None:
        """The clock moves on, and what has come due is done."""
        clock.forward(seconds)
        self.work()

    # One step at a time, for accidents between them

    def claim(self) -> PaymentRow:
        """The one payment on which work is due."""
        (payment,) = self.claims()
        return payment

    def claims(self) -> list[PaymentRow]:
        return self.store.write_now(settlement.claim, self.bank.name, 100)

    def ask(self, payment: PaymentRow):
        return self.teller.ask(self.bank, payment)

    def settle(self, payment: PaymentRow, outcome) -> None:
        self.store.write_now(self.teller.settle, payment, outcome)

    def claim_refund(self):
        (refund,) = self.store.write_now(refunds.claim, 10)
        return refund

    def settle_refund(self, refund, outcome) -> None:
        self.store.write_now(refunds.settle, refund, outcome)

    def customer(self, payment_id: str, answer: str) -> None:
        """The customer answers the bank's challenge, `approved declined cancelled expired`."""
        self.bank.answer_challenge(payment_id, answer)
        self.store.write_now(settlement.customer_acted, payment_id)

    # What stands in the tables

    def rows(self, sql: str, *params) -> list[tuple]:
        return [tuple(row) for row in self.store.read_now(lambda tx: tx.all(sql, params))]

    def values(self, sql: str, *params) -> list:
        return [row[0] for row in self.rows(sql, *params)]

    def value(self, sql: str, *params):
        (value,) = self.values(sql, *params)
        return value

    def alter(self, sql: str, *params) -> None:
        """Behind the gateway's back."""
        self.store.write_now(lambda tx: tx.execute(sql, params))

    def history(self, object_id: str) -> list[str]:
        return self.values("SELECT to_status FROM status_changes WHERE object_id = ? ORDER BY seq", object_id)

    def charges(self) -> dict[str, tuple]:
        """What the bank has in its own book: status, captured, refunded."""
        return {line.key: tuple(line)[1:] for line in self.bank.statement()}


class Shop:
    """A merchant, asking the domain as the API does; answers are what the API shows."""

    def __init__(self, scene: Scene, merchant_id: str, mode: str = "test"):
        self.scene = scene
        self.owner = Owner(merchant_id, mode)
        self._do, self._see = scene.store.write_now, scene.store.read_now

    @property
    def live(self) -> "Shop":
        return Shop(self.scene, self.owner.merchant_id, "live")

    def order(self, amount: int = 50_000, **fields) -> dict:
        new = orders.check(orders.NewOrder(amount=amount, **fields))
        return json.loads(self._do(orders.create, self.owner, new, "automatic"))

    def pay(self, order: dict | None = None, instrument: dict = UPI) -> dict:
        """Starts a payment of the order, or of a new one."""
        new = {"order_id": (order or self.order())["id"], **instrument}
        draft = payments.check(msgspec.convert(new, payments.NewPayment))
        return json.loads(self._do(self.scene.desk.start, self.owner, draft))

    def paid(self, order: dict | None = None, instrument: dict = UPI) -> dict:
        """A payment with which the bank is done."""
        payment = self.pay(order, instrument)
        self.scene.work()
        return self.payment(payment)

    def authorised(self, amount: int = 50_000, instrument: dict = UPI) -> dict:
        return self.paid(self.order(amount, capture="manual"), instrument)

    def capture(self, payment: dict, amount: int | None = None) -> dict:
        return json.loads(self._do(payments.capture, self.owner, payment["id"], amount))

    def cancel(self, payment: dict) -> dict:
        return json.loads(self._do(payments.cancel, self.owner, payment["id"]))

    def refund(self, payment: dict, amount: int | None = None, **fields) -> dict:
        new = refunds.check(refunds.NewRefund(amount=amount, **fields))
        return json.loads(self._do(refunds.create, self.owner, payment["id"], new))

    def refunded(self, payment: dict, amount: int | None = None) -> dict:
        refund = self.refund(payment, amount)
        self.scene.work()
        return self.the_refund(refund)

    def the_order(self, order: dict) -> dict:
        return _plain(self._see(orders.show, self.owner, order["id"]))

    def payment(self, payment: dict) -> dict:
        return _plain(self._see(payments.show, self.owner, payment["id"]))

    def the_refund(self, refund: dict) -> dict:
        return _plain(self._see(refunds.show, self.owner, refund["id"]))

    def status(self, payment: dict) -> str:
        return self.payment(payment)["status"]

    def list_orders(self, page: Page | None = None, **filters) -> dict:
        return self._list(orders.list_orders, page, filters)

    def list_payments(self, page: Page | None = None, **filters) -> dict:
        return self._list(payments.list_payments, page, filters)

    def list_refunds(self, page: Page | None = None, **filters) -> dict:
        return self._list(refunds.list_refunds, page, filters)

    def _list(self, select, page: Page | None, filters: dict) -> dict:
        return _plain(self._see(lambda tx: select(tx, self.owner, page or Page(), **filters)))

    def public(self, payment: dict, key_id: str | None = None) -> dict:
        return _plain(self._see(checkout.show_payment, payment["id"], MASTER, key_id))

    def event_types(self, *objects: dict) -> list[str]:
        """What was announced of these objects, or of all, oldest first."""
        ids = [each["id"] for each in objects]
        rows = self.scene.rows(
            "SELECT type, object_id FROM events WHERE merchant_id = ? AND mode = ? ORDER BY seq", *self.owner
        )
        return [kind for kind, object_id in rows if not ids or object_id in ids]


def refusal(call, *args, **kwargs) -> tuple[int, str, str | None]:
    """Status, code and reason (or field) with which a call is refused."""
    try:
        answer = call(*args, **kwargs)
    except GatewayError as error:
        return error.status, error.code, error.reason or error.field
    raise AssertionError(f"It was not refused: {answer}")


def _plain(shown) -> dict:
    return json.loads(encode(shown))


def _bank(folder: Path, delay_s: float = 0, **rates) -> Simulator:
    """Where an instrument decides nothing, everything succeeds."""
    rates = {"upi_success_rate": 1, "card_success_rate": 1} | rates
    return Simulator(folder / "simulator.db", delay_min_s=delay_s, delay_max_s=delay_s, **rates)


def _add_merchant(tx, merchant_id: str, name: str) -> None:
    email = f"{merchant_id}@shop.test"
    merchants.add(tx, name=name, email=email, password_hash=PASSWORD_HASH, merchant_id=merchant_id)
    key = {"key_id": f"key_test_{merchant_id}", "secret": f"secret of {merchant_id}"}
    merchants.create_key(tx, MASTER, merchant_id, "test", **key)

"""A shop with payments in every state, made by the domain itself, for the tests of what the dashboard shows."""

import msgspec

from gateway import crypto, merchants, orders, payments, refunds, settlement
from gateway.crypto import MasterKey
from gateway.cvv import CvvMemory
from gateway.orders import NewOrder
from gateway.payments import Desk
from gateway.processors import Outcome
from gateway.refunds import NewRefund

MASTER = MasterKey(bytes(32))
PASSWORD = "correct horse"
HASH = crypto.hash_password(PASSWORD)
SUCCEEDED = Outcome(status="succeeded", reference="bank-1")
DECLINED = Outcome(
    status="failed",
    error_code="PAYMENT_FAILED",
    error_reason="insufficient_funds",
    error_description="The account does not hold enough.",
)


class Shop:
    """One merchant in a store, and what can happen to its payments."""

    def __init__(self, store, merchant_id: str, mode: str = "test"):
        self.store = store
        self.do = store.write_now
        self.owner = payments.objects.Owner(merchant_id, mode)
        self.desk = Desk(master=MASTER, cvvs=CvvMemory(), processor_of={"test": "bank", "live": "bank"})
        self.teller = settlement.Teller(store=store, master=MASTER, cvvs=CvvMemory(), action_expires_s=900)

    def order(self, amount=50_000, currency="INR", **fields) -> str:
        new = NewOrder(amount=amount, currency=currency, **fields)
        return _id(self.do(orders.create, self.owner, new, "automatic"))

    def pay(self, amount=50_000, *, vpa="asha@okbank", currency="INR", order_id=None, **fields) -> str:
        """A payment that is pending."""
        order_id = order_id or self.order(amount, currency, **fields)
        draft = payments.check(payments.NewPayment(order_id=order_id, method="upi", vpa=vpa))
        return _id(self.do(self.desk.start, self.owner, draft))

    def settle(self, outcome: Outcome = SUCCEEDED) -> None:
        """The bank answers all that are pending."""
        for payment in self.do(settlement.claim, "bank", 100):
            self.do(self.teller.settle, payment, outcome)

    def paid(self, amount=50_000, **fields) -> str:
        payment_id = self.pay(amount, **fields)
        self.settle()
        return payment_id

    def failed(self, amount=50_000, **fields) -> str:
        payment_id = self.pay(amount, **fields)
        self.settle(DECLINED)
        return payment_id

    def refunded(self, payment_id: str, amount: int | None = None) -> str:
        refund_id = _id(self.do(refunds.create, self.owner, payment_id, NewRefund(amount=amount)))
        for refund in self.do(refunds.claim, 100):
            self.do(refunds.settle, refund, SUCCEEDED)
        return refund_id


def _id(shown) -> str:
    return msgspec.json.decode(shown)["id"] if isinstance(shown, bytes) else shown.id


def open_shops(store) -> None:
    """Two shops that know nothing of each other."""
    for name in ("alice", "bob"):
        store.write_now(
            lambda tx, name=name: merchants.add(
                tx, name=name.title(), email=f"{name}@shop.test", password_hash=HASH, merchant_id=name
            )
        )

"""Whatever happens in whatever order, captures, refunds, silence, crashes: the books stay right."""

import random

import pytest

from gateway import check, clock
from gateway.errors import GatewayError
from tests.scenes import (
    DECLINED,
    NETBANKING,
    REFUND_FAILS,
    REFUND_LATE,
    THREE_D_SECURE,
    UNANSWERED,
    UPI,
    UPI_FAILS,
    VISA,
    Scene,
    card,
)

STEPS = 120
INSTRUMENTS = [
    UPI, UPI_FAILS, NETBANKING,
    *map(card, (VISA, DECLINED, UNANSWERED, THREE_D_SECURE, REFUND_FAILS, REFUND_LATE)),
]  # fmt: skip
NOBODYS = {"id": "pay_0000000000000000", "amount": 100, "card_last4": None}


class Day:
    """Chance does something to a shop's payments, one thing at a time."""

    def __init__(self, scene: Scene, seed: int):
        self.scene = scene
        self.chance = random.Random(seed)
        self.orders: list[dict] = []
        self.payments: list[dict] = []
        self.refused = 0

    def live(self, steps: int) -> None:
        doings = [
            self.order, self.order, self.pay, self.pay, self.capture, self.cancel, self.refund, self.refund,
            self.answer, self.work, self.work, self.wait, self.half_done, self.crash, self.change_bank,
        ]  # fmt: skip
        self.order()
        for _ in range(steps):
            try:
                self.chance.choice(doings)()
            except GatewayError:
                self.refused += 1

    def order(self) -> None:
        capture = self.chance.choice(["automatic", "manual"])
        currency = self.chance.choice(["INR", "JPY", "KWD"])
        self.orders.append(self.shop.order(self.chance.randint(100, 10_000), capture=capture, currency=currency))

    def pay(self) -> None:
        order = self.chance.choice([*self.orders[-2:], self.chance.choice(self.orders)])
        self.payments.append(self.shop.pay(order, self.chance.choice(INSTRUMENTS)))

    def capture(self) -> None:
        payment = self.any_payment()
        self.shop.capture(payment, self.chance.choice([None, payment["amount"], payment["amount"] // 2]))

    def cancel(self) -> None:
        """Not where the bank never gives money back: there a cancellation that comes too late stays open for ever."""
        payment = self.any_payment()
        if payment["card_last4"] != REFUND_FAILS[-4:]:
            self.shop.cancel(payment)

    def refund(self) -> None:
        payment = self.any_payment()
        self.shop.refund(payment, self.chance.choice([None, 1, payment["amount"] // 3, payment["amount"]]))

    def answer(self) -> None:
        answer = self.chance.choice(["approved", "declined", "cancelled", "expired"])
        self.scene.customer(self.any_payment()["id"], answer)

    def work(self) -> None:
        self.scene.work()

    def wait(self) -> None:
        clock.forward(self.chance.choice([0.1, 1, 5, 61, 1_000]))

    def half_done(self) -> None:
        """Somebody claims and asks, and never writes down what the bank said."""
        for payment in self.scene.claims():
            if self.chance.random() < 0.5:
                self.scene.ask(payment)

    def crash(self) -> None:
        self.scene.restart()

    def change_bank(self) -> None:
        self.scene.change_bank(delay_s=self.chance.choice([0, 0, 5, 30]))

    def any_payment(self) -> dict:
        return self.chance.choice(self.payments or [NOBODYS])

    @property
    def shop(self):
        return self.scene.alice


@pytest.mark.parametrize("seed", range(8))
def test_the_books_stay_right(scene: Scene, seed: int):
    day = Day(scene, seed)
    day.live(STEPS)
    scene.work()  # What nobody has looked at for ten minutes would be a finding.
    assert check.findings(scene) == [], "in the middle of the day"
    scene.restart()
    for _ in range(8):
        scene.later(400)
    assert check.findings(scene) == [], "when all is done"
    assert scene.values("SELECT id FROM payments WHERE due_at IS NOT NULL") == []
    assert scene.values("SELECT id FROM refunds WHERE status = 'pending'") == []
    assert scene.rows("SELECT * FROM sealed_cards") == []
    statuses = [scene.alice.status(payment) for payment in day.payments]
    assert set(statuses) <= {"success", "failed", "cancelled"}
    assert day.refused and len(day.payments) > 5

"""From the claim to the last word of the bank: answers, silence, challenges, and a process that dies in between."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import psycopg
import pytest

from gateway import clock, orders, payments, settlement
from gateway.errors import BadRequest
from gateway.processors import Outcome, OutcomeUnknown
from gateway.processors.instruments import documented
from tests.scenes import (
    DECLINED,
    NO_MONEY,
    THREE_D_SECURE,
    UNANSWERED,
    UPI,
    UPI_FAILS,
    VISA,
    Scene,
    Shop,
    card,
    refusal,
)

CLAIM_S = settlement.CLAIM_MS / 1000
CVV_OF_AMEX = "7373"


PLANS = ("enable_hashjoin", "enable_mergejoin", "enable_hashagg", "enable_material", "enable_sort")


def test_a_claim_takes_no_more_than_its_limit_whatever_the_plan(scene: Scene, alice: Shop):
    """PostgreSQL may run a subquery anew for every row, and what is locked is skipped each time."""

    def claim(tx):
        for plan in PLANS if scene.store.kind == "postgresql" else ():
            tx.execute(f"SET LOCAL {plan} = off")
        return settlement.claim(tx, scene.bank.name, 3)

    for _ in range(10):
        alice.pay()
    assert [len(scene.store.write_now(claim)) for _ in range(4)] == [3, 3, 3, 1]


@pytest.mark.parametrize(
    ("instrument", "status", "code", "reason"),
    [
        (UPI, "success", None, None),
        (UPI_FAILS, "failed", "BAD_REQUEST_ERROR", "payment_failed"),
        (card(VISA), "success", None, None),
        (card(DECLINED), "failed", "card_declined", "generic_decline"),
        (card(NO_MONEY), "failed", "BAD_REQUEST_ERROR", "insufficient_fund"),
        (card("4000000000009995"), "failed", "card_declined", "insufficient_funds"),
        (card("4000000000000069"), "failed", "expired_card", "expired_card"),
        (card("4000000000000127"), "failed", "incorrect_cvc", "incorrect_cvc"),
        (card("4000000000000119"), "failed", "processing_error", "processing_error"),
        (card("4100280000020007"), "failed", "GATEWAY_ERROR", "gateway_technical_error"),
    ],
)
@pytest.mark.parametrize("rate", [0, 1])
def test_test_instruments_end_as_documented_whatever_the_rates(scene, alice, instrument, status, code, reason, rate):
    if instrument == card(VISA) and not rate:
        status, code, reason = "failed", "BAD_REQUEST_ERROR", "card_declined"
    scene.change_bank(upi_success_rate=rate, card_success_rate=rate)
    payment = alice.paid(instrument=instrument)
    assert (payment["status"], payment["error_code"], payment["error_reason"]) == (status, code, reason)
    assert bool(payment["error_description"]) == (status == "failed")
    assert alice.event_types(payment)[2] == f"payment.{status}"


def test_every_card_of_the_vendors_comes_to_an_end(scene: Scene, alice: Shop):
    numbers = [row.instrument for row in documented() if row.kind.endswith("card")]
    numbers.remove("4242424242424241")  # The gateway itself refuses it: its check digit is wrong.
    started = []
    for number in numbers:
        cvv = CVV_OF_AMEX if number.startswith("3") and len(number) == 15 else "737"
        started.append(alice.pay(instrument=card(number, cvv=cvv)))
    scene.work()
    for payment in started:
        if alice.status(payment) == "requires_action":
            scene.customer(payment["id"], "approved")
    scene.later(2)
    assert {alice.status(payment) for payment in started} == {"success", "failed"}
    assert scene.rows("SELECT * FROM sealed_cards") == []


def test_the_bank_takes_its_time_and_nobody_waits_for_it(scene: Scene, alice: Shop):
    scene.change_bank(delay_s=7)
    payment = alice.paid()
    assert alice.status(payment) == "processing"
    scene.later(6.9)
    assert alice.status(payment) == "processing"
    scene.later(0.2)
    assert alice.status(payment) == "success"
    assert scene.history(payment["id"]) == ["pending", "processing", "success"]


# Claims


def test_what_is_claimed_nobody_else_gets_before_the_claim_lapses(scene: Scene, alice: Shop):
    payment = alice.pay()
    assert scene.claim().id == payment["id"]
    assert scene.claims() == []
    clock.forward(CLAIM_S + 1)
    assert scene.claim().id == payment["id"]
    assert scene.history(payment["id"]) == ["pending", "processing"]
    scene.restart()
    scene.work()


def test_only_the_processor_of_a_payment_gets_it(scene: Scene, alice: Shop):
    alice.pay()
    assert scene.store.write_now(settlement.claim, "another bank", 10) == []
    scene.work()


def test_who_has_lost_the_claim_settles_nothing(scene: Scene, alice: Shop):
    """One hangs, the claim lapses, another does the work; then the first comes back with an answer of its own."""
    payment = alice.pay()
    late = scene.claim()
    clock.forward(CLAIM_S + 1)
    scene.work()
    assert alice.status(payment) == "success"
    scene.settle(late, Outcome("failed", error_code="X", error_reason="x", error_description="x"))
    scene.settle(late, None)
    assert alice.status(payment) == "success"
    assert scene.history(payment["id"]) == ["pending", "processing", "success"]


def test_settling_twice_changes_nothing(scene: Scene, alice: Shop):
    payment = alice.pay()
    claimed = scene.claim()
    outcome = scene.ask(claimed)
    scene.settle(msgspec.structs.replace(claimed), outcome)
    after = scene.rows("SELECT * FROM events ORDER BY seq"), scene.rows("SELECT * FROM ledger_entries ORDER BY posting")
    scene.settle(msgspec.structs.replace(claimed), outcome)
    assert alice.status(payment) == "success"
    now = scene.rows("SELECT * FROM events ORDER BY seq"), scene.rows("SELECT * FROM ledger_entries ORDER BY posting")
    assert now == after


def test_what_was_rolled_back_with_others_is_written_down_when_it_runs_again(scene: Scene, alice: Shop):
    """Units share a transaction: when one of them refuses, all are rolled back, and the others run again."""
    payment = alice.pay(instrument=card(VISA))
    claimed = scene.claim()
    outcome = scene.ask(claimed)

    def refused_by_a_neighbour(tx):
        scene.teller.settle(tx, claimed, outcome)
        raise BadRequest("no")

    with pytest.raises(BadRequest):
        scene.store.write_now(refused_by_a_neighbour)
    assert scene.cvvs.get(payment["id"]) == "737"
    scene.settle(claimed, outcome)
    assert alice.status(payment) == "success"
    assert scene.cvvs.get(payment["id"]) is None


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_who_starts_a_payment_and_who_settles_one_do_not_wait_for_each_other(scene, alice, postgres_gateway):
    """Somebody tries to pay an order while its payment is being settled; both touch the order and the payment."""
    order = alice.order()
    first = alice.pay(order)
    claimed = scene.claim()
    outcome = scene.ask(claimed)
    draft = payments.check(msgspec.convert({"order_id": order["id"], **UPI}, payments.NewPayment))
    order_is_held, runs = threading.Event(), []

    def start(tx):
        runs.append("start")
        orders.attempt(tx, alice.owner, order["id"])
        order_is_held.set()
        while not somebody_waits(postgres_gateway):
            pass
        return scene.desk.start(tx, alice.owner, draft)

    def settle(tx):
        runs.append("settle")
        scene.teller.settle(tx, claimed, outcome)

    with ThreadPoolExecutor(2) as threads:
        starting = threads.submit(refusal, scene.store.write_now, start)
        assert order_is_held.wait(10)
        threads.submit(scene.store.write_now, settle).result()
    assert starting.result() == (409, "CONFLICT_ERROR", "payment_alive")
    assert alice.status(first) == "success"
    assert sorted(runs) == ["settle", "start"], "nobody had to be ended by PostgreSQL and run again"


def somebody_waits(url: str) -> bool:
    with psycopg.connect(url) as admin:
        ours = "SELECT wait_event_type FROM pg_stat_activity WHERE datname = current_database()"
        return ("Lock",) in admin.execute(ours).fetchall()


# Silence is not a failure


def test_an_unanswered_payment_stays_processing_until_an_inquiry_finds_the_truth(scene: Scene, alice: Shop):
    scene.change_bank(delay_s=5)
    payment = alice.paid(instrument=card(UNANSWERED))
    assert payment["status"] == "processing"
    for _ in range(3):
        scene.later(1)
        assert alice.status(payment) == "processing"
    scene.later(10)
    ended = alice.payment(payment)
    assert (ended["status"], ended["error_reason"]) == ("failed", "payment_timed_out")
    assert len(scene.charges()) == 1


def test_inquiries_become_rarer(scene: Scene, alice: Shop):
    """1, 2, 5, 10, 30, 60 seconds, then every five minutes."""
    alice.pay()
    waits = []
    for _ in range(9):
        claimed = scene.claim()
        scene.settle(claimed, None)
        waits.append(scene.value("SELECT due_at FROM payments") - clock.now_ms())
        clock.forward(waits[-1] / 1000 + 0.1)
    assert [round(wait / 1000) for wait in waits] == [1, 2, 5, 10, 30, 60, 300, 300, 300]
    scene.work()


def test_a_bank_that_is_down_is_asked_again(scene: Scene, alice: Shop, monkeypatch: pytest.MonkeyPatch):
    """Nothing arrived at the bank: the inquiry finds no charge, and the same key is submitted then."""

    def silence(*_):
        raise OutcomeUnknown("the line is dead")

    payment = alice.pay(instrument=card(VISA))
    with monkeypatch.context() as dead_line:
        dead_line.setattr(scene.bank, "submit", silence)
        dead_line.setattr(scene.bank, "inquire", silence)
        scene.work()
        scene.later(1)
    assert alice.status(payment) == "processing"
    assert scene.charges() == {}
    scene.later(5)
    assert alice.status(payment) == "success"
    assert scene.charges() == {payment["id"]: ("succeeded", 50_000, 0)}


def test_a_processor_that_breaks_is_silence_too(scene: Scene, alice: Shop, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError

    payment = alice.pay()
    with monkeypatch.context() as bug:
        bug.setattr(scene.bank, "submit", broken)
        scene.work()
    assert alice.status(payment) == "processing"
    assert "processor simulator failed on pay_" in caplog.text
    scene.later(1)
    assert alice.status(payment) == "success"


# The process dies


@pytest.mark.parametrize("instrument", [UPI, UPI_FAILS])
@pytest.mark.parametrize("step", ["accepted", "claimed", "asked", "settled"])
def test_a_payment_survives_a_crash_after_each_step(scene: Scene, alice: Shop, instrument, step):
    payment = alice.pay(instrument=instrument)
    if step != "accepted":
        claimed = scene.claim()
    if step in ("asked", "settled"):
        outcome = scene.ask(claimed)
    if step == "settled":
        scene.settle(claimed, outcome)
    scene.restart()
    scene.work()
    ended = "success" if instrument == UPI else "failed"
    assert alice.status(payment) == ended
    assert scene.history(payment["id"]) == ["pending", "processing", ended]
    assert list(scene.charges()) == [payment["id"]]
    assert alice.event_types(payment).count(f"payment.{ended}") == 1


def test_a_crash_while_the_bank_thinks_loses_nothing(scene: Scene, alice: Shop):
    scene.change_bank(delay_s=5)
    payment = alice.paid(instrument=card(VISA))
    scene.restart()
    scene.later(6)
    assert alice.status(payment) == "success"


@pytest.mark.parametrize("step", ["accepted", "claimed"])
def test_a_cvv_that_is_lost_before_the_bank_was_asked_ends_the_payment_and_charges_nothing(scene, alice, step):
    payment = alice.pay(instrument=card(VISA))
    if step == "claimed":
        scene.claim()
    scene.restart()
    scene.work()
    ended = alice.payment(payment)
    assert (ended["status"], ended["error_reason"]) == ("failed", "card_data_lost")
    assert "Nothing was charged" in ended["error_description"]
    assert scene.charges() == {}
    assert alice.paid({"id": payment["order_id"]})["status"] == "success"


@pytest.mark.parametrize(("number", "ended"), [(VISA, "success"), (DECLINED, "failed")])
def test_but_where_the_bank_has_the_charge_its_word_counts(scene: Scene, alice: Shop, number, ended):
    payment = alice.pay(instrument=card(number))
    scene.ask(scene.claim())
    scene.restart()
    scene.work()
    assert alice.status(payment) == ended
    assert alice.payment(payment)["error_reason"] != "card_data_lost"
    assert list(scene.charges()) == [payment["id"]]


def test_the_cvv_is_at_hand_before_anybody_can_see_the_payment(scene: Scene, alice: Shop):
    draft = payments.check(msgspec.convert({"order_id": alice.order()["id"], **card()}, payments.NewPayment))

    def start(tx):
        payment = json.loads(scene.desk.start(tx, alice.owner, draft))
        return scene.cvvs.get(payment["id"])

    assert scene.store.write_now(start) == "737"


@pytest.mark.parametrize("step", ["captured", "claimed", "asked"])
def test_a_capture_survives_a_crash(scene: Scene, alice: Shop, step):
    payment = alice.authorised()
    alice.capture(payment, 20_000)
    if step != "captured":
        claimed = scene.claim()
    if step == "asked":
        scene.ask(claimed)
    scene.restart()
    scene.work()
    assert scene.charges()[payment["id"]] == ("succeeded", 20_000, 0)
    assert alice.event_types(payment).count("payment.captured") == 1


@pytest.mark.parametrize("step", ["cancelled", "claimed", "asked"])
def test_a_void_survives_a_crash(scene: Scene, alice: Shop, step):
    payment = alice.authorised()
    alice.cancel(payment)
    if step != "cancelled":
        claimed = scene.claim()
    if step == "asked":
        scene.ask(claimed)
    scene.restart()
    scene.work()
    assert scene.charges()[payment["id"]] == ("voided", 0, 0)
    assert scene.values("SELECT id FROM payments WHERE due_at IS NOT NULL") == []


# 3-D Secure


def test_a_challenge_waits_for_the_customer(scene: Scene, alice: Shop):
    payment = alice.paid(instrument=card(THREE_D_SECURE))
    assert payment["status"] == "requires_action"
    assert alice.public(payment)["action"] == "three_d_secure"
    scene.later(600)
    assert alice.status(payment) == "requires_action"
    scene.customer(payment["id"], "approved")
    scene.work()
    assert alice.status(payment) == "success"
    assert alice.public(payment)["action"] is None
    assert scene.history(payment["id"]) == ["pending", "processing", "requires_action", "success"]
    assert scene.rows("SELECT * FROM sealed_cards") == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("declined", "authentication_failed"),
        ("cancelled", "payment_cancelled"),
        ("expired", "challenge_expired"),
    ],
)
def test_a_challenge_that_is_not_passed_fails_the_payment(scene: Scene, alice: Shop, answer, reason):
    payment = alice.paid(instrument=card(THREE_D_SECURE))
    scene.customer(payment["id"], answer)
    scene.work()
    ended = alice.payment(payment)
    assert (ended["status"], ended["error_reason"]) == ("failed", reason)
    assert alice.pay({"id": payment["order_id"]})["status"] == "pending"


def test_a_challenge_that_nobody_answers_expires_and_is_withdrawn(scene: Scene, alice: Shop):
    payment = alice.paid(instrument=card(THREE_D_SECURE))
    scene.later(899)
    assert alice.status(payment) == "requires_action"
    scene.later(2)
    ended = alice.payment(payment)
    assert (ended["status"], ended["error_reason"]) == ("failed", "authentication_expired")
    assert scene.charges()[payment["id"]] == ("voided", 0, 0)
    assert scene.bank.answer_challenge(payment["id"], "approved").status == "failed"


def test_an_answer_in_the_last_moment_counts(scene: Scene, alice: Shop):
    """The customer has answered, the message got lost, and the time runs out: the bank is asked before it is over."""
    payment = alice.paid(instrument=card(THREE_D_SECURE))
    scene.bank.answer_challenge(payment["id"], "approved")
    scene.later(901)
    assert alice.status(payment) == "success"


def test_an_answer_between_two_questions_counts_too(scene: Scene, alice: Shop, monkeypatch):
    """The bank says that it still waits for the customer, and before it hears of the withdrawal it has an answer."""
    payment = alice.paid(instrument=card(THREE_D_SECURE))
    void = scene.bank.void
    monkeypatch.setattr(scene.bank, "void", lambda key: scene.bank.answer_challenge(key, "approved") and void(key))
    scene.later(901)
    assert alice.status(payment) == "success"
    assert scene.charges()[payment["id"]] == ("succeeded", payment["amount"], 0)


def test_a_challenge_survives_a_crash(scene: Scene, alice: Shop):
    payment = alice.paid(instrument=card(THREE_D_SECURE))
    scene.restart()
    scene.work()
    assert alice.status(payment) == "requires_action"
    scene.customer(payment["id"], "approved")
    scene.work()
    assert alice.status(payment) == "success"


def test_a_challenge_may_be_cancelled_by_the_merchant(scene: Scene, alice: Shop):
    payment = alice.paid(instrument=card(THREE_D_SECURE))
    assert alice.cancel(payment)["status"] == "cancelled"
    scene.work()
    assert scene.charges()[payment["id"]] == ("voided", 0, 0)
    scene.customer(payment["id"], "approved")
    scene.work()
    assert alice.status(payment) == "cancelled"


def test_who_only_looks_again_is_still_waiting(scene: Scene, alice: Shop):
    payment = alice.paid(instrument=card(THREE_D_SECURE))
    assert scene.store.write_now(settlement.customer_acted, payment["id"])
    scene.work()
    assert alice.status(payment) == "requires_action"
    assert not scene.store.write_now(settlement.customer_acted, "pay_unknown")
    scene.later(901)
    assert alice.status(payment) == "failed"

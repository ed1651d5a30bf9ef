"""Refunds: money is reserved, asked back and booked, and never given twice."""

import re
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from gateway import clock, refunds
from gateway.errors import BadRequest, GatewayError
from gateway.processors import OutcomeUnknown
from gateway.refunds import NewRefund
from gateway.settlement import CLAIM_MS
from tests.scenes import REFUND_FAILS, REFUND_LATE, UPI_FAILS, Scene, Shop, card, refusal

EXCEEDS = (400, "BAD_REQUEST_ERROR", "refund_exceeds_available")
NOT_REFUNDABLE = (400, "BAD_REQUEST_ERROR", "not_refundable")


def test_a_refund_is_pending_and_shown_as_the_contract_says(scene: Scene, alice: Shop):
    payment = alice.paid()
    refund = alice.refund(payment, 20_000, reason="broken cup", notes={"2": "b", "1": "a"})
    assert re.fullmatch(r"rfnd_[A-Za-z0-9]{16}", refund["id"])
    assert {name: refund[name] for name in refund if name not in ("id", "created_at")} == {
        "entity": "refund", "payment_id": payment["id"], "amount": 20_000, "currency": "INR", "reason": "broken cup",
        "notes": {"1": "a", "2": "b"}, "status": "pending", "error_code": None, "error_description": None,
        "error_reason": None, "processed_at": None,
    }  # fmt: skip
    assert list(refund["notes"]) == ["1", "2"]
    assert alice.the_refund(refund) == refund
    scene.work()
    done = alice.the_refund(refund)
    assert (done["status"], done["processed_at"] >= done["created_at"]) == ("processed", True)


def test_without_an_amount_all_that_is_left_goes_back(scene: Scene, alice: Shop):
    payment = alice.paid()
    alice.refunded(payment, 20_000)
    assert alice.refunded(payment)["amount"] == 30_000
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 50_000)


def test_the_payment_tells_how_much_was_refunded(scene: Scene, alice: Shop):
    payment = alice.paid()
    seen = [(payment["amount_refunded"], payment["refund_status"])]
    for amount in (1, 49_998, 1):
        alice.refunded(payment, amount)
        after = alice.payment(payment)
        seen.append((after["amount_refunded"], after["refund_status"]))
    assert seen == [(0, None), (1, "partial"), (49_999, "partial"), (50_000, "full")]


def test_of_a_partial_capture_only_that_part_can_be_refunded(scene: Scene, alice: Shop):
    payment = alice.authorised()
    alice.capture(payment, 20_000)
    assert refusal(alice.refund, payment, 20_001) == EXCEEDS
    assert alice.refunded(payment, 20_000)["status"] == "processed"
    assert alice.payment(payment)["refund_status"] == "full"
    assert scene.charges()[payment["id"]] == ("succeeded", 20_000, 20_000)


def test_a_refund_waits_until_the_bank_has_heard_of_the_capture(scene: Scene, alice: Shop):
    payment = alice.authorised()
    alice.capture(payment)
    refund = alice.refund(payment)
    scene.worker.refunds()
    assert alice.the_refund(refund)["status"] == "pending"
    scene.work()
    assert alice.the_refund(refund)["status"] == "pending"
    scene.later(1)
    assert alice.the_refund(refund)["status"] == "processed"
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 50_000)


@pytest.mark.parametrize("amounts", [[50_001], [2**53], [2**63], [50_000, 1], [20_000, 20_000, 10_001], [50_000, None]])
def test_never_more_than_was_captured(alice: Shop, amounts):
    payment = alice.paid()
    for amount in amounts[:-1]:
        alice.refunded(payment, amount)
    before = alice.payment(payment)
    assert refusal(alice.refund, payment, amounts[-1]) == EXCEEDS
    assert alice.payment(payment) == before
    assert len(alice.list_refunds()["data"]) == len(amounts) - 1


def test_what_is_only_reserved_counts_too(scene: Scene, alice: Shop):
    payment = alice.paid()
    alice.refund(payment, 30_000)
    assert refusal(alice.refund, payment, 20_001) == EXCEEDS
    alice.refund(payment, 20_000)
    scene.work()


def test_only_captured_payments_can_be_refunded(scene: Scene, alice: Shop):
    authorised, failed, cancelled = alice.authorised(), alice.paid(instrument=UPI_FAILS), alice.cancel(alice.pay())
    pending = alice.pay()
    for payment in (authorised, failed, cancelled, pending):
        assert refusal(alice.refund, payment, 100) == NOT_REFUNDABLE
        assert refusal(alice.refund, payment) == NOT_REFUNDABLE
    assert alice.list_refunds()["total"] == 0


@pytest.mark.parametrize("amount", [0, -1, -(2**63)])
def test_amounts_that_are_none(amount):
    with pytest.raises(BadRequest) as refused:
        refunds.check(NewRefund(amount=amount))
    assert refused.value.field == "amount"


@pytest.mark.parametrize(
    "fields",
    [{"amount": "1"}, {"amount": True}, {"reason": "r" * 256}, {"reason": 1}, {"notes": {"a": 1}}, {"status": "done"}],
)
def test_what_the_types_refuse(fields):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, NewRefund)


def test_the_limits_themselves_are_allowed(scene: Scene, alice: Shop):
    refund = alice.refund(alice.paid(), 1, reason="ü" * 255, notes={str(number): "x" * 256 for number in range(15)})
    assert len(alice.the_refund(refund)["reason"]) == 255
    with pytest.raises(BadRequest):
        alice.refund(alice.paid(), 1, notes={str(number): "x" for number in range(16)})


def test_forty_threads_want_everything_back_and_one_gets_it(scene: Scene, alice: Shop):
    payment = alice.paid()

    def ask_back(_):
        try:
            return alice.refund(payment)["status"]
        except GatewayError as error:
            return error.reason

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(ask_back, range(40)))
    assert sorted(answers) == ["pending"] + ["refund_exceeds_available"] * 39
    scene.work()
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 50_000)


# What the bank says


def test_a_refund_takes_its_time_at_the_bank(scene: Scene, alice: Shop):
    payment = alice.paid()
    scene.change_bank(delay_s=5)
    refund = alice.refunded(payment)
    assert refund["status"] == "pending"
    scene.later(6)
    assert alice.the_refund(refund)["status"] == "processed"


def test_a_late_refund_arrives(scene: Scene, alice: Shop):
    refund = alice.refunded(alice.paid(instrument=card(REFUND_LATE)))
    assert refund["status"] == "pending"
    scene.later(6)
    assert alice.the_refund(refund)["status"] == "processed"


def test_a_refund_that_fails_later_gives_its_reserve_back(scene: Scene, alice: Shop):
    payment = alice.paid(instrument=card(REFUND_FAILS))
    refund = alice.refunded(payment, 20_000)
    assert (refund["status"], alice.payment(payment)["amount_refunded"]) == ("pending", 20_000)
    assert refusal(alice.refund, payment, 30_001) == EXCEEDS
    scene.later(6)
    failed = alice.the_refund(refund)
    assert (failed["status"], failed["error_reason"], failed["processed_at"]) == ("failed", "refund_failed", None)
    assert failed["error_description"]
    after = alice.payment(payment)
    assert (after["amount_refunded"], after["refund_status"]) == (0, None)
    assert alice.event_types(refund) == ["refund.created", "refund.failed"]
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 0)
    alice.refund(payment, 50_000)


def test_an_unanswered_refund_stays_pending_until_the_bank_tells(scene: Scene, alice: Shop, monkeypatch):
    def silence(*_):
        raise OutcomeUnknown("the line is dead")

    payment = alice.paid()
    with monkeypatch.context() as dead_line:
        dead_line.setattr(scene.bank, "refund", silence)
        refund = alice.refunded(payment)
        scene.later(1)
    assert alice.the_refund(refund)["status"] == "pending"
    assert refusal(alice.refund, payment, 1) == EXCEEDS
    scene.later(5)
    assert alice.the_refund(refund)["status"] == "processed"
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 50_000)


@pytest.mark.parametrize("step", ["reserved", "claimed", "asked", "settled"])
def test_a_refund_survives_a_crash_after_each_step_and_is_made_once(scene: Scene, alice: Shop, step):
    payment = alice.paid()
    refund = alice.refund(payment, 20_000)
    if step != "reserved":
        claimed = scene.claim_refund()
    if step in ("asked", "settled"):
        outcome = refunds.ask(scene.bank, claimed)
    if step == "settled":
        scene.settle_refund(claimed, outcome)
    scene.restart()
    scene.work()
    assert alice.the_refund(refund)["status"] == "processed"
    assert scene.history(refund["id"]) == ["pending", "processed"]
    assert scene.charges()[payment["id"]] == ("succeeded", 50_000, 20_000)
    assert alice.event_types(refund) == ["refund.created", "refund.processed"]


def test_who_has_lost_the_claim_settles_nothing(scene: Scene, alice: Shop):
    refund = alice.refund(alice.paid(instrument=card(REFUND_FAILS)))
    late = scene.claim_refund()
    outcome = refunds.ask(scene.bank, late)
    clock.forward(CLAIM_MS / 1000 + 1)
    scene.work()
    assert alice.the_refund(refund)["status"] == "failed"
    scene.settle_refund(late, outcome)
    assert scene.history(refund["id"]) == ["pending", "failed"]


def test_what_was_rolled_back_with_others_is_written_down_when_it_runs_again(scene: Scene, alice: Shop):
    refund = alice.refund(alice.paid())
    claimed = scene.claim_refund()
    outcome = refunds.ask(scene.bank, claimed)

    def refused_by_a_neighbour(tx):
        refunds.settle(tx, claimed, outcome)
        raise BadRequest("no")

    with pytest.raises(BadRequest):
        scene.store.write_now(refused_by_a_neighbour)
    scene.settle_refund(claimed, outcome)
    assert alice.the_refund(refund)["status"] == "processed"


def test_strangers_see_and_do_nothing(alice: Shop, bob: Shop):
    payment = alice.paid()
    refund = alice.refunded(payment, 100)
    for stranger in (bob, alice.live):
        assert refusal(stranger.refund, payment)[:2] == (404, "NOT_FOUND_ERROR")
        assert refusal(stranger.the_refund, refund)[:2] == (404, "NOT_FOUND_ERROR")
        assert stranger.list_refunds()["data"] == []

"""The simulated bank keeps its word: one charge per key, its own rules, and a book that a crash cannot bend."""

import random
import stat
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from gateway.processors import Card, Charge, Outcome, OutcomeUnknown
from gateway.processors.simulator import LATE_REFUND_MS, Simulator
from tests.test_instruments import ROWS, charge_with

VISA = "4111111111111111"
ALWAYS = {"upi_success_rate": 1.0, "card_success_rate": 1.0}
NEVER = {"upi_success_rate": 0.0, "card_success_rate": 0.0}
INSTANT = {"delay_min_s": 0, "delay_max_s": 0}
SLOW = {"delay_min_s": 5, "delay_max_s": 10}


class Clock:
    """Noon on some day, until somebody moves it."""

    def __init__(self):
        self.ms = 1_795_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def open_bank(tmp_path, clock):
    """Opens the bank on a book; the same name is the same book."""
    opened = []

    def open_bank(book="book.db", **settings):
        opened.append(Simulator(tmp_path / book, now_ms=clock, **{**INSTANT, **ALWAYS, **settings}))
        return opened[-1]

    yield open_bank
    for bank in opened:
        bank.close()


def charge(key="pay_1", amount=50_000, method="card", number=VISA, capture=True, **instrument) -> Charge:
    card = Card(number, 12, 2030, "123", "Asha Rao") if method == "card" else None
    return Charge(key, amount, "INR", method, capture, card=card, **instrument)


def told(outcome: Outcome) -> tuple:
    return outcome.status, outcome.error_code, outcome.error_reason


def refused(outcome: Outcome) -> str:
    assert outcome.status == "failed"
    assert outcome.error_description
    return outcome.error_reason


# The documented instruments


@pytest.mark.parametrize("rates", [ALWAYS, NEVER], ids=["lucky", "unlucky"])
@pytest.mark.parametrize(("instrument", "code", "reason", "action"), ROWS)
def test_a_documented_instrument_ends_as_documented_whatever_the_luck(
    open_bank, instrument, code, reason, action, rates
):
    bank = open_bank(**rates)
    outcome = submit(bank, charge_with(instrument))
    if action:
        assert (outcome.status, outcome.action) == ("requires_action", action)
        outcome = bank.answer_challenge("k", "approved")
    assert told(outcome) == ("failed" if code else "succeeded", code, reason)
    assert bank.inquire("k") == outcome


def submit(bank, charge) -> Outcome:
    try:
        return bank.submit(charge)
    except OutcomeUnknown:
        return bank.inquire(charge.key)


@pytest.mark.parametrize("number", ["4100280000090000", "5305620000060000"])
def test_a_bank_that_does_not_answer_has_heard_all_the_same(open_bank, clock, number):
    bank = open_bank(**SLOW)
    with pytest.raises(OutcomeUnknown) as silence:
        bank.submit(charge(number=number))
    assert number not in str(silence.value)
    waiting = bank.inquire("pay_1")
    assert waiting.status == "pending"
    assert bank.submit(charge(number=number)) == waiting
    clock.ms = waiting.again_at_ms
    assert told(bank.inquire("pay_1")) == ("failed", "BAD_REQUEST_ERROR", "payment_timed_out")


# Chance, and how to repeat it


@pytest.mark.parametrize(
    ("method", "reason"), [("card", "card_declined"), ("upi", "payment_failed"), ("netbanking", "payment_failed")]
)
def test_other_instruments_follow_the_rate(open_bank, method, reason):
    instrument = {"vpa": "asha@oksbi"} if method == "upi" else {}
    lucky, unlucky = open_bank("lucky.db", **ALWAYS), open_bank("unlucky.db", **NEVER)
    for n in range(50):
        asked = charge(f"pay_{n}", method=method, **instrument)
        assert lucky.submit(asked).status == "succeeded"
        assert told(unlucky.submit(asked)) == ("failed", "BAD_REQUEST_ERROR", reason)


def test_upi_has_its_own_rate(open_bank):
    bank = open_bank(upi_success_rate=0.0, card_success_rate=1.0)
    assert bank.submit(charge("a", method="upi", vpa="asha@oksbi")).status == "failed"
    assert bank.submit(charge("b", method="wallet", wallet="paytm")).status == "succeeded"


def test_half_of_the_charges_succeed_at_a_rate_of_one_half(open_bank):
    bank = open_bank(card_success_rate=0.5, seed=1)
    succeeded = Counter(bank.submit(charge(f"pay_{n}")).status for n in range(1_000))["succeeded"]
    assert 450 < succeeded < 550


def test_with_a_seed_a_run_repeats_also_across_a_restart(open_bank, clock):
    def run(book, restart_at=None, seed="demo"):
        settings = {"card_success_rate": 0.5, "seed": seed, **SLOW}
        bank, seen = open_bank(book, **settings), []
        for n in range(60):
            if n == restart_at:
                bank.close()
                bank = open_bank(book, **settings)
            seen.append(bank.submit(charge(f"pay_{n}")).again_at_ms)
            bank.submit(charge("pay_0"))
        clock.ms += 10_000
        return [ready_at - clock.ms for ready_at in seen], [line.status for line in bank.statement()]

    once = run("once.db")
    assert run("again.db") == run("restarted.db", restart_at=30) == once
    assert run("otherwise.db", seed="other") != once


# Time


def test_a_slow_bank_says_when_to_ask_again(open_bank, clock):
    bank = open_bank(**SLOW)
    outcome = bank.submit(charge())
    assert outcome.status == "pending"
    assert 5_000 <= outcome.again_at_ms - clock.ms <= 10_000
    clock.ms = outcome.again_at_ms - 1
    assert bank.inquire("pay_1") == outcome
    clock.ms += 1
    assert bank.inquire("pay_1").status == "succeeded"


def test_waits_spread_between_the_two_delays(open_bank, clock):
    bank = open_bank(**SLOW, seed=3)
    waits = [bank.submit(charge(f"pay_{n}")).again_at_ms - clock.ms for n in range(200)]
    assert 5_000 <= min(waits) < 5_300
    assert 9_700 < max(waits) <= 10_000


def test_a_refund_takes_as_long_as_a_charge(open_bank, clock):
    bank = open_bank(**SLOW)
    clock.ms = bank.submit(charge()).again_at_ms
    refund = bank.refund("pay_1", "rfnd_1", 20_000)
    assert refund.status == "pending"
    assert 5_000 <= refund.again_at_ms - clock.ms <= 10_000
    clock.ms = refund.again_at_ms
    assert bank.inquire("rfnd_1").status == "succeeded"
    assert list(bank.statement()) == [("pay_1", "succeeded", 50_000, 20_000)]


# One key, one charge


def test_submitting_twice_is_asking_twice(open_bank):
    bank = open_bank(card_success_rate=0.5, seed=5)
    for n in range(20):
        first = bank.submit(charge(f"pay_{n}"))
        assert bank.submit(charge(f"pay_{n}")) == first == bank.inquire(f"pay_{n}")
    assert len(list(bank.statement())) == 20


@pytest.mark.parametrize("change", [{"amount": 50_001}, {"method": "wallet"}, {"capture": False}])
def test_another_charge_under_a_known_key_is_refused(open_bank, change):
    bank = open_bank()
    bank.submit(charge())
    assert refused(bank.submit(charge(**change))) == "idempotency_conflict"
    assert bank.inquire("pay_1").status == "succeeded"


def test_a_repeated_submit_needs_no_card(open_bank):
    bank = open_bank()
    first = bank.submit(charge())
    assert bank.submit(Charge("pay_1", 50_000, "INR", "card", True)) == first


def test_sixteen_threads_with_one_key_make_one_charge(open_bank):
    bank, together = open_bank(card_success_rate=0.5, **SLOW), Barrier(16)

    def hurry(_):
        together.wait()
        return bank.submit(charge())

    with ThreadPoolExecutor(16) as threads:
        outcomes = set(threads.map(hurry, range(16)))
    assert len(outcomes) == 1
    assert len(list(bank.statement())) == 1


def test_sixteen_threads_at_two_windows_cannot_refund_more_than_was_captured(open_bank):
    windows, together = [open_bank(), open_bank()], Barrier(16)
    for n in range(200):
        windows[0].submit(charge(f"pay_{n}", amount=1_000))

    def hurry(who):
        together.wait()
        return [windows[who % 2].refund(f"pay_{n}", f"rfnd_{n}_{who}", 300).status for n in range(200)]

    with ThreadPoolExecutor(16) as threads:
        statuses = Counter(status for seen in threads.map(hurry, range(16)) for status in seen)
    assert statuses == {"succeeded": 200 * 3, "failed": 200 * 13}
    assert {line.refunded for line in windows[0].statement()} == {900}


def test_an_unknown_key_is_unknown(open_bank):
    bank = open_bank()
    assert bank.inquire("pay_9") is None
    assert bank.answer_challenge("pay_9", "approved") is None
    for answer in (bank.capture("pay_9", 1), bank.void("pay_9"), bank.refund("pay_9", "rfnd_9", 1)):
        assert refused(answer) == "unknown_charge"
    assert bank.inquire("rfnd_9") is None


# Challenges


@pytest.mark.parametrize(
    ("result", "status", "reason"),
    [
        ("approved", "succeeded", None),
        ("declined", "failed", "authentication_failed"),
        ("cancelled", "failed", "payment_cancelled"),
        ("expired", "failed", "challenge_expired"),
    ],
)
@pytest.mark.parametrize("number", ["4000002760003184", None], ids=["3-D Secure", "UPI app"])
def test_the_first_answer_to_a_challenge_counts(open_bank, number, result, status, reason):
    bank = open_bank(**NEVER)
    asked = charge(number=number) if number else charge(method="upi", vpa=None)
    challenge = bank.submit(asked)
    assert (challenge.status, challenge.action) == ("requires_action", "three_d_secure" if number else "upi_app")
    assert bank.submit(asked) == bank.inquire("pay_1") == challenge
    answered = bank.answer_challenge("pay_1", result)
    assert (answered.status, answered.error_reason) == (status, reason)
    for second_thought in ("approved", "declined"):
        assert bank.answer_challenge("pay_1", second_thought) == answered == bank.inquire("pay_1")


def test_a_challenge_cannot_be_answered_before_it_is_put(open_bank, clock):
    bank = open_bank(**SLOW)
    waiting = bank.submit(charge(number="4000002760003184"))
    assert bank.answer_challenge("pay_1", "approved") == waiting
    clock.ms = waiting.again_at_ms
    assert bank.inquire("pay_1").status == "requires_action"


def test_nonsense_is_no_answer(open_bank):
    bank = open_bank()
    bank.submit(charge(number="4000002760003184"))
    with pytest.raises(KeyError):
        bank.answer_challenge("pay_1", "maybe")
    assert bank.inquire("pay_1").status == "requires_action"


# The bank's own rules


@pytest.mark.parametrize(
    ("before", "step", "verdict"),
    [
        # what happened before | what the gateway asks | succeeded, or the rule it broke
        ("authorised", "capture 1000", "succeeded"),
        ("authorised", "capture 1", "succeeded"),
        ("authorised", "capture 1001", "capture_exceeds_authorised"),
        ("authorised", "capture 0", "capture_exceeds_authorised"),
        ("authorised", "void", "succeeded"),
        ("authorised", "refund 1", "not_captured"),
        ("authorised, capture 600", "capture 600", "succeeded"),
        ("authorised, capture 600", "capture 1000", "already_captured"),
        ("authorised, capture 600", "void", "already_captured"),
        ("authorised, capture 600", "refund 600", "succeeded"),
        ("authorised, capture 600", "refund 601", "refund_exceeds_captured"),
        ("authorised, void", "void", "succeeded"),
        ("authorised, void", "capture 1000", "not_authorised"),
        ("authorised, void", "refund 1", "not_captured"),
        ("captured", "capture 1000", "succeeded"),
        ("captured", "capture 999", "already_captured"),
        ("captured", "void", "already_captured"),
        ("captured", "refund 1000", "succeeded"),
        ("captured", "refund 0", "refund_exceeds_captured"),
        ("captured", "refund -1", "refund_exceeds_captured"),
        ("captured, refund 700", "refund 300", "succeeded"),
        ("captured, refund 700", "refund 301", "refund_exceeds_captured"),
        ("declined", "capture 1000", "not_authorised"),
        ("declined", "void", "not_authorised"),
        ("declined", "refund 1", "not_captured"),
        ("challenged", "capture 1000", "not_authorised"),
        ("challenged", "refund 1", "not_captured"),
        ("challenged", "void", "succeeded"),
    ],
)
def test_rules(open_bank, before, step, verdict):
    bank = open_bank()
    state, *steps = before.split(", ")
    number = {"declined": "4000000000000002", "challenged": "4000002760003184"}.get(state, VISA)
    bank.submit(charge(amount=1_000, capture=state != "authorised", number=number))
    for n, earlier in enumerate(steps):
        assert ask(bank, earlier, n).status == "succeeded"
    outcome = ask(bank, step, 99)
    assert (outcome.error_reason or outcome.status) == verdict


def ask(bank, step: str, n: int) -> Outcome:
    verb, _, amount = step.partition(" ")
    if verb == "refund":
        return bank.refund("pay_1", f"rfnd_{n}", int(amount))
    return bank.capture("pay_1", int(amount)) if verb == "capture" else bank.void("pay_1")


def test_a_charge_withdrawn_in_time_never_succeeds(open_bank, clock):
    bank = open_bank(**SLOW)
    ready_at = bank.submit(charge()).again_at_ms
    assert bank.void("pay_1").status == "succeeded"
    clock.ms = ready_at
    assert told(bank.inquire("pay_1")) == ("failed", "BAD_REQUEST_ERROR", "payment_cancelled")
    assert list(bank.statement()) == [("pay_1", "voided", 0, 0)]


def test_a_charge_withdrawn_too_late_stays_captured(open_bank, clock):
    bank = open_bank(**SLOW)
    clock.ms = bank.submit(charge()).again_at_ms
    assert refused(bank.void("pay_1")) == "already_captured"
    assert list(bank.statement()) == [("pay_1", "succeeded", 50_000, 0)]


def test_nothing_can_be_captured_before_the_bank_has_decided(open_bank, clock):
    bank = open_bank(**SLOW)
    ready_at = bank.submit(charge(capture=False)).again_at_ms
    assert refused(bank.capture("pay_1", 50_000)) == "not_authorised"
    assert refused(bank.refund("pay_1", "rfnd_1", 1)) == "not_captured"
    clock.ms = ready_at
    assert bank.capture("pay_1", 50_000).status == "succeeded"


# Refunds


def test_a_refund_happens_once_per_key(open_bank):
    bank = open_bank()
    bank.submit(charge(amount=1_000))
    bank.submit(charge("pay_2", amount=1_000))
    first = bank.refund("pay_1", "rfnd_1", 600)
    assert bank.refund("pay_1", "rfnd_1", 600) == first == bank.inquire("rfnd_1")
    assert refused(bank.refund("pay_1", "rfnd_1", 500)) == "idempotency_conflict"
    assert refused(bank.refund("pay_2", "rfnd_1", 600)) == "idempotency_conflict"
    assert [line.refunded for line in bank.statement()] == [600, 0]


def test_a_refused_refund_stays_refused(open_bank):
    bank = open_bank()
    bank.submit(charge(amount=1_000, capture=False))
    assert refused(bank.refund("pay_1", "rfnd_1", 600)) == "not_captured"
    bank.capture("pay_1", 1_000)
    assert refused(bank.refund("pay_1", "rfnd_1", 600)) == "not_captured"
    assert bank.refund("pay_1", "rfnd_2", 600).status == "succeeded"


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [("4000000000007726", "succeeded", None), ("4000000000005126", "failed", "refund_failed")],
)
def test_refunds_that_are_documented_as_late(open_bank, clock, number, status, reason):
    bank = open_bank()
    bank.submit(charge(amount=1_000, number=number))
    refund = bank.refund("pay_1", "rfnd_1", 600)
    assert (refund.status, refund.again_at_ms) == ("pending", clock.ms + LATE_REFUND_MS)
    assert refused(bank.refund("pay_1", "rfnd_2", 500)) == "refund_exceeds_captured"
    clock.ms += LATE_REFUND_MS
    assert (bank.inquire("rfnd_1").status, bank.inquire("rfnd_1").error_reason) == (status, reason)
    free_again = bank.refund("pay_1", "rfnd_3", 500)
    assert free_again.status == ("pending" if status == "failed" else "failed")


# The book


def test_whatever_the_gateway_asks_the_book_adds_up(open_bank, clock):
    bank, dice = open_bank(card_success_rate=0.7, **SLOW), random.Random(11)
    settled = {}
    for n in range(1_500):
        key, amount = f"pay_{dice.randrange(40)}", dice.choice([0, 1, 400, 1_000, 1_001])
        number = dice.choice([VISA, "4000002760003184", "4000000000005126"])
        dice.choice(
            [
                lambda k, a, number=number: submit(bank, charge(k, amount=1_000, number=number, capture=a > 400)),
                lambda k, a: bank.capture(k, a),
                lambda k, a: bank.void(k),
                lambda k, a, n=n: bank.refund(k, f"rfnd_{n}", a),
                lambda k, a: bank.answer_challenge(k, "approved" if a else "declined"),
            ]
        )(key, amount)
        clock.ms += dice.randrange(1_500)
        for line in bank.statement() if n % 25 == 0 else ():
            assert 0 <= line.refunded <= line.captured <= 1_000
            assert line.captured == 0 or line.status == "succeeded"
            was = settled.setdefault(line.key, line)
            assert was.status in (line.status, "pending", "requires_action", "succeeded")
            assert was.captured in (0, line.captured)
            assert was.refunded <= line.refunded
            settled[line.key] = line
    assert {"succeeded", "failed", "voided"} <= {line.status for line in settled.values()}
    assert sum(line.refunded for line in settled.values()) > 0


def test_a_statement_of_many_pages_is_whole(open_bank):
    bank = open_bank()
    keys = [f"pay_{n:04}" for n in range(1_001)]
    for key in keys:
        bank.submit(charge(key))
    assert [line.key for line in bank.statement()] == keys
    assert list(open_bank("empty.db").statement()) == []


def test_what_was_acknowledged_survives_kill_9(open_bank, tmp_path, clock):
    script = """
import sys
from gateway.processors import Charge
from gateway.processors.simulator import Simulator
bank = Simulator(sys.argv[1], delay_min_s=0, delay_max_s=0, upi_success_rate=1, card_success_rate=0.5)
for n in range(10**9):
    outcome = bank.submit(Charge(f"pay_{n}", 1_000, "INR", "wallet", True, wallet="paytm"))
    refund = bank.refund(f"pay_{n}", f"rfnd_{n}", 10)
    print(n, outcome.status, refund.status, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "book.db")], stdout=subprocess.PIPE, text=True
    ) as killed:
        acknowledged = [killed.stdout.readline().split() for _ in range(200)]
        killed.kill()
        acknowledged += [line.split() for line in killed.stdout.read().splitlines()[:-1]]
    bank, clock.ms = open_bank(), clock.ms * 2  # The killed bank lived by the wall clock.
    for n, status, refund_status in acknowledged:
        assert bank.inquire(f"pay_{n}").status == status
        assert bank.inquire(f"rfnd_{n}").status == refund_status
    assert len(list(bank.statement())) - len(acknowledged) in (0, 1, 2)


def test_the_book_is_private_and_knows_no_card(open_bank, tmp_path):
    bank = open_bank()
    bank.submit(charge("pay_1"))
    bank.submit(charge("pay_2", number="4000000000009987"))
    bank.submit(charge("pay_3", method="upi", vpa="asha@oksbi"))
    files = [tmp_path / f"book.db{suffix}" for suffix in ("", "-wal", "-shm")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    written = b"".join(file.read_bytes() for file in files)
    assert b"pay_2" in written
    for secret in (VISA, "4000000000009987", "asha@oksbi", "Asha Rao"):
        assert secret.encode() not in written


def test_a_book_that_others_could_read_is_made_private(open_bank, tmp_path):
    (tmp_path / "book.db").touch(mode=0o644)
    open_bank()
    assert stat.S_IMODE((tmp_path / "book.db").stat().st_mode) == 0o600


def test_two_windows_on_one_book_are_one_bank(open_bank):
    one, other = open_bank(), open_bank()
    first = one.submit(charge(amount=1_000))
    assert other.submit(charge(amount=1_000)) == first
    assert other.refund("pay_1", "rfnd_1", 700).status == "succeeded"
    assert refused(one.refund("pay_1", "rfnd_2", 700)) == "refund_exceeds_captured"


def test_a_book_that_cannot_be_written_is_a_bank_that_does_not_answer(open_bank):
    bank = open_bank()
    bank.submit(charge())
    bank.close()
    bank.close()
    for call in (
        lambda: bank.submit(charge("pay_2")),
        lambda: bank.inquire("pay_1"),
        lambda: bank.void("pay_1"),
        lambda: bank.refund("pay_1", "rfnd_1", 1),
    ):
        with pytest.raises(OutcomeUnknown):
            call()

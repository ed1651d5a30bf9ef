"""One answer per key: the first one, in its own transaction, for a day."""

import json
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from gateway import clock, idempotency, orders, payments, refunds
from gateway.errors import BadRequest, Conflict, IdempotencyMismatch
from gateway.idempotency import Answer, Key, KeyTaken
from gateway.orders import NewOrder
from gateway.refunds import NewRefund
from tests.scenes import MASTER, UPI, Scene, Shop

SECRET = b"fingerprints of these tests"
DAY_S = 24 * 3600


def key(name="k1", scope="alice:test", body=b'{"amount":50000}', path="POST /orders", seal=None) -> Key:
    return Key(scope, name, idempotency.fingerprint(SECRET, path, body), path, seal)


def make_order(scene: Scene, key: Key | None, amount: int = 50_000) -> Answer:
    new = NewOrder(amount=amount)
    return scene.store.write_now(idempotency.once, key, 201, orders.create, scene.alice.owner, new, "automatic")


def test_the_second_request_gets_the_first_answer_and_does_nothing(scene: Scene, alice: Shop):
    first = make_order(scene, key())
    second = make_order(scene, key())
    assert (first.status, first.replayed) == (201, False)
    assert (second.status, second.body, second.replayed) == (201, first.body, True)
    assert alice.list_orders()["total"] == 1


def test_an_answer_stays_the_same_whatever_happens_to_the_object(scene: Scene, alice: Shop):
    first = make_order(scene, key())
    alice.paid(json.loads(first.body))
    assert make_order(scene, key()).body == first.body


def test_without_a_key_every_request_counts(scene: Scene, alice: Shop):
    assert make_order(scene, None).body != make_order(scene, None).body
    assert alice.list_orders()["total"] == 2


@pytest.mark.parametrize("other", [{"body": b'{"amount":1}'}, {"path": "POST /payments"}])
def test_a_key_is_for_one_request(scene: Scene, alice: Shop, other):
    make_order(scene, key())
    with pytest.raises(IdempotencyMismatch) as refused:
        make_order(scene, key(**other))
    assert (refused.value.status, refused.value.code) == (422, "IDEMPOTENCY_ERROR")
    assert alice.list_orders()["total"] == 1


@pytest.mark.parametrize("other", ["bob:test", "alice:live", "public:order_1"])
def test_keys_are_the_merchants_own(scene: Scene, other):
    first = make_order(scene, key())
    second = make_order(scene, key(scope=other))
    assert not second.replayed
    assert second.body != first.body


def test_a_key_lasts_a_day(scene: Scene, alice: Shop):
    first = make_order(scene, key())
    clock.forward(DAY_S - 1)
    assert make_order(scene, key()).body == first.body
    clock.forward(2)
    second = make_order(scene, key(body=b"something else"))
    assert not second.replayed
    assert make_order(scene, key(body=b"something else")).body == second.body
    assert alice.list_orders()["total"] == 2


def test_old_keys_are_forgotten_and_young_ones_kept(scene: Scene):
    make_order(scene, key("old"))
    clock.forward(DAY_S + 1)
    young = make_order(scene, key("young"))
    assert scene.store.write_now(idempotency.prune) == 1
    assert scene.values("SELECT key FROM idempotency_keys") == ["young"]
    assert make_order(scene, key("young")).body == young.body


def test_a_refused_request_does_not_use_its_key_up(scene: Scene, alice: Shop):
    def refused(tx):
        orders.create(tx, alice.owner, NewOrder(amount=50_000), "automatic")
        raise BadRequest("no")

    with pytest.raises(BadRequest):
        scene.store.write_now(idempotency.once, key(), 201, refused)
    assert scene.rows("SELECT * FROM idempotency_keys") == []
    assert alice.list_orders()["total"] == 0
    assert not make_order(scene, key()).replayed


def test_a_crash_before_the_commit_leaves_neither_key_nor_order(scene: Scene, alice: Shop):
    def killed(tx):
        idempotency.once(tx, key(), 201, orders.create, alice.owner, NewOrder(amount=50_000), "automatic")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scene.store.write_now(killed)
    assert scene.rows("SELECT * FROM idempotency_keys") == []
    assert alice.list_orders()["total"] == 0


def test_answers_that_show_secrets_are_stored_sealed(scene: Scene):
    sealing = key(seal=MASTER)
    unit = (idempotency.once, sealing, 201, lambda tx: {"secret": "whsec_very_secret"})
    first = scene.store.write_now(*unit)
    assert b"very_secret" not in bytes(scene.value("SELECT body FROM idempotency_keys"))
    second = scene.store.write_now(*unit)
    assert (second.body, second.replayed) == (first.body, True) == (b'{"secret":"whsec_very_secret"}', True)


def test_a_fingerprint_tells_nothing_of_the_request():
    body = b'{"card":{"number":"4111111111111111"}}'
    ours = idempotency.fingerprint(SECRET, "POST /payments", body)
    assert ours != idempotency.fingerprint(b"another instance", "POST /payments", body)
    assert len(ours) == 32


def test_repetitions_and_conflicts_are_counted(scene: Scene):
    make_order(scene, key())
    make_order(scene, key())
    make_order(scene, key())
    scene.store.write_now(idempotency.count_conflict, "alice:test", "k1")
    assert scene.rows("SELECT hits, conflicts FROM idempotency_keys") == [(2, 1)]


def at_once(count: int, call) -> list:
    """What `count` calls in as many threads return or raise."""

    def result(number: int):
        try:
            return call(number)
        except Conflict as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(result, range(count)))


def test_forty_threads_with_one_key_make_one_order(scene: Scene, alice: Shop):
    answers = at_once(40, lambda _: make_order(scene, key()))
    taken = [answer for answer in answers if isinstance(answer, Exception)]
    told = [answer for answer in answers if isinstance(answer, Answer)]
    assert all(isinstance(error, KeyTaken) for error in taken)
    assert len({answer.body for answer in told}) == 1
    assert [answer.replayed for answer in told].count(False) == 1
    assert alice.list_orders()["total"] == 1
    assert make_order(scene, key()).replayed


def test_forty_threads_with_one_key_make_one_payment(scene: Scene, alice: Shop):
    """The losers find the order taken; that must not look like a refusal of their own request."""
    draft = payments.check(msgspec.convert({"order_id": alice.order()["id"], **UPI}, payments.NewPayment))
    unit = (idempotency.once, key(path="POST /payments"), 201, scene.desk.start, alice.owner, draft)
    answers = at_once(40, lambda _: scene.store.write_now(*unit))
    assert {type(answer) for answer in answers} <= {Answer, KeyTaken}
    assert len({answer.body for answer in answers if isinstance(answer, Answer)}) == 1
    assert alice.list_payments()["total"] == 1
    scene.work()


def test_twenty_threads_pay_one_order_and_one_payment_lives(scene: Scene, alice: Shop):
    order = alice.order()
    answers = at_once(20, lambda _: alice.pay(order))
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 19 + ["dict"]
    assert alice.the_order(order)["attempts"] == 1
    scene.work()


def test_a_key_and_the_work_it_guards_are_written_together(scene: Scene, alice: Shop):
    payment = alice.paid()
    guarded = key("refund", path=f"POST /payments/{payment['id']}/refunds")
    unit = (idempotency.once, guarded, 201, refunds.create, alice.owner, payment["id"], NewRefund())
    answers = at_once(20, lambda _: scene.store.write_now(*unit))
    assert {type(answer) for answer in answers} <= {Answer, KeyTaken}
    assert alice.list_refunds()["total"] == 1
    scene.work()

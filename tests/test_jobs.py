"""Jobs: rows say what is due, the bell only says when; and no bell that is lost loses work."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from gateway import bell, check, config, idempotency, settlement
from gateway.db import open_store
from gateway.jobs import queue, tasks
from gateway.jobs.queue import Jobs, Lane
from gateway.merchants import DEMO_MERCHANT_ID
from gateway.server import CannotStart, Gateway
from gateway.sqlite_library import sqlite3
from tests.scenes import Scene, Shop, card
from tests.services import free_port

TIMEOUT_S = 15
TICK_S = 0.005


def eventually(condition) -> bool:
    """Whether it comes true before the test's patience ends."""
    waiting = threading.Event()
    return any(condition() or waiting.wait(TICK_S) for _ in range(int(TIMEOUT_S / TICK_S)))


# The whole gateway, without its web server


@pytest.fixture(params=["sqlite", "redis"])
def queue_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("redis_url") if request.param == "redis" else f"sqlite:///{tmp_path}/queue.db"


@contextlib.contextmanager
def running(
    data: Path, queue_url: str = "", delay_s: float = 0, database_url: str = ""
) -> Iterator[Gateway]:
    """A bank that approves whatever has no documented outcome, after `delay_s`."""
    environment = {
        "GATEWAY_SIMULATOR_DELAY_MIN": str(delay_s),
        "GATEWAY_SIMULATOR_DELAY_MAX": str(delay_s),
        "GATEWAY_SIMULATOR_CARD_SUCCESS_RATE": "1",
    }
    if queue_url:
        environment["GATEWAY_QUEUE_URL"] = queue_url
    if database_url:
        environment["GATEWAY_DATABASE_URL"] = database_url
    gateway = Gateway(config.load(data_dir=data, environment=environment, demo=True))
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()


def shop(gateway: Gateway) -> Shop:
    return Shop(gateway, DEMO_MERCHANT_ID)


def is_success(gateway: Gateway, payment: dict) -> bool:
    return eventually(lambda: shop(gateway).status(payment) == "success")


def test_the_bell_alone_is_enough(tmp_path, queue_url, monkeypatch: pytest.MonkeyPatch):
    """Nobody sweeps in this test: what is done is done because somebody rang."""
    with running(tmp_path, queue_url) as gateway:
        eventually(lambda: not gateway.jobs._bell.is_set())
        monkeypatch.setattr(queue, "SWEEP_S", 3_600)
        payment = shop(gateway).pay()
        gateway.jobs.ring(bell.PAYMENTS)  # Ends the last wait that was begun with the old interval.
        assert is_success(gateway, payment)
        refund = shop(gateway).refund(payment)
        assert eventually(lambda: shop(gateway).the_refund(refund)["status"] == "processed")
        monkeypatch.undo()


def test_the_sweep_alone_is_enough(tmp_path, queue_url):
    with running(tmp_path, queue_url) as gateway:
        bell.connect(None)
        assert is_success(gateway, shop(gateway).pay())


def test_what_the_bank_takes_its_time_for_is_done_when_it_is_due(tmp_path):
    with running(tmp_path, delay_s=0.3) as gateway:
        payments = [shop(gateway).pay() for _ in range(20)]
        assert all(is_success(gateway, payment) for payment in payments)
        assert check.findings(gateway) == []


@pytest.mark.parametrize("loss", ["deleted", "damaged", "kept"])
def test_the_queue_is_expendable(tmp_path, loss, caplog):
    with running(tmp_path, delay_s=0.5) as gateway:
        payments = [shop(gateway).pay() for _ in range(5)]
    for suffix in ("", "-wal", "-shm"):
        if loss == "deleted":
            (tmp_path / f"queue.db{suffix}").unlink(missing_ok=True)
    if loss == "damaged":
        (tmp_path / "queue.db").write_bytes(b"not a database" * 1_000)
    with running(tmp_path) as gateway:
        assert all(is_success(gateway, payment) for payment in payments)
    assert ("is damaged" in caplog.text) == (loss == "damaged")


def test_a_flushed_redis_loses_nothing(tmp_path, redis_url):
    with running(tmp_path, redis_url, delay_s=0.2) as gateway, redis.Redis.from_url(redis_url) as client:
        payments = []
        for _ in range(10):
            payments.append(shop(gateway).pay())
            client.flushall()
        assert all(is_success(gateway, payment) for payment in payments)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    return request.getfixturevalue("postgres_url")


CLAIMED = "UPDATE payments SET due_at = 0, claimed_until = 9999999999999"


def test_what_a_dead_process_had_claimed_is_taken_up_at_once(tmp_path, database_url):
    """Not when its claim lapses, which would take a minute."""
    with running(tmp_path, delay_s=60, database_url=database_url) as gateway:
        payment = shop(gateway).pay(instrument=card())
        assert eventually(lambda: gateway.simulator.inquire(payment["id"]))
        gateway.worker.stop()
        gateway.store.write_now(lambda tx: tx.execute(CLAIMED))
    alter(tmp_path / "simulator.db", "UPDATE charges SET ready_at = 0")
    with running(tmp_path, database_url=database_url) as gateway:
        assert is_success(gateway, payment)


def test_what_a_living_process_has_claimed_is_not_taken_from_it(postgres_url):
    """Nodes that share a database see each other, and none gives back the claims of all when it starts."""
    first, second = open_store(postgres_url), open_store(postgres_url)
    first.start()
    assert first.is_alone()
    second.start()
    assert not (first.is_alone() or second.is_alone())
    first.close()
    assert eventually(second.is_alone)
    second.close()


def alter(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.execute(sql)


def test_one_data_directory_has_one_gateway(tmp_path):
    with running(tmp_path) as gateway, pytest.raises(CannotStart, match="another gateway is running"):
        Gateway(gateway.config)
    with running(tmp_path):
        pass


def test_health_tells_whether_the_work_goes_on(tmp_path):
    with running(tmp_path) as gateway:
        assert gateway.health() == {"database": "healthy", "queue": "healthy", "worker": "running"}
    assert gateway.health()["worker"] == "stopped"


# A lane


@pytest.fixture
def lane(tmp_path, queue_url):
    """Makes lanes, and stops them in the end."""
    made = []

    def make(start=True, **works) -> Lane:
        lane = Lane(f"lane{len(made)}", queue_url, 2, works)
        if start:
            lane.start()
            made.append(lane)
        return lane

    yield make
    for each in made:
        each.stop()


def test_ringing_runs_the_task(lane):
    done = threading.Event()
    lane(work=done.set).ring("work")
    assert done.wait(TIMEOUT_S)


def test_many_rings_are_one_message(lane):
    waiting = lane(start=False, work=print)
    for _ in range(100):
        waiting.ring("work")
    assert waiting._huey.pending_count() == 1


def test_a_ring_while_somebody_looks_makes_them_look_once_more(lane):
    looks, first, go_on = [], threading.Event(), threading.Event()

    def look():
        looks.append(threading.current_thread().name)
        first.set()
        go_on.wait(TIMEOUT_S)

    busy = lane(work=look)
    busy.ring("work")
    assert first.wait(TIMEOUT_S)
    for _ in range(10):
        busy.ring("work")
    go_on.set()
    assert eventually(lambda: len(looks) == 2)
    assert len(set(looks)) == 1, "one thread at a time looks"


def test_a_task_that_breaks_is_logged_and_rung_again(lane, caplog):
    outcomes = iter([ZeroDivisionError("oops"), None])
    done = threading.Event()

    def work():
        if error := next(outcomes):
            raise error
        done.set()

    broken = lane(work=work)
    broken.ring("work")
    assert eventually(lambda: "work failed; the sweep will look again" in caplog.text)
    broken.doubt()
    broken.ring("work")
    assert done.wait(TIMEOUT_S)


def test_lanes_do_not_hold_each_other_up(lane):
    stuck, free = threading.Event(), threading.Event()
    blocked, other = lane(work=lambda: stuck.wait(TIMEOUT_S)), lane(work=free.set)
    blocked.ring("work")
    other.ring("work")
    assert free.wait(TIMEOUT_S)
    stuck.set()


@pytest.mark.parametrize("queue_url", ["sqlite"], indirect=True)
def test_a_message_is_json_and_carries_nothing_but_a_name(lane, tmp_path):
    lane(start=False, payments=print).ring("payments")
    with contextlib.closing(sqlite3.connect(tmp_path / "queue.db")) as file:
        ((message,),) = file.execute("SELECT data FROM task").fetchall()
    assert [word for word in json.loads(bytes(message)) if word][1:] == ["gateway.jobs.queue.payments"]
    assert len(message) < 200


def test_a_queue_that_cannot_be_reached_is_told_and_tried_again(lane, monkeypatch, caplog):
    done = threading.Event()
    cut = lane(work=done.set)
    with monkeypatch.context() as unreachable:
        unreachable.setattr(cut._huey.storage, "enqueue", lambda *_, **__: 1 / 0)
        cut.ring("work")
        cut.ring("work")
    assert cut.trouble == "cannot be reached: ZeroDivisionError"
    assert caplog.text.count("cannot reach the queue") == 1
    cut.ring("work")
    assert done.wait(TIMEOUT_S)
    assert cut.trouble is None


def test_a_redis_that_is_away_is_told_once_and_not_by_every_worker(caplog):
    away = Lane("lane", f"redis://127.0.0.1:{free_port()}/0", 4, {"work": print})
    away.start()
    try:
        assert eventually(lambda: away.trouble == "cannot be reached: ConnectionError")
        away.ring("work")
    finally:
        away.stop()
    assert 1 <= caplog.text.count("cannot reach the queue") <= 4  # the threads that saw it at the same moment
    assert "Traceback" not in caplog.text


def test_tasks_with_an_interval_are_rung_without_being_asked(tmp_path):
    often = threading.Event()
    jobs = Jobs([Lane("lane", f"sqlite:///{tmp_path}/queue.db", 1, {"tidy": often.set})], lambda: [], {"tidy": 3_600})
    jobs.start()
    try:
        assert often.wait(TIMEOUT_S)
    finally:
        jobs.stop()


# What the threads do


def test_due_names_the_lanes_with_work(scene: Scene, alice: Shop):
    def due() -> list[str]:
        return scene.store.read_now(tasks.due)

    assert due() == []
    payment = alice.pay()
    assert due() == [bell.PAYMENTS]
    scene.store.write_now(settlement.claim, scene.bank.name, 1)
    assert due() == []
    scene.restart()
    scene.work()
    alice.refund(payment)
    assert due() == [bell.REFUNDS]
    scene.work()
    assert due() == []


def test_more_work_than_is_claimed_at_once_is_all_done(scene: Scene, alice: Shop, monkeypatch):
    monkeypatch.setattr(tasks, "CLAIMS_AT_ONCE", 3)
    payments = [alice.pay() for _ in range(10)]
    scene.worker.payments()
    assert {alice.status(payment) for payment in payments} == {"success"}
    refunds = [alice.refund(payment) for payment in payments]
    scene.worker.refunds()
    assert {alice.the_refund(refund)["status"] for refund in refunds} == {"processed"}


def test_a_stop_ends_the_work_with_the_round_that_it_is_in(scene: Scene, alice: Shop, monkeypatch):
    monkeypatch.setattr(tasks, "CLAIMS_AT_ONCE", 3)
    payments = [alice.pay() for _ in range(10)]
    worker, submit = scene.worker, scene.bank.submit
    monkeypatch.setattr(scene.bank, "submit", lambda charge: worker.stop() or submit(charge))
    worker.payments()
    statuses = [alice.status(payment) for payment in payments]
    assert (statuses.count("success"), statuses.count("pending")) == (3, 7)
    scene.work()
    assert {alice.status(payment) for payment in payments} == {"success"}


def test_one_that_cannot_be_settled_does_not_stop_the_others(scene_to_break: Scene, caplog):
    alice = scene_to_break.alice
    payments = [alice.pay() for _ in range(3)]
    scene_to_break.alter("UPDATE orders SET status = 'paid' WHERE id = ?", payments[1]["order_id"])
    scene_to_break.work()
    assert [alice.status(payment) for payment in payments] == ["success", "processing", "success"]
    assert f"cannot settle {payments[1]['id']}" in caplog.text
    scene_to_break.alter("UPDATE orders SET status = 'attempted' WHERE id = ?", payments[1]["order_id"])
    scene_to_break.later(61)
    assert alice.status(payments[1]) == "success"
    assert check.findings(scene_to_break) == []


def test_housekeeping_forgets_old_keys(scene: Scene, alice: Shop):
    key = idempotency.Key("alice:test", "k", bytes(32), "POST /orders")
    scene.store.write_now(idempotency.once, key, 201, lambda tx: {})
    scene.worker.housekeeping()
    assert scene.values("SELECT key FROM idempotency_keys") == ["k"]
    scene.later(24 * 3600 + 1)
    scene.worker.housekeeping()
    assert scene.values("SELECT key FROM idempotency_keys") == []

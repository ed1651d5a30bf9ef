"""What is measured, and how: every scene starts a server of its own and returns its figures by name."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from bench import load, receiver, shop
from bench.machine import LOAD_CORE, SERVER_CORE, pinned
from bench.server import Server

# The bank decides at once, so that what is measured is the gateway.
INSTANT_BANK = {"GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0"}
# What was submitted before the kill is decided while the process is dead.
SHORT_BANK = {"GATEWAY_SIMULATOR_DELAY_MIN": "1", "GATEWAY_SIMULATOR_DELAY_MAX": "1"}
PACKED = Path(__file__).parent.parent / "dist" / "gateway"
WARM_UP = 500
RUSH = 1_000
LEFT_BEHIND = 300
LOOK_AGAIN_S = 0.02
FINAL_TIMEOUT_S = 60

OVERDUE = "SELECT count(*) FROM payments WHERE due_at <= ?"
OPEN_WORK = "SELECT count(*) FROM {} WHERE due_at IS NOT NULL"
FIRST_TO_LAST_S = "SELECT (max(updated_at) - min(created_at)) / 1000.0, count(*) FROM payments WHERE created_at >= ?"


def acceptance(count: int) -> dict[str, float]:
    """Payments accepted while the bank takes its usual 5 to 10 s, beside the same server's /health."""
    with pinned(LOAD_CORE), Server(core=SERVER_CORE) as server:
        shop.pay(server, shop.make_orders(server, WARM_UP))
        orders = shop.make_orders(server, count)
        health = load.run(server.port, [load.request("GET", "/health", {})] * count, shop.CONNECTIONS)
        cpu_s = server.cpu_s()
        paid = shop.pay(server, orders)
        cpu_s = server.cpu_s() - cpu_s
        errors = paid.errors(201) + health.errors(200)
    return {
        "accepted_per_s": paid.per_second(),
        "accepted_p50_ms": paid.percentile_ms(50),
        "accepted_p99_ms": paid.percentile_ms(99),
        "accepted_errors": errors,
        "accepted_cpu_s_per_1000": cpu_s * 1000 / count,
        "health_per_s": health.per_second(),
        "accepted_to_health": paid.per_second() / health.per_second(),
    }


def settlement_pinned(count: int) -> dict[str, float]:
    """From the first acceptance to the last final state, on one core."""
    with pinned(LOAD_CORE):
        return {"final_per_s": _settled_per_s(count, SERVER_CORE)}


def settlement_unpinned(count: int) -> dict[str, float]:
    """The same with both cores for both processes."""
    return {"final_unpinned_per_s": _settled_per_s(count, None)}


def _settled_per_s(count: int, core: int | None) -> float:
    with Server(core=core, environment=INSTANT_BANK) as server:
        orders = shop.make_orders(server, count)
        began_ms = int(time.time() * 1000)
        shop.pay(server, orders)
        wait_for_none(server, "payments")
        seconds, payments = server.select(FIRST_TO_LAST_S, began_ms)[0]
    assert payments == count
    return payments / seconds


def whole_way(count: int) -> dict[str, float]:
    """Order and payment to the merchant's server, which hears of every success; only the gateway's CPU counts."""
    in_one_core = Server(core=SERVER_CORE, environment=INSTANT_BANK)
    with receiver.running(core=LOAD_CORE) as shops, pinned(LOAD_CORE), in_one_core as server:
        _hear_of_successes(server, shops.url)
        shop.pay(server, shop.make_orders(server, WARM_UP))
        wait_for_webhooks(server, shops, WARM_UP)
        orders = shop.make_orders(server, count)
        cpu_s, began = server.cpu_s(), time.perf_counter()
        shop.pay(server, orders)
        wait_for_webhooks(server, shops, WARM_UP + count)
        seconds, cpu_s = time.perf_counter() - began, server.cpu_s() - cpu_s
        return {
            "heard_of_per_s": count / seconds,
            "cpu_s_per_1000": cpu_s * 1000 / count,
            "rss_mb": server.rss_mb(),
        }


def _hear_of_successes(server: Server, url: str) -> None:
    endpoint = server.send("POST", "/api/v1/webhook_endpoints", {"url": url, "events": ["payment.success"]})
    assert endpoint["id"].startswith("we_")


def start_and_restart(_count: int) -> dict[str, float]:
    """How soon a server answers, and how soon one takes up what a killed one left behind."""
    with pinned(LOAD_CORE), Server(core=SERVER_CORE, environment=SHORT_BANK) as server:
        server.stop(signal.SIGTERM)
        up_s = server.start()
        shop.pay(server, shop.make_orders(server, LEFT_BEHIND))
        server.stop(signal.SIGKILL)
        time.sleep(float(SHORT_BANK["GATEWAY_SIMULATOR_DELAY_MAX"]))
        now_ms, began = int(time.time() * 1000), time.perf_counter()
        left = server.select(OVERDUE, now_ms)[0][0]
        assert left == LEFT_BEHIND, f"{LEFT_BEHIND - left} payments were final before the kill"
        server.start()
        _wait(lambda: not server.select(OVERDUE, now_ms)[0][0], "work of the killed process is left")
        return {"up_s": up_s, "taken_up_s": time.perf_counter() - began}


def rush(_count: int) -> dict[str, float]:
    """A thousand payments at once with the usual bank: how long after the last acceptance all of them are final."""
    with pinned(LOAD_CORE), Server(core=SERVER_CORE) as server:
        orders = shop.make_orders(server, RUSH)
        assert not shop.pay(server, orders).errors(201)
        accepted = time.perf_counter()
        wait_for_none(server, "payments")
        return {"rush_final_s": time.perf_counter() - accepted}


def packed(_count: int) -> dict[str, float]:
    """The one file that people download: how big it is, how soon it answers, and what it needs for that."""
    with Server(core=SERVER_CORE, program=[PACKED]) as server:
        server.stop(signal.SIGTERM)
        up_s = server.start()
        return {"packed_mb": PACKED.stat().st_size / 1e6, "packed_up_s": up_s, "packed_rss_mb": server.rss_mb()}


def wait_for_none(server: Server, *tables: str) -> None:
    """Waits until nothing is due in any of the tables, now or later."""
    _wait(lambda: not any(server.select(OPEN_WORK.format(table))[0][0] for table in tables), "work is left")


def wait_for_webhooks(server: Server, shops: receiver.Receiver, count: int) -> None:
    """Waits until so many webhooks have been taken and written down."""
    _wait(lambda: shops.count() >= count, "webhooks are missing")
    wait_for_none(server, "deliveries")


def _wait(done: Callable[[], bool], otherwise: str) -> None:
    give_up_at = time.monotonic() + FINAL_TIMEOUT_S
    while not done():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"after {FINAL_TIMEOUT_S} s {otherwise}")
        time.sleep(LOOK_AGAIN_S)


SCENES = {
    "acceptance": acceptance,
    "settlement, one core": settlement_pinned,
    "settlement, all cores": settlement_unpinned,
    "whole way": whole_way,
    "start": start_and_restart,
    "rush": rush,
    "packed": packed,
}
if not PACKED.exists():
    del SCENES["packed"]  # `make binary` makes it.

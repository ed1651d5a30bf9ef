"""`python -m bench.webhooks` sends ten thousand webhooks to a shop, reconciles every one, and prints the figures.

Gateway, load and shop share the machine's cores. Every figure counts the receiver's work as well.
"""

import argparse
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from bench import inbox, load, machine, scenes, shop
from bench.inbox import Webhook
from bench.server import WEBHOOK_SECRET, Server

EVENTS_PER_PAYMENT = 5  # created, pending, success, captured, and the order's paid
WARM_UP = 50
STEADY_PER_S = 100  # payments, so 500 webhooks/s
STEADY_CONNECTIONS = 4
HANGS_S = 10.0
HANGING_EVENTS = 1_000
HEALTHY = 3

LAST_EVENT = "SELECT coalesce(max(seq), 0) FROM events"
EVENTS_AFTER = "SELECT id, created_at FROM events WHERE seq > ?"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.webhooks", description=__doc__)
    parser.add_argument("--payments", type=int, default=2_000, help="payments of a scene, five webhooks each")
    parser.add_argument("--only", choices=SCENES, action="append", help="this scene alone; may be given repeatedly")
    options = parser.parse_args()
    figures = {}
    for name in options.only or SCENES:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures[name] = {key: round(value, 2) for key, value in SCENES[name](options.payments).items()}
    report = {"machine": machine.facts(), "load_average": machine.load_average(), "scenes": figures}
    print(json.dumps(report, indent=2, ensure_ascii=False))


def backlog(payments: int) -> dict[str, float]:
    """Everything has happened while the shop was closed, and now it wants to hear of it."""
    with inbox.running() as taken, Server(environment=scenes.INSTANT_BANK) as server:
        endpoint_id = _listen(server, taken.url, enabled=False)
        shop.pay(server, shop.make_orders(server, payments))
        scenes.wait_for_none(server, "payments")
        server.send("PATCH", f"/api/v1/webhook_endpoints/{endpoint_id}", {"enabled": True})
        wanted = {"endpoint_id": endpoint_id, "since": "2020-01-01T00:00:00Z"}
        began, cpu_s = time.time(), server.cpu_s()
        recovered = server.send("POST", "/api/v1/webhooks/recover", wanted)["count"]
        webhooks = taken.all(recovered)
        return _reconciled(server, webhooks, 0) | _speed(webhooks, began) | _cost(server, webhooks, cpu_s)


def burst(payments: int) -> dict[str, float]:
    """As many payments as the gateway takes, and a webhook for everything that becomes of them."""
    with _open_shop() as (taken, server, seen):
        orders, began, cpu_s = shop.make_orders(server, payments), time.time(), server.cpu_s()
        shop.pay(server, orders)
        webhooks = taken.all(seen + payments * EVENTS_PER_PAYMENT)[seen:]
        return _reconciled(server, webhooks, seen) | _speed(webhooks, began) | _cost(server, webhooks, cpu_s)


def steady(payments: int) -> dict[str, float]:
    """A hundred payments a second: how long from the change to the shop that hears of it."""
    with _open_shop() as (taken, server, seen):
        _pay_at_a_pace(server, payments)
        webhooks = taken.all(seen + payments * EVENTS_PER_PAYMENT)[seen:]
        return _reconciled(server, webhooks, seen) | _delays(server, webhooks, seen)


def one_hangs(payments: int) -> dict[str, float]:
    """A shop takes ten seconds for every webhook and a thousand wait for it; three others are healthy."""
    with contextlib.ExitStack() as stack:
        healthy = [stack.enter_context(inbox.running()) for _ in range(HEALTHY)]
        hanging = stack.enter_context(inbox.running(HANGS_S))
        server = stack.enter_context(Server(environment=scenes.INSTANT_BANK))
        _listen(server, hanging.url, events=["payment.created"])
        shop.pay(server, shop.make_orders(server, HANGING_EVENTS))
        scenes.wait_for_none(server, "payments")
        for each in healthy:
            _listen(server, each.url, events=["payment.success"])
        seen = server.select(LAST_EVENT)[0][0]
        _pay_at_a_pace(server, payments)
        webhooks = [webhook for each in healthy for webhook in each.all(payments)]
        assert len(webhooks) == HEALTHY * payments
        return {"webhooks": len(webhooks), "taken_by_the_hanging": hanging.count()} | _delays(server, webhooks, seen)


SCENES: dict[str, Callable] = {"backlog": backlog, "burst": burst, "steady": steady, "one hangs": one_hangs}


@contextlib.contextmanager
def _open_shop() -> Iterator[tuple[inbox.Inbox, Server, int]]:
    """A shop that has heard of a few payments already, its gateway, and how many events that were."""
    with inbox.running() as taken, Server(environment=scenes.INSTANT_BANK) as server:
        _listen(server, taken.url)
        shop.pay(server, shop.make_orders(server, WARM_UP))
        yield taken, server, len(taken.all(WARM_UP * EVENTS_PER_PAYMENT))


def _listen(server: Server, url: str, **fields) -> str:
    new = {"url": url, "secret": WEBHOOK_SECRET, **fields}
    return server.send("POST", "/api/v1/webhook_endpoints", new)["id"]


def _pay_at_a_pace(server: Server, payments: int) -> None:
    requests = shop.payment_requests(shop.make_orders(server, payments))
    paid = load.run(server.port, _paced(requests), STEADY_CONNECTIONS)
    assert not paid.errors(201), paid.statuses


def _paced(requests: Iterable[bytes]) -> Iterator[bytes]:
    began = time.perf_counter()
    for number, request in enumerate(requests):
        time.sleep(max(0.0, began + number / STEADY_PER_S - time.perf_counter()))
        yield request


def _reconciled(server: Server, webhooks: list[Webhook], seen: int) -> dict[str, float]:
    """Every event arrived, none was invented or altered; more than once is allowed and counted."""
    happened = {event_id for event_id, _ in server.select(EVENTS_AFTER, seen)}
    came = Counter(webhook.event_id for webhook in webhooks)
    return {
        "events": len(happened),
        "webhooks": len(webhooks),
        "missing": len(happened - came.keys()),
        "invented": len(came.keys() - happened),
        "forged": sum(not webhook.genuine for webhook in webhooks),
        "more_than_once": sum(times > 1 for times in came.values()),
    }


def _speed(webhooks: list[Webhook], began: float) -> dict[str, float]:
    return {"webhooks_per_s": len(webhooks) / (max(webhook.at_ms for webhook in webhooks) / 1000 - began)}


def _cost(server: Server, webhooks: list[Webhook], cpu_s: float) -> dict[str, float]:
    return {"gateway_cpu_s_per_1000": (server.cpu_s() - cpu_s) * 1000 / len(webhooks)}


def _delays(server: Server, webhooks: list[Webhook], seen: int) -> dict[str, float]:
    """From the moment that stands in the event, a little before its commit, to the receipt."""
    happened_ms = dict(server.select(EVENTS_AFTER, seen))
    delays_ms = sorted(webhook.at_ms - happened_ms[webhook.event_id] for webhook in webhooks)
    at = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: delays_ms[min(len(delays_ms) - 1, int(len(delays_ms) * share))] for name, share in at.items()}


if __name__ == "__main__":
    main()

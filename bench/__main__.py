"""`python -m bench` measures the gateway on this machine and prints one JSON document."""

import argparse
import json
import sys
import time

from bench import machine, scenes, webhooks
from bench.figures import FIGURES

RUNS = 3
PAYMENTS, PAYMENTS_QUICK = 20_000, 4_000
WEBHOOKS_PER_PAYMENT = 5
PACED_SHARE = 10  # a scene at a hundred payments/s has time for a tenth of those that measure speed


def deliveries(payments: int) -> dict[str, float]:
    """A closed shop opens, and everything that has happened is told at once; gateway and shop share all cores."""
    told = webhooks.backlog(payments // WEBHOOKS_PER_PAYMENT)
    return {"delivered_per_s": told["webhooks_per_s"], "delivered_missing": told["missing"] + told["forged"]}


def receipts(payments: int) -> dict[str, float]:
    """How long a shop waits for the webhook of a change, by itself and beside one that hangs."""
    steady, healthy = webhooks.steady(payments // PACED_SHARE), webhooks.one_hangs(payments // PACED_SHARE)
    return {
        "received_p50_ms": steady["p50_ms"],
        "received_p99_ms": steady["p99_ms"],
        "beside_hanging_p99_ms": healthy["p99_ms"],
    }


SCENES = scenes.SCENES | {"deliveries": deliveries, "receipts": receipts}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run: a glance, not a measurement")
    parser.add_argument("--runs", type=int, help=f"runs of every scene; the median counts (default {RUNS})")
    parser.add_argument("--payments", type=int, help=f"payments of a scene that measures speed (default {PAYMENTS})")
    parser.add_argument("--only", choices=SCENES, action="append", help="this scene alone; may be given repeatedly")
    options = parser.parse_args()
    runs = options.runs or (1 if options.quick else RUNS)
    payments = options.payments or (PAYMENTS_QUICK if options.quick else PAYMENTS)
    report = measure(options.only or list(SCENES), runs, payments)
    print(json.dumps(report, indent=2, ensure_ascii=False))


def measure(chosen: list[str], runs: int, payments: int) -> dict:
    """Plays every scene so many times, in turns, so that a noisy minute does not hit one scene alone."""
    before, measured = machine.load_average(), {}
    for number in range(1, runs + 1):
        for name in chosen:
            began = time.monotonic()
            figures = SCENES[name](payments)
            _say(f"run {number} of {runs}, {name}: {_shown(figures)} ({time.monotonic() - began:.0f} s)")
            for figure, value in figures.items():
                measured.setdefault(figure, []).append(value)
    return {
        "machine": machine.facts(),
        "load_average": {"before": before, "after": machine.load_average()},
        "original": "Node, PostgreSQL and Redis in ten processes, measured on two cores",
        "payments_per_run": payments,
        "figures": {name: FIGURES[name].report(values) for name, values in measured.items()},
    }


def _shown(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

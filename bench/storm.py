"""`python -m bench.storm --kills 50` kills a working gateway again and again and proves that nothing was lost."""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence

from bench import machine
from bench.scenes import PACKED
from bench.server import FROM_SOURCE
from tests.storm import Storm


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.storm", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, help="what an earlier run printed, to have the same storm again")
    parser.add_argument("--packed", action="store_true", help="rage over dist/gateway, which `make binary` makes")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    _say(f"seed {seed}")
    report = weather(seed, options.kills, [str(PACKED)] if options.packed else FROM_SOURCE)
    print(json.dumps(report, indent=2, ensure_ascii=False))
    sys.exit(1 if report["findings"] else 0)


def weather(seed: int, kills: int, program: Sequence[str]) -> dict:
    """One storm, and everything that is known of it afterwards."""
    began = time.monotonic()
    storm = Storm(seed, program)
    storm.rage(kills, progress=lambda kill: kill % 10 or _say(f"killed {kill} of {kills} times"))
    return {
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine.facts(),
        "load_average": machine.load_average(),
        "figures": dict(sorted(storm.figures.items())),
        "findings": storm.findings,
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

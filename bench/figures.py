"""The figures of `make bench`: what each means, what was promised, and what the original system reached."""

import statistics
from typing import NamedTuple


class Figure(NamedTuple):
    """`at_least` or `at_most` is what was promised; `original` is Node, PostgreSQL and Redis on two cores."""

    meaning: str
    at_least: float | None = None
    at_most: float | None = None
    original: float | None = None

    def report(self, measured: list[float]) -> dict:
        """The median, what it is held against, and every single run."""
        median = statistics.median(measured)
        shown = {"meaning": self.meaning, "median": _rounded(median)}
        if self.at_least is not None:
            shown |= {"goal": f">= {self.at_least}", "reached": median >= self.at_least}
        if self.at_most is not None:
            shown |= {"goal": f"<= {self.at_most}", "reached": median <= self.at_most}
        if self.original is not None:
            shown["original"] = self.original
        return shown | {"runs": [_rounded(value) for value in measured]}


FIGURES = {
    "accepted_per_s": Figure("payments accepted per second at 64 connections", at_least=4_000, original=853),
    "accepted_p50_ms": Figure("half of them answered within this many milliseconds"),
    "accepted_p99_ms": Figure("99 % of them answered within this many milliseconds", at_most=30, original=37),
    "accepted_errors": Figure("answers other than 201, lost connections among them", at_most=0),
    "accepted_cpu_s_per_1000": Figure("CPU seconds per 1,000 of them, which says more where others use the cores too"),
    "health_per_s": Figure("answers of the same server's /health per second"),
    "accepted_to_health": Figure("payments accepted per answer of /health"),
    "final_per_s": Figure("payments from acceptance to final per second, one core, bank without delay", at_least=1_000),
    "final_unpinned_per_s": Figure("the same with the server free to use every core", at_least=1_000),
    "heard_of_per_s": Figure("payments from acceptance to the webhook's answer written down per second", original=244),
    "cpu_s_per_1000": Figure("CPU seconds per 1,000 payments with one webhook each", at_most=1.2, original=5.1),
    "rss_mb": Figure("resident memory after that, in MB", at_most=100, original=330),
    "up_s": Figure("seconds from the start of the process to its first answer", at_most=1, original=0.93),
    "taken_up_s": Figure("seconds from the start until a killed process's work is taken up", at_most=5, original=61),
    "delivered_per_s": Figure("webhooks delivered per second when a closed shop opens", at_least=500),
    "delivered_missing": Figure("of them missing or forged", at_most=0),
    "received_p50_ms": Figure("at 500 webhooks/s half have come this many milliseconds after what they tell of"),
    "received_p99_ms": Figure("99 % of them have come by then"),
    "beside_hanging_p99_ms": Figure(
        "the same for three healthy shops beside one that hangs, with 1,000 webhooks waiting for it", at_most=1_000
    ),
    "rush_final_s": Figure("seconds until 1,000 payments made at once are final; the bank takes 5 to 10", at_most=12),
    "packed_mb": Figure("size of the one file, in MB"),
    "packed_up_s": Figure("seconds from its start to its first answer"),
    "packed_rss_mb": Figure("resident memory of its two processes then, in MB", at_most=100),
}


def _rounded(value: float) -> float:
    """As many digits as mean something."""
    return round(value) if abs(value) >= 100 else round(value, 3)

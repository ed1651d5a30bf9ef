"""Killed at any moment under load and started again, the gateway loses nothing and does nothing twice."""

import random

from tests.storm import Storm

KILLS = 8
PAYMENTS_MIN = 100  # a storm that hit nothing proves nothing


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice():
    seed = random.randrange(10**6)
    # pytest shows this where the test fails.
    print(f"The same storm again: python -m bench.storm --kills {KILLS} --seed {seed}")
    storm = Storm(seed).rage(KILLS)
    assert storm.findings == []
    assert storm.figures["kills"] == KILLS
    assert storm.figures["payments acknowledged"] > PAYMENTS_MIN
    assert storm.figures["answers lost"] and storm.figures["refunds acknowledged"] and storm.figures["events told"]

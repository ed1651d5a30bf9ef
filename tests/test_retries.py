"""When a failed delivery is tried again."""

import pytest

from gateway import clock, retries
from gateway.config import Webhooks

DEFAULT = Webhooks(jitter=0.0)
SHORT = Webhooks(retry_seconds=(1.0, 2.0, 3.0), jitter=0.0)
NONE = Webhooks(retry_seconds=())
MINUTE, DAY = 60_000, 86_400_000


def wait(policy, used, *, status=500, retry_after=None, chance=0.0):
    return retries.wait_ms(policy, used, status=status, retry_after=retry_after, chance=lambda: chance)


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        (DEFAULT, [MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE, DAY, None, None]),
        (SHORT, [1_000, 2_000, 3_000, None]),
        (NONE, [None]),
    ],
    ids=["default", "1,2,3", "none"],
)
def test_the_waits_are_those_of_the_configuration(policy, waits):
    assert [wait(policy, used) for used in range(len(waits))] == waits
    assert wait(policy, retries.SPENT) is None


@pytest.mark.parametrize(
    ("jitter", "chance", "expected"),
    [(0.0, 1.0, 60_000), (0.1, 0.0, 60_000), (0.1, 0.5, 63_000), (0.1, 1.0, 66_000)],
)
def test_jitter_only_ever_adds(jitter, chance, expected):
    assert wait(Webhooks(jitter=jitter), 0, chance=chance) == expected


@pytest.mark.parametrize(
    ("status", "retry_after", "expected_s"),
    [
        (429, "90", 90),  # what is asked for
        (503, "90", 90),
        (429, "1", 60),  # never less than the schedule
        (429, "86400", 120),  # never more than twice of it
        (429, "Mon, 23 Nov 2026 10:01:30 GMT", 90),
        (429, "Mon, 23 Nov 2020 10:00:00 GMT", 60),
        (429, "soon", 60),
        (429, "-5", 60),
        (429, "٣", 60),
        (429, "1e9", 60),
        (429, "9" * 60, 120),
        (429, "", 60),
        (429, None, 60),
        (500, "90", 60),  # says nothing about time
        (302, "90", 60),
        (None, None, 60),
    ],
)
def test_retry_after_is_clamped_between_the_schedule_and_twice_of_it(monkeypatch, status, retry_after, expected_s):
    monkeypatch.setattr(clock.time, "time", lambda: 1_795_428_000.0)  # 2026-11-23 10:00:00 UTC
    assert wait(DEFAULT, 0, status=status, retry_after=retry_after) == expected_s * 1000


@pytest.mark.parametrize("status", [429, None])
def test_timeouts_and_429_wait_a_minute_unless_the_operator_chose_shorter_waits(status):
    assert wait(DEFAULT, 0, status=status) >= 60_000
    assert wait(SHORT, 0, status=status) == 1_000

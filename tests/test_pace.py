"""Windows, probes, rates, and the room that all endpoints share."""

import itertools

import pytest

from gateway.jobs import slots as slots_module
from gateway.jobs.pace import DEAD_AFTER, DEAD_PAUSE_S, WINDOW_MAX, Pace
from gateway.jobs.slots import Slots


@pytest.mark.parametrize(
    ("outcomes", "window"),
    [
        ("", 4),
        ("+", 8),
        ("++", WINDOW_MAX),
        ("++++", WINDOW_MAX),
        ("-", 2),
        ("--", 1),
        ("------", 1),
        ("++----", 1),
        ("++---", 2),
        ("----+", 2),
        ("----+++", 8),
    ],
)
def test_success_doubles_the_window_and_failure_halves_it(outcomes, window):
    pace = Pace(failures=0)
    for outcome in outcomes:
        pace.begin(1)
        pace.end(0.0, success=outcome == "+")
    assert pace.window == window
    assert pace.is_probing == (window == 1)


@pytest.mark.parametrize(("failures", "window"), [(0, 4), (1, 2), (2, 1), (5, 1), (10_000_000, 1)])
def test_failures_known_from_before_a_restart_count(failures, window):
    assert Pace(failures).room(0.0) == window


def test_room_is_what_the_window_leaves():
    pace = Pace(failures=0)
    assert pace.room(0.0) == 4
    pace.begin(3)
    assert pace.room(0.0) == 1
    pace.begin(-1)
    assert pace.room(0.0) == 2
    for _ in range(2):
        pace.end(0.0, success=False)
    assert pace.room(0.0) == 1
    pace.begin(1)
    assert pace.room(0.0) == 0


def test_a_rate_lets_a_second_s_worth_through_at_once_and_then_one_by_one():
    pace = Pace(failures=0)
    for _ in range(2):
        pace.begin(1)
        pace.end(0.0, success=True)
    pace.set_rate(5)
    assert pace.room(100.0) == 5
    pace.begin(5)
    assert pace.room(100.0) == 0
    assert pace.room(100.19) == 0
    assert pace.room(100.21) == 1
    assert pace.room(200.0) == 5
    pace.set_rate(None)
    assert pace.room(200.0) == WINDOW_MAX - 5


def test_a_rate_holds_however_the_tokens_are_asked_for():
    pace, sent = Pace(failures=0), 0
    for step in range(1001):
        pace.set_rate(7)
        taken = pace.room(step / 100)
        pace.begin(taken)
        sent += taken
        for _ in range(taken):
            pace.end(step / 100, success=True)
    assert sent in (76, 77), "ten seconds, and the bucket that was full at the start"


def test_an_endpoint_that_seems_dead_is_probed_with_pauses_until_the_first_success():
    pace, probes = Pace(failures=0), []
    for step in range(2_000):
        if pace.room(step / 100):
            pace.begin(1)
            pace.end(step / 100, success=False)
            probes.append(step / 100)
    burst, paused = probes[:DEAD_AFTER], probes[DEAD_AFTER:]
    assert burst[-1] < 1.0, "a handful of deliveries keep to their schedule"
    assert {round(later - earlier, 1) for earlier, later in itertools.pairwise(paused)} == {DEAD_PAUSE_S}
    pace.begin(1)
    pace.end(20.0, success=True)
    assert pace.room(20.0) == 2


def test_an_endpoint_known_to_be_dead_rests_after_the_first_failure():
    pace = Pace(failures=DEAD_AFTER)
    assert pace.room(0.0) == 1
    pace.begin(1)
    pace.end(0.0, success=False)
    assert (pace.room(0.5), pace.room(1.0)) == (0, 1)


def test_failing_endpoints_leave_room_for_the_others(monkeypatch):
    monkeypatch.setattr(slots_module, "IN_FLIGHT_MAX", 10)
    monkeypatch.setattr(slots_module, "PROBES_MAX", 3)
    slots = Slots(monotonic=lambda: 0.0)
    probes = [slots.take(f"dead-{number}", failures=9, rate_per_s=None) for number in range(6)]
    assert probes == [1, 1, 1, 0, 0, 0]
    assert [slots.take(f"healthy-{number}", failures=0, rate_per_s=None) for number in range(8)] == [1] * 7 + [0]
    slots.end("dead-0", success=False)
    assert slots.take("dead-0", failures=9, rate_per_s=None) == 1
    assert slots.in_flight == 10
    slots.give_back("healthy-0", 1)
    assert slots.take_more("healthy-1") == 0, "who has some makes way for who has none"
    assert slots.take("healthy-7", failures=0, rate_per_s=None) == 1


def test_many_that_hang_at_once_leave_room_for_the_others():
    """They were healthy a moment ago, so their windows are wide; each has a long queue, and none answers any more."""
    slots = Slots(monotonic=lambda: 0.0)
    hanging = [f"hanging-{number}" for number in range(2 * slots_module.IN_FLIGHT_MAX // WINDOW_MAX)]
    for name in hanging:
        for _ in range(2):
            taken = slots.take(name, failures=0, rate_per_s=None)
            slots.end(name, success=True)
            slots.give_back(name, taken - 1)
    for _ in range(WINDOW_MAX):
        for name in hanging:
            slots.take_more(name)
    assert slots.in_flight > slots_module.IN_FLIGHT_MAX * 0.9, "what there is is used"
    for number in range(3):
        assert slots.take(f"healthy-{number}", failures=0, rate_per_s=None) == 1

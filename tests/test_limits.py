"""Rate limits: so many a minute for each caller, in a burst or evenly."""

import pytest

from gateway import limits
from gateway.errors import RateLimited
from gateway.limits import Limiter


class Monotonic:
    s = 100.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Monotonic:
    return Monotonic()


def allowed(limiter: Limiter, caller: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limiter.count(caller)
            count += 1
        except RateLimited:
            pass
    return count


def test_a_minutes_worth_may_come_at_once_and_no_more(clock):
    assert allowed(Limiter(60, "requests", clock), "alice", 100) == 60


@pytest.mark.parametrize(("waited_s", "allowed_then"), [(0.5, 0), (1, 1), (10, 10), (60, 60), (3_600, 60)])
def test_what_was_used_comes_back_with_time(clock, waited_s, allowed_then):
    limiter = Limiter(60, "requests", clock)
    allowed(limiter, "alice", 60)
    clock.s += waited_s
    assert allowed(limiter, "alice", 100) == allowed_then


def test_callers_do_not_share(clock):
    limiter = Limiter(1, "requests", clock)
    assert [allowed(limiter, caller, 2) for caller in ("alice", "bob", "alice")] == [1, 1, 0]


def test_nothing_is_limited_by_0(clock):
    assert allowed(Limiter(0, "requests", clock), "alice", 10_000) == 10_000


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600])
def test_who_waits_as_long_as_it_was_told_is_let_in(clock, per_minute):
    limiter = Limiter(per_minute, "requests with this key", clock)
    allowed(limiter, "alice", per_minute)
    with pytest.raises(RateLimited) as refused:
        limiter.count("alice")
    assert refused.value.status == 429
    assert refused.value.retry_after_s >= 1
    assert "requests with this key" in refused.value.description
    clock.s += refused.value.retry_after_s
    limiter.count("alice")


def test_refused_tries_do_not_push_the_next_one_away(clock):
    limiter = Limiter(60, "requests", clock)
    allowed(limiter, "alice", 1_000)
    clock.s += 1
    limiter.count("alice")


def test_the_memory_is_bounded(clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "CALLERS_MAX", 2)
    limiter = Limiter(1, "requests", clock)
    for caller in ("alice", "bob", "carol"):
        limiter.count(caller)
    assert allowed(limiter, "carol", 1) == 0
    assert allowed(limiter, "alice", 1) == 1, "who was forgotten starts anew"

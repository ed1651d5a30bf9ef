"""Rate limits: a bucket of tokens for each caller, in memory, refilled by the minute."""

import time
from collections import OrderedDict

from gateway.errors import RateLimited

CALLERS_MAX = 100_000  # the longest unseen are forgotten first, which only ever gives them a full bucket


class Limiter:
    """Lets `per_minute` calls through per caller, in a burst or evenly; 0 lets everything through."""

    def __init__(self, per_minute: int, what: str, monotonic=time.monotonic):
        self._per_minute = per_minute
        self._what = what
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, caller: str) -> None:
        """Takes a token; raises RateLimited with the time until the next one."""
        if not self._per_minute:
            return
        now, per_second = self._monotonic(), self._per_minute / 60
        tokens, at = self._buckets.pop(caller, (float(self._per_minute), now))
        tokens = min(self._per_minute, tokens + (now - at) * per_second)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - allowed, now)
        if len(self._buckets) > CALLERS_MAX:
            self._buckets.popitem(last=False)
        if not allowed:
            wait_s = max(1, round((1 - tokens) / per_second + 0.5))
            raise RateLimited(f"Too many {self._what}. Try again in {wait_s} s.", retry_after_s=wait_s)

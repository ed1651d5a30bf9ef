"""How fast one endpoint is served: a window of attempts in flight that grows and shrinks, and a bucket of tokens."""

import math

WINDOW_MAX = 16  # attempts in flight for a healthy endpoint; a small receiver has about as many workers
WINDOW_FIRST = 4  # for one that has not proved itself in this process

# An endpoint that fails at once would otherwise burn through a backlog of thousands, and its log with it.
DEAD_AFTER = 100  # failures in a row
DEAD_PAUSE_S = 1.0  # between two probes then


class Pace:
    """What one endpoint can take at the moment; times are seconds of a clock that never goes back.

    Every success doubles the window and every failure halves it, so four failures in a row leave one attempt at a
    time: a probe. After many there is a pause between two probes. The rate is the owner's own limit. Waiting, for
    whatever reason, uses up no attempt.
    """

    __slots__ = ("_failures", "_rate_per_s", "_rests_until_s", "_tokens", "_tokens_at_s", "in_flight", "window")

    def __init__(self, failures: int):
        """`failures` in a row are known from before."""
        self.in_flight = 0
        self.window = max(1, WINDOW_FIRST >> failures)
        self._failures = failures
        self._rests_until_s = -math.inf
        self._rate_per_s: float = math.inf
        self._tokens: float = math.inf
        self._tokens_at_s = 0.0

    @property
    def is_probing(self) -> bool:
        return self.window == 1

    def set_rate(self, rate_per_s: int | None) -> None:
        """Takes over the owner's limit, which may have changed; None lifts it."""
        if rate_per_s is None:
            self._rate_per_s = self._tokens = math.inf
        else:
            self._rate_per_s, self._tokens = rate_per_s, min(self._tokens, rate_per_s)

    def room(self, now_s: float) -> int:
        """How many more attempts may start now."""
        if now_s < self._rests_until_s:
            return 0
        return max(0, min(self.window - self.in_flight, self._tokens_left(now_s)))

    def begin(self, count: int) -> None:
        """Counts attempts that start now; a negative number gives back what did not start."""
        self.in_flight += count
        self._tokens -= count

    def end(self, now_s: float, *, success: bool) -> None:
        """Counts an attempt that is over."""
        self.in_flight -= 1
        if success:
            self.window, self._failures, self._rests_until_s = min(WINDOW_MAX, self.window * 2), 0, -math.inf
            return
        self.window, self._failures = max(1, self.window // 2), self._failures + 1
        if self._failures >= DEAD_AFTER:
            self._rests_until_s = now_s + DEAD_PAUSE_S

    def _tokens_left(self, now_s: float) -> int:
        """Whole tokens in the bucket, which holds those of one second."""
        if self._rate_per_s == math.inf:
            return WINDOW_MAX
        gained = (now_s - self._tokens_at_s) * self._rate_per_s
        self._tokens, self._tokens_at_s = min(self._rate_per_s, self._tokens + gained), now_s
        return int(self._tokens)

"""The only clock: tests move it, everything else reads it."""

import time
from datetime import UTC, datetime
from functools import lru_cache

_offset_ms = 0


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return int(time.time() * 1000) + _offset_ms


def forward(seconds: float) -> None:
    """Moves the clock of this process; for tests and the test clock only."""
    global _offset_ms
    _offset_ms += int(seconds * 1000)


def rfc3339(ms: int | None) -> str | None:
    """`1705315870123` becomes `2024-01-15T10:51:10.123Z`."""
    if ms is None:
        return None
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=1_024)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")

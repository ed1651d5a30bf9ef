"""The machine that the figures belong to, and which of its cores does what."""

import contextlib
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.server import REAL_DISK, sqlite3

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keeps this process on one core inside."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def facts() -> dict:
    """What somebody needs to know who compares the figures with those of another machine."""
    return {
        "cores": len(CORES),
        "processor": _first("/proc/cpuinfo", "model name"),
        "memory_mb": int(_first("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "filesystem": _filesystem(REAL_DISK),
        "server_core": SERVER_CORE,
        "load_core": LOAD_CORE,
    }


def load_average() -> list[float]:
    """Over 1, 5 and 15 minutes: above the number of cores, others are taking their share."""
    return [round(average, 2) for average in os.getloadavg()]


def _first(file: str, name: str) -> str:
    lines = (line.partition(":") for line in Path(file).read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "0 unknown")


def _filesystem(path: str) -> str:
    return subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True).stdout.strip()

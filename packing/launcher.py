"""Runs first in the packed program, and makes up for what its launcher cannot do once it is killed.

The one file is a launcher: it unpacks itself into a folder of the temporary directory, runs the gateway as its child,
and removes the folder afterwards. `kill -9` hits the launcher alone. So the kernel is asked to let the gateway go down
with it, and the next start removes the folders that killed ones left behind.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import IO

SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
KILLED = 128 + signal.SIGKILL
LOCK_NAME = "gateway.lock"


def go_down_with_the_launcher() -> None:
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if _launcher_is_gone():
        os._exit(KILLED)


def _launcher_is_gone() -> bool:
    """Whether it was killed before the kernel had been asked: the parent then has another name than this program."""
    if not Path("/proc/self/comm").exists():
        return False
    try:
        return Path(f"/proc/{os.getppid()}/comm").read_text() != Path("/proc/self/comm").read_text()
    except OSError:
        return True


def remove_what_killed_ones_left(temporary: Path) -> None:
    for path in temporary.glob(f"_MEI*/{LOCK_NAME}"):
        with path.open() as lock:
            if _taken(lock):
                shutil.rmtree(path.parent, ignore_errors=True)


def lock(folder: Path) -> IO:
    """Marks the folder as in use for as long as the answer lives; it gets its name only once it is locked."""
    unnamed = folder / "locking"
    held = unnamed.open("w")
    assert _taken(held)
    unnamed.rename(folder / LOCK_NAME)
    return held


def _taken(lock: IO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if sys.platform == "linux":
    go_down_with_the_launcher()
    unpacked = Path(sys._MEIPASS)  # type: ignore[attr-defined]
    remove_what_killed_ones_left(unpacked.parent)
    held = lock(unpacked)

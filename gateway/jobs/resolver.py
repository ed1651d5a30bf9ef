"""Names become addresses in threads of their own, because `getaddrinfo` can neither be awaited nor interrupted."""

import asyncio
import math
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address

THREADS_MAX = 32  # A name whose server is silent holds one of them for up to half a minute.
ADDRESSES_MAX = 8  # Of one name; more would only be more ways to wait.
REMEMBERED_S = (
    5.0  # A burst to one host asks once. Nothing is gained by rebinding: what is remembered is checked again.
)
# Names whose servers are silent may hold every thread. What was found lately is then taken to be where it was.
PATIENCE_S = 0.25
STALE_S = 3600.0
NAMES_REMEMBERED_MAX = 4096

Lookup = Callable[[str], Sequence[str]]


def look_up(host: str) -> list[str]:
    """The addresses of a host in the order the system prefers them; raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for family, *_, sockaddr in found if family in (socket.AF_INET, socket.AF_INET6)]


@lru_cache(NAMES_REMEMBERED_MAX)
def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


class Resolver:
    """Looks names up for one event loop: each name once at a time, however many wait for it.

    Its threads are daemons, so that a lookup which hangs does not keep the process from ending.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, lookup: Lookup | None = None):
        self._loop = loop
        self._lookup = lookup or look_up
        self._jobs: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._threads = 0
        self._awaited: dict[str, asyncio.Future] = {}
        self._remembered: dict[str, tuple[float, tuple[str, ...]]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Where the host is found; raises OSError or UnicodeError. Waits as long as the caller lets it."""
        if _is_address(host):
            return (host,)
        found_s, found = self._remembered.get(host, (-math.inf, ()))
        age_s = self._loop.time() - found_s
        if age_s < REMEMBERED_S:
            return found
        asked = self._awaited.get(host) or self._ask(host)
        if age_s < STALE_S and not (await asyncio.wait({asked}, timeout=PATIENCE_S))[0]:
            return found
        outcome = await asyncio.shield(asked)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Lets idle threads end; those in a lookup end after it."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _ask(self, host: str) -> asyncio.Future:
        future = self._awaited[host] = self._loop.create_future()
        if self._threads < min(len(self._awaited), THREADS_MAX):
            self._threads += 1
            threading.Thread(target=self._work, name=f"resolver-{self._threads}", daemon=True).start()
        self._jobs.put(host)
        return future

    def _work(self) -> None:
        while (host := self._jobs.get()) is not None:
            outcome = self._outcome(host)
            with suppress(RuntimeError):  # The loop was closed while the lookup hung.
                self._loop.call_soon_threadsafe(self._settle, host, outcome)

    def _outcome(self, host: str) -> tuple[str, ...] | Exception:
        try:
            return tuple(dict.fromkeys(self._lookup(host)))[:ADDRESSES_MAX]
        except Exception as problem:
            return problem

    def _settle(self, host: str, outcome: tuple[str, ...] | Exception) -> None:
        if not isinstance(outcome, Exception):
            if len(self._remembered) >= NAMES_REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[host] = (self._loop.time(), outcome)
        self._awaited.pop(host).set_result(outcome)

"""Webhooks leave here: one thread and one event loop, so that a thousand silent receivers cost sockets, not threads."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]

from gateway.addresses import Network
from gateway.jobs.connections import IDLE_EXPIRY_S
from gateway.jobs.courier import Answer, Courier, Request
from gateway.jobs.http_client import ERRORS
from gateway.jobs.resolver import Lookup

__all__ = ["ERRORS", "Answer", "Request", "Sender", "SenderFull", "SenderStopped"]

IN_FLIGHT_MAX = 1000  # Each one is a socket, and with TLS about 100 KB.
SWEEP_S = IDLE_EXPIRY_S / 3
REPORT_S = 2.0  # When the sender stops: for reports of answers that are being written down on its loop.
STOP_SLACK_S = 5.0  # When the sender stops: for that, and for closing what is open.

log = logging.getLogger(__name__)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed: the same behaviour at half the cost."""
    return uvloop.new_event_loop() if uvloop else asyncio.new_event_loop()


class SenderFull(RuntimeError):
    """More than IN_FLIGHT_MAX requests at once: whoever claims deliveries must claim fewer."""


class SenderStopped(RuntimeError):
    """The sender does not run, or stopped before there was an answer."""


class Sender:
    """Sends requests and reports their answers; safe to call from any thread between `start` and `stop`.

    `allow_private` opens networks that are closed by default (see gateway/addresses.py). `resolve` replaces the
    system's resolver; it is given a host, may block, and returns addresses.
    """

    def __init__(self, allow_private: tuple[Network, ...] = (), resolve: Lookup | None = None):
        self._allow_private = allow_private
        self._lookup = resolve
        self._lock = threading.Lock()
        self._running = False
        self._in_flight = 0
        self._calls: set[asyncio.Task] = set()
        self._loop: asyncio.AbstractEventLoop
        self._courier: Courier
        self._stopping: asyncio.Event
        self._thread: threading.Thread
        self._grace_s: float

    @property
    def in_flight(self) -> int:
        """How many requests were taken and have not been answered yet."""
        return self._in_flight

    def start(self) -> None:
        """Starts the thread; once, because a sender that was stopped stays so."""
        self._loop = new_event_loop()
        self._loop.set_exception_handler(_log_unless_reported)
        self._courier = Courier(self._loop, self._allow_private, self._lookup)
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="webhook-sender", daemon=True)
        self._running = True
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Takes no more, gives what is in flight `timeout_s` to end, and cancels the rest, which reports nothing.

        Tasks that a `done` has started on the sender's loop may end; they get two seconds at most.
        """
        with self._lock:
            if not self._running:
                return
            self._running = False
            self._grace_s = timeout_s
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout_s + STOP_SLACK_S)

    def send(self, request: Request, done: Callable[[Answer], object]) -> None:
        """Sends and returns at once; `done` is called with the Answer on the sender's own loop, so it must be quick.

        Raises SenderFull or SenderStopped, and then sends nothing.
        """
        with self._lock:
            self._admit()
            self._loop.call_soon_threadsafe(self._begin, request, done)

    async def post(self, request: Request) -> Answer:
        """The same for coroutines of any loop; raises SenderStopped if the sender stops before there is an answer."""
        with self._lock:
            self._admit()
            answer = asyncio.run_coroutine_threadsafe(self._tracked(request), self._loop)
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                raise
            raise SenderStopped("The sender stopped before the receiver answered") from None

    def _admit(self) -> None:
        if not self._running:
            raise SenderStopped("The sender does not run")
        if self._in_flight >= IN_FLIGHT_MAX:
            raise SenderFull(f"{IN_FLIGHT_MAX} requests are in flight")
        self._in_flight += 1

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        finally:
            self._running = False

    async def _serve(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), SWEEP_S)
            self._courier.expire()
        await _ended(self._calls, self._grace_s)
        for call in self._calls:
            call.cancel()
        await _ended(asyncio.all_tasks() - {asyncio.current_task()}, REPORT_S)
        self._courier.close()

    def _begin(self, request: Request, done: Callable[[Answer], object]) -> None:
        self._loop.create_task(self._deliver(request, done))

    async def _deliver(self, request: Request, done: Callable[[Answer], object]) -> None:
        answer = await self._tracked(request)
        try:
            done(answer)
        except Exception:
            log.exception("The answer to a webhook could not be reported")

    async def _tracked(self, request: Request) -> Answer:
        call = asyncio.current_task()
        self._calls.add(call)  # type: ignore[arg-type]
        try:
            return await self._courier.deliver(request)
        finally:
            self._calls.discard(call)
            with self._lock:
                self._in_flight -= 1


async def _ended(tasks: set, timeout_s: float) -> None:
    """Waits until the tasks have ended, as long as that."""
    if tasks:
        await asyncio.wait(set(tasks), timeout=timeout_s)


def _log_unless_reported(loop: asyncio.AbstractEventLoop, context: dict) -> None:
    """The Answer already tells what ended a connection; uvloop tells it again when a TLS handshake was cancelled."""
    if context.get("message") == "Fatal error on SSL protocol":
        return log.debug("%s: %s", context["message"], context.get("exception"))
    loop.default_exception_handler(context)

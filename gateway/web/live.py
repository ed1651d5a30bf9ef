"""Streams of server-sent events: a browser hears of what it watches until it goes, or the server stops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sanic import Request

from gateway import watch
from gateway.errors import Unavailable

STREAMS_MAX = 2_000
WAITING_MAX = 64  # changes kept for a slow browser; beyond that the oldest go, since each stream reads anew
LOOK_EVERY_S = 5.0  # how late a change by another process is seen, and how often a silent stream is proven alive
RETRY_MS = 2_000
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}

# Given a change, or None at first and when it is time to look; returns what to send and whether that was the last.
Produce = Callable[[Any], Awaitable[tuple[list[bytes], bool]]]


class Live:
    """The streams that are open, by topic. Lives on the server's event loop."""

    def __init__(self, app):
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._streams: dict[str, set[asyncio.Queue]] = {}
        app.before_server_start(self._start)
        app.before_server_stop(self._stop)

    async def _start(self, app) -> None:
        self._loop = app.loop
        watch.connect(self._streams, self._from_any_thread)

    async def _stop(self, app) -> None:
        watch.disconnect()
        self._stopping.set()

    def _from_any_thread(self, topic: str, what: Any) -> None:
        assert self._loop
        self._loop.call_soon_threadsafe(self._publish, topic, what)

    def _publish(self, topic: str, what: Any) -> None:
        for changes in self._streams.get(topic, ()):
            if changes.full():
                changes.get_nowait()
            changes.put_nowait(what)

    async def serve(self, request: Request, topic: str, produce: Produce) -> None:
        """Answers with a stream of what `produce` makes of each change, until it says that it is done.

        Raises Unavailable where too many streams are open; the browser then asks from time to time instead.
        """
        with self._subscribed(topic) as changes:
            response = await request.respond(headers=HEADERS, content_type="text/event-stream; charset=utf-8")
            await response.send(f"retry: {RETRY_MS}\n\n")
            async for change in self._changes(changes):
                chunks, done = await produce(change)
                await response.send(b"".join(chunks) or b": ping\n\n")
                if done:
                    break
            await response.eof()

    async def _changes(self, changes: asyncio.Queue) -> AsyncIterator[Any]:
        """None at once and whenever it is time to look, and every change in between; ends when the server stops."""
        yield None
        while not self._stopping.is_set():
            next_change = asyncio.ensure_future(changes.get())
            stopping = asyncio.ensure_future(self._stopping.wait())
            waits = {next_change, stopping}
            try:
                done, _ = await asyncio.wait(waits, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            if stopping in done:
                return
            yield next_change.result() if next_change in done else None

    @contextmanager
    def _subscribed(self, topic: str) -> Iterator[asyncio.Queue]:
        if sum(map(len, self._streams.values())) >= STREAMS_MAX:
            raise Unavailable("Too many live streams are open; ask from time to time instead.")
        changes: asyncio.Queue = asyncio.Queue(WAITING_MAX)
        self._streams.setdefault(topic, set()).add(changes)
        try:
            yield changes
        finally:
            self._streams[topic].discard(changes)
            if not self._streams[topic]:
                del self._streams[topic]


def event(data: bytes, *, name: str = "", event_id: str = "") -> bytes:
    """One event; `data` is a single line, such as JSON."""
    lines = [f"event: {name}"] * bool(name) + [f"id: {event_id}"] * bool(event_id)
    return "".join(f"{line}\n" for line in lines).encode() + b"data: " + data + b"\n\n"

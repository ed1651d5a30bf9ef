"""The whole way of a webhook inside one process: store, queue, dispatcher, sender, and receivers that keep a diary."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial

from gateway import bell, webhooks
from gateway.config import Config
from gateway.jobs.dispatch import Dispatcher
from gateway.jobs.queue import Jobs, Lane
from gateway.jobs.sender import Sender
from tests.receivers import OK, Peer
from tests.sending import LOOPBACK
from tests.shop import Shop

WAIT_S = 15


@contextmanager
def post_office(shop: Shop, folder, *, allow_private=LOOPBACK):
    """Delivers what the shop's events demand, as the server does; yields the dispatcher."""
    config = Config(data_dir=folder, webhooks=shop.policy)
    sender = Sender(allow_private)
    dispatcher = Dispatcher(store=shop.store, master=shop.master, sender=sender, config=config)
    lane = Lane("deliveries", f"sqlite:///{folder}/queue.db", 1, {bell.DELIVERIES: dispatcher.work})
    jobs = Jobs([lane], lambda: [bell.DELIVERIES] if shop.store.read_now(webhooks.is_due) else [])
    sender.start()
    bell.connect(jobs.ring)
    jobs.start()
    try:
        yield dispatcher
    finally:
        bell.connect(None)
        jobs.stop()
        sender.stop(0)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Returns as soon as the condition holds; fails if it does not within a generous time."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: this did not happen within {WAIT_S} s"
        threading.Event().wait(0.005)


class Diary:
    """A scene for a receiver: answers after `takes_s`, and notes what came when and beside how many others.

    `script` are the first answers, one for each request; after it, and without it, everything is welcome. `pause` is
    called before each answer, and may be replaced.
    """

    def __init__(self, script: list[bytes] | None = None, takes_s: float = 0.0):
        self._script = list(script or [])
        self.pause: Callable[[], object] = partial(threading.Event().wait, takes_s) if takes_s else lambda: None
        self._lock = threading.Lock()
        self._present = 0
        self.arrived: dict[str, float] = {}
        self.ids: list[str] = []
        self.beside: list[int] = []

    def __call__(self, peer: Peer) -> None:
        while request := peer.read_request():
            with self._lock:
                self._note(request)
                answer = self._script.pop(0) if self._script else OK
            self.pause()
            with self._lock:
                self._present -= 1
            peer.send(answer)

    def _note(self, request: bytes) -> None:
        self._present += 1
        self.beside.append(self._present)
        event_id = header(request, "webhook-id")
        self.ids.append(event_id)
        self.arrived.setdefault(event_id, time.monotonic())


def header(request: bytes, name: str) -> str:
    """A header of a raw request."""
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return next(value for key, _, value in (line.partition(": ") for line in lines) if key.lower() == name.lower())


def status(code: int, *headers: str) -> bytes:
    """A short raw answer."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {code} Whatever", "Content-Length: 0", *headers))
    return f"{head}\r\n".encode()

"""Deliveries go out: what is due is claimed, signed and handed to the sender, and the answer is written down.

What is due stands in the rows; what is known here may be forgotten. Waiting for a receiver is left to the sender's
event loop, so that no thread is held by one.
"""

import asyncio
import logging
import random
from functools import partial

from gateway import deliveries, webhooks
from gateway.errors import Unavailable
from gateway.jobs.sender import Answer, Request, Sender
from gateway.jobs.slots import Slots
from gateway.webhooks import Claimed

log = logging.getLogger("gateway.webhooks")

CANNOT_SEND = Answer(
    None, webhooks.OWN_FAULT, "The gateway could not sign this webhook; its log says more.", None, 0, None, b""
)
STORE_PAUSES_S = (0.5, 2.0, 5.0)  # a store that refuses gets this much time to take an answer


class Dispatcher:
    """Carries deliveries from the rows to the sender and back; `work` may be called from any thread."""

    def __init__(self, *, store, master, sender: Sender, config):
        self._store = store
        self._master = master
        self._sender = sender
        self._policy = config.webhooks
        self._slots = Slots()
        self._settling: set[asyncio.Task] = set()

    def work(self) -> None:
        """Starts what is due, as far as there is room; never waits for a receiver."""
        waiting, recovering = self._store.read_now(_look)
        if recovering:
            self._store.write_now(deliveries.recover_some)
        random.shuffle(waiting)  # When there is room for a few only, everybody shall have a turn.
        rooms = {}
        for known in waiting:
            room = self._slots.take(known.endpoint_id, failures=known.failures, rate_per_s=known.rate_per_s)
            if room:
                rooms[known.endpoint_id] = room
        batches = self._store.write_each([(webhooks.claim, *entry) for entry in rooms.items()])
        for (endpoint_id, room), batch in zip(rooms.items(), batches, strict=True):
            if isinstance(batch, BaseException):
                log.error("cannot claim deliveries: %s", batch)
                batch = []
            self._start(endpoint_id, room, batch)

    def _start(self, endpoint_id: str, room: int, batch: list[Claimed]) -> None:
        """Sends what was claimed and gives back the room that it does not need."""
        self._slots.give_back(endpoint_id, room - len(batch))
        units: list[tuple] = []
        for number, claimed in enumerate(batch):
            try:
                self._sender.send(self._request(claimed), partial(self._answered, claimed))
            except RuntimeError:  # The sender is full or has stopped.
                unsent = batch[number:]
                self._slots.give_back(endpoint_id, len(unsent))
                units.append((webhooks.release, unsent))
                break
            except Exception:
                log.exception("delivery %s cannot be sent", claimed.id)
                self._slots.end(endpoint_id, success=False)
                units.append((webhooks.settle, claimed, CANNOT_SEND, self._policy))
        # Only now, when all room is accounted for: the store may refuse, and then the claims lapse.
        for error in filter(None, self._store.write_each(units)):
            log.error("cannot write down what was not sent: %s", error)

    def _request(self, claimed: Claimed) -> Request:
        url, timeout_s = claimed.endpoint.url, claimed.endpoint.timeout_s or self._policy.timeout
        assert url, "only what has a URL is claimed"
        return Request(url, webhooks.headers(claimed, self._master), claimed.body, timeout_s)

    def _answered(self, claimed: Claimed, answer: Answer) -> None:
        task = asyncio.get_running_loop().create_task(self._settle(claimed, answer))
        self._settling.add(task)  # The loop itself keeps only weak references.
        task.add_done_callback(self._settling.discard)

    async def _settle(self, claimed: Claimed, answer: Answer) -> None:
        """Writes the answer down and goes on with the next delivery to the same endpoint."""
        endpoint_id = claimed.endpoint.id
        self._slots.end(endpoint_id, success=webhooks.is_success(answer.status))
        room = self._slots.take_more(endpoint_id)
        batch = await self._written(claimed, answer, room)
        self._start(endpoint_id, room, batch)

    async def _written(self, claimed: Claimed, answer: Answer, room: int) -> list[Claimed]:
        for pause_s in (*STORE_PAUSES_S, None):
            try:
                return await self._store.write_aside(webhooks.settle_and_claim, claimed, answer, self._policy, room)
            except Unavailable as refusal:
                if pause_s is None:
                    log.error("the answer to %s is lost, it will be sent again: %s", claimed.id, refusal)
                    break
                await asyncio.sleep(pause_s)
            except Exception:
                log.exception("the answer to %s cannot be written down, it will be sent again", claimed.id)
                break
        return []


def _look(tx) -> tuple[list[webhooks.Waiting], bool]:
    """Which endpoints have something due, and whether there is anything to recover."""
    return webhooks.waiting(tx), webhooks.is_recovering(tx)

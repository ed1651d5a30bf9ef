"""One attempt to deliver, from a URL to an Answer: resolve, check, dial, ask, all within one deadline."""

import asyncio
import logging
import math
from dataclasses import dataclass, field

from gateway import addresses
from gateway.addresses import Network, Target
from gateway.errors import BadRequest
from gateway.jobs.connections import Connection, Pool, dial, tls_context
from gateway.jobs.http_client import Failure, Reply, Unheard, request_bytes
from gateway.jobs.resolver import Lookup, Resolver

LATE = {
    "dns": ("dns", "The name was not resolved within {:g} s"),
    "connection": ("connect_timeout", "There was no connection within {:g} s"),
    "answer": ("timeout", "There was no answer within {:g} s"),
    "rest": ("timeout", "The rest of the answer did not come within {:g} s"),
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A POST; `timeout_s` is wall clock for all of it: name, connection, TLS, sending and the whole answer."""

    url: str
    headers: dict[str, str]
    body: bytes
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended: with a `status`, or else with an `error`, which is a key of ERRORS.

    `detail` is a sentence for the delivery log; `address` the one that was dialled; `body` at most the first 16 KiB,
    as they were sent. A status that came in time stands even if the rest of the answer did not.
    """

    status: int | None
    error: str | None
    detail: str | None
    address: str | None
    duration_ms: int
    retry_after: str | None
    body: bytes


@dataclass(slots=True)
class _Call:
    """How far a request has come, so that its deadline finds what there is to report."""

    request: Request
    started_s: float
    waits_for: str = "dns"
    address: str | None = None
    reply: Reply = field(default_factory=Reply)

    @property
    def deadline_s(self) -> float:
        return self.started_s + self.request.timeout_s

    def lateness(self) -> Failure:
        error, detail = LATE[self.waits_for if self.reply.status is None else "rest"]
        return Failure(error, detail.format(self.request.timeout_s))

    def answer(self, failure: Failure | None, now_s: float) -> Answer:
        known = self.reply.status is not None
        assert known or failure is not None
        return Answer(
            status=self.reply.status,
            error=None if known or failure is None else failure.error,
            detail=failure.detail if failure else None,
            address=self.address,
            duration_ms=round((now_s - self.started_s) * 1000),
            retry_after=self.reply.retry_after if known else None,
            body=bytes(self.reply.body),
        )


class Courier:
    """Carries requests for one event loop and keeps the connections that can be used again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, allow_private: tuple[Network, ...], lookup: Lookup | None):
        self._loop = loop
        self._allow_private = allow_private
        self._resolver = Resolver(loop, lookup)
        self._pool = Pool()
        self._tls = tls_context()

    def expire(self) -> None:
        """Drops connections that have been idle for too long; to be called every few seconds."""
        self._pool.expire(self._loop.time())

    def close(self) -> None:
        self._pool.expire(math.inf)
        self._resolver.close()

    async def deliver(self, request: Request) -> Answer:
        """One attempt; whatever comes of it is an Answer."""
        call = _Call(request, self._loop.time())
        failure = await self._attempt(call)
        return call.answer(failure, self._loop.time())

    async def _attempt(self, call: _Call) -> Failure | None:
        try:
            async with asyncio.timeout_at(call.deadline_s):
                await self._exchange(call)
        except TimeoutError:
            return call.lateness()
        except Failure as failure:
            return failure
        except Exception:
            log.exception("A webhook could not be sent")
            return Failure("internal", "The gateway made a mistake; its log says more")
        return call.reply.failure

    async def _exchange(self, call: _Call) -> None:
        target = _target(call.request.url)
        message = request_bytes(target, call.request.headers, call.request.body)
        dialable = await self._dialable(target.host)
        connection = self._idle_connection(target, dialable)
        if connection:
            await self._ask(call, connection, message)
            if not isinstance(call.reply.failure, Unheard):
                return
        call.reply = Reply()
        await self._ask(call, await self._connect(call, target, dialable), message)

    async def _dialable(self, host: str) -> list[str]:
        """The addresses of the host that may be dialled; raises Failure if there is none."""
        try:
            found = await self._resolver.addresses(host)
        except (OSError, UnicodeError) as problem:
            raise Failure("dns", f"{host} was not found: {getattr(problem, 'strerror', None) or problem}") from problem
        refusals = [addresses.verdict(address, self._allow_private) for address in found]
        dialable = [address for address, refusal in zip(found, refusals, strict=True) if refusal is None]
        if dialable:
            return dialable
        raise Failure("blocked", str(refusals[0])) if found else Failure("dns", f"{host} has no address")

    def _idle_connection(self, target: Target, dialable: list[str]) -> Connection | None:
        return next(filter(None, (self._pool.take(target, address) for address in dialable)), None)

    async def _connect(self, call: _Call, target: Target, dialable: list[str]) -> Connection:
        """Tries one address after the other; each may use its share of the time that is left."""
        call.waits_for = "connection"
        for tried, address in enumerate(dialable):
            call.address = address
            now_s = self._loop.time()
            try:
                async with asyncio.timeout_at(now_s + (call.deadline_s - now_s) / (len(dialable) - tried)):
                    return await dial(target, address, self._tls)
            except TimeoutError:
                failure = call.lateness()
            except Failure as caught:
                failure = caught
        raise failure

    async def _ask(self, call: _Call, connection: Connection, message: bytes) -> None:
        call.waits_for = "answer"
        call.address = connection.address
        await connection.ask(message, call.reply)
        if call.reply.reusable:
            self._pool.keep(connection, self._loop.time())


def _target(url: str) -> Target:
    try:
        return addresses.target(url)
    except BadRequest as refusal:
        raise Failure("blocked", refusal.description) from refusal

"""The door between the network and the handlers: it measures, times and counts whatever comes in."""

import asyncio
import inspect
import resource
import sys
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from time import monotonic

from sanic import Sanic
from sanic.exceptions import RequestCancelled, RequestTimeout, ServiceUnavailable
from sanic.http import Http, Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from gateway import ids
from gateway.errors import GatewayError, RateLimited, Unavailable
from gateway.web import head, problems

BODY_BYTES_MAX = 2**20
REQUEST_TIMEOUT_S = 15
RESPONSE_TIMEOUT_S = 30
IDLE_TIMEOUT_S = 15
CONNECTIONS_MAX = 10_000
CONNECTIONS_PER_ADDRESS_MAX = 200
# Proxies on this machine speak for everybody.
UNCAPPED_NETWORKS = ("127.0.0.0/8", "::1/128")
# One subscriber gets a whole network of this size.
IPV6_PREFIX_BITS = 64
# Files that are no connections: databases, logs, sockets of jobs to banks and receivers.
RESERVED_FILES = 256
# How long a refused client may go on sending, so that its system does not throw our answer away.
LINGER_S = 1


@dataclass
class Door:
    """What may come in, and what came: one per app, at `app.ctx.door`; the counters are there to be read."""

    connections_max: int
    connections_per_address_max: int
    uncapped_networks: tuple[str, ...]
    connections: int = 0
    by_address: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)

    def admit(self, address: str) -> GatewayError | None:
        """Counts a new connection in, or says why it has to go."""
        if self.connections >= self.connections_max:
            return Unavailable("All connections are taken; try again in a moment.")
        if self.by_address[address] >= self.connections_per_address_max and not self._is_uncapped(address):
            return RateLimited("Too many connections from this address.", retry_after_s=problems.RETRY_AFTER_S)
        self.connections += 1
        self.by_address[address] += 1
        return None

    def release(self, address: str) -> None:
        """Counts an admitted connection out."""
        self.connections -= 1
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]

    def _is_uncapped(self, address: str) -> bool:
        first = ip_network(address).network_address
        return any(first in ip_network(network) for network in self.uncapped_networks)


def address_of(peername) -> str:
    """Whom a connection is counted for: an IPv4 address, or the network of an IPv6 address."""
    if not isinstance(peername, tuple):
        return "::1"
    address = ip_address(peername[0].partition("%")[0])
    if address.version == 4 or address.is_loopback:
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, IPV6_PREFIX_BITS), strict=False))


class StrictHttp(Http):
    """Sanic's HTTP/1.1, behind a check of the raw head; a handler sees whole requests only."""

    protocol: "StrictProtocol"

    # The limits of `head` are lower, and know which status to answer.
    HEADER_MAX_SIZE = 4 * head.HEADERS_BYTES_MAX

    async def http1_request_header(self):
        self.protocol.request_began_at = monotonic()
        head.check(await self._whole_head(), self.protocol.request_max_size)
        await super().http1_request_header()
        self.request.ctx.request_id = ids.new_id("req")
        if self.request_body:
            await self.request.receive_body()

    async def _whole_head(self) -> bytes:
        arrived = self.recv_buffer
        while (end := arrived.find(b"\r\n\r\n")) < 0:
            head.check_beginning(arrived)
            await self._receive_more()
        return bytes(arrived[:end])

    def respond(self, response):
        response.headers["x-request-id"] = self.request.ctx.request_id
        return super().respond(response)

    async def error_response(self, exception: Exception) -> None:
        if isinstance(exception, RequestCancelled):
            return
        if self.stage is not Stage.REQUEST:
            await super().error_response(exception)
            return
        self.keep_alive = False
        self.request_body = None
        await self.protocol.turn_away(exception)


class StrictProtocol(HttpProtocol):
    """One connection, which ends in time however slowly the client sends or reads."""

    HTTP_CLASS = StrictHttp
    __slots__ = ("address", "admitted", "door", "lingering", "request_began_at")

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.door: Door = self.app.ctx.door
        self.admitted = False
        self.lingering = False
        self.request_began_at = 0.0

    def connection_made(self, transport):
        self.address = address_of(transport.get_extra_info("peername"))
        if refusal := self.door.admit(self.address):
            self.door.refused[refusal.status] += 1
            transport.write(problems.as_bytes(refusal, ids.new_id("req")))
            transport.close()
            return
        self.admitted = True
        super().connection_made(transport)

    def connection_lost(self, exc):
        if self.admitted:
            self.door.release(self.address)
            super().connection_lost(exc)

    def data_received(self, data: bytes):
        if self.lingering or not self.admitted:
            return
        last_progress_at = self._time
        super().data_received(data)
        # Only our own progress buys time: a client that sends while it should read gains none.
        self._time = last_progress_at

    def abort(self):
        # Sanic would forget the transport here, and then stumble over the request that never became one.
        if self.transport:
            self.transport.abort()

    async def turn_away(self, exception: BaseException) -> None:
        """Answers a request that never became one, and ends the connection once the client has had time to read it."""
        refusal = problems.as_refusal(exception)
        problems.log_unexpected(exception, refusal)
        self.door.refused[refusal.status] += 1
        self.lingering = True
        self.recv_buffer.clear()
        if self.transport is None:
            return
        self.transport.write(problems.as_bytes(exception, ids.new_id("req")))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()
        await asyncio.sleep(LINGER_S)

    def check_timeouts(self):
        """Ends what has run out of time, and looks again as soon as something else can have."""
        if not self._task:
            return
        since, limit_s, problem = self._time_limit()
        left_s = since + limit_s - monotonic()
        if left_s > 0:
            shortest_s = min(self.request_timeout, self.response_timeout, self.keep_alive_timeout)
            self._callback_check_timeouts = self.loop.call_later(min(left_s, shortest_s), self.check_timeouts)
            return
        self._http.exception = problem
        self._task.cancel()

    def _time_limit(self) -> tuple[float, float, Exception | None]:
        stage = self._http.stage
        if stage is Stage.IDLE:
            return self._time, self.keep_alive_timeout, None
        if stage is Stage.REQUEST:
            return self.request_began_at, self.request_timeout, RequestTimeout()
        return max(self._time, self.request_began_at), self.response_timeout, ServiceUnavailable()


def install(
    app: Sanic,
    *,
    body_bytes_max: int = BODY_BYTES_MAX,
    request_timeout_s: float = REQUEST_TIMEOUT_S,
    response_timeout_s: float = RESPONSE_TIMEOUT_S,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
    connections_max: int = CONNECTIONS_MAX,
    connections_per_address_max: int = CONNECTIONS_PER_ADDRESS_MAX,
    uncapped_networks: tuple[str, ...] = UNCAPPED_NETWORKS,
    page: problems.Page | None = None,
) -> None:
    """Puts the door before `app`, which is then run with `protocol=StrictProtocol`.

    `app.run(single_process=True, protocol=StrictProtocol, …)` hands the class on to asyncio's `create_server`, as it
    does `sock=` (a bound socket, so that port 0 works), `backlog=` and `register_sys_signals=`; `prepare` followed by
    `Sanic.serve_single` is the same in two steps. It needs the main thread. A handler that streams must send
    something more often than every `response_timeout_s`.
    """
    app.config.update(
        {
            "AUTO_EXTEND": False,
            "FALLBACK_ERROR_FORMAT": "json",
            "KEEP_ALIVE_TIMEOUT": idle_timeout_s,
            "REQUEST_MAX_SIZE": body_bytes_max,
            "REQUEST_TIMEOUT": request_timeout_s,
            "RESPONSE_TIMEOUT": response_timeout_s,
            "TOUCHUP": _sanic_has_its_source(),
        }
    )
    app.error_handler = problems.Problems(page)
    app.ctx.door = Door(
        min(connections_max, raise_file_limit() - RESERVED_FILES), connections_per_address_max, uncapped_networks
    )


def _sanic_has_its_source() -> bool:
    """Whether Sanic can rewrite itself without unused events, which halves its cost (31 instead of 71 µs a request).

    A program frozen by PyInstaller needs `module_collection_mode={"sanic": "pyz+py"}` for it.
    """
    try:
        return bool(inspect.getsource(Http.http1_request_header))
    except OSError:
        return False


def raise_file_limit() -> int:
    """Lets the process open as many files as the system allows it; returns how many that is. Safe to run twice."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return soft
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard

"""Connections to checked addresses: dialled, asked one request at a time, and kept for the next one."""

import asyncio
import errno
import os
import ssl

import certifi

from gateway.addresses import Target
from gateway.jobs.http_client import Failure, Reply

IDLE_PER_TARGET_MAX = 32
IDLE_TOTAL_MAX = 512
IDLE_EXPIRY_S = 15.0  # Many servers hang up after 5 to 75 s; one that was quicker than us costs a second connection.

_OWN_FAULTS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


def tls_context() -> ssl.SSLContext:
    """Trusts the roots of SSL_CERT_FILE or else certifi's: a frozen OpenSSL looks where its build machine kept them."""
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection(asyncio.Protocol):
    """An open connection; whatever arrives unasked ends it."""

    def __init__(self, target: Target, address: str):
        self.key = (target.scheme, target.host, target.port, address)
        self.address = address
        self.idle_since_s = 0.0
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._waiter: asyncio.Future | None = None
        self._why_closed: Exception | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, message: bytes, reply: Reply) -> None:
        """Sends a request and returns when `reply` is finished; cancelled before, it leaves there what came so far."""
        if self._transport is None or not self.is_open:
            return reply.end(self._why_closed)
        self._reply = reply
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(message)
            await self._waiter
        finally:
            self._reply = self._waiter = None
            if not reply.reusable:
                self.drop()

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._reply is None:
            self._why_closed = Failure("protocol", "The receiver spoke before it was asked")
            return self.drop()
        self._reply.feed(data)
        self._wake_if_finished(self._reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._why_closed = self._why_closed or exc
        if self._reply is not None:
            self._reply.end(exc)
            self._wake_if_finished(self._reply)

    def _wake_if_finished(self, reply: Reply) -> None:
        if reply.finished and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def dial(target: Target, address: str, tls: ssl.SSLContext) -> Connection:
    """A new connection to the address, its certificate checked against the name; raises Failure."""
    secure = target.scheme == "https"
    try:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(target, address),
            address,
            target.port,
            ssl=tls if secure else None,
            server_hostname=target.host if secure else None,
        )
    except ssl.SSLCertVerificationError as problem:
        raise Failure("tls", f"The certificate of {target.host} was refused: {problem.verify_message}") from problem
    except ssl.SSLError as problem:
        raise Failure(
            "tls", f"{address} port {target.port} did not agree on TLS: {getattr(problem, 'reason', None)}"
        ) from problem
    except OSError as problem:
        raise _dial_failure(problem, f"{address} port {target.port}") from problem
    return connection


def _dial_failure(problem: OSError, where: str) -> Failure:
    match problem:
        case ConnectionRefusedError():
            return Failure("connect_refused", f"{where} refused the connection")
        case ConnectionError():
            return Failure("reset", f"{where} closed the connection while it was being set up")
        case TimeoutError():
            return Failure("connect_timeout", f"{where} did not take the connection")
    if problem.errno in _OWN_FAULTS:
        return Failure("internal", f"The gateway could not open a connection: {os.strerror(problem.errno)}")
    return Failure("unreachable", f"{where} cannot be reached: {problem.strerror or problem}")


class Pool:
    """Connections that wait for their next request, the youngest first."""

    def __init__(self) -> None:
        self._idle: dict[tuple, list[Connection]] = {}
        self._count = 0

    def take(self, target: Target, address: str) -> Connection | None:
        waiting = self._idle.get((target.scheme, target.host, target.port, address))
        while waiting:
            self._count -= 1
            connection = waiting.pop()
            if connection.is_open:
                return connection
        return None

    def keep(self, connection: Connection, now_s: float) -> None:
        waiting = self._idle.setdefault(connection.key, [])
        if len(waiting) >= IDLE_PER_TARGET_MAX or self._count >= IDLE_TOTAL_MAX:
            return connection.drop()
        connection.idle_since_s = now_s
        waiting.append(connection)
        self._count += 1

    def expire(self, now_s: float) -> None:
        """Drops what has waited too long or was closed by the other side."""
        for key, waiting in list(self._idle.items()):
            fresh = [it for it in waiting if it.is_open and it.idle_since_s > now_s - IDLE_EXPIRY_S]
            for connection in set(waiting).difference(fresh):
                connection.drop()
            self._count -= len(waiting) - len(fresh)
            self._idle[key] = fresh
            if not fresh:
                del self._idle[key]

"""Running the server: one process, its socket, and what is printed when it is up."""

import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import sys

import click
from sanic import Sanic

from gateway import logs, merchants, reach
from gateway.server import CannotStart, Gateway
from gateway.web.app import create_app
from gateway.web.protocol import StrictProtocol

BACKLOG = 1_024
STOPPING = (signal.SIGTERM, signal.SIGINT)
SOON_S = 0.01
M_ARENA_MAX, ARENAS = -8, 2
SWITCH_INTERVAL_S = 0.001  # the writer and the event loop hand over to each other thousands of times a second


def run(gateway: Gateway) -> None:
    """Serves until SIGTERM or SIGINT; raises CannotStart where the database or the address cannot be had."""
    settings = gateway.config.server
    logs.configure(gateway.config.log.level, gateway.config.log.format)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _share_memory()
    _keep_to_ourselves()
    gateway.open()
    app = create_app(gateway)
    sock = _listen(settings.host, settings.port)
    port = sock.getsockname()[1]

    @app.after_server_start
    async def announce(_app):
        _stop_at_the_first_signal(app)
        gc.collect()
        gc.freeze()  # What was made at the start stays; looking through it again took 30 ms, now and then.
        _say_hello(gateway, settings.host, port)

    app.run(sock=sock, single_process=True, protocol=StrictProtocol, motd=False, access_log=False, backlog=BACKLOG)
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)  # All has stopped; only the interpreter's last moments could be killed.


def _stop_at_the_first_signal(app: Sanic) -> None:
    """Stops once, however often and early somebody asks.

    With Sanic's handlers a second signal broke the stop off half way, and one that came before the server had quite
    begun was lost.
    """
    loop = asyncio.get_running_loop()
    asked: list[int] = []

    def ask(number: int, _frame) -> None:
        if not asked:
            asked.append(number)
            loop.call_soon_threadsafe(stop)

    def stop() -> None:
        if app.state.is_running:
            app.stop(terminate=False)
        else:
            loop.call_later(SOON_S, stop)

    for number in STOPPING:
        loop.remove_signal_handler(number)
        signal.signal(number, ask)


def _share_memory() -> None:
    """Lets all threads allocate from two arenas of glibc; with one for each, freed memory stays where it is."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def _keep_to_ourselves() -> None:
    """New files belong to their owner alone, and no crash writes memory, which may hold a CVV, to the disk."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        raise CannotStart(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
    return sock


def _say_hello(gateway: Gateway, host: str, port: int) -> None:
    url = reach.written(host, port)
    click.echo(f"The gateway is listening on {url} (data in {gateway.config.data_dir.resolve()})", err=True)
    if gateway.config.demo:
        click.echo(
            f"Demo: key {merchants.DEMO_KEY_ID}, secret {merchants.DEMO_SECRET};"
            f" dashboard {url}/dashboard with {merchants.DEMO_EMAIL} / {merchants.DEMO_PASSWORD}",
            err=True,
        )

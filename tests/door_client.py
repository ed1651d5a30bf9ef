"""A server with nothing but its door, and a client that sends it raw bytes."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple

PATIENCE_S = 10

FILES = {"app.css": b"body{color:#123456}\n" * 50, "tiny.js": b"1;", "icons/logo.svg": b"<svg/>" * 40}


class Server(NamedTuple):
    port: int
    log: Path


@contextmanager
def running(folder: Path, **settings) -> Iterator[Server]:
    """The server of `door_app` in a process of its own."""
    for name, body in FILES.items():
        (folder / "static" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "static" / name).write_bytes(body)
    log = folder / "log"
    command = [sys.executable, "-m", "tests.door_app", json.dumps(settings), str(folder / "static")]
    with log.open("wb") as stderr, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as process:
        try:
            lines = iter(process.stdout.readline, b"")
            yield Server(next(int(line) for line in lines if line.strip().isdigit()), log)
        finally:
            process.terminate()
            process.stdout.read()


class Answer(NamedTuple):
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def connect(server: Server, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE_S, (source, 0))


def receive(connection: socket.socket) -> Answer:
    response = HTTPResponse(connection)
    response.begin()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def ask(server: Server, request: bytes) -> Answer:
    with connect(server) as connection:
        connection.sendall(request)
        return receive(connection)


def is_open(connection: socket.socket) -> bool:
    connection.sendall(GOOD)
    try:
        return receive(connection).status == 200
    except (ConnectionError, OSError):
        return False


def lines(*parts: str | bytes, body: bytes = b"") -> bytes:
    encoded = [part if isinstance(part, bytes) else part.encode("latin-1") for part in parts]
    return b"\r\n".join(encoded) + b"\r\n\r\n" + body


def get(target: str, *headers: str | bytes) -> bytes:
    return lines(f"GET {target} HTTP/1.1", "Host: localhost", *headers)


def post(target: str, body: bytes, *headers: str | bytes, media_type: str = "application/json") -> bytes:
    length = f"Content-Length: {len(body)}"
    return lines(
        f"POST {target} HTTP/1.1", "Host: localhost", f"Content-Type: {media_type}", length, *headers, body=body
    )


def framed(*headers: str | bytes, body: bytes = b"") -> bytes:
    return lines("POST /api/echo HTTP/1.1", "Host: x", "Content-Type: application/json", *headers, body=body)


GOOD = get("/api/request_id")


def eventually(found: Callable[[], bool]) -> None:
    """Asks again until it is so; what is asked goes through the server, so this is no busy loop."""
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline

"""Receivers of webhooks on loopback, most of them hostile: real sockets, one scene for every connection."""

import contextlib
import gzip
import select
import socket
import ssl
import threading
from collections.abc import Callable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TICK_S = 0.01
BOMB = gzip.compress(bytes(1_000_000)) * 1000  # 1 MB that would become 1 GB.


class Receiver:
    """Accepts connections and plays `scene` on each, with what the peer may be asked to do in `Peer`."""

    def __init__(self, scene: Callable, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None):
        self.scene = scene
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)  # Released once for every connection that is over.
        self._listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"http{'s' if self.tls else ''}://{host}:{self.port}{path}"

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with contextlib.suppress(OSError), self._secured(connection) as secured:
            peer = Peer(secured, self)
            self.scene(peer)
            peer.wait_for_hang_up()
        connection.close()
        self.ended.release()

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(connection, server_side=True) if self.tls else connection


class Peer:
    """The receiver's end of one connection."""

    def __init__(self, connection: socket.socket, receiver: Receiver):
        self._connection = connection
        self._receiver = receiver
        self._received = b""
        self.send = connection.sendall

    def read_request(self) -> bytes:
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, rest = self._received.partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        while len(rest) < length:
            self._receive()
            rest = self._received.partition(b"\r\n\r\n")[2]
        self._received = rest[length:]
        self._receiver.requests.append(head + b"\r\n\r\n" + rest[:length])
        return self._receiver.requests[-1]

    def read_byte(self) -> None:
        self._received += self._connection.recv(1)

    def _receive(self) -> None:
        data = self._connection.recv(65536)
        if not data:
            raise ConnectionResetError
        self._received += data

    def close(self) -> None:
        self._connection.close()

    def reset(self) -> None:
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def pause(self) -> None:
        """A tick, or less if the sender hangs up."""
        select.select([self._connection], [], [], TICK_S)

    def wait_for_hang_up(self) -> None:
        while self._connection.recv(65536):
            pass

    def drip(self, data: bytes) -> None:
        for byte in data:
            self.send(bytes([byte]))
            self.pause()


def polite(peer: Peer) -> None:
    while peer.read_request():
        peer.send(OK)


def answering(raw: bytes) -> Callable:
    """A scene that answers every request with these bytes."""

    def scene(peer: Peer) -> None:
        while peer.read_request():
            peer.send(raw)

    return scene


def silent(peer: Peer) -> None:
    peer.read_request()


def header_drip(peer: Peer) -> None:
    peer.read_request()
    peer.drip(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1000)


def body_drip(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    peer.drip(b"x" * 1000)


def endless_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        peer.send(b"x" * 65536)


def endless_header(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        peer.send(b"x" * 65536)


def endless_continue(peer: Peer) -> None:
    peer.read_request()
    while True:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.pause()


def five_thousand_headers(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\n" + b"".join(b"H%d: x\r\n" % n for n in range(5000)) + b"\r\n")


def gzip_bomb(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB)


def banner(peer: Peer) -> None:
    peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")


def reset(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def close_without_answer(peer: Peer) -> None:
    peer.read_request()
    peer.close()


def close_in_the_header(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-")
    peer.close()


def close_in_the_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    peer.close()


def answer_without_reading(peer: Peer) -> None:
    """The rest of the request is still unread when it closes, so the system sends a reset after the answer."""
    peer.read_byte()
    peer.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    peer.close()


def die_on_the_second_request(peer: Peer) -> None:
    peer.read_request()
    peer.send(OK)
    peer.read_request()
    peer.close()


def close_when_idle(peer: Peer) -> None:
    peer.read_request()
    peer.send(OK)
    peer.close()


def speak_when_idle(peer: Peer) -> None:
    peer.read_request()
    peer.send(OK)
    peer.pause()
    peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")


def mute(peer: Peer) -> None:
    """Takes the connection and says nothing, not even a TLS hello."""


def plain_answer(peer: Peer) -> None:
    peer.send(OK)


def hang_up(peer: Peer) -> None:
    peer.close()

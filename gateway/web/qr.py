"""QR codes as pictures, and the address under which a phone reaches this server."""

import io
import socket

import segno
from sanic import Request
from sanic.response import HTTPResponse

LOOPBACK = ("127.", "localhost", "[::1]", "::1")
# A documentation address (RFC 5737): a UDP socket sends nothing when it connects, it only chooses a way out.
SOMEWHERE = ("192.0.2.1", 9)


def answer(text: str) -> HTTPResponse:
    """The text as a QR code in SVG, dark on white in every colour scheme."""
    picture = io.BytesIO()
    segno.make(text, error="m").save(picture, kind="svg", border=2, light="#ffffff", svgclass=None, lineclass=None)
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return HTTPResponse(picture.getvalue(), 200, headers, "image/svg+xml")


def reachable_base(request: Request, config) -> str:
    """`http://192.168.1.20:8000`: what a phone in the same network must call, as far as this machine can tell."""
    if config.server.public_url:
        return config.public_url
    host = request.headers.get("host", "")
    listens_everywhere = config.server.host in ("0.0.0.0", "::")
    if host.startswith(LOOPBACK) and listens_everywhere:
        return f"http://{_own_address()}:{config.server.port}"
    return f"{request.scheme}://{host}"


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        try:
            way_out.connect(SOMEWHERE)
        except OSError:
            return "127.0.0.1"
        return way_out.getsockname()[0]

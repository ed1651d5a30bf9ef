"""QR codes as pictures, and the address under which a phone reaches this server."""

import io

import segno
from sanic import Request
from sanic.response import HTTPResponse

from gateway import reach

LOOPBACK = ("127.", "localhost", "[::1]", "::1")


def answer(text: str) -> HTTPResponse:
    """The text as a QR code in SVG, dark on white in every colour scheme."""
    picture = io.BytesIO()
    segno.make(text, error="m").save(picture, kind="svg", border=2, light="#ffffff", svgclass=None, lineclass=None)
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return HTTPResponse(picture.getvalue(), 200, headers, "image/svg+xml")


def reachable_base(request: Request, config) -> str:
    """What a phone in the same network must call: what this browser called, unless that is the machine itself."""
    host = request.headers.get("host", "")
    if config.server.public_url or (host.startswith(LOOPBACK) and config.server.host in reach.EVERYWHERE):
        return config.public_url
    return f"{request.scheme}://{host}"

"""A server with nothing behind its door but a few handlers: `python -m tests.door_app '{"request_timeout_s": 0.3}'`."""

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from sanic import Sanic
from sanic.response import HTTPResponse

from gateway.errors import RateLimited
from gateway.strict_json import dumps
from gateway.web import door, protocol, static

SECRET = "4111111111111111"


class Amount(msgspec.Struct, forbid_unknown_fields=True):
    amount: Annotated[int, msgspec.Meta(ge=100)]


def answer(value) -> HTTPResponse:
    return HTTPResponse(dumps(value), content_type="application/json")


async def echo(request):
    return answer(door.json_body(request))


async def amount(request):
    return answer(msgspec.convert(door.json_body(request, optional=True), Amount).amount)


async def bodiless(request):
    door.no_body(request)
    return answer("none")


async def listed(request):
    allowed = {
        "limit": door.limit,
        "offset": door.offset,
        "status": door.one_of("created", "paid"),
        "receipt": door.text(5),
        "from": door.moment_ms,
    }
    return answer(door.query(request, allowed))


async def key(request):
    return answer(door.idempotency_key(request))


async def shown(request, name):
    return answer(door.path_id(name, "order"))


async def secret(request):
    return answer(door.single_header(request, "X-Api-Secret").encode(errors="surrogateescape").hex())


async def request_id(request):
    return answer(request.ctx.request_id)


async def limited(request):
    raise RateLimited("Too many requests.", retry_after_s=7)


async def boom(request):
    body = door.json_body(request)
    raise KeyError("a bug", len(body))


async def hang(request):
    await asyncio.sleep(60)


async def outcome(request):
    """Waits for its client to hang up, and tells /outcomes how that ended."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        request.app.ctx.outcomes.append("cancelled")
        raise


async def outcomes(request):
    return answer(request.app.ctx.outcomes)


async def large(request):
    response = await request.respond(content_type="application/octet-stream")
    for _ in range(30):
        await response.send(b"x" * 1_000_000)


async def counters(request):
    seen = request.app.ctx.door
    by_address = dict(seen.by_address)
    refused = {str(status): count for status, count in seen.refused.items()}
    return answer({"connections": seen.connections, "by_address": by_address, "refused": refused})


def page(request, refusal):
    return HTTPResponse(f"<h1>{refusal.status}</h1>", refusal.status, content_type="text/html; charset=utf-8")


def main(settings: dict, static_files: str) -> None:
    app = Sanic("door")
    protocol.install(app, page=page if settings.pop("pages", False) else None, **settings)
    static.install(app, static.Static(Path(static_files)))
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 0.1
    app.config.GRACEFUL_TCP_CLOSE_TIMEOUT = 0.1
    app.ctx.outcomes = []
    app.add_route(echo, "/api/echo", methods=["POST"])
    app.add_route(amount, "/api/amount", methods=["POST"])
    app.add_route(bodiless, "/api/bodiless", methods=["GET", "POST"])
    app.add_route(shown, "/api/orders/<name>")
    app.add_route(boom, "/api/boom", methods=["POST"])
    for handler in (listed, key, secret, request_id, limited, hang, outcome, outcomes, large, counters):
        app.add_route(handler, f"/api/{handler.__name__}")
    listening = socket.create_server(("127.0.0.1", 0))
    app.after_server_start(lambda *_: print(listening.getsockname()[1], flush=True))
    app.after_server_stop(lambda *_: asyncio.sleep(0.05))
    app.run(sock=listening, single_process=True, protocol=protocol.StrictProtocol, motd=False, access_log=False)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])

"""The way into the demo shop, which opens when the first visitor comes."""

import asyncio

from sanic import Request
from sanic.response import HTTPResponse, redirect

from gateway.web.demo_shop import DemoShop


class DemoDoor:
    """Keeps the one shop of this process. Not opened before it is wanted, since it asks for webhooks of its own."""

    def __init__(self):
        self._shop: DemoShop | None = None
        self._opening = asyncio.Lock()

    async def enter(self, request: Request) -> HTTPResponse:
        name = request.headers["host"].rpartition(":")[0]
        async with self._opening:
            if self._shop is None:
                shop = DemoShop(*request.transport.get_extra_info("sockname")[:2])
                await _in_thread(shop.open)
                self._shop = shop
        return redirect(f"http://{name}:{self._shop.port}/", status=303)

    async def close(self, _app) -> None:
        if self._shop:
            await _in_thread(self._shop.close)


def mount(app, gateway) -> None:
    """Adds /demo, in demo mode only."""
    if not gateway.config.demo:
        return
    door = DemoDoor()
    app.add_route(door.enter, "/demo", methods=["GET"], name="demo")
    app.before_server_stop(door.close)


async def _in_thread(call):
    return await asyncio.get_running_loop().run_in_executor(None, call)

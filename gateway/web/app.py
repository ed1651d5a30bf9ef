"""The web application: every table of routes, listed by hand, behind one strict door."""

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from gateway.web import (
    account,
    bank,
    checkout,
    customers,
    dashboard,
    demo,
    docs,
    links,
    openapi,
    operations,
    orders,
    pages,
    payments,
    protocol,
    public,
    refunds,
    request_log,
    routes,
    static,
    upkeep,
    webhooks,
)  # fmt: skip
from gateway.web.live import Live

ROUTES = [
    *account.ROUTES,
    *orders.ROUTES,
    *payments.ROUTES,
    *refunds.ROUTES,
    *webhooks.ROUTES,
    *links.ROUTES,
    *customers.ROUTES,
    *public.ROUTES,
    *operations.ROUTES,
]

STOP_TIMEOUT_S = 2


def create_app(gateway) -> Sanic:
    """The application around a gateway; it starts and stops the gateway with itself."""
    app = Sanic("gateway", configure_logging=False)
    app.ctx.gateway = gateway
    protocol.install(app, page=_page, uncapped_networks=_speaking_for_many(gateway))
    request_log.install(app, gateway.config.log.requests)
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = STOP_TIMEOUT_S
    routes.mount(app, gateway, ROUTES)
    operations.mount(app, gateway)
    openapi.mount(app, ROUTES)
    docs.mount(app, gateway)
    static.install(app, pages.static())
    app.ctx.live = Live(app)
    checkout.mount(app, gateway, app.ctx.live)
    customers.mount(app, gateway)
    bank.mount(app, gateway)
    demo.mount(app, gateway)
    dashboard.mount(app, gateway)
    upkeep.install(app, gateway)
    app.before_server_start(_start)
    app.after_server_stop(_stop)
    return app


async def _start(app) -> None:
    await app.loop.run_in_executor(None, app.ctx.gateway.start)


async def _stop(app) -> None:
    await app.loop.run_in_executor(None, app.ctx.gateway.stop)


def _page(request: Request, refusal) -> HTTPResponse:
    """A refusal outside the API: a page for browsers, JSON for everybody else."""
    if "text/html" in request.headers.get("accept", ""):
        return dashboard.problem_page(request, refusal)
    return routes.json(refusal.as_json(), refusal.status)


def _speaking_for_many(gateway) -> tuple[str, ...]:
    """Proxies, whose single address stands for all their clients, are not held to an address's share."""
    return (*protocol.UNCAPPED_NETWORKS, *gateway.config.server.trusted_proxies)

"""For whoever runs the server: health, metrics, and what the jobs are doing."""


from sanic import Request
from sanic.response import HTTPResponse

from gateway import __version__, merchants, metrics, reports
from gateway.clock import now_ms, rfc3339
from gateway.errors import NotFound
from gateway.web import routes
from gateway.web.routes import Call, Route

HEALTHY = ("healthy", "running")
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def mount(app, gateway) -> None:
    """Adds /health and /metrics, which stand outside the API."""

    async def health(request: Request) -> HTTPResponse:
        parts = gateway.health()
        well = all(state in HEALTHY for state in parts.values())
        if well:
            well, parts["database"] = await _database_answers(gateway)
        return routes.json(
            {
                "status": "healthy" if well else "unhealthy",
                **parts,
                "version": __version__,
                "timestamp": rfc3339(now_ms()),
            },
            200 if well else 503,
        )

    async def metrics_page(request: Request) -> HTTPResponse:
        if gateway.authenticator.address(request) not in LOOPBACK:
            raise NotFound("There is nothing at this address.")
        counts = await gateway.store.read(reports.work.counts)
        body = metrics.exposition(gateway, counts, request.app.ctx.door)
        return HTTPResponse(body, 200, None, metrics.CONTENT_TYPE)

    app.add_route(health, "/health", methods=["GET", "HEAD"], name="health")
    app.add_route(metrics_page, "/metrics", name="metrics")


async def _database_answers(gateway) -> tuple[bool, str]:
    try:
        await gateway.store.read(_select_one)
        return True, "healthy"
    except Exception as error:
        return False, f"does not answer: {type(error).__name__}"


def _select_one(tx):
    return tx.one("SELECT 1")


def jobs_status(call: Call):
    return reports.work.jobs_status, call.gateway.jobs.running


def test_merchant(call: Call):
    return show_test_merchant, merchants.DEMO_MERCHANT_ID


def show_test_merchant(tx, merchant_id):
    merchant = merchants.find(tx, merchant_id)
    return {"id": merchant.id, "email": merchant.email, "api_key": merchants.DEMO_KEY_ID, "seeded": True}


ROUTES = [
    Route("GET", "/test/jobs/status", jobs_status, "Show what the jobs are doing", reports.work.JobsStatus,
          access="open", tag="Operation"),
    Route("GET", "/test/merchant", test_merchant, "Show the demo merchant", dict, access="demo", tag="Operation"),
]  # fmt: skip


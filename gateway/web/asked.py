"""Every request of a merchant's server, noted for the log that the merchant reads in the dashboard."""

from time import monotonic

from sanic import Request
from sanic.response import HTTPResponse

from gateway.api_requests import PATH_LENGTH_MAX, Asked
from gateway.clock import now_ms
from gateway.errors import GatewayError
from gateway.objects import Owner


def note(
    gateway, request: Request, owner: Owner, key_id: str | None, began_at: float, answer: HTTPResponse | GatewayError
) -> None:
    """Notes who asked what, with what answer; under a storm of requests not each of them."""
    if gateway.asked.full:
        return
    gateway.asked.add(
        Asked(
            id=request.ctx.request_id,
            merchant_id=owner.merchant_id,
            mode=owner.mode,
            key_id=key_id,
            method=request.method,
            path=request.path[:PATH_LENGTH_MAX],
            status=answer.status,
            error_code=answer.code if isinstance(answer, GatewayError) else None,
            duration_ms=int((monotonic() - began_at) * 1000),
            address=gateway.authenticator.address(request),
            created_at=now_ms(),
        )
    )

"""Every refusal the gateway can give, as the contract names it."""


class GatewayError(Exception):
    """A refusal that its reader can act on.

    `description` is shown to API users as it stands, so it never carries secrets; `field` names the part of the
    request that is wrong; `reason` is a stable word for programs.
    """

    status = 500
    code = "SERVER_ERROR"

    def __init__(self, description: str, *, field: str | None = None, reason: str | None = None):
        super().__init__(description)
        self.description = description
        self.field = field
        self.reason = reason

    def as_json(self) -> dict:
        error = {"code": self.code, "description": self.description}
        if self.field:
            error["field"] = self.field
        if self.reason:
            error["reason"] = self.reason
        return {"error": error}


class BadRequest(GatewayError):
    status, code = 400, "BAD_REQUEST_ERROR"


class InvalidVpa(BadRequest):
    code = "INVALID_VPA"


class InvalidCard(BadRequest):
    code = "INVALID_CARD"


class ExpiredCard(BadRequest):
    code = "EXPIRED_CARD"


class AuthenticationFailed(GatewayError):
    status, code = 401, "AUTHENTICATION_ERROR"


class Forbidden(GatewayError):
    status, code = 403, "FORBIDDEN_ERROR"


class NotFound(GatewayError):
    status, code = 404, "NOT_FOUND_ERROR"


class MethodNotAllowed(GatewayError):
    status, code = 405, "METHOD_NOT_ALLOWED_ERROR"


class Conflict(GatewayError):
    status, code = 409, "CONFLICT_ERROR"


class PayloadTooLarge(GatewayError):
    status, code = 413, "PAYLOAD_TOO_LARGE_ERROR"


class UnsupportedMediaType(GatewayError):
    status, code = 415, "UNSUPPORTED_MEDIA_TYPE_ERROR"


class IdempotencyMismatch(GatewayError):
    status, code = 422, "IDEMPOTENCY_ERROR"


class RateLimited(GatewayError):
    """Too many requests; `retry_after_s` says when the next one will be let through."""

    status, code = 429, "RATE_LIMIT_ERROR"

    def __init__(self, description: str, *, retry_after_s: int, reason: str | None = None):
        super().__init__(description, reason=reason)
        self.retry_after_s = retry_after_s


class Unavailable(GatewayError):
    status, code = 503, "UNAVAILABLE_ERROR"

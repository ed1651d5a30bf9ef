"""The dashboard: its addresses listed by hand, and the one way in that every one of them goes through."""

import logging
from dataclasses import dataclass

from sanic import Request
from sanic.response import HTTPResponse

from gateway import i18n, logins
from gateway.clock import now_ms
from gateway.errors import BadRequest, Conflict, GatewayError, IdempotencyMismatch, RateLimited
from gateway.web import downloads, pages, sessions
from gateway.web.dashboard import (
    account,
    customers,
    developers,
    docs,
    home,
    login,
    orders,
    payments,
    settings,
    team,
    webhooks,
)
from gateway.web.problems import as_refusal, log_unexpected
from gateway.web.sessions import ConfirmFirst, Handler, Visit

log = logging.getLogger("gateway.web")

LOGIN = "/dashboard/login"


@dataclass(frozen=True)
class Route:
    """One address. `needs` is a permission, `login` (the second factor may be due) or `nobody` (open to all).

    `again` is the page that shows a form with what was typed, where what was posted is refused.
    """

    method: str
    path: str
    handler: Handler
    needs: str = "view"
    again: Handler | None = None


def _get(path: str, handler: Handler, needs: str = "view") -> Route:
    return Route("GET", path, handler, needs)


def _post(path: str, handler: Handler, needs: str, again: Handler | None = None) -> Route:
    return Route("POST", path, handler, needs, again)


def _exports(path: str, handler: Handler) -> tuple[Route, ...]:
    return tuple(_get(f"{path}/export.{kind}", handler) for kind in downloads.KINDS)


ROUTES = (
    _get("/login", login.login_page, "nobody"),
    _post("/login", login.log_in, "nobody", login.login_page),
    _get("/login/code", login.code_page, "login"),
    _post("/login/code", login.give_code, "login", login.code_page),
    _post("/logout", login.log_out, "login"),
    _get("/invitation/<invitation>", login.invitation_page, "nobody"),
    _post("/invitation/<invitation>", login.accept, "nobody", login.invitation_page),
    _get("", home.overview),
    _get("/live", home.live),
    _post("/mode", home.switch_mode, "view"),
    _post("/appearance", home.appearance, "nobody"),
    _get("/transactions", payments.transactions),
    *_exports("/transactions", payments.export),
    _get("/transactions/<payment_id>", payments.payment),
    _post("/transactions/<payment_id>/capture", payments.capture, "operate", payments.payment),
    _post("/transactions/<payment_id>/cancel", payments.cancel, "operate", payments.payment),
    _post("/transactions/<payment_id>/refund", payments.refund, "operate", payments.payment),
    _get("/orders", orders.orders_page),
    _get("/orders/new", orders.new_order, "operate"),
    _post("/orders/new", orders.create_order, "operate", orders.new_order),
    *_exports("/orders", orders.export_orders),
    _get("/orders/<order_id>", orders.order),
    _get("/orders/<order_id>/qr.svg", orders.order_qr),
    _get("/refunds", orders.refunds_page),
    *_exports("/refunds", orders.export_refunds),
    _get("/links", orders.links_page),
    _post("/links", orders.create_link, "operate", orders.links_page),
    _post("/links/<link_id>/cancel", orders.cancel_link, "operate", orders.links_page),
    _get("/customers", customers.customers),
    _get("/customers/<customer_id>", customers.customer),
    _post("/customers/<customer_id>/cards/<token_id>/remove", customers.remove_card, "operate", customers.customer),
    _get("/webhooks", webhooks.webhooks),
    _post("/webhooks", webhooks.save_default, "develop", webhooks.webhooks),
    _post("/webhooks/secret", webhooks.regenerate, "develop", webhooks.webhooks),
    _post("/webhooks/test", webhooks.send_test, "develop", webhooks.webhooks),
    _post("/webhooks/recover", webhooks.recover, "develop", webhooks.webhooks),
    _get("/webhooks/deliveries/<delivery_id>", webhooks.delivery),
    _post("/webhooks/deliveries/<delivery_id>/retry", webhooks.retry, "develop", webhooks.delivery),
    _get("/webhooks/endpoints/new", webhooks.new_endpoint, "develop"),
    _post("/webhooks/endpoints/new", webhooks.create_endpoint, "develop", webhooks.new_endpoint),
    _get("/webhooks/endpoints/<endpoint_id>", webhooks.endpoint),
    _post("/webhooks/endpoints/<endpoint_id>", webhooks.edit_endpoint, "develop", webhooks.endpoint),
    _post("/webhooks/endpoints/<endpoint_id>/rotate", webhooks.rotate, "develop", webhooks.endpoint),
    _post("/webhooks/endpoints/<endpoint_id>/test", webhooks.test_endpoint, "develop", webhooks.endpoint),
    _post("/webhooks/endpoints/<endpoint_id>/delete", webhooks.delete_endpoint, "develop", webhooks.endpoint),
    _get("/keys", developers.keys),
    _post("/keys", developers.create_key, "develop", developers.keys),
    _post("/keys/<key_id>/reveal", developers.reveal_key, "develop", developers.keys),
    _post("/keys/<key_id>/revoke", developers.revoke_key, "develop", developers.keys),
    _get("/requests", developers.requests, "develop"),
    _get("/idempotency", developers.idempotency, "develop"),
    _get("/docs", docs.guide),
    _get("/reference", docs.reference_page),
    _get("/settings", settings.settings),
    _get("/settings/logo", settings.logo),
    _post("/settings/shop", settings.save_shop, "manage", settings.settings),
    _post("/settings/logo", settings.save_logo, "manage", settings.settings),
    _post("/settings/origins", settings.save_origins, "manage", settings.settings),
    _post("/settings/payments", settings.save_payments, "manage", settings.settings),
    _post("/settings/notifications", settings.save_notifications, "manage", settings.settings),
    _post("/settings/notifications/test", settings.test_mail, "manage", settings.settings),
    _get("/account", account.account),
    _post("/account/name", account.save_name, "view", account.account),
    _post("/account/password", account.change_password, "view", account.account),
    _post("/account/sessions/end", account.end_session, "view", account.account),
    _post("/account/sessions/end-others", account.end_other_sessions, "view", account.account),
    _get("/account/two-factor", account.two_factor_page),
    _post("/account/two-factor", account.turn_on, "view", account.two_factor_page),
    _post("/account/two-factor/off", account.turn_off, "view", account.account),
    _get("/team", team.team),
    _post("/team/invite", team.invite, "manage", team.team),
    _post("/team/withdraw", team.withdraw, "manage", team.team),
    _post("/team/<user_id>/role", team.change_role, "manage", team.team),
    _post("/team/<user_id>/remove", team.remove, "manage", team.team),
    _get("/audit", team.audit_log, "manage"),
)


# What does the same in both modes works from a page that another window has turned to the other.
OF_ANY_MODE = (home.switch_mode, home.appearance, login.log_out)


def mount(app, gateway) -> None:
    """Adds every address of the dashboard, and the way in from the bare address of the gateway."""
    app.add_route(_front_door, "/", methods=["GET"], name="front_door")
    for number, route in enumerate(ROUTES):
        name = f"dashboard_{number}_{route.handler.__name__}"
        app.add_route(_guarded(gateway, route), f"/dashboard{route.path}", methods=[route.method], name=name)


async def _front_door(_request: Request) -> HTTPResponse:
    return HTTPResponse(status=303, headers={"location": "/dashboard"})


def _guarded(gateway, route: Route):
    async def serve(request: Request, **path: str) -> HTTPResponse | None:
        visit = await sessions.arrive(gateway, request, path)
        try:
            return await _admit(visit, route)
        except ConfirmFirst:
            return visit.page("confirm.html", action=request.path)
        except Exception as problem:
            return _trouble(visit, problem)

    return serve


async def _admit(visit: Visit, route: Route) -> HTTPResponse | None:
    """Lets the visit through to its page; what it lacks on the way ends it, or sends it to where it can be had."""
    if route.method == "POST":
        sessions.read_form(visit, of_any_mode=route.handler in OF_ANY_MODE)
    if route.needs != "nobody":
        if visit.session is None:
            return _to_login(visit)
        if visit.session.second_factor_due and route.needs != "login":
            return visit.go(f"{LOGIN}/code")
        if route.needs != "login":
            visit.need(route.needs)
        await _note_presence(visit)
    if visit.session and "confirm_password" in visit.form:
        await login.confirm(visit)
    if route.again is None:
        return await route.handler(visit)
    return await _with_second_chance(visit, route)


async def _with_second_chance(visit: Visit, route: Route) -> HTTPResponse:
    try:
        return await route.handler(visit)
    except (BadRequest, Conflict, IdempotencyMismatch, RateLimited) as problem:
        visit.problem = problem
        return await route.again(visit)


def _to_login(visit: Visit) -> HTTPResponse:
    """Where to log in; the address comes back afterwards. A script gets a plain 401."""
    if visit.request.headers.get("accept") == "text/event-stream" or visit.request.headers.get("x-refresh"):
        return HTTPResponse(status=401, headers={"cache-control": "no-store"})
    if visit.request.method != "GET" or visit.request.path == "/dashboard":
        return visit.go(LOGIN)
    return visit.go(f"{LOGIN}?{visit.query_string(next=visit.request.path)}")


async def _note_presence(visit: Visit) -> None:
    if now_ms() - visit.session.seen_at > logins.SEEN_EVERY_MS:
        await visit.write(logins.seen, visit.session)


def _trouble(visit: Visit, problem: Exception) -> HTTPResponse:
    """A page that says what happened, for what no form can show."""
    refusal = as_refusal(problem)
    log_unexpected(problem, refusal, visit.request)
    visit.problem = refusal
    inside = visit.session and not visit.session.second_factor_due
    return visit.page("trouble.html" if inside else "problem.html", refusal.status, home=True)


def problem_page(request: Request, refusal: GatewayError) -> HTTPResponse:
    """What a browser sees of refusals outside the dashboard's own addresses, such as a path that does not exist."""
    language = i18n.choose(request.cookies.get("language"), request.headers.get("accept-language"))
    told, ours = pages.problem(refusal, language), request.path.startswith("/dashboard")
    body = pages.html("dashboard/problem.html", language, theme=None, problem=told, home=ours)
    return pages.answer(body, refusal.status)



"""The dashboard: its addresses listed by hand, and the one way in that every one of them goes through."""

import logging
from dataclasses import dataclass

from sanic import Request
from sanic.response import HTTPResponse

from gateway import i18n, logins
from gateway.clock import now_ms
from gateway.errors import BadRequest, Conflict, GatewayError, IdempotencyMismatch, RateLimited
from gateway.web import (
    dashboard_account,
    dashboard_customers,
    dashboard_developers,
    dashboard_docs,
    dashboard_home,
    dashboard_login,
    dashboard_orders,
    dashboard_payments,
    dashboard_settings,
    dashboard_team,
    dashboard_webhooks,
    downloads,
    pages,
    sessions,
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


home, entry, paid, ordered = dashboard_home, dashboard_login, dashboard_payments, dashboard_orders
known = dashboard_customers
hooks, dev, docs = dashboard_webhooks, dashboard_developers, dashboard_docs
settings, account, team = dashboard_settings, dashboard_account, dashboard_team

ROUTES = (
    _get("/login", entry.login_page, "nobody"),
    _post("/login", entry.log_in, "nobody", entry.login_page),
    _get("/login/code", entry.code_page, "login"),
    _post("/login/code", entry.give_code, "login", entry.code_page),
    _post("/logout", entry.log_out, "login"),
    _get("/invitation/<invitation>", entry.invitation_page, "nobody"),
    _post("/invitation/<invitation>", entry.accept, "nobody", entry.invitation_page),
    _get("", home.overview),
    _get("/live", home.live),
    _post("/mode", home.switch_mode, "view"),
    _post("/appearance", home.appearance, "nobody"),
    _get("/transactions", paid.transactions),
    *_exports("/transactions", paid.export),
    _get("/transactions/<payment_id>", paid.payment),
    _post("/transactions/<payment_id>/capture", paid.capture, "operate", paid.payment),
    _post("/transactions/<payment_id>/cancel", paid.cancel, "operate", paid.payment),
    _post("/transactions/<payment_id>/refund", paid.refund, "operate", paid.payment),
    _get("/orders", ordered.orders_page),
    _get("/orders/new", ordered.new_order, "operate"),
    _post("/orders/new", ordered.create_order, "operate", ordered.new_order),
    *_exports("/orders", ordered.export_orders),
    _get("/orders/<order_id>", ordered.order),
    _get("/orders/<order_id>/qr.svg", ordered.order_qr),
    _get("/refunds", ordered.refunds_page),
    *_exports("/refunds", ordered.export_refunds),
    _get("/links", ordered.links_page),
    _post("/links", ordered.create_link, "operate", ordered.links_page),
    _post("/links/<link_id>/cancel", ordered.cancel_link, "operate", ordered.links_page),
    _get("/customers", known.customers),
    _get("/customers/<customer_id>", known.customer),
    _post("/customers/<customer_id>/cards/<token_id>/remove", known.remove_card, "operate", known.customer),
    _get("/webhooks", hooks.webhooks),
    _post("/webhooks", hooks.save_default, "develop", hooks.webhooks),
    _post("/webhooks/secret", hooks.regenerate, "develop", hooks.webhooks),
    _post("/webhooks/test", hooks.send_test, "develop", hooks.webhooks),
    _post("/webhooks/recover", hooks.recover, "develop", hooks.webhooks),
    _get("/webhooks/deliveries/<delivery_id>", hooks.delivery),
    _post("/webhooks/deliveries/<delivery_id>/retry", hooks.retry, "develop", hooks.delivery),
    _get("/webhooks/endpoints/new", hooks.new_endpoint, "develop"),
    _post("/webhooks/endpoints/new", hooks.create_endpoint, "develop", hooks.new_endpoint),
    _get("/webhooks/endpoints/<endpoint_id>", hooks.endpoint),
    _post("/webhooks/endpoints/<endpoint_id>", hooks.edit_endpoint, "develop", hooks.endpoint),
    _post("/webhooks/endpoints/<endpoint_id>/rotate", hooks.rotate, "develop", hooks.endpoint),
    _post("/webhooks/endpoints/<endpoint_id>/test", hooks.test_endpoint, "develop", hooks.endpoint),
    _post("/webhooks/endpoints/<endpoint_id>/delete", hooks.delete_endpoint, "develop", hooks.endpoint),
    _get("/keys", dev.keys),
    _post("/keys", dev.create_key, "develop", dev.keys),
    _post("/keys/<key_id>/reveal", dev.reveal_key, "develop", dev.keys),
    _post("/keys/<key_id>/revoke", dev.revoke_key, "develop", dev.keys),
    _get("/requests", dev.requests, "develop"),
    _get("/idempotency", dev.idempotency, "develop"),
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


def mount(app, gateway) -> None:
    """Adds every address of the dashboard."""
    for number, route in enumerate(ROUTES):
        name = f"dashboard_{number}_{route.handler.__name__}"
        app.add_route(_guarded(gateway, route), f"/dashboard{route.path}", methods=[route.method], name=name)


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
        sessions.read_form(visit)
    if route.needs != "nobody":
        if visit.session is None:
            return _to_login(visit)
        if visit.session.second_factor_due and route.needs != "login":
            return visit.go(f"{LOGIN}/code")
        if route.needs != "login":
            visit.need(route.needs)
        await _note_presence(visit)
    if visit.session and "confirm_password" in visit.form:
        await entry.confirm(visit)
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
    return visit.page("problem.html", refusal.status)


def problem_page(request: Request, refusal: GatewayError) -> HTTPResponse:
    """What a browser sees of refusals outside the dashboard's own addresses, such as a path that does not exist."""
    language = i18n.choose(request.cookies.get("language"), request.headers.get("accept-language"))
    told = pages.problem(refusal, language)
    return pages.answer(pages.html("dashboard/lost.html", language, theme=None, problem=told), refusal.status)



"""Getting in and out of the dashboard: password, second factor, invitation, confirmation."""

from sanic.response import HTTPResponse

from gateway import accounts, audit, logins, merchants, two_factor
from gateway.audit import Actor
from gateway.errors import BadRequest
from gateway.web.sessions import ConfirmFirst, Visit

WRONG_LOGIN = "The e-mail address or the password is wrong."
WRONG_CODE = "This code is wrong, or has been used already. Wait for the next one."
WRONG_PASSWORD = "The password is wrong."
HOME = "/dashboard"


async def login_page(visit: Visit) -> HTTPResponse:
    if visit.session and not visit.session.second_factor_due:
        return visit.go(HOME)
    return visit.page("login.html", demo=visit.gateway.config.demo)


async def log_in(visit: Visit) -> HTTPResponse:
    """Opens a session for a right password; a wrong one and an unknown address take as long and look the same."""
    email, password = visit.field("email"), visit.secret_field("password")
    per_minute = visit.gateway.config.limits.logins_per_minute
    user = await visit.write(logins.begin, email, visit.address, per_minute)
    right = await visit.password_matches(password, user.password_hash if user else None)
    if not user or not right:
        raise BadRequest(WRONG_LOGIN, reason="wrong_login")
    visit.enter(await visit.write(_open_session, user, visit.address, visit.request.headers.get("user-agent", "")))
    if user.two_factor:
        return visit.go("/dashboard/login/code")
    return visit.go(_next(visit))


def _open_session(tx, user, address: str, agent: str) -> str:
    token = logins.open_session(tx, user, address=address, agent=agent)
    audit.record(tx, Actor(user.merchant_id, user.id, user.email, address), "login", user.email)
    return token


def _next(visit: Visit) -> str:
    """Where the visit wanted to go, if that is a page of ours; never to another site."""
    wanted = visit.query("next")
    return wanted if wanted.startswith("/dashboard/") and wanted.isprintable() and "\\" not in wanted else HOME


async def code_page(visit: Visit) -> HTTPResponse:
    if not visit.session.second_factor_due:
        return visit.go(HOME)
    return visit.page("code.html")


async def give_code(visit: Visit) -> HTTPResponse:
    await visit.write(logins.count_code, visit.user.id)
    if not await visit.write(two_factor.use_code, visit.gateway.master, visit.user, visit.field("code")):
        raise BadRequest(WRONG_CODE, field="code")
    visit.enter(await visit.write(logins.second_factor_given, visit.session))
    return visit.go(HOME)


async def log_out(visit: Visit) -> HTTPResponse:
    await visit.write(logins.close_session, visit.session.id, visit.user.id)
    visit.leave()
    return visit.go("/dashboard/login", "logged_out")


async def confirm(visit: Visit) -> None:
    """Takes the password that a confirmation asked for; asks again where it is wrong."""
    await visit.write(logins.count_confirmation, visit.user.id)
    if not await visit.password_matches(visit.secret_field("confirm_password"), visit.user.password_hash):
        visit.problem = BadRequest(WRONG_PASSWORD, field="confirm_password")
        raise ConfirmFirst()
    await visit.write(logins.confirm, visit.session)
    visit.session = await visit.read(logins.find_session, visit.token)


async def invitation_page(visit: Visit) -> HTTPResponse:
    invitation = await visit.read(accounts.find_invitation, visit.path["invitation"])
    return visit.page("invitation.html", invitation=invitation)


async def accept(visit: Visit) -> HTTPResponse:
    password = merchants.check_password(visit.secret_field("password"))
    accounts.check_name(visit.field("name"))
    token = await visit.write(
        _accept, visit.path["invitation"], visit.field("name"), await visit.hashed(password), visit.address,
        visit.request.headers.get("user-agent", ""),
    )  # fmt: skip
    visit.enter(token)
    return visit.go(HOME, "welcome")


def _accept(tx, invitation: str, name: str, password_hash: str, address: str, agent: str) -> str:
    user = accounts.accept(tx, invitation, name, password_hash)
    audit.record(tx, Actor(user.merchant_id, user.id, user.email, address), "team.join", user.email, user.role)
    return logins.open_session(tx, user, address=address, agent=agent)

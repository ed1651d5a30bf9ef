"""One's own account: name, password, second factor, and the browsers that are logged in."""

import segno
from markupsafe import Markup
from sanic.response import HTTPResponse

from gateway import accounts, audit, logins, merchants, two_factor
from gateway.errors import BadRequest
from gateway.web import browsers
from gateway.web.sessions import Visit

WRONG_PASSWORD = "Your present password is something else."
WRONG_CODE = "This code does not fit. Check that the phone's clock is right, and try the next one."


async def account(visit: Visit) -> HTTPResponse:
    sessions, codes_left = await visit.read(_own, visit.user.id)
    return visit.page("account.html", sessions=sessions, codes_left=codes_left, browser=browsers.described)


def _own(tx, user_id: str):
    return logins.sessions_of(tx, user_id), two_factor.recovery_codes_left(tx, user_id)


async def save_name(visit: Visit) -> HTTPResponse:
    await visit.write(accounts.rename, visit.user.id, visit.field("name"))
    return visit.go("/dashboard/account", "saved")


async def change_password(visit: Visit) -> HTTPResponse:
    """A new password ends every other session, and the tokens that were issued for the old one."""
    new = merchants.check_password(visit.secret_field("new_password"))
    await visit.write(logins.count_confirmation, visit.user.id)
    if not await visit.password_matches(visit.secret_field("old_password"), visit.user.password_hash):
        raise BadRequest(WRONG_PASSWORD, field="old_password")
    await visit.write(_change_password, visit.actor, visit.session, await visit.hashed(new))
    return visit.go("/dashboard/account", "password_changed")


def _change_password(tx, actor, session: logins.Session, password_hash: str) -> None:
    accounts.set_password(tx, session.user, password_hash, keep_session=session.id)
    logins.confirm(tx, session)
    audit.record(tx, actor, "account.password", session.user.email)


async def end_session(visit: Visit) -> HTTPResponse:
    await visit.write(logins.close_session, visit.field("session"), visit.user.id)
    return visit.go("/dashboard/account", "session_ended")


async def end_other_sessions(visit: Visit) -> HTTPResponse:
    await visit.write(_end_others, visit.actor, visit.session)
    return visit.go("/dashboard/account", "sessions_ended")


def _end_others(tx, actor, session: logins.Session) -> None:
    ended = accounts.end_sessions(tx, session.user.id, keep_session=session.id)
    audit.record(tx, actor, "account.sessions", session.user.email, f"{ended} ended")


async def two_factor_page(visit: Visit, codes: list[str] | None = None) -> HTTPResponse:
    """The QR code for an authenticator app; or, once, the recovery codes."""
    secret = visit.field("secret") or two_factor.new_secret()
    uri = two_factor.uri(secret, visit.user.email, visit.user.merchant_name)
    qr = Markup(segno.make(uri, error="m").svg_inline(border=2, omitsize=True, svgclass="qr", lineclass=None))
    return visit.page("two_factor.html", secret=secret, qr=qr, codes=codes)


async def turn_on(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    await visit.write(logins.count_code, visit.user.id)
    secret = visit.field("secret")
    step = two_factor.matching_step(secret, visit.field("code")) if two_factor.is_secret(secret) else None
    if step is None:
        raise BadRequest(WRONG_CODE, field="code")
    return await two_factor_page(visit, await visit.write(_turn_on, visit, secret, step))


def _turn_on(tx, visit: Visit, secret: str, step: int) -> list[str]:
    codes = two_factor.turn_on(tx, visit.gateway.master, visit.user.id, secret, step)
    audit.record(tx, visit.actor, "account.two_factor", visit.user.email, "on")
    return codes


async def turn_off(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    await visit.write(audit.done, visit.actor, "account.two_factor", visit.user.email, "off", two_factor.turn_off,
                      visit.user.id)  # fmt: skip
    return visit.go("/dashboard/account", "two_factor_off")

"""A visit to the dashboard: whose browser it is, what it may see, and the proof that a form is one of ours."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sanic import Request
from sanic.response import HTTPResponse

from gateway import crypto, i18n, logins, periods, reports
from gateway.audit import Actor
from gateway.clock import now_ms
from gateway.errors import BadRequest, Forbidden, GatewayError
from gateway.objects import Owner
from gateway.web import pages
from gateway.web.words import Words

FORM_FIELDS_MAX = 200
COOKIE_LASTS_S = logins.SESSION_LASTS_MS // 1000
PREFERENCE_LASTS_S = 365 * 24 * 3600
THEMES = ("light", "dark")
MODES = ("test", "live")
PASSING = ("done", "after", "before")  # what a link to another view of the same list leaves behind
SAME_SITE = ("same-origin", "none", None)
FORM = "application/x-www-form-urlencoded"

WRONG_TOKEN = "This form is no longer valid. Go back, reload the page and send it again."

_passwords = ThreadPoolExecutor(1, thread_name_prefix="dashboard-password")


class ConfirmFirst(Exception):
    """The password has to be given again before this is done."""


@dataclass
class Visit:
    """One request to the dashboard, checked. `session` is None where nobody is logged in.

    `seen` is the number of the merchant's newest event when the visit began: what the page shows is at least as new,
    so that its stream begins there and misses nothing.
    """

    gateway: Any
    request: Request
    session: logins.Session | None
    token: str
    path: dict[str, str]
    form: dict[str, list[str]] = field(default_factory=dict)
    seen: int = 0
    problem: GatewayError | None = None
    cookies: list[tuple] = field(default_factory=list)

    @property
    def user(self):
        return self.session.user

    @property
    def owner(self) -> Owner:
        return self.session.owner

    @property
    def address(self) -> str:
        return self.gateway.authenticator.address(self.request)

    @property
    def actor(self) -> Actor:
        return Actor(self.user.merchant_id, self.user.id, self.user.email, self.address)

    @property
    def csrf(self) -> str:
        return self.csrf_in(self.session.mode if self.session else "")

    def csrf_in(self, mode: str) -> str:
        """The token of forms that a page in this mode shows: what was filled in as a test is never done live."""
        return _form_token(self.gateway, f"{self.token}:{mode}")

    @property
    def language(self) -> str:
        return i18n.choose(self.request.cookies.get("language"), self.request.headers.get("accept-language"))

    @property
    def zone(self):
        return periods.zone(self.session.time_zone if self.session else "UTC")

    def may(self, permission: str) -> bool:
        return self.user.may(permission)

    def need(self, permission: str) -> None:
        if not self.may(permission):
            raise Forbidden(
                f"Your role, {self.user.role}, does not allow this. Ask an owner of {self.user.merchant_name}.",
                reason=f"needs_{permission}",
            )

    def confirm_first(self) -> None:
        """Asks for the password again unless that was done lately."""
        if not self.session.confirmed:
            raise ConfirmFirst()

    def refuse_problem(self) -> None:
        """Ends a visit that cannot show what was wrong with its query beside what it asked for."""
        if self.problem:
            raise self.problem

    def field(self, name: str, default: str = "") -> str:
        return self.form.get(name, [default])[0].strip()

    def secret_field(self, name: str) -> str:
        """A password, whose spaces count."""
        return self.form.get(name, [""])[0]

    def query(self, name: str) -> str:
        """A parameter of the address, without the one letter that not every database can be asked about."""
        return (self.request.args.get(name) or "").replace("\0", "").strip()

    def query_string(self, **changes) -> str:
        """The query of this page with some parameters changed; None takes one away."""
        kept = {name: values[0] for name, values in self.request.args.items() if name not in PASSING}
        return urlencode({name: value for name, value in (kept | changes).items() if value not in (None, "")})

    async def read(self, work, *args):
        return await self.gateway.store.read(work, *args)

    async def write(self, work, *args):
        return await self.gateway.store.write(work, *args)

    async def password_matches(self, password: str, known: str | None) -> bool:
        """Whether it is the right one; where there is no account the answer takes as long."""
        check = partial(_password_matches, password, known)
        return await asyncio.get_running_loop().run_in_executor(_passwords, check)

    async def hashed(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(_passwords, crypto.hash_password, password)

    def page(self, template: str, status: int = 200, **context) -> HTTPResponse:
        """The template as a page of this visit; a refused form comes back with what was typed."""
        translate = i18n.translator(self.language)
        body = pages.html(
            f"dashboard/{template}",
            self.language,
            visit=self,
            words=Words(translate, self.zone),
            theme=self.theme,
            problem=self.problem and pages.problem(self.problem, self.language),
            now_ms=now_ms(),
            **context,
        )
        return self._with_cookies(pages.answer(body, self.problem.status if self.problem else status))

    @property
    def theme(self) -> str | None:
        theme = self.request.cookies.get("theme")
        return theme if theme in THEMES else None

    def go(self, url: str, done: str | None = None) -> HTTPResponse:
        """Sends the browser on after a form, so that reloading does nothing twice."""
        if done:
            url += ("&" if "?" in url else "?") + urlencode({"done": done})
        return self._with_cookies(HTTPResponse(status=303, headers={"location": url, "cache-control": "no-store"}))

    def enter(self, token: str) -> None:
        """Gives the browser a session."""
        self.cookies.append((session_cookie(self.gateway), token, COOKIE_LASTS_S, True))

    def leave(self) -> None:
        self.cookies.append((session_cookie(self.gateway), "", 0, True))

    def remember(self, name: str, value: str) -> None:
        """Keeps a preference of this browser."""
        self.cookies.append((name, value, PREFERENCE_LASTS_S, False))

    def _with_cookies(self, response: HTTPResponse) -> HTTPResponse:
        for name, value, lasts_s, secret in self.cookies:
            response.add_cookie(
                name, value, path="/", max_age=lasts_s, httponly=secret, samesite="Lax", secure=_secure(self.gateway)
            )
        return response


def _password_matches(password: str, known: str | None) -> bool:
    return crypto.password_matches(password, known or _nobody()) and known is not None


@cache
def _nobody() -> str:
    return crypto.hash_password("nobody has this password")


def session_cookie(gateway) -> str:
    """With the prefix that binds it to this very host, where there is TLS."""
    return "__Host-session" if _secure(gateway) else "session"


def visit_cookie(gateway) -> str:
    return "__Host-visit" if _secure(gateway) else "visit"


async def arrive(gateway, request: Request, path: dict) -> Visit:
    """Who is there: a session, or somebody whose forms are told from others' by a cookie of their own."""
    token = request.cookies.get(session_cookie(gateway)) or ""
    session, seen = await gateway.store.read(_who, token) if token else (None, 0)
    if session:
        return Visit(gateway, request, session, token, path, seen=seen)
    known = request.cookies.get(visit_cookie(gateway))
    visit = Visit(gateway, request, None, known or secrets.token_urlsafe(24), path)
    if not known:
        visit.cookies.append((visit_cookie(gateway), visit.token, COOKIE_LASTS_S, True))
    return visit


def _who(tx, token: str) -> tuple[logins.Session | None, int]:
    session = logins.find_session(tx, token)
    return session, reports.overview.newest_event(tx, session.owner) if session else 0


def read_form(visit: Visit, *, of_any_mode: bool = False) -> None:
    """Takes the posted form; raises Forbidden for one that is not ours, BadRequest for one that is none."""
    content_type = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == FORM:
        visit.form = _fields(visit.request.body)
    elif content_type == "multipart/form-data":
        visit.form = {name: [str(value) for value in values] for name, values in (visit.request.form or {}).items()}
    given = visit.field("csrf").encode("utf-8", "replace")
    from_here = visit.request.headers.get("sec-fetch-site") in SAME_SITE
    good = [visit.csrf, *(visit.csrf_in(mode) for mode in MODES if of_any_mode and visit.session)]
    if not from_here or not any(hmac.compare_digest(given, token.encode()) for token in good):
        raise Forbidden(WRONG_TOKEN, reason="csrf")


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise BadRequest("This form could not be read.") from None
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise BadRequest("This form could not be read.")
        form.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return form


def _form_token(gateway, token: str) -> str:
    return hmac.digest(gateway.master.derive("dashboard forms"), token.encode("utf-8", "replace"), hashlib.sha256).hex()


def _secure(gateway) -> bool:
    return gateway.config.public_url.startswith("https://")


Handler = Callable[[Visit], Any]

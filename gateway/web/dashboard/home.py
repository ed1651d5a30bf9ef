"""The first page, which moves by itself; the stream that moves every page; and how the dashboard looks."""

import asyncio
import time

from sanic.response import HTTPResponse

from gateway import audit, charts, i18n, logins, merchants, periods, reports
from gateway.errors import BadRequest
from gateway.objects import encode
from gateway.web import live as streams
from gateway.web import upkeep
from gateway.web.sessions import MODES, THEMES, Visit
from gateway.web.words import Words

FOLDS_MAX = 5  # batches that a page folds before it shows itself; the rest is folded behind it
RECENT = 6
READ_EVERY_S = 0.2  # a stream reads once for all that happened meanwhile, however much that is
ATTEMPT = "webhook.attempt"  # not an event, but something that pages show


async def overview(visit: Visit) -> HTTPResponse:
    """How business goes, today and in the chosen period."""
    await upkeep.fold(visit.gateway, FOLDS_MAX)
    period = periods.period(visit.query("range"), visit.query("from"), visit.query("to"), visit.zone)
    seen, health, recent, key = await visit.read(_overview, visit, period)
    secret = visit.gateway.master.unseal(key.secret_sealed, key.id) if key and _shows_secret(visit) else None
    return visit.page(
        "overview.html", seen=seen, health=health, recent=recent, period=period, key=key, secret=secret,
        chart=_chart(visit, seen, period), ranges=periods.DAYS, share=charts.share,
    )  # fmt: skip


def _overview(tx, visit: Visit, period: periods.Period):
    seen = reports.overview.overview(tx, visit.owner, period, periods.today(visit.zone), visit.query("currency"))
    recent = reports.overview.newest_payments(tx, visit.owner, RECENT)
    return seen, reports.overview.webhook_health(tx, visit.owner), recent, merchants.newest_key(tx, visit.owner)


def _shows_secret(visit: Visit) -> bool:
    """A test secret moves no money, so those who may hold keys see it; a live one is revealed on the keys' page."""
    return visit.owner.mode == "test" and visit.may("develop")


def _chart(visit: Visit, seen: reports.overview.Overview, period: periods.Period) -> dict:
    words = Words(i18n.translator(visit.language), visit.zone)
    name = words.hour if period.hourly else words.day
    bars = [
        charts.Bar(
            column.figures.volume,
            f"{name(column.start_ms)}: {words.money(column.figures.volume, seen.currency)}"
            f" · {words.number(column.figures.captured)}",
        )
        for column in seen.columns
    ]
    top = charts.axis(max((bar.value for bar in bars), default=0))
    marks = [seen.columns[number].start_ms for number in _spread(len(bars))]
    label = words._("Captured volume by hour") if period.hourly else words._("Captured volume by day")
    return {
        "svg": charts.columns(bars, label, top),
        "label": label,
        "scale": [words.money(mark, seen.currency) for mark in (top, top // 2) if seen.now.captured],
        "marks": [name(mark) for mark in marks],
        "rows": [(name(column.start_ms), column.figures) for column in seen.columns],
    }


def _spread(count: int, wanted: int = 5) -> list[int]:
    """Evenly spread positions out of `count`, the first and the last among them."""
    if count <= wanted:
        return list(range(count))
    return [round(number * (count - 1) / (wanted - 1)) for number in range(wanted)]


async def live(visit: Visit) -> None:
    """The stream of what happens to the merchant in this mode: each event's type and object, and nothing of others.

    `id` is the event's number, so that a browser which was away hears first of what it missed.
    """
    last, read_at = _last_event_id(visit), 0.0

    async def produce(change) -> tuple[list[bytes], bool]:
        nonlocal last, read_at
        await asyncio.sleep(read_at + READ_EVERY_S - time.monotonic())
        read_at = time.monotonic()
        alive, rows = await visit.read(_news, visit, last)
        if alive and not rows and change and change[0] == ATTEMPT:
            return [_message(last, *change)], False
        last = rows[-1][0] if rows else last
        return [_message(*row) for row in rows], not alive

    await visit.request.app.ctx.live.serve(visit.request, ":".join(visit.owner), produce)


def _news(tx, visit: Visit, last: int) -> tuple[bool, list]:
    """What happened since `last`; a session that has ended, or sees the other mode now, ends its streams."""
    session = logins.find_session(tx, visit.token)
    alive = session is not None and session.owner == visit.owner and not session.second_factor_due
    return alive, reports.overview.events_after(tx, visit.owner, last) if alive else []


def _message(seq: int, event_type: str, object_id: str) -> bytes:
    return streams.event(encode({"type": event_type, "id": object_id}), name="change", event_id=str(seq))


def _last_event_id(visit: Visit) -> int:
    """What the browser has seen already: the last it heard, or what its page showed."""
    given = visit.request.headers.get("last-event-id") or visit.query("after")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else visit.seen


async def switch_mode(visit: Visit) -> HTTPResponse:
    """Turns from test to live objects and back, for this browser."""
    mode = visit.field("mode")
    if mode not in MODES:
        raise BadRequest("The mode is test or live.", field="mode")
    await visit.write(audit.done, visit.actor, "mode", mode, "", logins.switch_mode, visit.session, mode)
    return visit.go("/dashboard")


async def appearance(visit: Visit) -> HTTPResponse:
    """Remembers language and theme in this browser."""
    if visit.field("language") in i18n.LANGUAGES:
        visit.remember("language", visit.field("language"))
    if visit.field("theme") in (*THEMES, "auto"):
        visit.remember("theme", visit.field("theme"))
    back = visit.field("back")
    return visit.go(back if back.startswith("/dashboard") and back.isprintable() and "\\" not in back else "/dashboard")

"""A merchant's settings: the shop's name, logo and colour, where it may be embedded, how it captures, whom to tell."""

import asyncio

from sanic.response import HTTPResponse

from gateway import audit, mail, merchant_settings, merchants, preferences
from gateway.errors import BadRequest, NotFound
from gateway.web.sessions import Visit


async def settings(visit: Visit) -> HTTPResponse:
    merchant, shop, wanted = await visit.read(_all, visit.user.merchant_id)
    return visit.page(
        "settings.html", merchant=merchant, shop=shop, wanted=wanted, zones=preferences.TIME_ZONES,
        mail_ready=mail.is_set_up(visit.gateway.config), default_capture=visit.gateway.config.payments.capture,
        webhook_log_days=visit.gateway.config.webhooks.log_days,
    )  # fmt: skip


def _all(tx, merchant_id: str):
    found = merchants.find(tx, merchant_id)
    shop = merchant_settings.find(tx, merchant_id)
    return found, shop, preferences.find(tx, merchant_id)


async def save_shop(visit: Visit) -> HTTPResponse:
    color = visit.field("color") if visit.field("own_color") else ""
    return await _save_shop(
        visit, "shop", display_name=visit.field("display_name"), support_contact=visit.field("support_contact"),
        color=color,
    )  # fmt: skip


async def save_origins(visit: Visit) -> HTTPResponse:
    return await _save_shop(visit, "origins", allowed_origins=visit.field("origins").split())


async def save_logo(visit: Visit) -> HTTPResponse:
    """Takes a picture, or none at all where it is to be removed."""
    files = visit.request.files or {}
    picture = files.get("logo")
    removed = bool(visit.field("remove"))
    if not removed and not (picture and picture.body):
        raise BadRequest("Choose a picture first.", field="logo")
    return await _save_shop(visit, "logo", logo=None if removed else picture.body)


async def _save_shop(visit: Visit, part: str, **chosen) -> HTTPResponse:
    await visit.write(_change_shop, visit.actor, part, chosen)
    return visit.go("/dashboard/settings", "saved")


def _change_shop(tx, actor, part: str, chosen: dict) -> None:
    merchant_settings.change(tx, actor.merchant_id, **chosen)
    detail = "" if part == "logo" else ", ".join(f"{name}={value}" for name, value in chosen.items())
    audit.record(tx, actor, "settings", part, detail)


async def logo(visit: Visit) -> HTTPResponse:
    shop = await visit.read(merchant_settings.find, visit.user.merchant_id)
    if not shop.logo:
        raise NotFound("There is no logo yet.")
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return HTTPResponse(shop.logo, 200, headers, shop.logo_type)


async def save_payments(visit: Visit) -> HTTPResponse:
    days = visit.field("request_log_days")
    return await _save_preferences(
        visit, "payments", capture=visit.field("capture") or None, time_zone=visit.field("time_zone"),
        request_log_days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0,
    )  # fmt: skip


async def save_notifications(visit: Visit) -> HTTPResponse:
    return await _save_preferences(visit, "notifications", notify_email=visit.field("notify_email") or None)


async def _save_preferences(visit: Visit, part: str, **chosen) -> HTTPResponse:
    await visit.write(_change_preferences, visit.actor, part, chosen)
    return visit.go("/dashboard/settings", "saved")


def _change_preferences(tx, actor, part: str, chosen: dict) -> None:
    preferences.change(tx, actor.merchant_id, **chosen)
    audit.record(tx, actor, "settings", part, ", ".join(f"{name}={value}" for name, value in chosen.items()))


async def test_mail(visit: Visit) -> HTTPResponse:
    """Keeps the address, sends a message to it, and says at once whether the mail server took it."""
    address = visit.field("notify_email")
    if not address:
        raise BadRequest("Enter an address first.", field="notify_email")
    await visit.write(_change_preferences, visit.actor, "notifications", {"notify_email": address})
    send = asyncio.get_running_loop().run_in_executor
    subject, text = "Test from your payment gateway", "If you can read this, notifications will reach you."
    await send(None, mail.send, visit.gateway.config, address, subject, text)
    return visit.go("/dashboard/settings", "mail_sent")

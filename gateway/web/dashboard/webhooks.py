"""Webhooks in the dashboard: where they go, how each went, and sending them again."""

import uuid
from functools import partial

import msgspec
from sanic.response import HTTPResponse

from gateway import audit, clock, deliveries, endpoint_health, endpoints, events, reports, signatures
from gateway import webhook_objects as objects
from gateway.errors import BadRequest, NotFound
from gateway.reports.webhooks import STATUSES, DeliveryFilters
from gateway.web import forms
from gateway.web.sessions import Visit

HOUR_MS = 3_600_000
RECOVER_HOURS = {"1": 1, "24": 24, "72": 72, "168": 168}

# What a filter may name, each family before its members; `*` has a box of its own.
FILTERS = tuple(dict.fromkeys(name for event in events.TYPES for name in (f"{event.partition('.')[0]}.*", event)))


async def webhooks(visit: Visit) -> HTTPResponse:
    """The default endpoint, the others, and the log."""
    filters = _filters(visit)
    if not await visit.read(endpoints.has_default, visit.owner):
        await visit.write(endpoints.default, visit.owner, visit.gateway.master)
    seen = await visit.read(reports.webhooks.overview, visit.owner, filters, forms.cursor(visit))
    return visit.page(
        "webhooks.html", seen=seen, found=seen.found, filters=filters, secret=_secret(visit, seen.default),
        standard=signatures.standard_form, statuses=STATUSES, types=events.TYPES, recover_hours=RECOVER_HOURS,
        disables_at=_disables_at(visit),
    )  # fmt: skip


def _disables_at(visit: Visit):
    return partial(endpoint_health.disables_at, disable_after_days=visit.gateway.config.webhooks.disable_after_days)


def _filters(visit: Visit) -> DeliveryFilters:
    try:
        return DeliveryFilters(
            status=forms.one_of(visit.query("status"), STATUSES, "status"),
            event=forms.one_of(visit.query("event"), events.TYPES, "event"),
            endpoint_id=visit.query("endpoint") or None,
            span=forms.span(visit),
        )
    except BadRequest as problem:
        visit.problem = problem
        return DeliveryFilters()


async def save_default(visit: Visit) -> HTTPResponse:
    url = visit.field("url") or None
    await visit.write(
        audit.done, visit.actor, "webhook.url", url or "", "", endpoints.set_default_url, visit.owner, url,
        visit.gateway.master,
    )  # fmt: skip
    return visit.go("/dashboard/webhooks", "webhook_saved")


async def regenerate(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    await visit.write(
        audit.done, visit.actor, "webhook.secret", "default", "",
        endpoints.regenerate_default, visit.owner, visit.gateway.master, _overlap_ms(visit),
    )  # fmt: skip
    return visit.go("/dashboard/webhooks", "secret_replaced")


async def send_test(visit: Visit) -> HTTPResponse:
    await visit.write(endpoints.send_test_to_default, visit.owner, visit.gateway.master)
    return visit.go("/dashboard/webhooks", "test_sent")


async def recover(visit: Visit) -> HTTPResponse:
    """Sends again what one endpoint missed in the last hours."""
    hours = RECOVER_HOURS.get(visit.field("hours"))
    if hours is None:
        raise BadRequest("Choose how far back to go.", field="hours")
    endpoint_id, since = visit.field("endpoint_id"), clock.now_ms() - hours * HOUR_MS
    await visit.write(
        audit.done, visit.actor, "webhook.recover", endpoint_id, f"{hours} h",
        endpoints.recover, visit.owner, endpoint_id, since, None,
    )  # fmt: skip
    return visit.go("/dashboard/webhooks", "recovering")


async def delivery(visit: Visit) -> HTTPResponse:
    """One delivery with everything that was sent and answered."""
    found = await visit.read(deliveries.show, visit.owner, _delivery_id(visit))
    return visit.page("delivery.html", delivery=found, payload=reports.webhooks.indented(found.payload))


async def retry(visit: Visit) -> HTTPResponse:
    delivery_id = _delivery_id(visit)
    await visit.write(
        audit.done, visit.actor, "webhook.retry", delivery_id, "", deliveries.retry, visit.owner, delivery_id
    )
    back = "/dashboard/webhooks" if visit.field("back") == "list" else f"/dashboard/webhooks/deliveries/{delivery_id}"
    return visit.go(back, "retrying")


async def new_endpoint(visit: Visit) -> HTTPResponse:
    return visit.page("endpoint.html", endpoint=None, secret=None, choices=FILTERS, wanted=["*"])


async def create_endpoint(visit: Visit) -> HTTPResponse:
    new = objects.NewEndpoint(**_settings(visit))
    made = await visit.write(
        audit.done, visit.actor, "webhook.create", new.url, "", endpoints.create, visit.owner, new, visit.gateway.master
    )
    return visit.go(f"/dashboard/webhooks/endpoints/{made.id}", "endpoint_created")


def _settings(visit: Visit) -> dict:
    return {
        "url": visit.field("url"),
        "events": _filter(visit),
        "description": _short(visit.field("description")),
        "timeout": _whole(visit.field("timeout"), 1, objects.TIMEOUT_MAX_S, "timeout"),
        "rate_limit": _whole(visit.field("rate_limit"), 1, objects.RATE_MAX_PER_S, "rate_limit"),
        "enabled": visit.field("enabled") != "no",
    }


def _filter(visit: Visit) -> list[str]:
    names = visit.form.get("events")
    if not names:
        raise BadRequest("Choose at least one event.", field="events")
    return names


def _short(description: str) -> str:
    if len(description) > objects.DESCRIPTION_LENGTH_MAX:
        raise BadRequest(f"At most {objects.DESCRIPTION_LENGTH_MAX} characters.", field="description")
    return description


def _whole(text: str, least: int, most: int, field: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise BadRequest(f"This is a whole number from {least} to {most}.", field=field)
    return int(text)


async def endpoint(visit: Visit) -> HTTPResponse:
    row = await visit.read(endpoints.find, visit.owner, _endpoint_id(visit))
    return visit.page(
        "endpoint.html", endpoint=row, secret=_secret(visit, row), standard=signatures.standard_form, choices=FILTERS,
        wanted=msgspec.json.decode(row.events), disables_at=_disables_at(visit),
    )  # fmt: skip


def _secret(visit: Visit, row) -> str | None:
    """What signs now, for those who may hold keys."""
    if not visit.may("develop"):
        return None
    return str(endpoints.secrets(row, visit.gateway.master, clock.now_ms())[0])


async def edit_endpoint(visit: Visit) -> HTTPResponse:
    endpoint_id = _endpoint_id(visit)
    changes = objects.EndpointChanges(**_settings(visit))
    await visit.write(
        audit.done, visit.actor, "webhook.edit", endpoint_id, str(changes.url),
        endpoints.edit, visit.owner, endpoint_id, changes,
    )  # fmt: skip
    return visit.go(f"/dashboard/webhooks/endpoints/{endpoint_id}", "webhook_saved")


async def rotate(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    endpoint_id = _endpoint_id(visit)
    await visit.write(
        audit.done, visit.actor, "webhook.secret", endpoint_id, "",
        endpoints.rotate, visit.owner, endpoint_id, None, visit.gateway.master, _overlap_ms(visit),
    )  # fmt: skip
    return visit.go(f"/dashboard/webhooks/endpoints/{endpoint_id}", "secret_replaced")


async def test_endpoint(visit: Visit) -> HTTPResponse:
    endpoint_id = _endpoint_id(visit)
    await visit.write(endpoints.send_test, visit.owner, endpoint_id)
    return visit.go(f"/dashboard/webhooks?endpoint={endpoint_id}", "test_sent")


async def delete_endpoint(visit: Visit) -> HTTPResponse:
    endpoint_id = _endpoint_id(visit)
    await visit.write(
        audit.done, visit.actor, "webhook.delete", endpoint_id, "", endpoints.delete, visit.owner, endpoint_id
    )
    return visit.go("/dashboard/webhooks", "endpoint_deleted")


def _endpoint_id(visit: Visit) -> str:
    return forms.object_id(visit, "endpoint_id", "we")


def _delivery_id(visit: Visit) -> str:
    try:
        return str(uuid.UUID(visit.path["delivery_id"]))
    except ValueError:
        raise NotFound("There is nothing at this address.") from None


def _overlap_ms(visit: Visit) -> int:
    return round(visit.gateway.config.webhooks.rotation_hours * HOUR_MS)

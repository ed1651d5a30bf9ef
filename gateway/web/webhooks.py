"""Webhook endpoints, their log and the events behind them, over HTTP."""

import uuid
from collections.abc import Callable

from gateway import deliveries, delivery_objects, endpoints, events
from gateway import webhook_objects as objects
from gateway.errors import BadRequest, NotFound
from gateway.web import door, queries
from gateway.web.routes import Call, Route, json

HOUR_MS = 3_600_000


# Endpoints


def create(call: Call):
    return endpoints.create, call.owner, call.body, call.gateway.master


def list_endpoints(call: Call):
    return endpoints.list_endpoints, call.owner, queries.page(call.query)


def show_endpoint(call: Call):
    return endpoints.show, call.owner, call.id("endpoint_id", "we")


def edit(call: Call):
    return endpoints.edit, call.owner, call.id("endpoint_id", "we"), call.body


def delete(call: Call):
    return endpoints.delete, call.owner, call.id("endpoint_id", "we")


def rotate_secret(call: Call):
    endpoint_id = call.id("endpoint_id", "we")
    return endpoints.rotate, call.owner, endpoint_id, call.body.secret, call.gateway.master, _overlap_ms(call)


def send_test(call: Call):
    return endpoints.send_test, call.owner, call.id("endpoint_id", "we")


# The default endpoint


async def config(call: Call):
    store, master = call.gateway.store, call.gateway.master
    if not await store.read(endpoints.has_default, call.owner):
        await store.write(endpoints.default, call.owner, master)
    return json(await store.read(endpoints.config, call.owner, master))


def set_url(call: Call):
    return endpoints.set_default_url, call.owner, call.body.webhook_url, call.gateway.master


def regenerate(call: Call):
    return endpoints.regenerate_default, call.owner, call.gateway.master, _overlap_ms(call)


def send_test_to_default(call: Call):
    return endpoints.send_test_to_default, call.owner, call.gateway.master


# The log


def list_deliveries(call: Call):
    return list_filtered, call.owner, call.query


def list_filtered(tx, owner, query):
    return deliveries.list_deliveries(
        tx,
        owner,
        queries.page(query),
        status=query.get("status"),
        event=query.get("event"),
        endpoint_id=query.get("endpoint_id"),
        since=query.get("from"),
        until=query.get("to"),
    )


def show_delivery(call: Call):
    return deliveries.show, call.owner, _delivery_id(call)


def retry(call: Call):
    return deliveries.retry, call.owner, _delivery_id(call)


def recover(call: Call):
    try:
        since = door.moment_ms(call.body.since)
    except ValueError as error:
        raise BadRequest(f"since {error}.", field="since") from None
    return endpoints.recover, call.owner, call.body.endpoint_id, since, call.body.status


# Events


def list_events(call: Call):
    return events_filtered, call.owner, call.query


def events_filtered(tx, owner, query):
    return deliveries.list_events(
        tx,
        owner,
        queries.page(query),
        event=query.get("event"),
        object_id=query.get("object_id"),
        since=query.get("from"),
        until=query.get("to"),
    )


def show_event(call: Call):
    return deliveries.show_event, call.owner, call.id("event_id", "evt")


def _overlap_ms(call: Call) -> int:
    return round(call.gateway.config.webhooks.rotation_hours * HOUR_MS)


def _delivery_id(call: Call) -> str:
    try:
        return str(uuid.UUID(call.path["delivery_id"]))
    except ValueError:
        raise NotFound("There is nothing with this id.") from None


EVENT: dict[str, Callable] = {"event": door.one_of(*events.TYPES)}
DELIVERY_FILTERS = EVENT | {
    "status": door.one_of("pending", "success", "failed", "skipped"),
    "endpoint_id": queries.ID,
}

ROUTES = [
    Route("GET", "/webhook_endpoints", list_endpoints, "List webhook endpoints", list[objects.Endpoint],
          query=queries.PAGE, tag="Webhooks"),
    Route("POST", "/webhook_endpoints", create, "Create a webhook endpoint", objects.EndpointWithSecret,
          objects.NewEndpoint, 201, secret=True, tag="Webhooks"),
    Route("GET", "/webhook_endpoints/<endpoint_id>", show_endpoint, "Show a webhook endpoint", objects.Endpoint,
          tag="Webhooks"),
    Route("PATCH", "/webhook_endpoints/<endpoint_id>", edit, "Change a webhook endpoint", objects.Endpoint,
          objects.EndpointChanges, tag="Webhooks"),
    Route("DELETE", "/webhook_endpoints/<endpoint_id>", delete, "Delete a webhook endpoint", objects.Deleted,
          tag="Webhooks"),
    Route("POST", "/webhook_endpoints/<endpoint_id>/rotate_secret", rotate_secret, "Replace an endpoint's secret",
          objects.EndpointWithSecret, objects.NewSecret, body_required=False, secret=True, tag="Webhooks"),
    Route("POST", "/webhook_endpoints/<endpoint_id>/test", send_test, "Send a test event", delivery_objects.Sent,
          objects.Nothing, body_required=False, tag="Webhooks"),
    Route("GET", "/merchant/config", config, "Show the account and its default endpoint", objects.MerchantConfig,
          tag="Webhooks"),
    Route("PATCH", "/merchant/webhook", set_url, "Set the default endpoint's URL", objects.MerchantWebhook,
          objects.DefaultUrl, tag="Webhooks"),
    Route("POST", "/merchant/webhook/regenerate", regenerate, "Replace the default endpoint's secret",
          objects.MerchantSecret, objects.Nothing, body_required=False, secret=True, tag="Webhooks"),
    Route("POST", "/merchant/webhook/test", send_test_to_default, "Send a test event to the default endpoint",
          delivery_objects.Sent, objects.Nothing, body_required=False, tag="Webhooks"),
    Route("GET", "/webhooks", list_deliveries, "List webhook deliveries", list[delivery_objects.Delivery],
          query=queries.PAGE | queries.PERIOD | DELIVERY_FILTERS, tag="Webhooks"),
    Route("GET", "/webhooks/<delivery_id>", show_delivery, "Show a delivery with its attempts",
          delivery_objects.DeliveryDetails, tag="Webhooks"),
    Route("POST", "/webhooks/<delivery_id>/retry", retry, "Deliver again now", delivery_objects.Scheduled,
          objects.Nothing, body_required=False, tag="Webhooks"),
    Route("POST", "/webhooks/recover", recover, "Deliver again what failed or was skipped", delivery_objects.Recovered,
          delivery_objects.Recover, tag="Webhooks"),
    Route("GET", "/events", list_events, "List events", list[delivery_objects.Event],
          query=queries.PAGE | queries.PERIOD | EVENT | {"object_id": queries.ID}, tag="Webhooks"),
    Route("GET", "/events/<event_id>", show_event, "Show an event with its deliveries", delivery_objects.EventDetails,
          tag="Webhooks"),
]  # fmt: skip

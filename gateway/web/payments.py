"""Payments over HTTP: the answer comes before any processing, a job takes it from there."""

from gateway import objects, payments
from gateway.web import door, queries
from gateway.web.routes import Call, Route


def create(call: Call):
    return call.gateway.desk.start, call.owner, payments.check(call.body)


def list_all(call: Call):
    return list_filtered, call.owner, call.query


def list_filtered(tx, owner, query):
    return payments.list_payments(
        tx,
        owner,
        queries.page(query),
        order_id=query.get("order_id"),
        status=query.get("status"),
        method=query.get("method"),
        since=query.get("from"),
        until=query.get("to"),
    )


def show(call: Call):
    return payments.show, call.owner, call.id("payment_id", "pay")


def capture(call: Call):
    return payments.capture, call.owner, call.id("payment_id", "pay"), call.body.amount


def cancel(call: Call):
    return payments.cancel, call.owner, call.id("payment_id", "pay")


STATUS = door.one_of("pending", "processing", "requires_action", "success", "failed", "cancelled")
METHOD = door.one_of("upi", "card", "netbanking", "wallet")
FILTERS = queries.PAGE | queries.PERIOD | {"status": STATUS, "method": METHOD, "order_id": queries.ID}

ROUTES = [
    Route("POST", "/payments", create, "Pay an order", objects.Payment, payments.NewPayment, 201, tag="Payments"),
    Route("GET", "/payments", list_all, "List payments", list[objects.Payment], query=FILTERS, tag="Payments"),
    Route("GET", "/payments/<payment_id>", show, "Show a payment", objects.Payment, tag="Payments"),
    Route(
        "POST", "/payments/<payment_id>/capture", capture, "Capture an authorised payment", objects.Payment,
        payments.Capture, body_required=False, tag="Payments",
    ),
    Route(
        "POST", "/payments/<payment_id>/cancel", cancel, "Cancel a payment that is not captured", objects.Payment,
        payments.Nothing, body_required=False, tag="Payments",
    ),
]  # fmt: skip

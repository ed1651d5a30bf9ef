"""Refunds over HTTP."""

from gateway import objects, payments, refunds
from gateway.web import door, queries
from gateway.web.routes import Call, Route


def create(call: Call):
    return refunds.create, call.owner, call.id("payment_id", "pay"), refunds.check(call.body)


def list_of_payment(call: Call):
    return refunds_of, call.owner, call.id("payment_id", "pay"), queries.page(call.query)


def refunds_of(tx, owner, payment_id, page):
    payments.find(tx, owner, payment_id)
    return refunds.list_refunds(tx, owner, page, payment_id=payment_id)


def list_all(call: Call):
    return list_filtered, call.owner, call.query


def list_filtered(tx, owner, query):
    return refunds.list_refunds(
        tx,
        owner,
        queries.page(query),
        payment_id=query.get("payment_id"),
        status=query.get("status"),
        since=query.get("from"),
        until=query.get("to"),
    )


def show(call: Call):
    return refunds.show, call.owner, call.id("refund_id", "rfnd")


FILTERS = (
    queries.PAGE | queries.PERIOD | {"status": door.one_of("pending", "processed", "failed"), "payment_id": queries.ID}
)

ROUTES = [
    Route(
        "POST", "/payments/<payment_id>/refunds", create, "Refund a payment", objects.Refund, refunds.NewRefund, 201,
        body_required=False, tag="Refunds",
    ),
    Route(
        "GET", "/payments/<payment_id>/refunds", list_of_payment, "List a payment's refunds", list[objects.Refund],
        query=queries.PAGE, tag="Refunds",
    ),
    Route("GET", "/refunds", list_all, "List refunds", list[objects.Refund], query=FILTERS, tag="Refunds"),
    Route("GET", "/refunds/<refund_id>", show, "Show a refund", objects.Refund, tag="Refunds"),
]  # fmt: skip

"""Orders over HTTP."""

from gateway import objects, orders, payments
from gateway.web import door, queries
from gateway.web.routes import Call, Route


def create(call: Call):
    return orders.create, call.owner, orders.check(call.body), call.gateway.config.payments.capture


def list_all(call: Call):
    query = call.query
    return (
        orders.list_orders,
        call.owner,
        queries.page(query),
        query.get("status"),
        query.get("from"),
        query.get("to"),
        query.get("receipt"),
    )


def show(call: Call):
    return orders.show, call.owner, call.id("order_id", "order")


def list_payments(call: Call):
    return orders_payments, call.owner, call.id("order_id", "order"), queries.page(call.query)


def orders_payments(tx, owner, order_id, page):
    orders.find(tx, owner, order_id)
    return payments.list_payments(tx, owner, page, order_id=order_id)


STATUS = door.one_of("created", "attempted", "paid")

ROUTES = [
    Route("POST", "/orders", create, "Create an order", objects.Order, orders.NewOrder, 201, tag="Orders"),
    Route(
        "GET", "/orders", list_all, "List orders", list[objects.Order], tag="Orders",
        query=queries.PAGE | queries.PERIOD | {"status": STATUS, "receipt": door.text(orders.RECEIPT_LENGTH_MAX)},
    ),
    Route("GET", "/orders/<order_id>", show, "Show an order", objects.Order, tag="Orders"),
    Route(
        "GET", "/orders/<order_id>/payments", list_payments, "List an order's payments", list[objects.Payment],
        query=queries.PAGE, tag="Orders",
    ),
]  # fmt: skip

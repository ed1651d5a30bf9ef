"""What a customer's browser may see and do, knowing nothing but the id of an order."""

from gateway import checkout
from gateway.web import customers, door
from gateway.web.routes import Call, Route


def show_order(call: Call):
    return checkout.show_order, call.id("order_id", "order"), call.query.get("key")


def pay(call: Call):
    secret = customers.secret(call.request)
    new = checkout.check(call.body, secret)
    limit = call.gateway.config.limits.attempts_per_order
    return checkout.pay, call.gateway.desk, new, secret, call.body.key, limit


def show_payment(call: Call):
    return checkout.show_payment, call.id("payment_id", "pay"), call.gateway.master, call.query.get("key")


ROUTES = [
    Route("GET", "/orders/<order_id>/public", show_order, "Show an order to its customer", checkout.PublicOrder,
          access="public", query={"key": door.text(100)}, tag="Checkout"),
    Route("POST", "/payments/public", pay, "Pay an order as its customer", checkout.PublicPayment,
          checkout.NewPublicPayment, 201, access="public", tag="Checkout"),
    Route("GET", "/payments/<payment_id>/public", show_payment, "Show a payment to its payer", checkout.PublicPayment,
          access="public", query={"key": door.text(100)}, tag="Checkout"),
]  # fmt: skip


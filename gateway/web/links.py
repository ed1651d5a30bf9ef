"""Payment links over HTTP: made by a merchant, sent to a customer, paid on the same checkout."""

from gateway import links, payments
from gateway.web import door, queries
from gateway.web.routes import Call, Route


def create(call: Call):
    config = call.gateway.config
    return links.create, call.owner, links.check(call.body), config.payments.capture, config.public_url


def list_all(call: Call):
    get = call.query.get
    wanted = get("status"), get("order_id"), get("from"), get("to")
    return links.list_links, call.owner, queries.page(call.query), call.gateway.config.public_url, *wanted


def show(call: Call):
    return links.show, call.owner, call.id("link_id", "plink"), call.gateway.config.public_url


def cancel(call: Call):
    return links.cancel, call.owner, call.id("link_id", "plink"), call.gateway.config.public_url


FILTERS = queries.PAGE | queries.PERIOD | {"status": door.one_of(*links.STATUSES), "order_id": queries.ID}
ROUTES = [
    Route("POST", "/payment_links", create, "Create a payment link", links.Link, links.NewLink, 201,
          tag="Payment links"),
    Route("GET", "/payment_links", list_all, "List payment links", list[links.Link], query=FILTERS,
          tag="Payment links"),
    Route("GET", "/payment_links/<link_id>", show, "Show a payment link", links.Link, tag="Payment links"),
    Route("POST", "/payment_links/<link_id>/cancel", cancel, "Close a payment link", links.Link, payments.Nothing,
          body_required=False, tag="Payment links"),
]  # fmt: skip

"""Orders, refunds and payment links in the dashboard: lists, one order, and making new ones."""

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from sanic.response import HTTPResponse

from gateway import audit, clock, exports, links, money, objects, orders, reports
from gateway.errors import BadRequest
from gateway.reports.orders import ORDER_STATUSES, REFUND_STATUSES, OrderFilters, RefundFilters
from gateway.web import downloads, forms, qr
from gateway.web.sessions import Visit

CURRENCIES = ("INR", "USD", "EUR", "GBP", "AED", "SGD", "JPY", "KWD")  # offered; the API takes every one
EXPIRES_DAYS_MAX = 366
DAY_MS = 86_400_000


class Wanted(NamedTuple):
    """What the form for a new order or link says."""

    amount: int
    currency: str
    receipt: str | None
    notes: dict[str, str] | None


async def orders_page(visit: Visit) -> HTTPResponse:
    filters = OrderFilters(*_filters(visit, ORDER_STATUSES))
    found = await visit.read(reports.orders.search_orders, visit.owner, filters, forms.cursor(visit))
    return visit.page("orders.html", found=found, filters=filters, statuses=ORDER_STATUSES)


async def refunds_page(visit: Visit) -> HTTPResponse:
    filters = RefundFilters(*_filters(visit, REFUND_STATUSES))
    found = await visit.read(reports.orders.search_refunds, visit.owner, filters, forms.cursor(visit))
    return visit.page("refunds.html", found=found, filters=filters, statuses=REFUND_STATUSES)


def _filters(visit: Visit, statuses) -> tuple:
    try:
        status = forms.one_of(visit.query("status"), statuses, "status")
        return status, visit.query("q"), forms.span(visit)
    except BadRequest as problem:
        visit.problem = problem
        return ()


async def export_orders(visit: Visit) -> None:
    filters = OrderFilters(*_filters(visit, ORDER_STATUSES))
    visit.refuse_problem()
    conditions = reports.orders.order_conditions(filters)
    await downloads.send(visit, exports.orders(visit.owner, filters.span, conditions), "orders")


async def export_refunds(visit: Visit) -> None:
    filters = RefundFilters(*_filters(visit, REFUND_STATUSES))
    visit.refuse_problem()
    conditions = reports.orders.refund_conditions(filters)
    await downloads.send(visit, exports.refunds(visit.owner, filters.span, conditions), "refunds")


async def order(visit: Visit) -> HTTPResponse:
    row, attempts, link = await visit.read(reports.orders.order, visit.owner, _order_id(visit))
    return visit.page(
        "order.html", order=row, attempts=attempts, notes=objects.notes(row.notes), url=_pay_url(visit, row.id, link)
    )


async def order_qr(visit: Visit) -> HTTPResponse:
    """The address at which the order is paid, as a QR code."""
    row, _, link = await visit.read(reports.orders.order, visit.owner, _order_id(visit))
    return qr.answer(_pay_url(visit, row.id, link))


def _pay_url(visit: Visit, order_id: str, link) -> str:
    base = visit.gateway.config.public_url
    return links.address(base, link.code) if link else f"{base}/checkout?order_id={order_id}"


async def new_order(visit: Visit) -> HTTPResponse:
    return visit.page("order_new.html", currencies=CURRENCIES)


async def create_order(visit: Visit) -> HTTPResponse:
    wanted = _wanted(visit)
    capture = forms.one_of(visit.field("capture"), ("automatic", "manual"), "capture")
    new = orders.check(orders.NewOrder(*wanted, capture))
    shown = money.display(wanted.amount, wanted.currency)
    default = visit.gateway.config.payments.capture
    answer = await visit.write(_create_order, visit.actor, shown, visit.owner, new, default)
    return visit.go(f"/dashboard/orders/{_id_of(answer)}", "order_created")


def _create_order(tx, actor, shown: str, owner, new: orders.NewOrder, default: str) -> bytes:
    body = orders.create(tx, owner, new, default)
    audit.record(tx, actor, "order.create", _id_of(body), shown)
    return body


def _wanted(visit: Visit) -> Wanted:
    currency = money.check_currency(visit.field("currency", "INR"))
    amount = forms.amount(visit.field("amount"), currency, "amount")
    if amount is None:
        raise BadRequest("Say how much is to be paid.", field="amount")
    receipt = visit.field("receipt")
    if len(receipt) > orders.RECEIPT_LENGTH_MAX:
        raise BadRequest(f"A receipt has at most {orders.RECEIPT_LENGTH_MAX} characters.", field="receipt")
    return Wanted(amount, currency, receipt or None, forms.notes(visit.field("notes")))


async def links_page(visit: Visit) -> HTTPResponse:
    found = await visit.read(reports.orders.search_links, visit.owner, forms.cursor(visit))
    base = visit.gateway.config.public_url
    return visit.page("links.html", found=found, currencies=CURRENCIES, address=lambda code: links.address(base, code))


async def create_link(visit: Visit) -> HTTPResponse:
    new = links.NewLink(*_wanted(visit), description=visit.field("description"), expires_at=_expiry(visit))
    if len(new.description) > links.DESCRIPTION_LENGTH_MAX:
        raise BadRequest(f"At most {links.DESCRIPTION_LENGTH_MAX} characters.", field="description")
    links.check(new)
    config = visit.gateway.config
    answer = await visit.write(_create_link, visit.actor, visit.owner, new, config.payments.capture, config.public_url)
    return visit.go(f"/dashboard/orders/{msgspec.json.decode(answer)['order_id']}", "link_created")


def _create_link(tx, actor, owner, new: links.NewLink, default: str, base_url: str) -> bytes:
    body = links.create(tx, owner, new, default, base_url)
    audit.record(tx, actor, "link.create", _id_of(body), money.display(new.amount, new.currency))
    return body


def _expiry(visit: Visit) -> datetime | None:
    days = visit.field("expires_days")
    if not days:
        return None
    if not days.isascii() or not days.isdigit() or not 1 <= int(days) <= EXPIRES_DAYS_MAX:
        raise BadRequest(f"A link is open for 1 to {EXPIRES_DAYS_MAX} days.", field="expires_days")
    return datetime.fromtimestamp((clock.now_ms() + int(days) * DAY_MS) / 1000, UTC)


async def cancel_link(visit: Visit) -> HTTPResponse:
    link_id = forms.object_id(visit, "link_id", "plink")
    await visit.write(
        audit.done, visit.actor, "link.cancel", link_id, "",
        links.cancel, visit.owner, link_id, visit.gateway.config.public_url,
    )  # fmt: skip
    return visit.go("/dashboard/links", "link_cancelled")


def _order_id(visit: Visit) -> str:
    return forms.object_id(visit, "order_id", "order")


def _id_of(body: bytes) -> str:
    return msgspec.json.decode(body)["id"]

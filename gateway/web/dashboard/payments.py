"""Payments in the dashboard: the list with its filters, one payment with its story, and what can be done to it."""

import msgspec
from sanic.response import HTTPResponse

from gateway import audit, exports, idempotency, money, objects, payments, refunds, reports, states
from gateway.errors import BadRequest
from gateway.idempotency import Key
from gateway.reports.payments import METHODS, STATUSES, Filters
from gateway.web import downloads, forms
from gateway.web.sessions import Visit

FILTER_CURRENCY = "INR"  # of the amounts in the filter; it compares minor units
LARGE_REFUND = 10_000  # in the currency's major unit: from here on the password is asked for again


async def transactions(visit: Visit) -> HTTPResponse:
    filters = _filters(visit)
    found = await visit.read(reports.payments.search, visit.owner, filters, forms.cursor(visit))
    return visit.page("transactions.html", found=found, filters=filters, statuses=STATUSES, methods=METHODS)


def _filters(visit: Visit) -> Filters:
    """What the query asks for; what cannot be understood is said on the page and filters nothing."""
    try:
        return Filters(
            status=forms.one_of(visit.query("status"), STATUSES, "status"),
            method=forms.one_of(visit.query("method"), METHODS, "method"),
            amount_min=forms.amount(visit.query("min"), FILTER_CURRENCY, "min"),
            amount_max=forms.amount(visit.query("max"), FILTER_CURRENCY, "max"),
            text=visit.query("q"),
            span=forms.span(visit),
        )
    except BadRequest as problem:
        visit.problem = problem
        return Filters()


async def export(visit: Visit) -> None:
    """Exactly the filtered payments as a file."""
    filters = _filters(visit)
    visit.refuse_problem()
    await downloads.send(visit, exports.payments(visit.owner, filters), "payments")


async def payment(visit: Visit) -> HTTPResponse:
    detail = await visit.read(reports.payments.detail, visit.owner, _id(visit))
    return visit.page(
        "payment.html", detail=detail, payment=detail.payment, refundable=detail.refundable, plain=forms.plain,
        notes=objects.notes(detail.notes), once=_once(detail),
        cancellable=not detail.payment.captured and "cancelled" in _moves(detail.payment.status),
    )  # fmt: skip


def _moves(status: str) -> set:
    return states.PAYMENT_MOVES[status]


def _once(detail: reports.payments.Detail) -> str:
    """Names what the page showed, so that a second click asks for the same thing and gets the first answer."""
    return f"{detail.payment.amount_captured}-{detail.payment.amount_refunded}-{len(detail.refunds)}"


async def capture(visit: Visit) -> HTTPResponse:
    payment_id = _id(visit)
    row = await visit.read(payments.find, visit.owner, payment_id)
    amount = forms.amount(visit.field("amount"), row.currency, "amount")
    await visit.write(
        audit.done, visit.actor, "payment.capture", payment_id, _shown(amount, row.currency),
        payments.capture, visit.owner, payment_id, amount,
    )  # fmt: skip
    return visit.go(_page(payment_id), "captured")


async def cancel(visit: Visit) -> HTTPResponse:
    payment_id = _id(visit)
    await visit.write(
        audit.done, visit.actor, "payment.cancel", payment_id, "", payments.cancel, visit.owner, payment_id
    )
    return visit.go(_page(payment_id), "cancelled")


async def refund(visit: Visit) -> HTTPResponse:
    """Gives money back; the same form sent twice gives it back once."""
    payment_id = _id(visit)
    row = await visit.read(payments.find, visit.owner, payment_id)
    amount = forms.amount(visit.field("amount"), row.currency, "amount")
    new = refunds.check(refunds.NewRefund(amount=amount, reason=_reason(visit)))
    asked = row.amount_captured - row.amount_refunded if amount is None else amount
    if asked >= LARGE_REFUND * 10 ** money.exponent(row.currency):
        visit.confirm_first()
    answer = await visit.write(_refund_once, visit, payment_id, new, _shown(asked, row.currency))
    return visit.go(_page(payment_id), "refund_known" if answer.replayed else "refunded")


def _reason(visit: Visit) -> str | None:
    reason = visit.field("reason")
    if len(reason) > refunds.REASON_LENGTH_MAX or not reason.isprintable():
        raise BadRequest(f"A reason has at most {refunds.REASON_LENGTH_MAX} printable characters.", field="reason")
    return reason or None


def _refund_once(tx, visit: Visit, payment_id: str, new: refunds.NewRefund, shown: str) -> idempotency.Answer:
    wanted = msgspec.json.encode(new, order="deterministic")
    key = Key(
        scope=f"dashboard:{':'.join(visit.owner)}",
        key=f"refund:{payment_id}:{visit.field('once')[:64]}",
        fingerprint=idempotency.fingerprint(visit.gateway.fingerprint_key, f"refund {payment_id}", wanted),
        method_path="dashboard refund",
    )
    actor = visit.actor
    return idempotency.once(
        tx, key, 201, audit_refund, actor, payment_id, shown, visit.owner, new
    )


def audit_refund(tx, actor, payment_id: str, shown: str, owner, new: refunds.NewRefund):
    return audit.done(tx, actor, "payment.refund", payment_id, shown, refunds.create, owner, payment_id, new)


def _shown(amount: int | None, currency: str) -> str:
    return "" if amount is None else money.display(amount, currency)


def _id(visit: Visit) -> str:
    return forms.object_id(visit, "payment_id", "pay")


def _page(payment_id: str) -> str:
    return f"/dashboard/transactions/{payment_id}"



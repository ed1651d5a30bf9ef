"""Refunds: reserve the money, ask the bank to give it back, write down whether it did."""

import logging
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway import bell, events, ledger, lists, money, objects, orders, payments, statements, states
from gateway.clock import now_ms
from gateway.errors import BadRequest, NotFound
from gateway.ids import new_id
from gateway.objects import Owner, RefundRow
from gateway.processors import Outcome, OutcomeUnknown, Processor
from gateway.settlement import CLAIM_MS, backoff_ms

log = logging.getLogger("gateway.refunds")

REASON_LENGTH_MAX = 255
CAPTURE_FIRST_MS = 1_000
NOT_REFUNDABLE = "Payment not in refundable state"
EXCEEDS = "Refund amount exceeds available amount"


class NewRefund(Struct, forbid_unknown_fields=True):
    """How much to give back, all that is left where nothing is said, and why."""

    amount: money.Amount | None = None
    reason: Annotated[str, Meta(max_length=REASON_LENGTH_MAX)] | None = None
    notes: orders.Notes | None = None


def check(new: NewRefund) -> NewRefund:
    """Refuses what the types alone do not; call it before the transaction."""
    orders.check_notes(new.notes)
    if new.amount is not None and new.amount < 1:
        raise BadRequest("Refund amount must be a positive whole number of minor units.", field="amount")
    if new.amount is not None and new.amount > money.MAX_AMOUNT:
        raise BadRequest(EXCEEDS, field="amount", reason="refund_exceeds_available")
    return new


def create(tx, owner: Owner, payment_id: str, new: NewRefund) -> bytes:
    """Reserves the amount and writes a pending refund; returns it as JSON.

    The reserving UPDATE carries the condition, so no number of parallel refunds gives back more than was captured.
    Raises NotFound, or BadRequest where nothing or not this much can be refunded.
    """
    payment = payments.find(tx, owner, payment_id)
    if payment.status != "success" or not payment.captured:
        raise BadRequest(NOT_REFUNDABLE, reason="not_refundable")
    now = now_ms()
    amount = payment.amount_captured - payment.amount_refunded if new.amount is None else new.amount
    if amount < 1 or tx.changed(statements.RESERVE_REFUND, (amount, now, payment_id, *owner, amount)) != 1:
        raise BadRequest(EXCEEDS, field="amount", reason="refund_exceeds_available")
    refund = RefundRow(
        seq=0,
        id=new_id("rfnd"),
        merchant_id=owner.merchant_id,
        mode=owner.mode,
        payment_id=payment_id,
        amount=amount,
        currency=payment.currency,
        reason=new.reason,
        notes=orders.stored_notes(new.notes),
        status="pending",
        step="submit",
        error_code=None,
        error_description=None,
        error_reason=None,
        created_at=now,
        processed_at=None,
        updated_at=now,
        due_at=now,
        claimed_until=None,
        work_attempts=0,
    )
    tx.execute(statements.INSERT_REFUND, msgspec.structs.astuple(refund)[1:])
    states.remember(tx, refund.id, None, "pending", now)
    ledger.refund_created(tx, owner, refund.id, amount, refund.currency)
    tx.after_commit(bell.ring_refunds)
    return _announce(tx, refund, "refund.created")


def claim(tx, limit: int) -> list[RefundRow]:
    """Takes up to `limit` refunds on which work is due; nobody else gets them before the claim lapses."""
    now = now_ms()
    rows = tx.all(statements.CLAIM_REFUNDS, (now + CLAIM_MS, now, now, limit))
    return [RefundRow(*row) for row in rows]


def standing(tx, payment_id: str) -> tuple[str, bool]:
    """Which processor has the payment, and whether it has yet to hear of the capture that the refund gives back."""
    name, step = tx.one("SELECT processor, step FROM payments WHERE id = ?", (payment_id,))
    return name, step == "capture"


def ask(processor: Processor, refund: RefundRow) -> Outcome | None:
    """What the bank says to the refund, outside any transaction; None where it gave no answer."""
    try:
        if refund.step == "inquire" and (known := processor.inquire(refund.id)):
            return known
        return processor.refund(refund.payment_id, refund.id, refund.amount)
    except OutcomeUnknown:
        return None
    except Exception:
        log.exception("processor %s failed on %s", processor.name, refund.id)
        return None


def settle(tx, refund: RefundRow, outcome: Outcome | None) -> None:
    """Writes down what the bank said, if the claim still holds."""
    if outcome is None or outcome.status not in ("succeeded", "failed"):
        again_at = outcome.again_at_ms if outcome else None
        return postpone(tx, refund, again_at or now_ms() + backoff_ms(refund.work_attempts), "inquire")
    target = "processed" if outcome.status == "succeeded" else "failed"
    columns = {
        "processed_at": now_ms() if target == "processed" else None,
        "error_code": outcome.error_code,
        "error_reason": outcome.error_reason,
        "error_description": outcome.error_description,
        "step": None,
        "due_at": None,
        "claimed_until": None,
    }
    if not states.move(tx, "refunds", refund.id, "pending", target, held=refund.claimed_until, **columns):
        return None
    refund = msgspec.structs.replace(refund, status=target, **columns)
    if target == "processed":
        ledger.refund_processed(tx, refund.owner, refund.id, refund.amount, refund.currency)
    else:
        ledger.refund_failed(tx, refund.owner, refund.id, refund.amount, refund.currency)
        tx.execute(statements.RELEASE_REFUNDED, (refund.amount, now_ms(), refund.payment_id))
    _announce(tx, refund, f"refund.{target}")


def postpone(tx, refund: RefundRow, at_ms: int, step: str) -> None:
    """Leaves the refund as it is and comes back at `at_ms`."""
    tx.execute(
        "UPDATE refunds SET step = ?, due_at = ?, claimed_until = NULL WHERE id = ? AND claimed_until = ?",
        (step, at_ms, refund.id, refund.claimed_until),
    )


def find(tx, owner: Owner, refund_id: str) -> RefundRow:
    """The owner's refund; raises NotFound for anybody else's."""
    row = tx.one(statements.SELECT_REFUND, (refund_id, *owner))
    if not row:
        raise NotFound("No such refund.", field="refund_id")
    return RefundRow(*row)


def show(tx, owner: Owner, refund_id: str) -> objects.Refund:
    return objects.refund(find(tx, owner, refund_id))


def list_refunds(tx, owner: Owner, page: lists.Page, *, payment_id=None, status=None, since=None, until=None) -> dict:
    filters = {
        lists.of_one("refunds", "payment_id"): payment_id,
        "status = ?": status,
        "created_at >= ?": since,
        "created_at <= ?": until,
    }
    return lists.select(tx, "refunds", statements.REFUND_COLUMNS, owner, page, filters, RefundRow, objects.refund)


def _announce(tx, refund: RefundRow, event_type: str) -> bytes:
    shown = objects.encode(objects.refund(refund))
    events.record(tx, refund.owner, event_type, refund.id, "refund", shown)
    return shown

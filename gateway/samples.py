"""Realistic objects for developers of receivers: a payment, a refund, an order that never was."""

import uuid

from msgspec import Struct

from gateway import delivery_objects, objects, webhook_objects
from gateway.clock import now_ms, rfc3339
from gateway.ids import new_id
from gateway.objects import Owner

AMOUNT = 49_900
FAILURE = {
    "error_code": "PAYMENT_FAILED",
    "error_description": "The bank declined the payment. Nothing was charged.",
    "error_reason": "payment_declined",
}
STATUS_OF: dict[str, objects.PaymentStatus] = {
    "payment.created": "pending",
    "payment.pending": "pending",
    "payment.success": "success",
    "payment.captured": "success",
    "payment.failed": "failed",
    "payment.cancelled": "cancelled",
}
REFUND_STATUS_OF: dict[str, objects.RefundStatus] = {
    "refund.created": "pending",
    "refund.processed": "processed",
    "refund.failed": "failed",
}


def sample(owner: Owner, event_type: str, endpoint: webhook_objects.Endpoint) -> tuple[str, Struct | dict]:
    """What an event of this type tells of, after the name that it has there; `endpoint` is where it goes."""
    noun = event_type.partition(".")[0]
    if event_type == "webhook.test":
        return "test", {"endpoint_id": endpoint.id, "message": "Your webhook endpoint works."}
    if event_type == "webhook.delivery_exhausted":
        return "webhook_delivery", _exhausted(endpoint)
    if noun == "webhook":
        return "webhook_endpoint", endpoint
    return noun, {"payment": _payment, "refund": _refund, "order": _order}[noun](owner, event_type)


def _payment(owner: Owner, event_type: str) -> objects.Payment:
    # As with automatic capture, where both become true at once.
    captured, now = event_type in ("payment.success", "payment.captured"), rfc3339(now_ms())
    return objects.Payment(
        id=new_id("pay"),
        order_id=new_id("order"),
        merchant_id=owner.merchant_id,
        amount=AMOUNT,
        currency="INR",
        method="upi",
        status=STATUS_OF[event_type],
        captured=captured,
        amount_captured=AMOUNT if captured else 0,
        amount_refunded=0,
        refund_status=None,
        vpa="asha@upi",
        card=None,
        card_network=None,
        card_last4=None,
        bank=None,
        wallet=None,
        created_at=now,
        updated_at=now,
        **_errors(event_type),
    )


def _refund(_owner: Owner, event_type: str) -> objects.Refund:
    now = rfc3339(now_ms())
    return objects.Refund(
        id=new_id("rfnd"),
        payment_id=new_id("pay"),
        amount=AMOUNT,
        currency="INR",
        reason="The customer sent it back",
        notes={},
        status=REFUND_STATUS_OF[event_type],
        created_at=now,
        processed_at=now if event_type == "refund.processed" else None,
        **_errors(event_type),
    )


def _order(owner: Owner, _event_type: str) -> objects.Order:
    now = rfc3339(now_ms())
    return objects.Order(
        id=new_id("order"),
        merchant_id=owner.merchant_id,
        amount=AMOUNT,
        amount_paid=AMOUNT,
        amount_due=0,
        currency="INR",
        receipt="receipt-1042",
        notes={"cart": "2 × Darjeeling First Flush"},
        status="paid",
        attempts=1,
        capture="automatic",
        created_at=now,
        updated_at=now,
    )


def _errors(event_type: str) -> dict:
    return FAILURE if event_type.endswith(".failed") else dict.fromkeys(FAILURE)


def _exhausted(endpoint: webhook_objects.Endpoint) -> delivery_objects.Delivery:
    now = rfc3339(now_ms())
    return delivery_objects.Delivery(
        id=str(uuid.uuid4()),
        event="payment.success",
        event_id=new_id("evt"),
        endpoint_id=endpoint.id,
        status="failed",
        attempts=6,
        response_code=503,
        error=None,
        created_at=now,
        last_attempt_at=now,
        next_retry_at=None,
    )

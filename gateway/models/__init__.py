"""The tables: columns, indexes and the conditions that the database itself guarantees; no behaviour."""

from gateway.db import database
from gateway.models.accounts import AuditEntry, Invitation, LoginCount, MerchantPreferences, Session, User
from gateway.models.cards import Customer, CustomerPayment, SavedCard
from gateway.models.links import PaymentLink
from gateway.models.merchants import ApiKey, IdempotencyKey, Merchant, Setting
from gateway.models.payments import LedgerEntry, Order, Payment, Refund, SealedCard, StatusChange
from gateway.models.reports import ApiRequest, Total
from gateway.models.settings import MerchantSettings
from gateway.models.webhooks import Delivery, DeliveryAttempt, Event, Recovery, WebhookEndpoint

FINAL_UNPAID = "('failed', 'cancelled')"
RECOVERABLE = "('failed', 'skipped')"
# What nearly every payment announces: it needs no index of its own to be found, and would pay for it at every payment.
COMMON_EVENTS = ("payment.created", "payment.pending", "payment.success", "payment.captured", "order.paid")

TABLES = (
    Merchant, ApiKey, IdempotencyKey, Setting,
    Order, Payment, SealedCard, Refund, StatusChange, LedgerEntry,
    Event, WebhookEndpoint, Delivery, DeliveryAttempt, Recovery,
    MerchantSettings, PaymentLink, Customer, SavedCard, CustomerPayment,
    User, Session, Invitation, LoginCount, AuditEntry, MerchantPreferences, Total, ApiRequest,
)  # fmt: skip

# What peewee's index declarations cannot say in one text for both databases.
PARTIAL_INDEXES = (
    f"CREATE UNIQUE INDEX payments_one_live_per_order ON payments (order_id) WHERE status NOT IN {FINAL_UNPAID}",
    "CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX deliveries_recoverable ON deliveries (endpoint_id, seq, created_at, status)"
    f" WHERE status IN {RECOVERABLE}",
    "CREATE INDEX deliveries_rare ON deliveries (merchant_id, mode, event_type, seq)"
    f" WHERE event_type NOT IN {COMMON_EVENTS}",
    f"CREATE INDEX events_rare ON events (merchant_id, mode, type, seq) WHERE type NOT IN {COMMON_EVENTS}",
    "CREATE INDEX deliveries_unfinished ON deliveries (merchant_id, mode, status, seq) WHERE status <> 'success'",
    "CREATE UNIQUE INDEX webhook_endpoints_default ON webhook_endpoints (merchant_id, mode) WHERE is_default = 1",
)

__all__ = ["COMMON_EVENTS", "FINAL_UNPAID", "PARTIAL_INDEXES", "RECOVERABLE", "TABLES", "database"]
__all__ += [table.__name__ for table in TABLES]

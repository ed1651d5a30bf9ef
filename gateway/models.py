"""The tables: columns, indexes and the conditions that the database itself guarantees; no behaviour.

Money is an integer in minor units, times are milliseconds UTC, flags are 0 or 1 (the same on SQLite and PostgreSQL).
Rows that demand work carry `due_at`, `claimed_until` and `work_attempts`: see `gateway.work`.
"""

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BlobField,
    Check,
    CompositeKey,
    DatabaseProxy,
    IntegerField,
    Model,
    TextField,
)

database = DatabaseProxy()

FINAL_UNPAID = "('failed', 'cancelled')"


class Table(Model):
    class Meta:
        database = database
        strict_tables = True
        legacy_table_names = False


class Merchant(Table):
    id = TextField(primary_key=True)
    name = TextField()
    email = TextField(unique=True)
    password_hash = TextField()
    created_at = BigIntegerField()

    class Meta:
        table_name = "merchants"


class ApiKey(Table):
    id = TextField(primary_key=True)
    merchant_id = TextField(index=True)
    mode = TextField(constraints=[Check("mode IN ('test', 'live')")])
    name = TextField(default="")
    secret_sealed = BlobField()
    created_at = BigIntegerField()
    last_used_at = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)

    class Meta:
        table_name = "api_keys"


class Owned(Table):
    """A merchant's object of one mode; `seq` gives the order of lists and the cost of cursors."""

    seq = BigAutoField()
    id = TextField(unique=True)
    merchant_id = TextField()
    mode = TextField()


class Order(Owned):
    amount = BigIntegerField(constraints=[Check("amount > 0")])
    amount_paid = BigIntegerField(default=0)
    currency = TextField()
    receipt = TextField(null=True)
    notes = TextField(default="{}")
    status = TextField(default="created", constraints=[Check("status IN ('created', 'attempted', 'paid')")])
    attempts = IntegerField(default=0)
    capture = TextField(constraints=[Check("capture IN ('automatic', 'manual')")])
    created_at = BigIntegerField()
    updated_at = BigIntegerField()

    class Meta:
        table_name = "orders"
        indexes = ((("merchant_id", "mode", "seq"), False),)
        constraints = [Check("amount_paid BETWEEN 0 AND amount")]


class Work(Owned):
    """An object on which work may be due; nothing is due where `due_at` is null."""

    due_at = BigIntegerField(null=True)
    claimed_until = BigIntegerField(null=True)
    work_attempts = IntegerField(default=0)


class Payment(Work):
    order_id = TextField()
    amount = BigIntegerField(constraints=[Check("amount > 0")])
    currency = TextField()
    method = TextField()
    status = TextField()
    capture = TextField()
    captured = IntegerField(default=0)
    amount_captured = BigIntegerField(default=0)
    amount_refunded = BigIntegerField(default=0)
    vpa = TextField(null=True)
    bank = TextField(null=True)
    wallet = TextField(null=True)
    card_network = TextField(null=True)
    card_last4 = TextField(null=True)
    card_expiry_month = IntegerField(null=True)
    card_expiry_year = IntegerField(null=True)
    card_holder_name = TextField(null=True)
    card_fingerprint = TextField(null=True)
    processor = TextField()
    processor_reference = TextField(null=True)
    step = TextField(null=True)
    action = TextField(null=True)
    action_expires_at = BigIntegerField(null=True)
    error_code = TextField(null=True)
    error_description = TextField(null=True)
    error_reason = TextField(null=True)
    created_at = BigIntegerField()
    updated_at = BigIntegerField()

    class Meta:
        table_name = "payments"
        indexes = ((("merchant_id", "mode", "seq"), False), (("order_id", "seq"), False))
        constraints = [
            Check("amount_captured BETWEEN 0 AND amount"),
            Check("amount_refunded BETWEEN 0 AND amount_captured"),
        ]


class SealedCard(Table):
    """A card number that a payment still needs; the row goes when the payment is final."""

    payment_id = TextField(primary_key=True)
    sealed = BlobField()

    class Meta:
        table_name = "sealed_cards"


class Refund(Work):
    payment_id = TextField(index=True)
    amount = BigIntegerField(constraints=[Check("amount > 0")])
    currency = TextField()
    reason = TextField(null=True)
    notes = TextField(default="{}")
    status = TextField()
    step = TextField(null=True)
    error_code = TextField(null=True)
    error_description = TextField(null=True)
    error_reason = TextField(null=True)
    created_at = BigIntegerField()
    processed_at = BigIntegerField(null=True)
    updated_at = BigIntegerField()

    class Meta:
        table_name = "refunds"
        indexes = ((("merchant_id", "mode", "seq"), False),)


class StatusChange(Table):
    """History, append only: which object moved from which status to which, and when."""

    seq = BigAutoField()
    object_id = TextField(index=True)
    from_status = TextField(null=True)
    to_status = TextField()
    created_at = BigIntegerField()

    class Meta:
        table_name = "status_changes"


class LedgerEntry(Table):
    """One side of a posting, append only; the entries of a posting sum to 0 per currency."""

    posting = TextField()
    account = TextField()
    merchant_id = TextField()
    mode = TextField()
    currency = TextField()
    amount = BigIntegerField(constraints=[Check("amount <> 0")])
    created_at = BigIntegerField()

    class Meta:
        table_name = "ledger_entries"
        primary_key = CompositeKey("posting", "account")
        indexes = ((("merchant_id", "mode", "currency", "account"), False),)


class Event(Owned):
    type = TextField()
    object_id = TextField(index=True)
    body = BlobField()
    created_at = BigIntegerField()

    class Meta:
        table_name = "events"
        indexes = ((("merchant_id", "mode", "seq"), False),)


class WebhookEndpoint(Owned):
    url = TextField(null=True)
    is_default = IntegerField(default=0)
    description = TextField(default="")
    events = TextField(default='["*"]')
    secret_sealed = BlobField()
    previous_secret_sealed = BlobField(null=True)
    previous_secret_until = BigIntegerField(null=True)
    timeout_s = IntegerField(null=True)
    rate_per_s = IntegerField(null=True)
    enabled = IntegerField(default=1)
    disabled_reason = TextField(null=True)
    failing_since = BigIntegerField(null=True)
    failures = IntegerField(default=0)
    warned_percent = IntegerField(default=0)
    last_success_at = BigIntegerField(null=True)
    deleted_at = BigIntegerField(null=True)
    created_at = BigIntegerField()
    updated_at = BigIntegerField()

    class Meta:
        table_name = "webhook_endpoints"
        indexes = ((("merchant_id", "mode", "seq"), False),)


class Delivery(Work):
    """One event on its way to one endpoint."""

    event_id = TextField()
    event_type = TextField()
    endpoint_id = TextField()
    status = TextField(constraints=[Check("status IN ('pending', 'success', 'failed', 'skipped')")])
    response_code = IntegerField(null=True)
    created_at = BigIntegerField()
    last_attempt_at = BigIntegerField(null=True)

    class Meta:
        table_name = "deliveries"
        indexes = (
            (("merchant_id", "mode", "seq"), False),
            (("endpoint_id", "seq"), False),
            (("event_id", "endpoint_id"), True),
        )


class DeliveryAttempt(Table):
    seq = BigAutoField()
    delivery_id = TextField(index=True)
    attempt = IntegerField()
    manual = IntegerField(default=0)
    created_at = BigIntegerField(index=True)
    duration_ms = IntegerField()
    address = TextField(null=True)
    response_code = IntegerField(null=True)
    error = TextField(null=True)
    error_detail = TextField(null=True)
    response_body = BlobField(null=True)

    class Meta:
        table_name = "delivery_attempts"


class IdempotencyKey(Table):
    """A key and the answer its first request got; `scope` is the merchant and mode, or the order for the public."""

    scope = TextField()
    key = TextField()
    fingerprint = BlobField()
    status = IntegerField(null=True)
    body = BlobField(null=True)
    sealed = IntegerField(default=0)
    hits = IntegerField(default=0)
    conflicts = IntegerField(default=0)
    method_path = TextField(default="")
    created_at = BigIntegerField(index=True)

    class Meta:
        table_name = "idempotency_keys"
        primary_key = CompositeKey("scope", "key")


class Setting(Table):
    """What the instance must remember of itself, such as the id of the master key that sealed its rows."""

    name = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "settings"


TABLES = (
    Merchant, ApiKey, Order, Payment, SealedCard, Refund, StatusChange, LedgerEntry, Event,
    WebhookEndpoint, Delivery, DeliveryAttempt, IdempotencyKey, Setting,
)

# What peewee's index declarations cannot say in one text for both databases.
PARTIAL_INDEXES = (
    f"CREATE UNIQUE INDEX payments_one_live_per_order ON payments (order_id) WHERE status NOT IN {FINAL_UNPAID}",
    "CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL",
    "CREATE UNIQUE INDEX webhook_endpoints_default ON webhook_endpoints (merchant_id, mode) WHERE is_default = 1",
)
__all__ = [table.__name__ for table in TABLES] + ["PARTIAL_INDEXES", "SQL", "TABLES", "database"]

"""Events, the endpoints that want them, and every attempt to deliver them."""

from peewee import BigAutoField, BigIntegerField, BlobField, Check, IntegerField, TextField

from gateway.models.base import Owned, Table, Work


class Event(Owned):
    type = TextField()
    object_id = TextField(index=True)
    body = BlobField()
    created_at = BigIntegerField()

    class Meta:
        table_name = "events"
        indexes = ((("merchant_id", "mode", "seq", "type"), False),)


class WebhookEndpoint(Owned):
    """Where a merchant wants events; the default one, for the short form of the API, may have no URL yet."""

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
    failures = IntegerField(default=0)
    failing_since = BigIntegerField(null=True)
    last_failure_at = BigIntegerField(null=True)
    last_success_at = BigIntegerField(null=True)
    warned_percent = IntegerField(default=0)
    deleted_at = BigIntegerField(null=True)
    created_at = BigIntegerField()
    updated_at = BigIntegerField()

    class Meta:
        table_name = "webhook_endpoints"
        indexes = ((("merchant_id", "mode", "seq"), False),)


class Delivery(Work):
    """One event on its way to one endpoint.

    `attempts` are those that were completed, `retries` how many waits of the schedule are used up; `manual` marks an
    attempt that somebody asked for.
    """

    event_id = TextField()
    event_type = TextField()
    endpoint_id = TextField()
    status = TextField(constraints=[Check("status IN ('pending', 'success', 'failed', 'skipped')")])
    attempts = IntegerField(default=0)
    retries = IntegerField(default=0)
    manual = IntegerField(default=0)
    response_code = IntegerField(null=True)
    error = TextField(null=True)
    created_at = BigIntegerField()
    last_attempt_at = BigIntegerField(null=True)

    class Meta:
        table_name = "deliveries"
        indexes = (
            (("merchant_id", "mode", "seq", "event_type"), False),
            (("merchant_id", "mode", "endpoint_id", "seq"), False),
            (("event_id", "endpoint_id"), True),
        )


class DeliveryAttempt(Table):
    """One line of the log; `seq` grows with time, so the oldest are found without an index of their own."""

    seq = BigAutoField()
    delivery_id = TextField(index=True)
    attempt = IntegerField()
    manual = IntegerField(default=0)
    created_at = BigIntegerField()
    duration_ms = IntegerField()
    address = TextField(null=True)
    response_code = IntegerField(null=True)
    error = TextField(null=True)
    error_detail = TextField(null=True)
    response_body = BlobField(null=True)

    class Meta:
        table_name = "delivery_attempts"


class Recovery(Owned):
    """What a merchant wants sent again, as far as it is not done yet; `after_seq` is how far it has come."""

    endpoint_id = TextField(index=True)
    status = TextField(null=True)
    since = BigIntegerField()
    after_seq = BigIntegerField(default=0)
    created_at = BigIntegerField()

    class Meta:
        table_name = "recoveries"

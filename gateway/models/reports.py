"""What the dashboard reads instead of counting a million rows: totals per half hour, and the log of API requests."""

from peewee import BigAutoField, BigIntegerField, CompositeKey, IntegerField, TextField

from gateway.models.base import Table


class Total(Table):
    """How often something happened in a half hour (`slot`, counted from 1970), and how much money it moved."""

    merchant_id = TextField()
    mode = TextField()
    slot = IntegerField()
    what = TextField()
    currency = TextField()
    method = TextField()
    reason = TextField()
    count = BigIntegerField()
    amount = BigIntegerField()

    class Meta:
        table_name = "totals"
        primary_key = CompositeKey("merchant_id", "mode", "slot", "what", "currency", "method", "reason")


class ApiRequest(Table):
    """One request to the API, without its body."""

    seq = BigAutoField()
    id = TextField(unique=True)
    merchant_id = TextField()
    mode = TextField()
    key_id = TextField(null=True)
    method = TextField()
    path = TextField()
    status = IntegerField()
    error_code = TextField(null=True)
    duration_ms = IntegerField()
    address = TextField()
    created_at = BigIntegerField(index=True)

    class Meta:
        table_name = "api_requests"
        indexes = ((("merchant_id", "mode", "seq"), False),)

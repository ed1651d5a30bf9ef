"""Orders, payments, refunds, their history and the ledger."""

from peewee import BigAutoField, BigIntegerField, BlobField, Check, CompositeKey, IntegerField, TextField

from gateway.models.base import Owned, Table, Work


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

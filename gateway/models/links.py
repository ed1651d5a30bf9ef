"""Payment links: an order that a customer reaches by a short address."""

from peewee import BigIntegerField, TextField

from gateway.models.base import Owned


class PaymentLink(Owned):
    """What is to be paid stands in the order; the link adds how long it may be, and what for."""

    code = TextField(unique=True)
    order_id = TextField(unique=True)
    description = TextField(default="")
    expires_at = BigIntegerField(null=True)
    cancelled_at = BigIntegerField(null=True)
    created_at = BigIntegerField()

    class Meta:
        table_name = "payment_links"
        indexes = ((("merchant_id", "mode", "seq"), False),)

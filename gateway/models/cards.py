"""Customers who are recognised by their browser, and the cards that they agreed to have kept."""

from peewee import BigIntegerField, BlobField, IntegerField, TextField

from gateway.models.base import Owned, Table


class Customer(Owned):
    """A browser that a merchant's checkout knows again by a secret, of which only a hash is kept."""

    secret_hash = TextField(unique=True)
    created_at = BigIntegerField()

    class Meta:
        table_name = "customers"
        indexes = ((("merchant_id", "mode", "seq"), False),)


class SavedCard(Owned):
    """A card whose number stays sealed, bound to this row's id; `payment_id` is where the customer agreed to it."""

    customer_id = TextField()
    payment_id = TextField()
    sealed = BlobField()
    fingerprint = TextField()
    network = TextField()
    last4 = TextField()
    expiry_month = IntegerField()
    expiry_year = IntegerField()
    holder_name = TextField()
    created_at = BigIntegerField()
    used_at = BigIntegerField(null=True)

    class Meta:
        table_name = "saved_cards"
        indexes = ((("customer_id", "fingerprint"), True),)


class CustomerPayment(Table):
    """What a payment has to do with saved cards: `agreed` to keep the new one, or paid with the one of `token`.

    Without `with_cvv` the bank is asked without one, as a merchant's server may.
    """

    payment_id = TextField(primary_key=True)
    customer_id = TextField(index=True)
    token = TextField(null=True)
    agreed = IntegerField(default=0)
    with_cvv = IntegerField(default=1)

    class Meta:
        table_name = "customer_payments"

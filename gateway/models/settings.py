"""How a merchant's checkout looks, and where it may be embedded."""

from peewee import BigIntegerField, BlobField, TextField

from gateway.models.base import Table


class MerchantSettings(Table):
    """One row per merchant who has set anything; test and live mode share it."""

    merchant_id = TextField(primary_key=True)
    display_name = TextField(null=True)
    support_contact = TextField(null=True)
    color = TextField(null=True)
    logo = BlobField(null=True)
    logo_type = TextField(null=True)
    allowed_origins = TextField(default="[]")
    updated_at = BigIntegerField()

    class Meta:
        table_name = "merchant_settings"

"""Merchants, their API keys, and what the instance remembers of itself."""

from peewee import BigIntegerField, BlobField, Check, CompositeKey, IntegerField, TextField

from gateway.models.base import Table


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
    scope = TextField(default="full", constraints=[Check("scope IN ('full', 'read')")])
    name = TextField(default="")
    secret_sealed = BlobField()
    created_at = BigIntegerField()
    last_used_at = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)

    class Meta:
        table_name = "api_keys"


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

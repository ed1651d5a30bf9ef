"""People: who may enter a merchant's dashboard, their sessions, invitations, and what they did."""

from peewee import BigAutoField, BigIntegerField, BlobField, Check, IntegerField, TextField

from gateway.models.base import Table

ROLE = "role IN ('owner', 'developer', 'operator', 'viewer')"


class User(Table):
    """A person of one merchant. The founder's password stands with the merchant, so `password_hash` is null there."""

    id = TextField(primary_key=True)
    merchant_id = TextField(index=True)
    email = TextField(unique=True)
    name = TextField(default="")
    role = TextField(constraints=[Check(ROLE)])
    password_hash = TextField(null=True)
    totp_sealed = BlobField(null=True)
    totp_used_step = BigIntegerField(default=0)
    recovery_codes = TextField(default="[]")
    created_at = BigIntegerField()
    seen_at = BigIntegerField(null=True)

    class Meta:
        table_name = "users"


class Session(Table):
    """One browser that is logged in; `id` is the hash of its cookie."""

    id = TextField(primary_key=True)
    user_id = TextField(index=True)
    mode = TextField(default="test", constraints=[Check("mode IN ('test', 'live')")])
    second_factor_due = IntegerField(default=0)
    address = TextField()
    agent = TextField()
    created_at = BigIntegerField()
    seen_at = BigIntegerField(index=True)
    confirmed_at = BigIntegerField()

    class Meta:
        table_name = "sessions"


class Invitation(Table):
    """A place in a merchant's team for whoever holds the link; `id` is the hash of what stands in it."""

    id = TextField(primary_key=True)
    merchant_id = TextField(index=True)
    email = TextField()
    role = TextField(constraints=[Check(ROLE)])
    invited_by = TextField()
    created_at = BigIntegerField()
    expires_at = BigIntegerField()

    class Meta:
        table_name = "invitations"


class LoginCount(Table):
    """How often a password was tried for an account or from an address since `since`."""

    subject = TextField(primary_key=True)
    tries = IntegerField()
    since = BigIntegerField(index=True)

    class Meta:
        table_name = "login_counts"


class AuditEntry(Table):
    """Who did what, append only; each entry carries the hash of the one before it."""

    seq = BigAutoField()
    merchant_id = TextField()
    user_id = TextField(null=True)
    who = TextField()
    action = TextField()
    subject = TextField()
    detail = TextField(default="")
    address = TextField(default="")
    created_at = BigIntegerField()
    hash = BlobField()

    class Meta:
        table_name = "audit_entries"
        indexes = ((("merchant_id", "seq"), False),)


class MerchantPreferences(Table):
    """How a merchant wants to work; nulls stand for the instance's defaults."""

    merchant_id = TextField(primary_key=True)
    time_zone = TextField(default="Asia/Kolkata")
    capture = TextField(null=True, constraints=[Check("capture IN ('automatic', 'manual')")])
    notify_email = TextField(null=True)
    request_log_days = IntegerField(default=7)
    updated_at = BigIntegerField()

    class Meta:
        table_name = "merchant_preferences"

"""The first step: merchants, keys, orders, payments, refunds, history, ledger."""

from gateway.migrations.dialect import run

STATEMENTS = (
    """
    CREATE TABLE merchants (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        email TEXT NOT NULL,
        password_hash TEXT NOT NULL,
        created_at {bigint} NOT NULL
    ){strict}""",
    "CREATE UNIQUE INDEX merchants_email ON merchants (email)",
    """
    CREATE TABLE api_keys (
        id TEXT NOT NULL PRIMARY KEY,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
        scope TEXT NOT NULL CHECK (scope IN ('full', 'read')),
        name TEXT NOT NULL,
        secret_sealed {bytes} NOT NULL,
        created_at {bigint} NOT NULL,
        last_used_at {bigint},
        revoked_at {bigint}
    ){strict}""",
    "CREATE INDEX api_keys_merchant_id ON api_keys (merchant_id)",
    """
    CREATE TABLE idempotency_keys (
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint {bytes} NOT NULL,
        status INTEGER,
        body {bytes},
        sealed INTEGER NOT NULL,
        hits INTEGER NOT NULL,
        conflicts INTEGER NOT NULL,
        method_path TEXT NOT NULL,
        created_at {bigint} NOT NULL,
        PRIMARY KEY (scope, key)
    ){strict}""",
    "CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at)",
    """
    CREATE TABLE settings (
        name TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    ){strict}""",
    """
    CREATE TABLE orders (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        amount {bigint} NOT NULL CHECK (amount > 0),
        amount_paid {bigint} NOT NULL,
        currency TEXT NOT NULL,
        receipt TEXT,
        notes TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('created', 'attempted', 'paid')),
        attempts INTEGER NOT NULL,
        capture TEXT NOT NULL CHECK (capture IN ('automatic', 'manual')),
        created_at {bigint} NOT NULL,
        updated_at {bigint} NOT NULL,
        CHECK (amount_paid BETWEEN 0 AND amount)
    ){strict}""",
    "CREATE UNIQUE INDEX orders_id ON orders (id)",
    "CREATE INDEX orders_merchant_id_mode_seq ON orders (merchant_id, mode, seq)",
    """
    CREATE TABLE payments (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        due_at {bigint},
        claimed_until {bigint},
        work_attempts INTEGER NOT NULL,
        order_id TEXT NOT NULL,
        amount {bigint} NOT NULL CHECK (amount > 0),
        currency TEXT NOT NULL,
        method TEXT NOT NULL,
        status TEXT NOT NULL,
        capture TEXT NOT NULL,
        captured INTEGER NOT NULL,
        amount_captured {bigint} NOT NULL,
        amount_refunded {bigint} NOT NULL,
        vpa TEXT,
        bank TEXT,
        wallet TEXT,
        card_network TEXT,
        card_last4 TEXT,
        card_expiry_month INTEGER,
        card_expiry_year INTEGER,
        card_holder_name TEXT,
        card_fingerprint TEXT,
        processor TEXT NOT NULL,
        processor_reference TEXT,
        step TEXT,
        action TEXT,
        action_expires_at {bigint},
        error_code TEXT,
        error_description TEXT,
        error_reason TEXT,
        created_at {bigint} NOT NULL,
        updated_at {bigint} NOT NULL,
        CHECK (amount_captured BETWEEN 0 AND amount),
        CHECK (amount_refunded BETWEEN 0 AND amount_captured)
    ){strict}""",
    "CREATE UNIQUE INDEX payments_id ON payments (id)",
    "CREATE INDEX payments_merchant_id_mode_seq ON payments (merchant_id, mode, seq)",
    "CREATE INDEX payments_order_id_seq ON payments (order_id, seq)",
    "CREATE UNIQUE INDEX payments_one_live_per_order ON payments (order_id)"
    " WHERE status NOT IN ('failed', 'cancelled')",
    "CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL",
    """
    CREATE TABLE sealed_cards (
        payment_id TEXT NOT NULL PRIMARY KEY,
        sealed {bytes} NOT NULL
    ){strict}""",
    """
    CREATE TABLE refunds (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        due_at {bigint},
        claimed_until {bigint},
        work_attempts INTEGER NOT NULL,
        payment_id TEXT NOT NULL,
        amount {bigint} NOT NULL CHECK (amount > 0),
        currency TEXT NOT NULL,
        reason TEXT,
        notes TEXT NOT NULL,
        status TEXT NOT NULL,
        step TEXT,
        error_code TEXT,
        error_description TEXT,
        error_reason TEXT,
        created_at {bigint} NOT NULL,
        processed_at {bigint},
        updated_at {bigint} NOT NULL
    ){strict}""",
    "CREATE UNIQUE INDEX refunds_id ON refunds (id)",
    "CREATE INDEX refunds_payment_id ON refunds (payment_id)",
    "CREATE INDEX refunds_merchant_id_mode_seq ON refunds (merchant_id, mode, seq)",
    "CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL",
    """
    CREATE TABLE status_changes (
        seq {serial},
        object_id TEXT NOT NULL,
        from_status TEXT,
        to_status TEXT NOT NULL,
        created_at {bigint} NOT NULL
    ){strict}""",
    "CREATE INDEX status_changes_object_id ON status_changes (object_id)",
    """
    CREATE TABLE ledger_entries (
        posting TEXT NOT NULL,
        account TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        currency TEXT NOT NULL,
        amount {bigint} NOT NULL CHECK (amount <> 0),
        created_at {bigint} NOT NULL,
        PRIMARY KEY (posting, account)
    ){strict}""",
    "CREATE INDEX ledger_entries_merchant_id_mode_currency_account ON ledger_entries"
    " (merchant_id, mode, currency, account)",
)


def up(tx, kind: str) -> None:
    run(tx, kind, STATEMENTS)

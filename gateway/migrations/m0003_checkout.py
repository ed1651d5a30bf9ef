"""How a merchant's checkout looks, and payment links."""

from gateway.migrations.dialect import run

STATEMENTS = (
    """
    CREATE TABLE merchant_settings (
        merchant_id TEXT NOT NULL PRIMARY KEY,
        display_name TEXT,
        support_contact TEXT,
        color TEXT,
        logo {bytes},
        logo_type TEXT,
        allowed_origins TEXT NOT NULL,
        updated_at {bigint} NOT NULL
    ){strict}""",
    """
    CREATE TABLE payment_links (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        code TEXT NOT NULL,
        order_id TEXT NOT NULL,
        description TEXT NOT NULL,
        expires_at {bigint},
        cancelled_at {bigint},
        created_at {bigint} NOT NULL
    ){strict}""",
    "CREATE UNIQUE INDEX payment_links_id ON payment_links (id)",
    "CREATE UNIQUE INDEX payment_links_code ON payment_links (code)",
    "CREATE UNIQUE INDEX payment_links_order_id ON payment_links (order_id)",
    "CREATE INDEX payment_links_merchant_id_mode_seq ON payment_links (merchant_id, mode, seq)",
)


def up(tx, kind: str) -> None:
    run(tx, kind, STATEMENTS)

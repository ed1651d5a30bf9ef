"""Customers, and the cards that they agreed to have kept."""

from gateway.migrations.dialect import run

STATEMENTS = (
    """
    CREATE TABLE customers (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        secret_hash TEXT NOT NULL,
        created_at {bigint} NOT NULL
    ){strict}""",
    "CREATE UNIQUE INDEX customers_id ON customers (id)",
    "CREATE UNIQUE INDEX customers_secret_hash ON customers (secret_hash)",
    "CREATE INDEX customers_merchant_id_mode_seq ON customers (merchant_id, mode, seq)",
    """
    CREATE TABLE saved_cards (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        customer_id TEXT NOT NULL,
        payment_id TEXT NOT NULL,
        sealed {bytes} NOT NULL,
        fingerprint TEXT NOT NULL,
        network TEXT NOT NULL,
        last4 TEXT NOT NULL,
        expiry_month INTEGER NOT NULL,
        expiry_year INTEGER NOT NULL,
        holder_name TEXT NOT NULL,
        created_at {bigint} NOT NULL,
        used_at {bigint}
    ){strict}""",
    "CREATE UNIQUE INDEX saved_cards_id ON saved_cards (id)",
    "CREATE UNIQUE INDEX saved_cards_customer_id_fingerprint ON saved_cards (customer_id, fingerprint)",
    """
    CREATE TABLE customer_payments (
        payment_id TEXT NOT NULL PRIMARY KEY,
        customer_id TEXT NOT NULL,
        token TEXT,
        agreed INTEGER NOT NULL,
        with_cvv INTEGER NOT NULL
    ){strict}""",
    "CREATE INDEX customer_payments_customer_id ON customer_payments (customer_id)",
)


def up(tx, kind: str) -> None:
    run(tx, kind, STATEMENTS)

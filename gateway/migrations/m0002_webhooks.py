"""Events, endpoints, deliveries and their attempts."""

from gateway.migrations.dialect import run

STATEMENTS = (
    """
    CREATE TABLE events (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        type TEXT NOT NULL,
        object_id TEXT NOT NULL,
        body {bytes} NOT NULL,
        created_at {bigint} NOT NULL
    ){strict}""",
    "CREATE UNIQUE INDEX events_id ON events (id)",
    "CREATE INDEX events_object_id ON events (object_id)",
    "CREATE INDEX events_merchant_id_mode_seq_type ON events (merchant_id, mode, seq, type)",
    """
    CREATE TABLE webhook_endpoints (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        url TEXT,
        is_default INTEGER NOT NULL,
        description TEXT NOT NULL,
        events TEXT NOT NULL,
        secret_sealed {bytes} NOT NULL,
        previous_secret_sealed {bytes},
        previous_secret_until {bigint},
        timeout_s INTEGER,
        rate_per_s INTEGER,
        enabled INTEGER NOT NULL,
        disabled_reason TEXT,
        failures INTEGER NOT NULL,
        failing_since {bigint},
        last_failure_at {bigint},
        last_success_at {bigint},
        warned_percent INTEGER NOT NULL,
        deleted_at {bigint},
        created_at {bigint} NOT NULL,
        updated_at {bigint} NOT NULL
    ){strict}""",
    "CREATE UNIQUE INDEX webhook_endpoints_id ON webhook_endpoints (id)",
    "CREATE INDEX webhook_endpoints_merchant_id_mode_seq ON webhook_endpoints (merchant_id, mode, seq)",
    "CREATE UNIQUE INDEX webhook_endpoints_default ON webhook_endpoints (merchant_id, mode) WHERE is_default = 1",
    """
    CREATE TABLE deliveries (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        due_at {bigint},
        claimed_until {bigint},
        work_attempts INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        event_type TEXT NOT NULL,
        endpoint_id TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'success', 'failed', 'skipped')),
        attempts INTEGER NOT NULL,
        retries INTEGER NOT NULL,
        manual INTEGER NOT NULL,
        response_code INTEGER,
        error TEXT,
        created_at {bigint} NOT NULL,
        last_attempt_at {bigint}
    ){strict}""",
    "CREATE UNIQUE INDEX deliveries_id ON deliveries (id)",
    "CREATE INDEX deliveries_merchant_id_mode_seq_event_type ON deliveries (merchant_id, mode, seq, event_type)",
    "CREATE INDEX deliveries_merchant_id_mode_endpoint_id_seq ON deliveries (merchant_id, mode, endpoint_id, seq)",
    "CREATE UNIQUE INDEX deliveries_event_id_endpoint_id ON deliveries (event_id, endpoint_id)",
    "CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX deliveries_recoverable ON deliveries (endpoint_id, seq, created_at, status)"
    " WHERE status IN ('failed', 'skipped')",
    "CREATE INDEX deliveries_unfinished ON deliveries (merchant_id, mode, status, seq) WHERE status <> 'success'",
    """
    CREATE TABLE delivery_attempts (
        seq {serial},
        delivery_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        manual INTEGER NOT NULL,
        created_at {bigint} NOT NULL,
        duration_ms INTEGER NOT NULL,
        address TEXT,
        response_code INTEGER,
        error TEXT,
        error_detail TEXT,
        response_body {bytes}
    ){strict}""",
    "CREATE INDEX delivery_attempts_delivery_id ON delivery_attempts (delivery_id)",
    """
    CREATE TABLE recoveries (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        endpoint_id TEXT NOT NULL,
        status TEXT,
        since {bigint} NOT NULL,
        after_seq {bigint} NOT NULL,
        created_at {bigint} NOT NULL
    ){strict}""",
    "CREATE UNIQUE INDEX recoveries_id ON recoveries (id)",
    "CREATE INDEX recoveries_endpoint_id ON recoveries (endpoint_id)",
)


def up(tx, kind: str) -> None:
    run(tx, kind, STATEMENTS)

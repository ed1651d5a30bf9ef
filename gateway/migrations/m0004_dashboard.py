"""Users, sessions, the audit log, and what the dashboard counts."""

from gateway.migrations.dialect import run

STATEMENTS = (
    """
    CREATE TABLE users (
        id TEXT NOT NULL PRIMARY KEY,
        merchant_id TEXT NOT NULL,
        email TEXT NOT NULL,
        name TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('owner', 'developer', 'operator', 'viewer')),
        password_hash TEXT,
        totp_sealed {bytes},
        totp_used_step {bigint} NOT NULL,
        recovery_codes TEXT NOT NULL,
        created_at {bigint} NOT NULL,
        seen_at {bigint}
    ){strict}""",
    "CREATE INDEX users_merchant_id ON users (merchant_id)",
    "CREATE UNIQUE INDEX users_email ON users (email)",
    """
    CREATE TABLE sessions (
        id TEXT NOT NULL PRIMARY KEY,
        user_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
        second_factor_due INTEGER NOT NULL,
        address TEXT NOT NULL,
        agent TEXT NOT NULL,
        created_at {bigint} NOT NULL,
        seen_at {bigint} NOT NULL,
        confirmed_at {bigint} NOT NULL
    ){strict}""",
    "CREATE INDEX sessions_user_id ON sessions (user_id)",
    "CREATE INDEX sessions_seen_at ON sessions (seen_at)",
    """
    CREATE TABLE invitations (
        id TEXT NOT NULL PRIMARY KEY,
        merchant_id TEXT NOT NULL,
        email TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('owner', 'developer', 'operator', 'viewer')),
        invited_by TEXT NOT NULL,
        created_at {bigint} NOT NULL,
        expires_at {bigint} NOT NULL
    ){strict}""",
    "CREATE INDEX invitations_merchant_id ON invitations (merchant_id)",
    """
    CREATE TABLE login_counts (
        subject TEXT NOT NULL PRIMARY KEY,
        tries INTEGER NOT NULL,
        since {bigint} NOT NULL
    ){strict}""",
    "CREATE INDEX login_counts_since ON login_counts (since)",
    """
    CREATE TABLE audit_entries (
        seq {serial},
        merchant_id TEXT NOT NULL,
        user_id TEXT,
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        address TEXT NOT NULL,
        created_at {bigint} NOT NULL,
        hash {bytes} NOT NULL
    ){strict}""",
    "CREATE INDEX audit_entries_merchant_id_seq ON audit_entries (merchant_id, seq)",
    """
    CREATE TABLE merchant_preferences (
        merchant_id TEXT NOT NULL PRIMARY KEY,
        time_zone TEXT NOT NULL,
        capture TEXT CHECK (capture IN ('automatic', 'manual')),
        notify_email TEXT,
        request_log_days INTEGER NOT NULL,
        updated_at {bigint} NOT NULL
    ){strict}""",
    """
    CREATE TABLE totals (
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        slot INTEGER NOT NULL,
        what TEXT NOT NULL,
        currency TEXT NOT NULL,
        method TEXT NOT NULL,
        reason TEXT NOT NULL,
        count {bigint} NOT NULL,
        amount {bigint} NOT NULL,
        PRIMARY KEY (merchant_id, mode, slot, what, currency, method, reason)
    ){strict}""",
    """
    CREATE TABLE api_requests (
        seq {serial},
        id TEXT NOT NULL,
        merchant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        key_id TEXT,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        status INTEGER NOT NULL,
        error_code TEXT,
        duration_ms INTEGER NOT NULL,
        address TEXT NOT NULL,
        created_at {bigint} NOT NULL
    ){strict}""",
    "CREATE UNIQUE INDEX api_requests_id ON api_requests (id)",
    "CREATE INDEX api_requests_created_at ON api_requests (created_at)",
    "CREATE INDEX api_requests_merchant_id_mode_seq ON api_requests (merchant_id, mode, seq)",
)


def up(tx, kind: str) -> None:
    run(tx, kind, STATEMENTS)

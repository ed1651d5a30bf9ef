"""The words that differ between the two databases, so that a migration is one text for both."""

WORDS = {
    "sqlite": {"serial": "INTEGER NOT NULL PRIMARY KEY", "bigint": "INTEGER", "bytes": "BLOB", "strict": " STRICT"},
    "postgresql": {"serial": "BIGSERIAL PRIMARY KEY", "bigint": "BIGINT", "bytes": "BYTEA", "strict": ""},
}


def run(tx, kind: str, statements: tuple[str, ...]) -> None:
    """Runs a migration's statements in the words of the database it runs on."""
    for statement in statements:
        tx.execute(statement.format(**WORDS[kind]))

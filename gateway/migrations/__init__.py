"""Numbered steps from an empty database to the present schema, run at start in one transaction."""

import time
from types import ModuleType

from gateway.migrations import (
    m0001_payments,
    m0002_webhooks,
    m0003_checkout,
    m0004_dashboard,
    m0005_saved_cards,
    m0006_rare_events,
)

# Listed by hand: a frozen program has no folder to search. A step that has been released never changes; it is text of
# its own and does not look at the models, which go on.
STEPS: tuple[ModuleType, ...] = (
    m0001_payments,
    m0002_webhooks,
    m0003_checkout,
    m0004_dashboard,
    m0005_saved_cards,
    m0006_rare_events,
)
LATEST = len(STEPS)


class SchemaTooNew(Exception):
    """The database was written by a later release; this one must not touch it."""


def version(tx) -> int:
    """The number of the last step that was applied; 0 for an empty database."""
    tx.execute("CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)")
    return tx.one("SELECT coalesce(max(version), 0) FROM schema_versions")[0]


def migrate(tx, kind: str) -> list[str]:
    """Applies what is missing and returns the names of the steps; nothing if the schema is up to date.

    Run it as one unit of work: it happens whole or not at all. Raises SchemaTooNew.
    """
    present = version(tx)
    if present > LATEST:
        raise SchemaTooNew(f"the database has schema {present}, this release knows {LATEST}; use a newer release")
    applied = []
    for number, step in enumerate(STEPS[present:], start=present + 1):
        step.up(tx, kind)
        tx.execute("INSERT INTO schema_versions VALUES (?, ?)", (number, int(time.time() * 1000)))
        applied.append(step.__name__.rpartition(".")[2])
    return applied

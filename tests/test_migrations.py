"""The migrations, which are frozen text, end where the models are; they run whole or not at all, and never twice."""

import pytest

from gateway import migrations
from gateway.db import database, open_store
from gateway.models import PARTIAL_INDEXES, TABLES

COLUMNS = {
    "sqlite": 'SELECT m.name, c.name, c.type, c."notnull", c.pk'
    " FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
    " WHERE m.type = 'table' AND m.name <> 'schema_versions' ORDER BY 1, 2",
    "postgresql": "SELECT table_name, column_name, data_type, is_nullable, column_default IS NULL"
    " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_versions' ORDER BY 1, 2",
}
INDEXES = {
    "sqlite": "SELECT tbl_name, name, replace(replace(sql, '\"', ''), 'main.', '') FROM sqlite_master"
    " WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1, 2",
    "postgresql": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    " AND tablename <> 'schema_versions' ORDER BY 1, 2",
}
CHECKS = {
    "sqlite": "SELECT name, (length(sql) - length(replace(sql, 'CHECK (', ''))) / 7 FROM sqlite_master"
    " WHERE type = 'table' AND name <> 'schema_versions' ORDER BY 1",
    "postgresql": "SELECT relname, count(*) FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
    " WHERE contype = 'c' AND relname <> 'schema_versions' GROUP BY 1 ORDER BY 1",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    url = f"sqlite:///{tmp_path}/empty.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    store = open_store(url)
    store.start()
    yield store
    store.close()


def schema(store) -> dict:
    return {
        what: store.read_now(lambda tx, query=queries[store.kind]: tx.all(query))
        for what, queries in {"columns": COLUMNS, "indexes": INDEXES, "checks": CHECKS}.items()
    }


def create_from_models(tx) -> None:
    database.create_tables(TABLES, safe=False)
    for statement in PARTIAL_INDEXES:
        tx.execute(statement)


def drop_all(tx) -> None:
    for table in TABLES:
        tx.execute(f"DROP TABLE {table._meta.table_name}")


def test_the_migrations_end_where_the_models_are(empty):
    empty.write_now(migrations.migrate, empty.kind)
    migrated = schema(empty)
    empty.write_now(drop_all)
    empty.write_now(create_from_models)
    modelled = schema(empty)
    assert len(migrated["columns"]) > 200
    for what in migrated:
        assert migrated[what] == modelled[what], what


def test_every_step_runs_once(empty):
    names = [step.__name__.rpartition(".")[2] for step in migrations.STEPS]
    assert empty.write_now(migrations.migrate, empty.kind) == names
    assert empty.write_now(migrations.migrate, empty.kind) == []
    assert empty.read_now(lambda tx: tx.one("SELECT max(version) FROM schema_versions")[0]) == migrations.LATEST


def test_a_step_that_fails_leaves_nothing_behind(empty, monkeypatch):
    class Broken:
        __name__ = "gateway.migrations.broken"

        @staticmethod
        def up(tx, kind):
            tx.execute("CREATE TABLE half_done (id INTEGER)")
            raise RuntimeError("killed in the middle")

    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, Broken))
    monkeypatch.setattr(migrations, "LATEST", len(migrations.STEPS))
    with pytest.raises(RuntimeError):
        empty.write_now(migrations.migrate, empty.kind)
    assert schema(empty)["columns"] == []


def test_a_database_of_a_later_release_is_left_alone(empty):
    empty.write_now(migrations.migrate, empty.kind)
    empty.write_now(lambda tx: tx.execute("INSERT INTO schema_versions VALUES (?, 0)", (migrations.LATEST + 1,)))
    with pytest.raises(migrations.SchemaTooNew, match="newer release"):
        empty.write_now(migrations.migrate, empty.kind)

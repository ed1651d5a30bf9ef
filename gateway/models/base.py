"""What every table shares: one database, strict types, and the columns of owned objects and of due work.

Money is an integer in minor units, times are milliseconds UTC, flags are 0 or 1 (the same on SQLite and PostgreSQL).
"""

from peewee import BigAutoField, BigIntegerField, IntegerField, Model, TextField

from gateway.db import database


class Table(Model):
    class Meta:
        database = database
        legacy_table_names = False


class Owned(Table):
    """A merchant's object of one mode; `seq` gives the order of lists and the cost of cursors."""

    seq = BigAutoField()
    id = TextField(unique=True)
    merchant_id = TextField()
    mode = TextField()


class Work(Owned):
    """An object on which work may be due; nothing is due where `due_at` is null."""

    due_at = BigIntegerField(null=True)
    claimed_until = BigIntegerField(null=True)
    work_attempts = IntegerField(default=0)

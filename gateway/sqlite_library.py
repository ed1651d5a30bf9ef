"""The SQLite library of this process: the newest that is installed, and the same one for every file."""

try:
    from pysqlite3 import dbapi2 as sqlite3
except ImportError:
    import sqlite3

# Binding None without an adapter makes the driver ask it for protocols it does not know, half a microsecond each:
# most of what inserting a payment cost. `{}.get(None)` is None.
sqlite3.register_adapter(type(None), {}.get)

__all__ = ["sqlite3"]

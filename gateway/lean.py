"""Imports that a gateway on SQLite does not need: drivers that libraries load whenever they are installed.

Measured: psycopg and redis took 0.6 s of 1.2 s until the first answer, and 15 MB. They are hidden while peewee and Huey
are imported, and handed over when a URL asks for them.
"""

import sys
from contextlib import contextmanager


@contextmanager
def without(*modules: str):
    """Inside, importing one of these modules fails as if it were not installed; those already loaded stay."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]

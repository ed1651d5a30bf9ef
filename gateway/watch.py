"""Who is looking: after a commit the domain names what has changed, and whoever watches it hears of it.

A topic is an object's id, or `merchant_id:mode` for everything that happens to a merchant. Like the doorbell this is a
hint and reaches this process alone; whoever watches also looks from time to time.
"""

from collections.abc import Callable, Container
from functools import partial
from typing import Any

_watched: Container[str] = ()
_listener: Callable[[str, Any], None] | None = None


def connect(watched: Container[str], listener: Callable[[str, Any], None] | None) -> None:
    """Sends changes of the `watched` topics to `listener(topic, what)`, which must not raise nor wait."""
    global _watched, _listener
    _watched, _listener = watched, listener


def disconnect() -> None:
    connect((), None)


def changed(tx, topic: str, what: Any = None) -> None:
    """Says, once the transaction is committed, that `topic` has changed."""
    if _listener:
        tx.after_commit(partial(_tell, topic, what))


def _tell(topic: str, what: Any) -> None:
    # Looked up after the commit: who subscribes later than this reads what was committed.
    if _listener and topic in _watched:
        _listener(topic, what)

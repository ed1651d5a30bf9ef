"""What lists take in their query: which page, which period."""

from gateway import lists
from gateway.web import door

ID_LENGTH_MAX = 64
ID = door.text(ID_LENGTH_MAX)

PAGE = {"limit": door.limit, "offset": door.offset, "after": ID}
PERIOD = {"from": door.moment_ms, "to": door.moment_ms}


def page(query: dict) -> lists.Page:
    """The part of a list that the query asks for."""
    return lists.Page(query.get("limit", lists.LIMIT_DEFAULT), query.get("offset", 0), query.get("after"))

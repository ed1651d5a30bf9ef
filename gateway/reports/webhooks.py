"""What the dashboard shows of webhooks: endpoints with their health, and the log."""

import json
from typing import NamedTuple

from gateway import statements
from gateway.delivery_objects import DeliveryRow
from gateway.objects import Owner
from gateway.reports.lists import ALWAYS, Condition, Cursor, Found, Span, page
from gateway.webhook_objects import EndpointRow

STATUSES = ("pending", "success", "failed", "skipped")
ENDPOINTS_SHOWN = 60
DELIVERY_COLUMNS = ", ".join(("seq", *DeliveryRow.__struct_fields__))


class DeliveryFilters(NamedTuple):
    status: str | None = None
    event: str | None = None
    endpoint_id: str | None = None
    span: Span = ALWAYS


class Webhooks(NamedTuple):
    """The default endpoint, those beside it, and a page of the log."""

    default: EndpointRow
    others: list[EndpointRow]
    found: Found

    def url_of(self, endpoint_id: str) -> str:
        """Where a delivery goes; its id where the endpoint is gone."""
        urls = {row.id: row.url for row in (self.default, *self.others)}
        return urls.get(endpoint_id) or endpoint_id


def overview(tx, owner: Owner, filters: DeliveryFilters, cursor: Cursor) -> Webhooks:
    rows = [
        EndpointRow(*row)
        for row in tx.all(
            f"SELECT {statements.ENDPOINT_COLUMNS} FROM webhook_endpoints"
            " WHERE merchant_id = ? AND mode = ? AND deleted_at IS NULL ORDER BY seq LIMIT ?",
            (*owner, ENDPOINTS_SHOWN),
        )
    ]
    default = next(row for row in rows if row.is_default)
    others = [row for row in rows if not row.is_default]
    return Webhooks(default, others, search(tx, owner, filters, cursor))


def search(tx, owner: Owner, filters: DeliveryFilters, cursor: Cursor) -> Found:
    conditions = []
    for column, value in (
        ("status", filters.status), ("event_type", filters.event), ("endpoint_id", filters.endpoint_id),
    ):  # fmt: skip
        if value:
            conditions.append(Condition(f"{column} = ?", (value,)))
    return page(
        tx, "deliveries", DELIVERY_COLUMNS, owner, _row, cursor, span=filters.span, conditions=conditions
    )


def _row(_seq: int, *columns) -> DeliveryRow:
    return DeliveryRow(*columns)


def indented(payload) -> str:
    """The body of an event as people read it; the bytes that were sent have no spaces."""
    text = payload if isinstance(payload, str) else bytes(payload).decode()
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)

"""What the dashboard reads, one module for each of its subjects; nothing here writes."""

from gateway.reports import customers, developers, lists, orders, overview, payments, webhooks, work

__all__ = ["customers", "developers", "lists", "orders", "overview", "payments", "webhooks", "work"]

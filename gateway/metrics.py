"""The gateway in figures, as Prometheus reads them."""

import resource
import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(gateway, counts: dict, door) -> bytes:
    """All figures as text; `counts` are rows by status for each kind of work."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(gateway, counts, door))
    return generate_latest(registry)


class _Figures:
    def __init__(self, gateway, counts: dict, door):
        self._gateway, self._counts, self._door = gateway, counts, door

    def describe(self):
        return []

    def collect(self):
        for table, by_status in self._counts.items():
            family = GaugeMetricFamily(f"gateway_{table}", f"{table.capitalize()} by status", labels=["status"])
            for status, count in sorted(by_status.items()):
                family.add_metric([status], count)
            yield family
        yield GaugeMetricFamily("gateway_writes_waiting", "Writes not yet committed", self._gateway.store.waiting)
        yield GaugeMetricFamily("gateway_deliveries_in_flight", "Webhooks on the wire", self._gateway.sender.in_flight)
        yield GaugeMetricFamily("gateway_connections", "Open client connections", self._door.connections)
        refused = CounterMetricFamily("gateway_refused_at_door", "Requests refused before a handler", labels=["status"])
        for status, count in sorted(self._door.refused.items()):
            refused.add_metric([str(status)], count)
        yield refused
        up_s = time.time() - self._gateway.started_at
        yield GaugeMetricFamily("gateway_uptime_seconds", "Time since the start", up_s)
        used = resource.getrusage(resource.RUSAGE_SELF)
        yield CounterMetricFamily("gateway_cpu_seconds", "CPU time used", used.ru_utime + used.ru_stime)
        yield GaugeMetricFamily("gateway_memory_bytes_max", "Most memory used so far", used.ru_maxrss * 1024)

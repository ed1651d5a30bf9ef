"""Card verification values between the request and the bank: in this process's memory, and nowhere else.

PCI DSS 3.3.1 forbids keeping them after authorisation even encrypted. If the process dies first they are gone, and
the payment ends as `card_data_lost` with nothing charged.
"""

import threading
import time
from collections import OrderedDict

KEPT_S = 1_800
HELD_MAX = 100_000


class CvvMemory:
    """A bounded memory by payment id; the oldest go first, and nothing stays longer than half an hour."""

    def __init__(self, monotonic=time.monotonic):
        self._held: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()
        self._monotonic = monotonic

    def __repr__(self) -> str:
        return f"CvvMemory({len(self._held)} held)"

    def keep(self, payment_id: str, cvv: str) -> None:
        with self._lock:
            self._held[payment_id] = (self._monotonic() + KEPT_S, cvv)
            self._drop_old()

    def get(self, payment_id: str) -> str | None:
        with self._lock:
            self._drop_old()
            found = self._held.get(payment_id)
        return found[1] if found else None

    def forget(self, payment_id: str) -> None:
        with self._lock:
            self._held.pop(payment_id, None)

    def _drop_old(self) -> None:
        now = self._monotonic()
        while self._held:
            expires, _ = next(iter(self._held.values()))
            if expires > now and len(self._held) <= HELD_MAX:
                return
            self._held.popitem(last=False)

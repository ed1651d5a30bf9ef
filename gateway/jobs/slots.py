"""Who may start how many attempts: every endpoint at its own pace, and all together within what sockets allow."""

import threading
import time

from gateway.jobs.pace import Pace

IN_FLIGHT_MAX = 256  # a socket each
PROBES_MAX = 128  # of them for endpoints that fail, so that the others always find room
SHARES = 8  # of what is free, one for each endpoint


class Slots:
    """Counts attempts from the moment they are claimed; safe to use from any thread."""

    def __init__(self, monotonic=time.monotonic):
        self._monotonic = monotonic
        self._paces: dict[str, Pace] = {}
        self._in_flight = 0
        self._probed: set[str] = set()
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        return self._in_flight

    def take(self, endpoint_id: str, *, failures: int, rate_per_s: int | None) -> int:
        """Reserves room for as many attempts as may start now, and says how many.

        `failures` in a row count where this process has not served the endpoint yet.
        """
        with self._lock:
            pace = self._paces.get(endpoint_id)
            if pace is None:
                pace = self._paces[endpoint_id] = Pace(failures)
            pace.set_rate(rate_per_s)
            return self._reserve(endpoint_id, pace)

    def take_more(self, endpoint_id: str) -> int:
        """The same for an endpoint that is being served."""
        with self._lock:
            return self._reserve(endpoint_id, self._paces[endpoint_id])

    def give_back(self, endpoint_id: str, count: int) -> None:
        """Room that was not needed."""
        if not count:
            return
        with self._lock:
            self._paces[endpoint_id].begin(-count)
            self._in_flight -= count
            self._probed.discard(endpoint_id)

    def end(self, endpoint_id: str, *, success: bool) -> None:
        """An attempt is over."""
        with self._lock:
            self._paces[endpoint_id].end(self._monotonic(), success=success)
            self._in_flight -= 1
            self._probed.discard(endpoint_id)

    def _reserve(self, endpoint_id: str, pace: Pace) -> int:
        room = min(pace.room(self._monotonic()), self._share(pace))
        if room > 0 and pace.is_probing:
            if len(self._probed) >= PROBES_MAX:
                return 0
            self._probed.add(endpoint_id)
        room = max(0, room)
        pace.begin(room)
        self._in_flight += room
        return room

    def _share(self, pace: Pace) -> int:
        """How many more an endpoint may have while others want room: an eighth of what is free, and the first anyway.

        So many that were healthy may hang at once, each with a wide window, and whoever comes next finds room.
        """
        free = IN_FLIGHT_MAX - self._in_flight
        return max(free // SHARES - pace.in_flight, int(free > 0 and not pace.in_flight))

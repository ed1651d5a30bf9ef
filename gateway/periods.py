"""Days as the merchant lives them: today, yesterday and longer stretches, in the merchant's time zone."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.clock import now_ms
from gateway.errors import BadRequest

DEFAULT = "30d"
DAYS = {"today": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365}
DAYS_MAX = 731
HOUR_MS = 3_600_000


class Period(NamedTuple):
    """A stretch of whole days: `start_ms` belongs to it, `end_ms` does not."""

    name: str
    first: date
    last: date
    zone: tzinfo

    @property
    def start_ms(self) -> int:
        return _ms(self.first, self.zone)

    @property
    def end_ms(self) -> int:
        return _ms(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """As many days, right before these."""
        length = timedelta(days=self.days)
        return self._replace(first=self.first - length, last=self.last - length)

    @property
    def hourly(self) -> bool:
        return self.days <= 2

    def marks(self) -> list[int]:
        """Where the columns of a chart begin: hours of one or two days, otherwise days, otherwise weeks."""
        if self.hourly:
            return list(range(self.start_ms, self.end_ms, HOUR_MS))
        step = 7 if self.days > 120 else 1
        return [_ms(self.first + timedelta(days=day), self.zone) for day in range(0, self.days, step)]


def zone(name: str | None) -> tzinfo:
    """The time zone of this name; UTC where the system does not know it."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def today(where: tzinfo) -> Period:
    day = datetime.fromtimestamp(now_ms() / 1000, where).date()
    return Period("today", day, day, where)


def period(name: str | None, first: str | None, last: str | None, where: tzinfo) -> Period:
    """The period of this name, or from day to day as `YYYY-MM-DD`; raises BadRequest."""
    now = today(where)
    if first or last:
        start, end = day(first, "from") or now.last, day(last, "to") or now.last
        if not start <= end or (end - start).days >= DAYS_MAX:
            raise BadRequest(f"A period has 1 to {DAYS_MAX} days.", field="from")
        return Period("custom", start, end, where)
    name = name if name in DAYS else DEFAULT
    return now._replace(name=name, first=now.last - timedelta(days=DAYS[name] - 1))


def day(text: str | None, field: str) -> date | None:
    """`2026-11-23`, or None for nothing; raises BadRequest."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise BadRequest("A day looks like 2026-11-23.", field=field) from None
    if not 1971 <= found.year <= 9000:
        raise BadRequest("This day is too far away.", field=field)
    return found


def bounds(first: str | None, last: str | None, where: tzinfo) -> tuple[int | None, int | None]:
    """From the start of one day to the end of another, in milliseconds; each may be open."""
    start, end = day(first, "from"), day(last, "to")
    return (
        _ms(start, where) if start else None,
        _ms(end + timedelta(days=1), where) if end else None,
    )


def _ms(day: date, where: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=where).timestamp() * 1000)

"""Numbers, money and times as people read them, for every page of the dashboard."""

from datetime import datetime, tzinfo

from gateway import clock, money

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class Words:
    """What a page needs to write figures in a language and a time zone; `_` translates."""

    def __init__(self, translate, zone: tzinfo):
        self._ = translate
        self._zone = zone

    def money(self, amount: int | None, currency: str) -> str:
        return "–" if amount is None else money.display(amount, currency).replace("-", "−")

    def number(self, number: int | None) -> str:
        return "–" if number is None else money.grouped(number)

    def percent(self, share: float | None) -> str:
        return "–" if share is None else f"{share:.1f}%".replace(".0%", "%")

    def change(self, now: float | None, before: float | None) -> str:
        """By how much a figure grew, such as `+12%`; nothing where it cannot be compared."""
        if not before or now is None:
            return ""
        return f"{100 * (now - before) / before:+.0f}%".replace("-", "−")

    def iso(self, ms: int) -> str:
        return clock.rfc3339(ms) or ""

    def ms(self, text: str | None) -> int | None:
        """A time of the API, such as `2026-11-23T06:28:00.123Z`, as the pages count it."""
        return int(datetime.fromisoformat(text).timestamp() * 1000) if text else None

    def exact(self, ms: int | None) -> str:
        """`23 Nov 2026, 12:05:33`, in the merchant's time zone."""
        return self._at(ms).strftime("%-d {} %Y, %H:%M:%S").format(self._month(ms)) if ms else "–"

    def moment(self, ms: int) -> str:
        """`23 Nov, 12:05:33`."""
        return self._at(ms).strftime("%-d {}, %H:%M:%S").format(self._month(ms))

    def short(self, ms: int | None) -> str:
        """`23 Nov, 12:05`."""
        return self._at(ms).strftime("%-d {}, %H:%M").format(self._month(ms)) if ms else "–"

    def day(self, ms: int) -> str:
        return self._at(ms).strftime("%-d {}").format(self._month(ms))

    def hour(self, ms: int) -> str:
        return self._at(ms).strftime("%H:%M")

    def ago(self, ms: int | None) -> str:
        """`5 min ago`, or the day where that is long past; `in 5 min` for what is to come."""
        if ms is None:
            return "–"
        passed = clock.now_ms() - ms
        for unit_ms, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
            if abs(passed) >= unit_ms:
                amount = f"{abs(passed) // unit_ms} {self._(name)}"
                return (self._("{} ago") if passed > 0 else self._("in {}")).format(amount)
        return self._("just now") if passed >= 0 else self._("in a moment")

    def _at(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, self._zone)

    def _month(self, ms: int) -> str:
        return self._(_MONTHS[self._at(ms).month - 1])


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

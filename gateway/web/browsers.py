"""Browsers by the names that people know, out of what they send of themselves."""

# Each also names others that it wants to be taken for, so the order counts.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
            ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"))  # fmt: skip
SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
           ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


def described(agent: str) -> str:
    """Such as `Chrome, Linux`; what is not known stays as it is."""
    known = [_first(agent, BROWSERS), _first(agent, SYSTEMS)]
    return ", ".join(filter(None, known)) or agent


def _first(agent: str, marks: tuple[tuple[str, str], ...]) -> str | None:
    return next((name for mark, name in marks if mark in agent), None)

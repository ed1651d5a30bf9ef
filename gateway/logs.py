"""Logs for people or for machines, with request ids and without secrets."""

import json
import logging
import re
import sys

from gateway.clock import rfc3339

# What must never reach a log, whatever a library puts into a message.
_SECRETS = re.compile(
    r"(secret_(?:test|live)_|whsec_)[A-Za-z0-9+/=_]{3,}"
    r"|(?<![A-Za-z0-9_])\d(?:[ -]?\d){12,18}(?![A-Za-z0-9_])"
)
_EXTRAS = ("request_id", "status")


def redacted(text: str) -> str:
    """The text without API secrets, webhook secrets and anything that looks like a card number."""
    return _SECRETS.sub(lambda found: f"{found[1]}***" if found[1] else "***", text)


class TextFormatter(logging.Formatter):
    """One line per record for a terminal or journald."""

    def format(self, record: logging.LogRecord) -> str:
        extras = " ".join(f"{name}={getattr(record, name)}" for name in _EXTRAS if hasattr(record, name))
        line = f"{rfc3339(int(record.created * 1000))} {record.levelname.lower():7} {record.name}: {_message(record)}"
        return redacted(f"{line} {extras}".rstrip())


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": rfc3339(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(_message(record)),
        }
        entry |= {name: getattr(record, name) for name in _EXTRAS if hasattr(record, name)}
        return json.dumps(entry, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + logging.Formatter().formatException(record.exc_info)
    return message


def configure(level: str, form: str) -> None:
    """Sends every log of this process to stderr in one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("huey", "huey.consumer", "huey.consumer.Worker", "sanic.server", "sanic.root", "sanic.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)

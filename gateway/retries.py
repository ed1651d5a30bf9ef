"""When a failed delivery is tried again: the operator's schedule, a little jitter, and what the receiver asks for."""

import random
from email.utils import parsedate_to_datetime

from gateway.clock import now_ms
from gateway.config import Webhooks

# Answers by which a receiver may ask for more time (RFC 9110 and RFC 6585).
MAY_ASK_FOR_TIME = (429, 503)
PATIENCE = 2  # times the scheduled wait: more than this a receiver does not get by asking

SPENT = 1_000_000  # waits used up, whatever the schedule: for an attempt after which none follows by itself


def wait_ms(
    policy: Webhooks, retries: int, *, status: int | None, retry_after: str | None, chance=random.random
) -> int | None:
    """How long to wait after a failed attempt when `retries` waits are used up; None after the last one.

    Never less than the schedule says. Timeouts and 429 need no longer wait of their own: what the schedule says is
    the least that any failure gets, and it begins with a minute unless the operator wants it otherwise.
    """
    if retries >= len(policy.retry_seconds):
        return None
    base = round(policy.retry_seconds[retries] * 1000)
    wait = round(base * (1 + policy.jitter * chance()))
    asked = _asked_ms(retry_after) if status in MAY_ASK_FOR_TIME else None
    return wait if asked is None else max(wait, min(asked, base * PATIENCE))


def _asked_ms(retry_after: str | None) -> int | None:
    """The Retry-After header, in seconds or as a date; None for anything else."""
    if not retry_after:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return int(text) * 1000
    try:
        return round(parsedate_to_datetime(text).timestamp() * 1000) - now_ms()
    except (ValueError, TypeError, OverflowError):
        return None

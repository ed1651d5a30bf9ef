"""How a merchant wants the gateway to work: time zone, capture, whom to notify, how long to keep the request log."""

from typing import NamedTuple

from gateway import accounts, periods
from gateway.clock import now_ms
from gateway.errors import BadRequest

REQUEST_LOG_DAYS = 7
REQUEST_LOG_DAYS_MAX = 90
TIME_ZONE = "Asia/Kolkata"
TIME_ZONES = (
    "Asia/Kolkata", "UTC", "Asia/Dubai", "Asia/Dhaka", "Asia/Karachi", "Asia/Kathmandu", "Asia/Colombo",
    "Asia/Singapore", "Asia/Jakarta", "Asia/Manila", "Asia/Tokyo", "Australia/Sydney", "Africa/Lagos",
    "Africa/Nairobi", "Africa/Johannesburg", "Europe/London",
    "Europe/Berlin", "Europe/Istanbul", "America/Sao_Paulo", "America/New_York", "America/Chicago",
    "America/Denver", "America/Los_Angeles",
)  # fmt: skip


class Preferences(NamedTuple):
    """A merchant's choices; None where the instance decides."""

    time_zone: str = TIME_ZONE
    capture: str | None = None
    notify_email: str | None = None
    request_log_days: int = REQUEST_LOG_DAYS


def find(tx, merchant_id: str) -> Preferences:
    row = tx.one(
        "SELECT time_zone, capture, notify_email, request_log_days FROM merchant_preferences WHERE merchant_id = ?",
        (merchant_id,),
    )
    return Preferences(*row) if row else Preferences()


def change(tx, merchant_id: str, **chosen) -> Preferences:
    """Stores the choices given by name and returns all; raises BadRequest for what cannot be."""
    wanted = find(tx, merchant_id)._replace(**chosen)
    _check(wanted)
    tx.execute(
        "INSERT INTO merchant_preferences (merchant_id, time_zone, capture, notify_email, request_log_days, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (merchant_id) DO UPDATE SET time_zone = excluded.time_zone,"
        " capture = excluded.capture, notify_email = excluded.notify_email,"
        " request_log_days = excluded.request_log_days, updated_at = excluded.updated_at",
        (merchant_id, *wanted, now_ms()),
    )
    return wanted


def capture_mode(tx, merchant_id: str, default: str) -> str:
    """How the merchant's orders are captured where they do not say it themselves."""
    return find(tx, merchant_id).capture or default


def _check(wanted: Preferences) -> None:
    if wanted.time_zone not in TIME_ZONES and not periods.is_zone(wanted.time_zone):
        raise BadRequest("There is no such time zone.", field="time_zone")
    if wanted.capture not in (None, "automatic", "manual"):
        raise BadRequest("Capture is automatic or manual.", field="capture")
    if wanted.notify_email:
        accounts.check_email(wanted.notify_email)
    if not 1 <= wanted.request_log_days <= REQUEST_LOG_DAYS_MAX:
        raise BadRequest(f"Requests are kept for 1 to {REQUEST_LOG_DAYS_MAX} days.", field="request_log_days")

"""Notices by e-mail: what a merchant must hear of even if nobody looks at the dashboard."""

from typing import NamedTuple

from gateway import preferences

SUBJECTS = {
    "webhook.endpoint_failing": "A webhook endpoint is failing",
    "webhook.endpoint_disabled": "A webhook endpoint was disabled",
    "webhook.delivery_exhausted": "A webhook could not be delivered",
}


class Notice(NamedTuple):
    """Something that happened to a merchant, in the words of its event."""

    merchant_id: str
    mode: str
    event_type: str
    object_id: str


class Letter(NamedTuple):
    to: str
    subject: str
    text: str


def letters(tx, notices: list[Notice], base_url: str) -> list[Letter]:
    """One letter for each merchant, kind of event and mode, to those who want any; however often it happened."""
    kinds: dict[tuple, list[str]] = {}
    for notice in notices:
        kinds.setdefault((notice.merchant_id, notice.event_type, notice.mode), []).append(notice.object_id)
    found = []
    for (merchant_id, event_type, mode), objects in kinds.items():
        to = preferences.find(tx, merchant_id).notify_email
        if to:
            found.append(Letter(to, f"{SUBJECTS[event_type]} ({mode} mode)", _text(event_type, objects, base_url)))
    return found


def _text(event_type: str, objects: list[str], base_url: str) -> str:
    return (
        f"{SUBJECTS[event_type]}: {', '.join(dict.fromkeys(objects))}.\n\n"
        f"See why, and send again what was missed: {base_url}/dashboard/webhooks\n\n"
        f"You get this because your address stands in the settings: {base_url}/dashboard/settings\n"
    )

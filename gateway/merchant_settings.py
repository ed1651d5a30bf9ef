"""What a merchant decides about the checkout: its name, colour and logo, and the sites that may embed it."""

import re
from typing import NamedTuple

import msgspec

from gateway import merchants
from gateway.clock import now_ms
from gateway.errors import BadRequest
from gateway.models import MerchantSettings
from gateway.objects import encode

NAME_LENGTH_MAX = 60
CONTACT_LENGTH_MAX = 120
ORIGINS_MAX = 20
LOGO_BYTES_MAX = 128 * 1024
PORT_MAX = 65_535

_COLOR = re.compile(r"#[0-9a-f]{6}", re.ASCII)
_HOST = r"(?P<host>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
_ORIGIN = re.compile(rf"(?P<scheme>https?)://{_HOST}(?::(?P<port>[0-9]{{1,5}}))?/?", re.ASCII)
# SVG is left out: it can carry scripts.
_LOGO_TYPES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"))


class Settings(NamedTuple):
    """A merchant's choices; None and empty where nothing was chosen."""

    display_name: str | None = None
    support_contact: str | None = None
    color: str | None = None
    logo: bytes | None = None
    logo_type: str | None = None
    allowed_origins: tuple[str, ...] = ()
    updated_at: int = 0


def find(tx, merchant_id: str) -> Settings:
    """The merchant's settings, or what holds for a merchant who has set nothing."""
    columns = ", ".join(Settings._fields)
    row = tx.one(f"SELECT {columns} FROM merchant_settings WHERE merchant_id = ?", (merchant_id,))
    if not row:
        return Settings()
    found = dict(zip(Settings._fields, row, strict=True))
    logo = bytes(found["logo"]) if found["logo"] else None
    return Settings(**found | {"logo": logo, "allowed_origins": tuple(msgspec.json.decode(found["allowed_origins"]))})


def shown_name(tx, merchant_id: str) -> str:
    """What customers read: the name that the merchant chose for the checkout, or else the account's."""
    return find(tx, merchant_id).display_name or merchants.find(tx, merchant_id).name


def change(tx, merchant_id: str, **chosen) -> Settings:
    """Stores the choices given by name (None clears one) and returns all; raises BadRequest for what cannot be."""
    checked = {name: _CHECKS[name](value) for name, value in chosen.items()}
    if "logo" in checked:
        checked["logo_type"] = logo_type(checked["logo"]) if checked["logo"] else None
    if "allowed_origins" in checked:
        checked["allowed_origins"] = encode(checked["allowed_origins"]).decode()
    checked["updated_at"] = now_ms()
    insert = MerchantSettings.insert(merchant_id=merchant_id, **checked)
    insert.on_conflict(conflict_target=[MerchantSettings.merchant_id], update=checked).execute()
    return find(tx, merchant_id)


def check_origin(origin: str) -> str:
    """`https://shop.example` as browsers write it; raises BadRequest for anything with a path, or that is no origin."""
    parts = _ORIGIN.fullmatch(origin.strip().lower())
    if not parts or int(parts["port"] or 0) > PORT_MAX:
        raise BadRequest("An origin looks like https://shop.example, without a path.", field="allowed_origins")
    standard = {"http": "80", "https": "443"}[parts["scheme"]]
    port = f":{parts['port']}" if parts["port"] not in (None, standard) else ""
    return f"{parts['scheme']}://{parts['host']}{port}"


def logo_type(logo: bytes) -> str:
    """The media type of a PNG, JPEG or WebP picture; raises BadRequest for any other."""
    for start, media_type in _LOGO_TYPES:
        if logo.startswith(start) and (start != b"RIFF" or logo[8:12] == b"WEBP"):
            return media_type
    raise BadRequest("The logo must be a PNG, JPEG or WebP picture.", field="logo")


def _check_text(field: str, length_max: int):
    def check(text: str | None) -> str | None:
        text = (text or "").strip()
        if len(text) > length_max or not text.isprintable():
            raise BadRequest(f"This must be at most {length_max} printable characters.", field=field)
        return text or None

    return check


def _check_color(color: str | None) -> str | None:
    color = (color or "").strip().lower()
    if color and not _COLOR.fullmatch(color):
        raise BadRequest("A colour looks like #3150d6.", field="color")
    return color or None


def _check_logo(logo: bytes | None) -> bytes | None:
    if logo and len(logo) > LOGO_BYTES_MAX:
        raise BadRequest(f"The logo may have at most {LOGO_BYTES_MAX // 1024} KiB.", field="logo")
    return logo or None


def _check_origins(origins) -> list[str]:
    checked = list(dict.fromkeys(check_origin(origin) for origin in origins or () if origin.strip()))
    if len(checked) > ORIGINS_MAX:
        raise BadRequest(f"There can be at most {ORIGINS_MAX} origins.", field="allowed_origins")
    return checked


_CHECKS = {
    "display_name": _check_text("display_name", NAME_LENGTH_MAX),
    "support_contact": _check_text("support_contact", CONTACT_LENGTH_MAX),
    "color": _check_color,
    "logo": _check_logo,
    "allowed_origins": _check_origins,
}

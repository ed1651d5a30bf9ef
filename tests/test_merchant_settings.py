"""What merchants may set of their checkout, and what is refused."""

import pytest

from gateway import merchant_settings
from gateway.errors import BadRequest

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


def change(store, **chosen):
    return store.write_now(lambda tx: merchant_settings.change(tx, "merchant", **chosen))


def test_nothing_is_set_at_first(store):
    assert store.read_now(merchant_settings.find, "merchant") == merchant_settings.Settings()


def test_what_is_set_stays_until_it_is_cleared(store):
    change(store, display_name="  Blue Kettle ", color="#0B6E5F", logo=PNG)
    found = change(store, allowed_origins=["https://Shop.example/", "https://shop.example", "http://localhost:3000"])

    assert (found.display_name, found.color, found.logo, found.logo_type) == (
        "Blue Kettle", "#0b6e5f", PNG, "image/png",
    )  # fmt: skip
    assert found.allowed_origins == ("https://shop.example", "http://localhost:3000")
    cleared = change(store, display_name="", logo=None)
    assert (cleared.display_name, cleared.logo, cleared.logo_type, cleared.color) == (None, None, None, "#0b6e5f")


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example:443/", "https://shop.example"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origins_are_kept_as_browsers_write_them(given, origin):
    assert merchant_settings.check_origin(given) == origin


@pytest.mark.parametrize(
    "chosen",
    [
        {"allowed_origins": ["shop.example"]},
        {"allowed_origins": ["https://shop.example/pay"]},
        {"allowed_origins": ["https://shop.example; script-src *"]},
        {"allowed_origins": ["https://user@shop.example"]},
        {"allowed_origins": ["https://*.example"]},
        {"allowed_origins": ["https://shop.example:99999"]},
        {"allowed_origins": ["javascript:alert(1)"]},
        {"allowed_origins": [f"https://shop{n}.example" for n in range(21)]},
        {"color": "red"},
        {"color": "#fff;}"},
        {"logo": b"<svg onload=alert(1)>"},
        {"logo": PNG + bytes(merchant_settings.LOGO_BYTES_MAX)},
        {"display_name": "x" * 61},
        {"display_name": "a\nb"},
    ],
)
def test_what_would_harm_the_page_is_refused(store, chosen):
    with pytest.raises(BadRequest):
        change(store, **chosen)
    assert store.read_now(merchant_settings.find, "merchant") == merchant_settings.Settings()

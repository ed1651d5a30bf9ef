"""What may be dialled and what may not: tables of addresses, of openings and of URLs."""

import socket
from ipaddress import ip_network

import pytest

from gateway import addresses
from gateway.errors import BadRequest

PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
    223.255.255.255 ::ffff:8.8.8.8 ::ffff:808:808 2001:4860:4860::8888 2606:4700:4700::1111 2001:200::1 2a00::1 2400::1
"""

# Svix's is_allowed_test, the corpus of our own threat model, the edges of every range, and the clouds' metadata.
CLOSED = """
    10.254.0.0 192.168.10.65 172.16.10.65 0.1.2.3 0.0.0.0 127.0.0.1 127.0.0.254 127.254.254.254 169.254.45.1
    169.254.169.254 255.255.255.255 224.1.2.3 233.252.0.16 192.0.0.0 192.0.0.255 192.0.2.255 198.51.100.65 203.0.113.6
    100.100.0.0 192.88.99.3 198.18.0.0 240.240.240.240 ::0 ::1 ::ffff:127.0.0.1 ::ffff:0.0.0.1 ::ffff:10.0.0.1
    2001:db8::1 3fff::dead:beef fe80::dead:beef febf:ffff::dead:beef fdee:3A45:9057::0001 fd7a:115c:a1e0::1
    fd00:ec2::254 2002:c000:0204::dead:beef 2002:c0a8:0001::dead:beef 64:ff9b::c0a8:0 64:ff9b::808:808 5f00::dead:beef
    64:ff9b:1::dead:beef 100::1:2:3:4 ff02::1 ::7f00:1 fec0::1 2001::1 ::ffff:0:127.0.0.1
    10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.255.255.255 172.31.255.255 192.168.255.255 198.19.255.255
    239.255.255.255 224.0.0.1 240.0.0.0 192.0.0.8 192.0.0.192 192.88.99.0 192.88.99.255 100.100.100.200 168.63.129.16
    64:ff9b::7f00:1 2002:7f00:1:: ::127.0.0.1 ::2 ::ffff:169.254.169.254 fe80::1%eth0 fc00:: fdff::1 fd20:ce::254
    2001:1ff:ffff::1 2001:10::1 1fff::1 4000::1 ff0e::1 feff::1 100:0:0:1::1 ::ffff:0:0:1 64:ff9b:1:2:3:4:808:808
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_may_be_dialled(address):
    assert addresses.verdict(address) is None


@pytest.mark.parametrize("address", CLOSED.split())
def test_everything_else_may_not_and_the_refusal_names_the_setting(address):
    assert "webhooks.allow_private" in addresses.verdict(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "１２７.0.0.1", "[::1]", "1.1.1.1:80"]
)
def test_what_is_not_an_address_may_not(text):
    assert addresses.verdict(text) == f"{text} is not an IP address"


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "１２７.0.0.1", "0", "localhost"],
)
def test_odd_spellings_are_caught_by_what_they_resolve_to(host):
    resolved = {sockaddr[0] for *_, sockaddr in socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)}
    assert resolved and all(addresses.verdict(address) for address in resolved)


OPENINGS = [
    # webhooks.allow_private      address                    open
    ("10.0.0.0/8", "10.1.2.3", True),
    ("10.0.0.0/8", "::ffff:10.1.2.3", True),
    ("10.0.0.0/8", "11.1.2.3", True),  # It was public anyway.
    ("10.0.0.0/8", "192.168.0.1", False),
    ("10.1.2.0/24", "10.1.2.3", True),
    ("10.1.2.0/24", "10.1.3.3", False),
    ("10.0.0.0/8 192.168.0.0/16", "192.168.0.1", True),
    ("127.0.0.0/8", "127.0.0.1", True),
    ("127.0.0.0/8", "0.0.0.0", False),
    ("127.0.0.0/8", "::1", False),
    ("::1/128", "::1", True),
    ("100.64.0.0/10", "100.64.1.1", True),
    ("100.64.0.0/10", "100.100.100.200", False),
    ("100.100.100.200/32", "100.100.100.200", True),
    ("fd00::/8", "fd7a:115c:a1e0::1", True),
    ("fd00::/8", "fd00:ec2::254", False),
    ("fd00:ec2::254/128", "fd00:ec2::254", True),
    ("fd00::/8", "fd20:ce::254", False),
    ("0.0.0.0/0", "192.168.1.1", True),
    ("0.0.0.0/0", "127.0.0.1", True),
    ("0.0.0.0/0", "169.254.169.254", False),
    ("0.0.0.0/0", "168.63.129.16", False),
    ("0.0.0.0/0", "192.0.0.192", False),
    ("0.0.0.0/0", "224.0.0.1", False),
    ("0.0.0.0/0", "255.255.255.255", False),
    ("0.0.0.0/0", "0.0.0.0", False),
    ("128.0.0.0/1", "169.254.169.254", False),
    ("169.254.0.0/15", "169.254.169.254", False),
    ("169.254.0.0/16", "169.254.169.254", True),
    ("169.254.10.0/24", "169.254.10.1", True),
    ("169.254.10.0/24", "169.254.169.254", False),
    ("::/0", "fdee::1", True),
    ("::/0", "::1", True),
    ("::/0", "fe80::1", False),
    ("::/0", "ff02::1", False),
    ("::/0", "::", False),
    ("::/0", "fd00:ec2::254", False),
    ("::/0", "::ffff:10.0.0.1", False),
    ("::/0 0.0.0.0/0", "64:ff9b::a00:1", False),
    ("fe80::/64", "fe80::1%eth0", True),
    ("64:ff9b::/96", "64:ff9b::808:808", True),
    ("64:ff9b::/96", "64:ff9b::a00:1", False),
    ("64:ff9b::/96", "64:ff9b::a9fe:a9fe", False),
    ("64:ff9b::/96 10.0.0.0/8", "64:ff9b::a00:1", True),
    ("64:ff9b::/96 0.0.0.0/0", "64:ff9b::a9fe:a9fe", False),
    ("64:ff9b:1::/96", "64:ff9b:1::7f00:1", False),
    ("2002::/16", "2002:808:808::1", True),
    ("2002::/16", "2002:c0a8:1::1", False),
    ("::/96", "::7f00:1", False),
]


@pytest.mark.parametrize(("allow_private", "address", "is_open"), OPENINGS)
def test_what_the_setting_opens(allow_private, address, is_open):
    networks = tuple(ip_network(network) for network in allow_private.split())
    assert (addresses.verdict(address, networks) is None) == is_open


def test_the_refusal_says_what_was_found_and_what_to_set():
    assert addresses.verdict("10.1.2.3") == (
        "10.1.2.3 is a private network; webhooks go there only if webhooks.allow_private covers it"
    )
    assert addresses.verdict("::ffff:169.254.169.254") == (
        "169.254.169.254 is link-local, where clouds keep their metadata servers; "
        "webhooks go there only if webhooks.allow_private names this very range"
    )


def test_no_row_of_the_table_is_hidden_behind_an_earlier_one():
    for index, row in enumerate(addresses.CLOSED):
        earlier = [other.network for other in addresses.CLOSED[:index] if other.network.version == row.network.version]
        assert not any(row.network.subnet_of(network) for network in earlier), row


URLS = [
    ("https://example.com", ("https", "example.com", 443, "example.com", "/")),
    ("HTTPS://Example.COM/", ("https", "example.com", 443, "example.com", "/")),
    ("https://example.com.:443/hook", ("https", "example.com", 443, "example.com", "/hook")),
    ("http://example.com:8080/a/b?c=d&e=%20f", ("http", "example.com", 8080, "example.com:8080", "/a/b?c=d&e=%20f")),
    ("http://example.com:443?x=1", ("http", "example.com", 443, "example.com:443", "/?x=1")),
    ("http://example.com:/x", ("http", "example.com", 80, "example.com", "/x")),
    ("http://localhost:3000/webhook", ("http", "localhost", 3000, "localhost:3000", "/webhook")),
    ("http://my_app:80/", ("http", "my_app", 80, "my_app", "/")),
    ("http://10.0.0.1/", ("http", "10.0.0.1", 80, "10.0.0.1", "/")),
    ("http://[::1]:8000/", ("http", "::1", 8000, "[::1]:8000", "/")),
    ("https://[2001:DB8:0::1]", ("https", "2001:db8::1", 443, "[2001:db8::1]", "/")),
    ("https://münchen.de/wölfe?q=ü", ("https", "xn--mnchen-3ya.de", 443, "xn--mnchen-3ya.de", "/w%C3%B6lfe?q=%C3%BC")),
    ("http://１２７.0.0.1/", ("http", "127.0.0.1", 80, "127.0.0.1", "/")),
    ('https://example.com/"<>', ("https", "example.com", 443, "example.com", "/%22%3C%3E")),
    ("https://example.com:65535/" + "a" * 2000, ("https", "example.com", 65535, "example.com:65535", "/" + "a" * 2000)),
]


@pytest.mark.parametrize(("url", "parts"), URLS)
def test_urls_that_may_be_stored(url, parts):
    assert addresses.check_url(url, live=False) == parts


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "1 to 2048"),
        (None, "text"),
        (42, "text"),
        (["https://example.com/"], "text"),
        ("https://example.com/" + "a" * 2048, "2048"),
        ("example.com/hook", "starts with"),
        ("//example.com/hook", "starts with"),
        ("ftp://example.com/", "starts with"),
        ("file:///etc/passwd", "starts with"),
        ("javascript:alert(1)", "starts with"),
        ("gopher://127.0.0.1:25/", "starts with"),
        ("http:", "host"),
        ("http:///hook", "host"),
        ("http:example.com", "host"),
        ("https://:443/", "host"),
        ("https://user@example.com/", "user name"),
        ("https://user:secret@example.com/", "user name"),
        ("https://@example.com/", "user name"),
        ("https://example.com/#top", "fragment"),
        ("https://example.com#", "fragment"),
        ("https://example.com:0/", "65535"),
        ("https://example.com:65536/", "65535"),
        ("https://example.com:123456/", "65535"),
        ("https://example.com:-1/", "65535"),
        ("https://example.com:+80/", "65535"),
        ("https://example.com:８０/", "65535"),
        ("https://example.com:80:80/", "65535"),
        ("https://[::1", "host"),
        ("https://[::1]x/", "host"),
        ("https://[::1%25eth0]/", "host"),
        ("https://[fe80::1%eth0]/", "host"),
        ("https://[v1.a]/", "host"),
        ("https://[1:2:3]/", "host"),
        ("https://a..b/", "host"),
        ("https://-a.com/", "host"),
        ("https://a%2eb.com/", "host"),
        ("https://exa℀mple.com/", "host"),
        ("https://" + "a" * 64 + ".com/", "host"),
        ("https://" + "a." * 127 + "com/", "host"),
        (" https://example.com/", "spaces"),
        ("https://example.com/a b", "spaces"),
        ("https://example.com/\r\nX-Evil: 1", "spaces"),
        ("https://exa\tmple.com/", "spaces"),
        ("https://example.com\\@evil.com/", "backslashes"),
        ("https://example.com/\x00", "control"),
        ("https://example.com/\ud800", "control"),
    ],
)
def test_urls_that_are_refused(url, why):
    with pytest.raises(BadRequest, match=why) as refusal:
        addresses.check_url(url, live=False)
    assert refusal.value.field == "url"


def test_live_mode_insists_on_https():
    assert addresses.check_url("https://example.com/", live=True).scheme == "https"
    with pytest.raises(BadRequest, match="https") as refusal:
        addresses.check_url("http://example.com/", live=True)
    assert refusal.value.field == "url"


@pytest.mark.parametrize(
    ("host", "hears_itself_alone"),
    [
        ("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("", False), ("192.0.2.1", False), ("localhost.example.com", False),
    ],
)  # fmt: skip
def test_which_hosts_are_this_machine_alone(host, hears_itself_alone):
    assert addresses.is_loopback(host) is hears_itself_alone

"""Which URLs may be called and which addresses may be dialled, so that no webhook reaches an internal network.

Names prove nothing: `127.1`, `0x7f.1`, `2130706433` and any public name may resolve to 127.0.0.1. So a URL is checked
for its form when it is stored, and what it resolves to is checked on every attempt, before it is dialled. The ranges
are listed here, because `ipaddress.is_global` lets multicast, NAT64 and 6to4 through, and its answers change with the
patch release of Python.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from gateway.errors import BadRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_LENGTH_MAX = 2048
HOST_LENGTH_MAX = 253
PORT_MAX = 65535
DEFAULT_PORTS = {"http": 80, "https": 443}
CACHED = 4096


class Target(NamedTuple):
    """Where a URL leads: `host` in ASCII without brackets, `authority` and `path` as an HTTP request writes them."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str


class Range(NamedTuple):
    """A range that webhooks do not reach.

    A network in `webhooks.allow_private` opens what it covers of an ordinary range; a `guarded` range, which holds
    what no receiver ever needs, is opened only by a network that lies wholly inside it.
    """

    network: Network
    what: str
    guarded: bool


def _ranges(table: str, *, guarded: bool) -> tuple[Range, ...]:
    rows = [line.split(maxsplit=1) for line in table.strip().splitlines()]
    return tuple(Range(ip_network(network), what, guarded) for network, what in rows)


# The first row that holds an address decides. Sources: the IANA special-purpose registries for IPv4 and IPv6, the
# vectors of Svix's is_allowed test, and the clouds' own pages on their metadata servers.
CLOSED = (
    *_ranges(
        """
        100.100.100.200/32  a metadata server (Alibaba Cloud)
        168.63.129.16/32    a metadata server (Azure)
        169.254.0.0/16      link-local, where clouds keep their metadata servers
        192.0.0.0/24        reserved for protocols, where Oracle Cloud keeps its metadata server
        fd00:ec2::/32       a metadata server (AWS)
        fd20:ce::254/128    a metadata server (Google Cloud)
        fe80::/10           link-local
        0.0.0.0/8           this machine itself
        192.88.99.0/24      a relay of 6to4
        224.0.0.0/4         multicast
        240.0.0.0/4         reserved or broadcast
        ::/128              this machine itself
        """,
        guarded=True,
    ),
    *_ranges(
        """
        10.0.0.0/8          a private network
        172.16.0.0/12       a private network
        192.168.0.0/16      a private network
        127.0.0.0/8         loopback, the machine of the gateway
        100.64.0.0/10       shared between customers of a provider (CGNAT)
        198.18.0.0/15       reserved for measurements
        192.0.2.0/24        reserved for documentation
        198.51.100.0/24     reserved for documentation
        203.0.113.0/24      reserved for documentation
        ::1/128             loopback, the machine of the gateway
        fc00::/7            a private network
        fec0::/10           a private network
        2001:db8::/32       reserved for documentation
        3fff::/20           reserved for documentation
        """,
        guarded=False,
    ),
    *_ranges(
        """
        64:ff9b::/96        an IPv4 address behind NAT64
        64:ff9b:1::/48      an IPv4 address behind NAT64
        ::/96               an IPv4 address in IPv6 form
        ::ffff:0:0:0/96     an IPv4 address in IPv6 form
        2002::/16           an IPv4 address behind 6to4
        2001::/23           reserved for protocols such as Teredo
        ff00::/8            multicast
        ::/3                not a public address
        4000::/2            not a public address
        8000::/1            not a public address
        """,
        guarded=True,
    ),
)

_6TO4 = ip_network("2002::/16")
_IPV4_LAST = frozenset(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")))

_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_NETLOC = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5})?)?")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_KEPT_IN_PATHS = "/%:=&?~+!$,;'@()*[]"


def verdict(address: str, allow_private: tuple[Network, ...] = ()) -> str | None:
    """None if this resolved address may be dialled, else the reason in words; what is no address may not."""
    try:
        ip, closed = _closed_by(address)
    except ValueError:
        return f"{address} is not an IP address"
    if closed is None:
        return None
    if not any(_opens(network, ip, closed) for network in allow_private):
        return _refusal(ip, closed)
    inner = _carried(ip, closed)
    return verdict(str(inner), allow_private) if inner else None


@lru_cache(CACHED)
def _closed_by(address: str) -> tuple[Address, Range | None]:
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return ip, next((row for row in CLOSED if ip in row.network), None)


def _opens(allowed: Network, ip: Address, closed: Range) -> bool:
    if ip not in allowed:
        return False
    return not closed.guarded or allowed.subnet_of(closed.network)  # type: ignore[arg-type]


def _carried(ip: Address, closed: Range) -> IPv4Address | None:
    """The IPv4 address that a relay would dial for `ip`, which must be allowed as well."""
    if closed.network == _6TO4:
        return IPv4Address(ip.packed[2:6])
    return IPv4Address(ip.packed[-4:]) if closed.network in _IPV4_LAST else None


def _refusal(ip: Address, closed: Range) -> str:
    how = "names this very range" if closed.guarded else "covers it"
    return f"{ip} is {closed.what}; webhooks go there only if webhooks.allow_private {how}"


def is_loopback(host: str) -> bool:
    """Whether who listens on this host hears this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str, *, live: bool) -> Target:
    """Where the URL leads, if it may be stored for webhooks; raises BadRequest. Live mode insists on https."""
    if not isinstance(url, str):
        raise _bad_url("A webhook URL is text")
    found = target(url)
    if live and found.scheme != "https":
        raise _bad_url("In live mode a webhook URL starts with https://")
    return found


@lru_cache(CACHED)
def target(url: str) -> Target:
    """The parts of an http or https URL; raises BadRequest for any other."""
    if not 0 < len(url) <= URL_LENGTH_MAX:
        raise _bad_url(f"A webhook URL has 1 to {URL_LENGTH_MAX} characters")
    if _NOT_IN_URLS.search(url):
        raise _bad_url("A webhook URL has no spaces, control characters or backslashes")
    if "#" in url:
        raise _bad_url("A webhook URL has no fragment (#…)")
    scheme, netloc, path, query = _split(url)
    if scheme not in DEFAULT_PORTS:
        raise _bad_url("A webhook URL starts with https:// or http://")
    if "@" in netloc:
        raise _bad_url("A webhook URL carries no user name or password")
    host, port = _host_and_port(netloc, DEFAULT_PORTS[scheme])
    authority = f"[{host}]" if ":" in host else host
    if port != DEFAULT_PORTS[scheme]:
        authority += f":{port}"
    return Target(scheme, host, port, authority, quote(f"{path or '/'}{query and '?'}{query}", safe=_KEPT_IN_PATHS))


def _split(url: str) -> tuple[str, str, str, str]:
    try:
        return urlsplit(url)[:4]
    except ValueError:
        raise _bad_url("The host of this URL cannot be read") from None


def _host_and_port(netloc: str, default_port: int) -> tuple[str, int]:
    found = _NETLOC.fullmatch(netloc)
    if not found:
        raise _bad_url("A webhook URL names the host to call and, at most, a port from 1 to 65535")
    port = int(found["port"] or default_port)
    if not 1 <= port <= PORT_MAX:
        raise _bad_url("The port of a URL is a number from 1 to 65535")
    return _ipv6(found["ipv6"]) if found["ipv6"] else _ascii_name(found["name"]), port


def _ipv6(literal: str) -> str:
    try:
        return str(IPv6Address(literal))
    except ValueError:
        raise _bad_url("The host of this URL cannot be read") from None


def _ascii_name(name: str) -> str:
    try:
        host = name.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        host = ""
    if len(host) > HOST_LENGTH_MAX or not _HOST.fullmatch(host):
        raise _bad_url("The host of this URL is not a name that can be looked up")
    return host


def _bad_url(description: str) -> BadRequest:
    return BadRequest(description, field="url")

"""Under which address others reach a server of this machine."""

import socket

EVERYWHERE = ("0.0.0.0", "::")
# A documentation address (RFC 5737): a UDP socket sends nothing when it connects, it only chooses a way out.
SOMEWHERE = ("192.0.2.1", 9)


def url(host: str, port: int) -> str:
    """`http://192.168.1.20:8000` for a server on 0.0.0.0, which is no address that anybody could call."""
    return written(own_address() if host in EVERYWHERE else host, port)


def written(host: str, port: int) -> str:
    """The host as it is, as a URL: an IPv6 address goes into brackets (RFC 3986, section 3.2.2)."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def own_address() -> str:
    """This machine's address in its network, as far as it can tell."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        try:
            way_out.connect(SOMEWHERE)
        except OSError:
            return "127.0.0.1"
        return way_out.getsockname()[0]

"""Which addresses and URLs a webhook may go to. Whoever can name a URL could otherwise reach what only we can reach.

Sources: IANA special-purpose address registries (IPv4 and IPv6, 2025). ``ipaddress.is_global`` is not enough: it lets
NAT64, 6to4, multicast and IPv4-compatible addresses pass, which a translator turns into inner ones. 168.63.129.16 is
in no registry: on a machine of Azure the host answers there, with what only that machine is to know.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.notifications.domain.refused_option import OptionRefused

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL = 500
_HOST = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")
_INNER_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "invalid", "onion")

_REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",
        *("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23"),
        *("2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10"),
        *("fec0::/10", "ff00::/8"),
    )
)
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class UrlRules:
    """What a webhook's URL must be like. ``ports``: the only ones, none means any. ``allowed``: inner networks that it
    may lead to all the same."""

    plain_http: bool = False
    ports: frozenset[int] = frozenset({443, 8443})
    allowed: tuple[Network, ...] = ()


def may_dial(address: str, allowed: Sequence[Network] = ()) -> bool:
    """True when a connection to this final address (as given to connect()) is allowed.

    ``allowed`` networks are exceptions (loopback in development). Anything that is no plain address is refused.
    """
    try:
        found: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if getattr(found, "scope_id", None):
        return False
    if any(found in network for network in allowed):
        return True
    if any(found in network for network in _REFUSED):
        return False
    return found.version == 4 or found in _GLOBAL_V6


def check_url(url: str, rules: UrlRules) -> str:
    """The host of a webhook's URL. Raises OptionRefused. What a name resolves to is checked by ``ssrf_guard.py``
    when it is registered, and again whenever it is dialled.

    A host must be written in ASCII (an international name in its ``xn--`` form), so that everybody who reads the URL
    reads the same host.
    """
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or any(c in url for c in ' \\"<>^`{|}'):
        raise OptionRefused("url-form")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OptionRefused("url-form") from None
    if parts.scheme != "https" and not (rules.plain_http and parts.scheme == "http"):
        raise OptionRefused("url-scheme")
    if "@" in parts.netloc:
        raise OptionRefused("url-credentials")
    if "#" in url:
        raise OptionRefused("url-fragment")
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    if port == 0 or (rules.ports and port not in rules.ports):
        raise OptionRefused("url-port")
    host = parts.hostname or ""
    _check_host(host, rules.allowed, bracketed=parts.netloc.startswith("["))
    return host


def _check_host(host: str, allowed: Sequence[Network], bracketed: bool) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        if not may_dial(host, allowed):
            raise OptionRefused("url-address")
        return
    if bracketed or len(host) > 253 or not _HOST.match(host):
        raise OptionRefused("url-host")
    labels = host.split(".")
    if labels[-1][0].isdigit():  # 127.1, 0x7f000001, 2130706433: what inet_aton takes for an address
        raise OptionRefused("url-address")
    if any(host == name or host.endswith("." + name) for name in _INNER_NAMES) or len(labels) == 1:
        raise OptionRefused("url-host")

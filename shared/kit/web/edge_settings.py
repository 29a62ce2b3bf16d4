"""Settings of the HTTP edge: how fast anybody may ask, how much at once, and how long a connection may dawdle.

Everything counts in the memory of one replica: two replicas allow twice as much, a restart forgets. Defaults lie well
above what one agency needs; they are there for loops that went wild and for those who mean harm.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

SMALL_BODY = 16_384  # an event on its own: what forbids is sent so, and never stands behind batches
# "<sustained a second>/<burst>": so many may come at once, and so many are given back every second
Rate = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}/[1-9][0-9]{0,9}$")]
Many = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(ge=0.1, le=3_600)]
Networks = tuple[IPv4Network | IPv6Network, ...]


def networks(text: str) -> Networks:
    """Of addresses and networks with commas between. Raises ValueError."""
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


def trusts_everybody(known: Networks) -> bool:
    """Whether these are all addresses there are, also in pieces (0.0.0.0/1 and 128.0.0.0/1)."""
    of_v4 = list(collapse_addresses(each for each in known if isinstance(each, IPv4Network)))
    of_v6 = list(collapse_addresses(each for each in known if isinstance(each, IPv6Network)))
    return IPv4Network("0.0.0.0/0") in of_v4 or IPv6Network("::/0") in of_v6


def within(host: str, known: Networks) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in known)


def _are_networks(text: str) -> str:
    networks(text)
    return text


class EdgeSettings(BaseSettings):
    """Mixed into the settings of every service.

    ``limit_*``: rates as "sustained/burst", per key, but for ``wrong_keys`` and ``anonymous``: per address.
    ``limit_forbids`` counts what ends or forbids (withdrawals, people who left, changes of agencies) and nothing else
    counts against it. ``at_once_*``: requests of one key in progress; of ``requests`` only ``working``
    are worked on at a time, the others wait. ``limit_tracked``: so many keys or addresses are
    remembered by each limiter, those longest unseen are forgotten.

    ``connections`` of the API at once (kept below the limit of open files), ``connections_per_address`` of one
    address; a few more are let in for probes. ``head_seconds``: until a request's head is complete; ``body_bytes_per_
    second``: the least, over any ``body_seconds``; ``idle_seconds``: between two requests; ``unread_seconds``: so
    long an answer may wait to be read.

    ``trusted_proxies``: addresses and networks, with commas between, whose ``X-Forwarded-For`` is believed; nobody's by
    default, and then a limit per address sees only the proxy (docs/proxy.md).
    """

    model_config = SettingsConfigDict(env_prefix="IEUM_")

    limit_wrong_keys: Rate = "5/200"
    limit_anonymous: Rate = "20/500"
    limit_requests: Rate = "500/5000"
    limit_lookups: Rate = "50/2000"
    limit_events: Rate = "2000/20000"
    limit_forbids: Rate = "200/5000"
    limit_bytes: Rate = "8000000/64000000"
    limit_tracked: Many = 10_000
    at_once_requests: Many = 128
    at_once_working: Many = 4
    at_once_bodies: Many = 8
    at_once_polls: Many = 16
    connections: Many = 1_000
    connections_per_address: Many = 300
    head_seconds: Seconds = 10.0
    body_seconds: Seconds = 10.0
    body_bytes_per_second: Many = 1_000
    idle_seconds: Seconds = 30.0
    unread_seconds: Seconds = 30.0
    trusted_proxies: Annotated[str, StringConstraints(max_length=1_000), AfterValidator(_are_networks)] = ""


def rate(text: str) -> tuple[int, int]:
    sustained, _, burst = text.partition("/")
    return int(sustained), int(burst)

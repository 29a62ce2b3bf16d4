"""The guard at dial time: whatever a name, a literal or a resolver said, the final address is looked at just before
``connect()``. Checking the URL alone is not enough: a name may resolve differently the second time."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver

from services.notifications.channels.answer_protocol import Answers
from services.notifications.channels.name_resolver import Resolver
from services.notifications.domain.webhook_url_rules import Network, may_dial


class AddressRefused(OSError):
    """An address that a webhook may not go to. The address is not in the text."""


async def leads_outside(host: str, port: int, allowed: Sequence[Network], resolver: AbstractResolver) -> bool:
    """True when the host has an address, and every address it has may be dialled. Bounded by the resolver's own time.

    A name may resolve differently later: the connector below looks again, at each dial.
    """
    try:
        found = await resolver.resolve(host, port, socket.AF_UNSPEC)
    except OSError:  # TimeoutError too: a name that does not resolve is told like one that leads inside
        return False
    return bool(found) and all(may_dial(str(each["host"]), allowed) for each in found)


def guarded_connector(
    allowed: Sequence[Network], resolver: AbstractResolver | None = None, tls: ssl.SSLContext | None = None
) -> TCPConnector:
    """A connector that dials only addresses that are allowed. Keeps connections alive; never limits across hosts.
    ``tls``: of requests that name none of their own."""

    def socket_for(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        scoped = len(address) > 3 and address[3] != 0
        if scoped or not may_dial(str(address[0]), allowed):
            raise AddressRefused("this address may not be dialled")
        return socket.socket(family, kind, protocol)

    connector = TCPConnector(
        limit=0,
        limit_per_host=0,
        keepalive_timeout=15,
        use_dns_cache=False,
        resolver=resolver or Resolver(),
        socket_factory=socket_for,
        ssl=True if tls is None else tls,
    )
    # not in aiohttp's public interface: tests/integration/notifications/test_inner_addresses.py shows that it works
    make: Any = partial(Answers, loop=connector._loop)
    connector._factory = make
    return connector

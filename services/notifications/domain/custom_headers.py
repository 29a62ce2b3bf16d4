"""Headers that a subscription adds to its webhooks: what a gateway of the partner wants to see, and nothing that
changes the request, its meaning or its signature.

``authorization`` is allowed: it goes to the origin (scheme, host and port) that it was named for, never to another (a
change of the address to another one ends them), and redirects are not followed. Values are kept sealed and never shown
again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.notifications.domain.refused_option import OptionRefused

MOST, LONGEST_NAME, LONGEST_VALUE, MOST_BYTES = 10, 64, 512, 2_048
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?\Z")  # visible ASCII: no line break, no NUL, no blank at either end
# What frames the message, belongs to one hop (RFC 9110 7.6.1), tells a proxy who is asking, or is ours to say.
_RESERVED = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "cookie"),
        *("date", "expect", "forwarded", "from", "host", "http2-settings", "keep-alive", "max-forwards", "origin"),
        *("proxy-authenticate", "proxy-authorization", "proxy-connection", "range", "referer", "te", "trailer"),
        *("transfer-encoding", "upgrade", "user-agent", "via", "x-http-method", "x-http-method-override"),
        *("x-method-override", "x-original-url", "x-real-ip", "x-rewrite-url"),
    }
)
_RESERVED_BEGINNINGS = ("access-control-", "ce-", "content-", "if-", "sec-", "webhook-", "x-forwarded-")


def checked_headers(wanted: Mapping[str, object]) -> dict[str, str]:
    """By lower-case name. Raises OptionRefused, with the number of the one that is wrong unless it is all of them."""
    for number, value in enumerate(wanted.values(), 1):
        if not isinstance(value, str):
            raise OptionRefused("header-value", number=number)
    return _checked({name: str(value) for name, value in wanted.items()})


def _checked(wanted: Mapping[str, str]) -> dict[str, str]:
    if len(wanted) > MOST or sum(len(name) + len(value) for name, value in wanted.items()) > MOST_BYTES:
        raise OptionRefused("headers-size")
    found: dict[str, str] = {}
    for number, (name, value) in enumerate(wanted.items(), 1):
        lower = name.lower()
        if not name.isascii() or len(name) > LONGEST_NAME or not _NAME.match(lower):
            raise OptionRefused("header-name", number=number)
        if lower in found:
            raise OptionRefused("header-twice", number=number)
        if lower in _RESERVED:
            raise OptionRefused("header-reserved", name=lower, number=number)
        if lower.startswith(_RESERVED_BEGINNINGS):
            raise OptionRefused("header-reserved", number=number)
        if len(value) > LONGEST_VALUE or not _VALUE.match(value):
            raise OptionRefused("header-value", number=number)
        found[lower] = value
    return found

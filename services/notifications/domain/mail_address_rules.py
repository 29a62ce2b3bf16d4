"""Which addresses of e-mail are written to: one plain mailbox, given as a ``mailto:`` URL. Nothing that could become a
second recipient, a header or a route."""

from __future__ import annotations

import re

SCHEME = "mailto:"
LONGEST = 254  # RFC 5321 4.5.3.1.3, without the brackets
# RFC 5321's dot-string, without what old mailers take for a route (% ! / =) and without quoting
_LOCAL = re.compile(r"[A-Za-z0-9#$&'*+?^_{|}~-]+(\.[A-Za-z0-9#$&'*+?^_{|}~-]+)*", re.ASCII)
_DOMAIN = re.compile(
    r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII
)


class AddressRefused(ValueError):
    """``rule`` says why, without the address."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def check_mailto(url: str) -> str:
    """The one address of a ``mailto:`` URL. Raises AddressRefused."""
    if not url.lower().startswith(SCHEME):
        raise AddressRefused("mail-scheme")
    address = url[len(SCHEME) :]
    local, at, domain = address.rpartition("@")
    if not at or len(address) > LONGEST or not 1 <= len(local) <= 64:
        raise AddressRefused("mail-form")
    if not _LOCAL.fullmatch(local):
        raise AddressRefused("mail-local-part")
    if not _DOMAIN.fullmatch(domain):
        raise AddressRefused("mail-domain")
    return address

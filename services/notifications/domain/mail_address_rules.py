"""Which addresses of e-mail are written to: one plain mailbox, given as a ``mailto:`` URL. Nothing that could become a
second recipient, a header or a route."""

from __future__ import annotations

import re

from services.notifications.domain.refused_option import OptionRefused

SCHEME = "mailto:"
# Of RFC 3463: the mailbox or its domain does not exist, whoever says so and when. Not 5.1.7 and 5.1.8, which are about
# the sender; 5.2.1, a mailbox that exists and takes nothing; 5.4, a way that was not found, perhaps by our own server.
NO_SUCH_MAILBOX = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
LONGEST = 254  # RFC 5321 4.5.3.1.3, without the brackets
LONGEST_TAGGED = 12  # letters before the @ where a return path's tag is added (channels/mail/return_path.py): 64 in all
# RFC 5321's dot-string, without what old mailers take for a route (% ! / =) and without quoting
_LOCAL = re.compile(r"[A-Za-z0-9#$&'*+?^_{|}~-]+(\.[A-Za-z0-9#$&'*+?^_{|}~-]+)*", re.ASCII)
_DOMAIN = re.compile(
    r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII
)


def check_mailto(url: str) -> str:
    """The one address of a ``mailto:`` URL that somebody names now: no mail server behind takes it for an option or a
    pipe, either. Raises OptionRefused."""
    address = address_of(url)
    if address.startswith("-") or "|" in address:
        raise OptionRefused("mail-local-part")
    return address


def address_of(url: str) -> str:
    """The same of one that was named before, by the rules of then. Raises OptionRefused."""
    if not url.lower().startswith(SCHEME):
        raise OptionRefused("mail-scheme")
    address = url[len(SCHEME) :]
    local, at, domain = address.rpartition("@")
    if not at or len(address) > LONGEST or not 1 <= len(local) <= 64:
        raise OptionRefused("mail-form")
    if not _LOCAL.fullmatch(local):
        raise OptionRefused("mail-local-part")
    if not _DOMAIN.fullmatch(domain):
        raise OptionRefused("mail-domain")
    return address

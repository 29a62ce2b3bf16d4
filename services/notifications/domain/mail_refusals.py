"""Whom a mail server's refusal is about: the mail server and what we are to it, or one mailbox and mail (decision 76).

A wrong setting of ours is answered like a recipient's policy, often with the same status (554 5.7.1), so what the
answer does not settle is settled by what becomes of mails to others meanwhile (channels/mail/refusal_attribution.py).
"""

from __future__ import annotations

import re
from typing import Literal

from services.notifications.domain.mail_address_rules import NO_SUCH_MAILBOX

About = Literal["server", "mailbox", "unclear"]
ASKS_FOR_LOGIN = frozenset({530, 534, 535, 538})  # RFC 4954: whatever it answers, no fault of this mail's
CLOSES = 421
READ_AT_MOST = 1_000  # of an answer's text
# RFC 3463; of several lines each should begin with it (RFC 2034), and some servers write it in the last one alone
_STATUS = re.compile(r"^\s*#?([245]\.\d{1,3}\.\d{1,3})(?!\.?\w)", re.ASCII | re.MULTILINE)
_STATUS_AT_THE_END = re.compile(r"\(#([245]\.\d{1,3}\.\d{1,3})\)\s*$", re.ASCII | re.MULTILINE)  # as qmail writes it
# Without the class. Our sender; login and encryption; Exchange's for who may not relay, send as this sender or log in.
_OURS = frozenset({"1.7", "1.8", "7.3", "7.8", "7.9", "7.11", "7.12", "7.13", "7.14", "7.54", "7.57", "7.60", "7.64"})
_TOO_LARGE = "5.3.4"
_STORAGE = 552
# What only our own settings can be about. A mailbox that is unknown in a "relay recipient table" is none of it.
_OURS_IN_WORDS = re.compile(
    r"relay(?:ing)?\b[^.;\n]{0,40}?\b(?:denied|prohibited|rejected|refused|disabled|not\s+(?:permitted|allowed|authori[sz]ed))"
    r"|\b(?:cannot|can't|could\s+not|not|unable\s+to|won't|don't|refuse\s+to|no)\s+relay(?:ing)?\b(?!\s+recipient\s+table)"
    r"|\b(?:permitted|allowed|authori[sz]ed|permission)\s+to\s+relay\b|\brcpthosts\b"
    r"|\bauthenticat(?:e|ed|ion)\b|\bauth\s+(?:first|required)\b|\bnot\s+logged\s+in\b|\blog\s?in\s+(?:first|required)\b"
    r"|\b(?:sender(?:\s+address)?|client\s+host|(?:helo|ehlo)\s+command)\s+rejected\b|\bclient\s+host\b.{0,80}?\bblocked\b"
    r"|\bpermissions?\s+to\s+send\s+as\b|\bstarttls\b",
    re.ASCII | re.IGNORECASE,
)

_OF_A_GROUP = re.compile(
    r"\bRESOLVER\.RST\b", re.ASCII
)  # Exchange's: one that takes nothing from outside, in words of ours


def status_of(text: str) -> str | None:
    """The enhanced status of an answer (RFC 2034), wherever this server writes it."""
    found = _STATUS.search(text[:READ_AT_MOST]) or _STATUS_AT_THE_END.search(text[:READ_AT_MOST])
    return found[1] if found else None


def whom(code: int, text: str) -> About:
    """What a refusal (4xx, 5xx) of a recipient or of a mail is about. ``unclear`` are only those for good.

    In doubt it is the mail server: what waits can be sent, what was given up was not told. A 4xx passes (greylisting
    comes with the same 4.7.1); it is the mail server's when it closes (421), is full or broken (4.3), or says so.
    """
    status = status_of(text)
    words = text[:READ_AT_MOST]
    speaks_of_us = _OURS_IN_WORDS.search(words) and not _OF_A_GROUP.search(words)
    if code in ASKS_FOR_LOGIN or (status or "")[2:] in _OURS or speaks_of_us:
        return "server"
    if code < 500:
        return "server" if code == CLOSES or (status or "").startswith("4.3.") else "mailbox"
    if status is None:
        return "mailbox" if code == _STORAGE else "unclear"
    own = status in NO_SUCH_MAILBOX or status == _TOO_LARGE or status.startswith(("5.2.", "5.6."))
    return "mailbox" if own else "unclear"

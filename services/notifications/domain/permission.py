"""Who may be told about whom. The one rule that fan-out, feed and dispatcher all ask, each at its own moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

NOTICE = "notice"
MATCHING = "matching"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A consent as far as telling needs it; ``until`` is the last day it holds."""

    purpose: str
    recipient: str | None
    until: date


@dataclass(frozen=True, slots=True)
class Subject:
    """What telling needs of a person: whether they take part, what they allow, how each agency calls them."""

    active: bool
    allowances: tuple[Allowance, ...]
    aliases: dict[str, str]


def alias_to_tell(subject: Subject | None, recipient: str, today: date) -> str | None:
    """The alias under which ``recipient`` may hear of this person on this day; None when it may not.

    It takes a live consent for matching, a live consent for notices to this very recipient, and an alias.
    """
    if subject is None or not subject.active:
        return None
    live = [allowance for allowance in subject.allowances if allowance.until >= today]
    matching = any(allowance.purpose == MATCHING for allowance in live)
    notice = any(allowance.purpose == NOTICE and allowance.recipient == recipient for allowance in live)
    return subject.aliases.get(recipient) if matching and notice else None

"""Whose people an agency may see, and how much of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shared.events.topics.people import Person

MATCHING = "matching"
NOTICE = "notice"
PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Visibility:
    """The name by which an agency may ask about a person. ``why``: it may also see why a match is one, or is none;
    without it only what a notice tells."""

    alias: str
    why: bool


def is_matched(person: Person, today: date) -> bool:
    """Whether anything of this person may be matched, or shown as a match, on this day."""
    return person.status == "active" and any(one.purpose == MATCHING and today <= one.until for one in person.consents)


def visibility_of(person: Person, agency: str, today: date) -> Visibility | None:
    """What this agency may see of this person; None when nothing.

    The owner sees all, always. Anybody else needs an alias, a person who still takes part, and a live consent of theirs
    that names this agency, its last day included: ``notice`` for what a notice tells, ``profile`` for the reasons.
    """
    alias = next((one.alias for one in person.aliases if one.agency == agency), None)
    if alias is None:
        return None
    if person.owner == agency:
        return Visibility(alias, why=True)
    live = {one.purpose for one in person.consents if one.recipient == agency and today <= one.until}
    if person.status != "active" or live.isdisjoint({NOTICE, PROFILE}):
        return None
    return Visibility(alias, why=PROFILE in live)

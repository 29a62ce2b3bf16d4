"""Whose people an agency may see."""

from __future__ import annotations

from datetime import date

from shared.events.topics.people import Person

ALLOWING = frozenset({"notice", "profile"})


def alias_for(person: Person, agency: str, today: date) -> str | None:
    """The name by which this agency may ask about this person; None when it may not.

    The owner always may. Anybody else needs an alias, a live consent of the person that names this agency (notice or
    profile, its last day included), and a person who still takes part.
    """
    alias = next((one.alias for one in person.aliases if one.agency == agency), None)
    if person.owner == agency or alias is None:
        return alias
    live = any(one.recipient == agency and one.purpose in ALLOWING and today <= one.until for one in person.consents)
    return alias if live and person.status == "active" else None

"""Who must hold what: every person against every opening, then the rules of telling, written down once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from verification.oracle.matches import matches_of
from verification.oracle.state import Own, State

Told = tuple[str, Own, Own]
"""A partner holds an opening for a person: partner, person, opening (the last two by their agencies' references)."""


@dataclass(frozen=True)
class Expected:
    """What the end must look like: all matches, and what each partner must hold."""

    matches: frozenset[tuple[Own, Own]]
    told: frozenset[Told]


def expected_of(
    state: State,
    partners: Iterable[str],
    person_ids: Mapping[Own, str],
    opening_ids: Mapping[Own, str],
    today: date,
    prices: Mapping[str, float] | None = None,
) -> Expected:
    """``partners``: those that may receive at all, see `receivers`. The ids are the hub's own: they decide ties between
    equal scores. ``prices``: the table of congestion in force, an input like the wage table."""
    people = {person_ids[own]: own for own in state.people}
    openings = {opening_ids[own]: own for own in state.openings}
    kept = matches_of(
        [person.model_copy(update={"person": person_ids[own]}) for own, person in state.people.items()],
        [_as_told(opening, opening_ids[own], state) for own, opening in state.openings.items()],
        state.pack,
        today,
        prices,
    )
    matches = frozenset((people[person], openings[opening]) for person, opening in kept)
    told = frozenset(
        (partner, person, opening)
        for partner in partners
        for person, opening in matches
        if may_hear(state.people[person], partner, today)
    )
    return Expected(matches, told)


def _as_told(opening: Opportunity, id: str, state: State) -> Opportunity:
    """Held or refused it is not open, whatever its agency says."""
    status = "held" if opening.status == "open" and state.vetted.get(id, "checked") != "checked" else opening.status
    return opening.model_copy(update={"opportunity": id, "status": status})


def receivers(agencies: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Of agencies as they are registered, those that may be told of people: by their class, and by right."""
    return frozenset(
        agency["agency"]
        for agency in agencies
        if agency["recipient_class"] in ("case", "service") and agency["rights"]["receives"]
    )


def may_hear(person: Person, partner: str, today: date) -> bool:
    """Live consents for matching and for notices to this very partner, and a person who takes part.

    The partner's class is not asked here: who is of another class is no partner, see `receivers`.
    """
    live = {(consent.purpose, consent.recipient) for consent in person.consents if consent.until >= today}
    return person.status == "active" and ("matching", None) in live and ("notice", partner) in live

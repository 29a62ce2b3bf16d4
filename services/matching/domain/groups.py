"""Which group somebody belongs to, for figures by group, and what may be said of a small one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from shared.events.topics.people import Person
from shared.reference import Pack

GroupBy = Literal["sex", "age", "education", "region"]
GROUPS: tuple[GroupBy, ...] = ("sex", "age", "education", "region")
AGES = ((30, "under-30"), (45, "30-44"), (60, "45-59"), (200, "60-and-over"))
LEAST = 10
"""Fewer people than that are never told as a number of their own: it would say who they are."""
OTHERS = "others"


def group_of(person: Person, by: GroupBy, today: date, pack: Pack) -> str:
    """The group of a person; ``unknown`` where nobody said. Age bands and the province, not more: small groups tell
    who somebody is."""
    match by:
        case "sex":
            return person.sex or "unknown"
        case "education":
            return person.education or "unknown"
        case "region":
            return (pack.province(person.residence) if person.residence else None) or "unknown"
        case "age":
            if person.year_of_birth is None:
                return "unknown"
            return next(name for below, name in AGES if today.year - person.year_of_birth < below)


def pooled(people: Sequence[Person], by: GroupBy, today: date, pack: Pack) -> Mapping[str, list[int]]:
    """By group the places of its members among these. Groups of fewer than `LEAST` go together as ``others``, with the
    next smallest until there are enough; when there are not even then, nothing is said by this group at all."""
    groups: dict[str, list[int]] = {}
    for place, person in enumerate(people):
        groups.setdefault(group_of(person, by, today, pack), []).append(place)
    others: list[int] = []
    for name in sorted(groups, key=lambda one: (len(groups[one]), one)):
        if len(groups[name]) >= LEAST and (not others or len(others) >= LEAST):
            break
        others += groups.pop(name)
    if len(others) >= LEAST:
        groups[OTHERS] = sorted(others)
    return dict(sorted(groups.items()))


def told(people: int) -> int | None:
    """A number of people as it may be told; None: fewer than `LEAST`, and perhaps nobody."""
    return people if people >= LEAST else None

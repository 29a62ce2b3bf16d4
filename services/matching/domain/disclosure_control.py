"""Statistical disclosure control: which group somebody belongs to, for figures by group, and what may be said of a
small one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Literal

from shared.events.topics.people import Person
from shared.reference import Pack

GroupBy = Literal["sex", "age", "education", "region", "childcare"]
REPORTED: tuple[GroupBy, ...] = ("sex", "age", "education", "region", "childcare")
"""What reports tell apart; rounds balance by one of them."""
AGES = ((30, "under-30"), (45, "30-44"), (60, "45-59"), (200, "60-and-over"))
LEAST = 10
"""Fewer people than that are never told as a number of their own: it would say who they are."""
OTHERS = "others"
Rule = Callable[[Sequence[bool]], bool]


def group_of(person: Person, by: GroupBy, today: date, pack: Pack) -> str:
    """The group of a person; ``unknown`` where nobody said. Age bands and the province, not more: small groups tell
    who somebody is. By childcare: whether counselling recorded a need that by the pack rules out hours of work."""
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
        case "childcare":
            rules = (pack.matching.needs.get(code) for code in person.counselling.needs)
            return "needed" if any(rule is not None and rule.shifts_not for rule in rules) else "not-said"


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


def told(people: int, of: int | None = None) -> int | None:
    """A number of people as it may be told; None: fewer than `LEAST`, and perhaps nobody. ``of``: how many there are in
    all, where that is known: then the rest of them is a number of people as well."""
    return people if people >= LEAST and (of is None or of - people >= LEAST) else None


def may_tell_share(counted: Sequence[bool]) -> bool:
    """Whether a share, or a mean of shares, may be told: at least `LEAST` people count in it, and at least as many do
    not. Nobody and everybody are not told either: each of them would be said to be like that."""
    return told(sum(counted), len(counted)) is not None


def may_tell_mean(counted: Sequence[bool]) -> bool:
    """Whether a mean or a sum of numbers may be told: at least `LEAST` people have any, and either nobody or as many
    have none. That all have some says of nobody how many."""
    return sum(counted) >= LEAST and (all(counted) or may_tell_share(counted))


def may_tell_beside(differ: Sequence[bool]) -> bool:
    """Whether a mean or a sum may be told beside the same of before: ``differ`` says of whom it is another one. The
    difference of both is a sum, too, which nobody or at least `LEAST` people make."""
    return not any(differ) or sum(differ) >= LEAST


def may_tell_by(groups: Mapping[str, list[int]], counted: Sequence[bool], rule: Rule) -> set[str]:
    """Of which groups a figure may be told. What is left out must not come of the others and of the whole, so groups
    are left out, the smallest first, until the ones left out may be told together."""
    hidden = {name for name, members in groups.items() if not rule([counted[one] for one in members])}
    for name in sorted(groups, key=lambda one: (len(groups[one]), one)):
        together = [counted[one] for each in hidden for one in groups[each]]
        if not together or rule(together):
            break
        hidden.add(name)
    return groups.keys() - hidden

"""The engine as it was before issue 12 (weights 1), kept as a yardstick: it is never changed with the service's.

What differed: ways to work were known for homes of the pack's first table only; lodging or a commuter bus made any way
possible and worth 0.5; no factor for open questions; pay counted in growth as well; skills were a plain share; months
of work pulled whether it was wanted or not. Conditions besides the way to work are those of today.
"""

from __future__ import annotations

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import NO
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.factors.base import within
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from shared.events.topics.people import Person
from shared.reference import Pack

WEIGHTS = {"occupation": 0.3, "wage": 0.2, "commute": 0.15, "skills": 0.2, "growth": 0.15}
THRESHOLD = 0.35


class Before:
    """Scores as they were."""

    def __init__(self, pack: Pack, context: AssessmentContext) -> None:
        self._pack, self._context = pack, context
        self._homes = frozenset(pack.commuting.specs[0].homes_within)

    def score(self, shown: Person, person: PersonFacts, opening: OpeningFacts) -> float | None:
        """None: no match."""
        if any(one.answer(person, opening, self._context) is NO for one in CONDITIONS if one.name != "commute"):
            return None
        minutes = None
        if not person.areas.isdisjoint(self._homes):
            minutes = self._context.minutes_of(person, opening.region)
        free_way = opening.lodging or opening.commuter_bus
        wish = person.commute_wish
        if wish is not None and minutes is not None and minutes > wish and not free_way:
            by_car = self._context.minutes(person.residence, opening.region, True) if person.car is None else None
            if by_car is None or by_car > wish:
                return None
        way = None if minutes is None else max(0.0, 1 - 0.8 * minutes / (wish or 60))
        if way is not None and free_way:
            way = max(way, 0.5)
        values = {
            "occupation": self._occupation(shown, opening),
            "wage": self._pay(opening, person.floor_hourly or 0.0),
            "commute": way,
            "skills": _skills(person, opening),
            "growth": self._growth(opening),
        }
        score = sum(WEIGHTS[name] * (0.5 if value is None else value) for name, value in values.items())
        return score if score >= THRESHOLD else None

    def _occupation(self, shown: Person, opening: OpeningFacts) -> float | None:
        work, interests = opening.occupation, shown.counselling.interests
        known = [one for one in shown.occupations if one.interest > 0]
        if work is None or not (known or interests):
            return None
        near = self._context.nearness
        found = [0.0]
        for one in known:
            pull = min(1.0, 0.5 + 0.5 * one.interest + 0.2 * min(one.months / 24, 1.0))
            found.append(near(one.code, work) * pull)
        path = self._pack.occupations.path
        for group in interests:
            inside = path(work).startswith(path(group))
            found.append((near(group, work) + 1) / 2 if inside else near(group, work))
        return max(found)

    def _pay(self, opening: OpeningFacts, floor: float) -> float | None:
        if opening.hourly_min is None:
            return None
        low = max(self._context.minimum_hourly or 0.0, floor)
        return within(opening.hourly_min, low, 1.25 * max(self._context.average_hourly, low))

    def _growth(self, opening: OpeningFacts) -> float | None:
        parts = []
        if (pay := self._pay(opening, 0.0)) is not None:
            parts.append(pay)
        if opening.secure is not None:
            parts.append(1.0 if opening.secure else 0.25)
        if opening.strength is not None:
            parts.append(1 - within(opening.strength, 1.0, 5.0))
        return sum(parts) / len(parts) if parts else None


def _skills(person: PersonFacts, opening: OpeningFacts) -> float | None:
    sorts = (
        (2.0, opening.helpful_certificates, person.certificates),
        (1.0, opening.helpful_courses, person.courses),
        (0.5, opening.helpful_strengths, person.strengths),
    )
    asked = sum(weight * len(liked) for weight, liked, _ in sorts)
    had = sum(weight * (len(liked & own) if own else len(liked) / 2) for weight, liked, own in sorts)
    return had / asked if asked else None

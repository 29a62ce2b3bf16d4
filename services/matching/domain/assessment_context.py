"""What a pair is assessed on besides itself: the pack, with the model of the day, and the day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from services.matching.domain.person_facts import PersonFacts
from shared.events.field_types import Wage
from shared.reference import Pack
from shared.reference.commuting import Way

Words = dict[str, object]
"""The values of a sentence of the pack."""


class AssessmentContext:
    """Pack and day, with what both sides of many pairs ask again and again looked up once.

    ``minimum_hourly`` is the legal wage floor per hour of the day, past the end of the pack's table the last one known;
    None when the table begins later. ``crowded``: by opening how much it gives way because many look at it
    (`congestion`); no score and no condition knows of it.
    """

    def __init__(self, pack: Pack, today: date) -> None:
        self.pack = pack = pack.on(today)
        self.today = today
        self.average_hourly = pack.hourly(pack.wages.average.amount, pack.wages.average.per)
        self.minimum_hourly = pack.wage_floor(today)
        self.crowded: Mapping[str, float] = {}
        self._nearness: dict[str, dict[str, float]] = {}
        self._interest: dict[tuple[str, float], dict[str, float]] = {}
        self._ways: dict[tuple[str, str, bool], Way | None] = {}

    def on(self, today: date) -> AssessmentContext:
        """The same pack on another day; what was looked up is kept, since it does not depend on the day."""
        other = AssessmentContext(self.pack, today)
        other.crowded = self.crowded
        other._nearness, other._interest, other._ways = self._nearness, self._interest, self._ways
        return other

    @property
    def key(self) -> str:
        """What of the day decides about pairs of those who take part and openings that take people: the legal wage
        floor, the year, by which people are a year older, and the model. Whatever else looks at the day has to be named
        here."""
        return f"{self.minimum_hourly}/{self.today.year}/{self.pack.weights_version}"

    def nearness(self, one: str, other: str) -> float:
        """How near two occupations are, 0 to 1."""
        known = self._nearness.get(one)
        if known is None:
            known = self._nearness[one] = {}
        if (found := known.get(other)) is None:
            found = known[other] = self.pack.occupation_nearness(one, other)
        return found

    def interest(self, group: str, inside: float, work: str) -> float:
        """How near work is to a group of occupations; inside of it so much of the way from there to a full hit."""
        known = self._interest.get((group, inside))
        if known is None:
            known = self._interest[group, inside] = {}
        if (found := known.get(work)) is None:
            path, found = self.pack.occupations.path, self.nearness(group, work)
            if found and path(work).startswith(path(group)):
                found += (1 - found) * inside
            known[work] = found
        return found

    def way(self, home: str | None, work: str | None, car: bool) -> Way | None:
        """The way to work; None when a place or the way is not known."""
        if home is None or work is None:
            return None
        key = (home, work, car)
        if key not in self._ways:
            self._ways[key] = self.pack.way(home, work, car)
        return self._ways[key]

    def way_of(self, person: PersonFacts, work: str | None) -> Way | None:
        """This person's way to work; a car counts only when it is known to be there."""
        return self.way(person.residence, work, person.car is True)

    def minutes(self, home: str | None, work: str | None, car: bool) -> int | None:
        """Minutes of a way."""
        found = self.way(home, work, car)
        return None if found is None else found.minutes

    def minutes_of(self, person: PersonFacts, work: str | None) -> int | None:
        """Minutes of this person's way to work."""
        found = self.way_of(person, work)
        return None if found is None else found.minutes

    def labels(self, codes: Mapping[str, object] | frozenset[str] | tuple[str, ...], language: str) -> str:
        """Codes as people read them, in a fixed order, each name once: where a translation is missing a label begins
        with its code, so what has one name is told by the first language."""
        named: dict[str, str] = {}
        for code in sorted(codes):
            named.setdefault(self.pack.label(code, self.pack.languages[0]), self.pack.label(code, language))
        return ", ".join(dict.fromkeys(named.values())) or self.word("any", language)

    def word(self, name: str, language: str) -> str:
        """One of the pack's small words, such as `unknown`."""
        return self.pack.sentence(f"word.{name}", language)

    def wage(self, amount: float, per: str, language: str) -> str:
        """An amount with its period, as people read it."""
        return f"{self.pack.sentence(f'per.{per}', language)} {self.pack.money(amount, language)}"

    def offered(self, wage: Wage | None, language: str) -> str:
        """What an advert pays, as people read it; a range with both ends."""
        if wage is None:
            return self.word("unknown", language)
        least = self.wage(wage.minimum, wage.per, language)
        if wage.maximum is None or wage.maximum <= wage.minimum:
            return least
        return f"{least} ~ {self.pack.money(wage.maximum, language)}"

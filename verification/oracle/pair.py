"""What the oracle asks of: a person, an opening, and what decides about them besides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack
from shared.reference.commuting import Way

Answer = Literal["yes", "no", "ask"]
ROUNDING = 1e-9


@dataclass(frozen=True)
class Pair:
    """A person, an opening, and what decides about them besides."""

    person: Person
    opening: Opportunity
    pack: Pack
    today: date

    @property
    def paid(self) -> bool:
        return self.opening.kind in self.pack.matching.paid_kinds

    def hourly(self) -> tuple[float, float] | None:
        """Least and most pay per hour; None when it does not say, or in another money."""
        wage = self.opening.wage
        if wage is None or wage.currency != self.pack.currency:
            return None
        amounts = (wage.minimum, max(wage.minimum, wage.maximum or 0))
        hours = (self.opening.hours_per_week, self.opening.hours_per_day)
        least, most = (self.pack.hourly(amount, wage.per, *hours) for amount in amounts)
        return least, most

    def minutes(self, car: bool | None = None) -> int | None:
        """The way to work; None when it is not known. ``car``: as if there were one."""
        way = self.way(car)
        return None if way is None else way.minutes

    def way(self, car: bool | None = None) -> Way | None:
        """The same with the least that it may be."""
        home, work = self.person.residence, self.opening.region
        if home is None or work is None:
            return None
        return self.pack.way(home, work, bool(self.car) if car is None else car)

    @property
    def drives(self) -> bool | None:
        """As the person says, and yes for who has a certificate that proves it."""
        data, held = self.pack.matching, self.person.certificates
        proofs = [proof for code in data.driving_licences for proof in data.licence_certificates.get(code, ())]
        return True if any(proof in held for proof in proofs) else self.person.has.driving_licence

    @property
    def car(self) -> bool | None:
        """As the person says, and none for who is known not to drive."""
        return False if self.drives is False else self.person.has.car

    def offers(self, benefits: tuple[str, ...]) -> bool:
        offered = (*self.opening.benefits, *self.pack.benefits_named(self.opening.title))
        return any(code in benefits for code in offered)

    @property
    def blank(self) -> bool:
        """Nothing about skills was recorded."""
        return not (self.person.certificates or self.person.courses or self.person.occupations)

    @property
    def needs_car(self) -> bool:
        rules = self.opening.rules
        return rules.car or any(code in self.pack.matching.own_car for code in rules.licences)

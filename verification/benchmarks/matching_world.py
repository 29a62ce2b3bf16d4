"""As many people and openings as wanted, each of them put together from several of an invented labour market, so that
homes and works lie where people live and hardly two look the same to every rule."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from shared.reference import Pack
from verification.evaluation.families import FAMILIES
from verification.evaluation.world import Market

PEOPLE, ADVERTS = 1_500, 3_000  # that are drawn one by one


class World:
    """``people`` and ``openings`` draw the next ones; the same seed draws the same."""

    def __init__(self, pack: Pack, seed: int) -> None:
        self._dice = random.Random(seed)
        market = Market(pack, FAMILIES[0], seed, PEOPLE, ADVERTS)
        self._people = [person_facts(worker.shown, pack) for worker in market.workers]
        self._openings = [opening_facts(advert.shown, pack) for advert in market.adverts]

    def people(self, number: int) -> Iterator[PersonFacts]:
        """New ones."""
        return (self.changed_person(self._dice.choice(self._people), self._id()) for _ in range(number))

    def openings(self, number: int) -> Iterator[OpeningFacts]:
        """New ones."""
        return (self.changed_opening(self._dice.choice(self._openings), self._id()) for _ in range(number))

    def changed_person(self, facts: PersonFacts, id: str) -> PersonFacts:
        """Somebody with another home, other wishes and other interests."""
        home, wants, likes = (self._dice.choice(self._people) for _ in range(3))
        return replace(
            facts, id=id, residence=home.residence, areas=home.areas, car=home.car, driving=home.driving,
            floor=wants.floor, floor_hourly=wants.floor_hourly, shifts=wants.shifts, commute_wish=wants.commute_wish,
            usual_way=wants.usual_way, needs=wants.needs, interests=likes.interests, strengths=likes.strengths,
        )  # fmt: skip

    def changed_opening(self, facts: OpeningFacts, id: str) -> OpeningFacts:
        """An advert in another place, with another pay, other likings and another title."""
        place, likes = self._dice.choice(self._openings), self._dice.choice(self._openings)
        employer = f"{self._dice.randrange(10**5):010d}"
        crowd = facts.crowd._replace(employer=employer, alike=(facts.crowd.alike[0], employer, *facts.crowd.alike[2:]))
        pay = self._dice.choice((0.98, 1.0, 1.0, 1.02))
        return replace(
            facts, id=id, region=place.region, areas=place.areas,
            hourly_min=facts.hourly_min and facts.hourly_min * pay,
            hourly_max=facts.hourly_max and facts.hourly_max * pay,
            named_occupations=likes.named_occupations, named_skills=likes.named_skills,
            helpful_courses=likes.helpful_courses, helpful_strengths=likes.helpful_strengths,
            employer=employer, crowd=crowd,
        )  # fmt: skip

    def _id(self) -> str:
        return f"{self._dice.getrandbits(128):032x}"

"""Classes for rounds: people of an invented world, openings with their places, and what each pair is worth.

The worlds are those of the evaluation, family after family by the seed; a pair is worth its fit, as in a round of the
service, worked out by the service's own columns (equal to its plain rules, and a hundred times quicker). Beside the
class stands a crowd of other people of the same world for the same openings: the future is sampled from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns.pairs import Pairs
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.people import Person
from shared.reference import Pack
from verification.evaluation.families import FAMILIES, Family
from verification.evaluation.settlement import Settlement
from verification.evaluation.truth import TODAY, World
from verification.evaluation.world import Market

PLACES = (1, 1, 2, 3)  # of adverts that say none, as they are spread where adverts do
Pair = tuple[str, str]


@dataclass(frozen=True)
class Class:
    """``places``: as advertised, drawn where an advert says none. ``benefits``: of the pairs that may match.
    ``crowd``: of each of the other people what each opening would be worth."""

    world: str
    people: Sequence[Person]
    places: Mapping[str, int]
    benefits: Mapping[Pair, float]
    crowd: Sequence[Mapping[str, float]]

    @property
    def ids(self) -> list[str]:
        """Of the people, in the order in which they come."""
        return [person.person for person in self.people]


def drawn(pack: Pack, seed: int, people: int, openings: int, crowd: int = 0) -> Class:
    """The class of this seed; the four families take turns."""
    makers: dict[str, Callable[[int, int, int], World]] = {
        **{family.name: partial(_jobs_only, pack, family) for family in FAMILIES},
        Settlement.name: partial(Settlement, pack),
    }
    name = list(makers)[seed % len(makers)]
    return class_of(name, makers[name](seed, people + crowd, openings), people)


def class_of(name: str, world: World, size: int) -> Class:
    """Of the first people of a world; the others are the crowd."""
    pack = world.pack
    pairs = Pairs(AssessmentContext(pack, TODAY))
    for advert in world.adverts:
        facts = opening_facts(advert.shown, pack)
        if facts.takes_people(TODAY):
            pairs.put_opening(facts, 1)
    worth = list[Mapping[str, float]]()
    for worker in world.workers:
        pairs.put_person(person_facts(worker.shown, pack), 1)
        worth.append(_fits(pairs, worker.shown.person))
    benefits = {
        (worker.shown.person, opening): fit
        for worker, own in zip(world.workers[:size], worth, strict=False)
        for opening, fit in own.items()
    }
    dice = Random(f"{name}/places")
    places = {each.shown.opportunity: each.shown.places or dice.choice(PLACES) for each in world.adverts}
    return Class(name, [worker.shown for worker in world.workers[:size]], places, benefits, worth[size:])


def _fits(pairs: Pairs, person: str) -> Mapping[str, float]:
    held = pairs.people.get(person)
    if held is None:
        return {}
    scored = pairs.of_person(held)
    return {pairs.openings.id_of(row): fit for row, fit in zip(scored.rows.tolist(), scored.fits.tolist(), strict=True)}


def _jobs_only(pack: Pack, family: Family, seed: int, people: int, openings: int) -> World:
    return Market(pack, family, seed, people, openings, programmes_share=0.0)

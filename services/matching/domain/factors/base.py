"""What every soft factor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.derived_attribute import DerivedAttribute
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from shared.events.topics.matches import Speaks

NEUTRAL = 0.5
"""The value of what is not known: neither for nor against."""


SPEAKS: dict[str, Speaks] = {"strong": "for", "some": "for", "weak": "against", "unknown": "open"}
"""What the sentences of a `level` say."""

Item = tuple[Hashable, float]
"""Something a person or an opening has, and how much it counts."""


@dataclass(frozen=True)
class Comparison:
    """Items of a person compared with items of an opening, each by a nearness and its weights.

    The two functions look at the facts that the factor names. ``near``: 0 to 1 for the keys of two items; without it
    only equal keys are comparable, and then entirely.
    """

    person_items: Callable[[PersonFacts], tuple[Item, ...]]
    opening_items: Callable[[OpeningFacts], tuple[Item, ...]]
    near: Callable[[Hashable, Hashable, AssessmentContext], float] | None = None

    def values(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Iterator[float]:
        """Of all comparable items. The kernel multiplies in this order as well (`columns.kernel`)."""
        own = self.person_items(person)
        for wanted, counts in self.opening_items(opening):
            for key, weight in own:
                if self.near is not None:
                    yield counts * (self.near(key, wanted, context) * weight)
                elif key == wanted:
                    yield counts * (1.0 * weight)


class Factor(ABC):
    """One thing that makes a pair fit better or worse. Holds no state; its weight is data of the pack.

    ``name`` is the pack's name of the weight; its sentences are ``factor.<name>.<variant>``, and ``speaks`` says of
    each variant whether it speaks for the pair. ``between_people``: whether it counts when people are compared for one
    opening. ``of_person``, ``of_opening`` and ``derived_attribute``: what `value` looks at, as of a condition.
    """

    name: ClassVar[str]
    between_people: ClassVar[bool] = True
    speaks: ClassVar[Mapping[str, Speaks]] = SPEAKS
    of_person: ClassVar[tuple[str, ...] | None] = None
    of_opening: ClassVar[tuple[str, ...] | None] = None
    derived_attribute: ClassVar[DerivedAttribute | None] = None

    @abstractmethod
    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        """0 to 1, higher fits better; None when too little is known, which counts as neutral."""

    def is_unsaid(self, opening: OpeningFacts) -> bool:
        """Whether nobody could know it, since the advert does not say what `value` needs."""
        return False

    def is_same_for_all(self, opening: OpeningFacts) -> bool:
        """Whether its value at this opening is the same whoever comes. Never wrong to say no: it saves asking."""
        return False

    def unknown(self, opening: OpeningFacts, context: AssessmentContext) -> float:
        """What counts where the value is not known: neither for nor against somebody of whom it is not known; what an
        advert does not say is taken for ordinary, so that silence pays no more than what others state."""
        return context.pack.matching.unsaid.get(self.name, NEUTRAL) if self.is_unsaid(opening) else NEUTRAL

    def wanted_by(self, person: PersonFacts) -> bool:
        """False when the person does not want it result: its weight is then shared out over the others."""
        return True

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        """Which of its sentences says this value: a `level`, or one of its own where that would not be true."""
        return level(value)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        """The values of its sentences."""
        return {}


class BestOf(Factor):
    """The best of its comparisons; not known where nothing is comparable."""

    comparisons: ClassVar[tuple[Comparison, ...]]

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        return max((value for one in self.comparisons for value in one.values(person, opening, context)), default=None)


class ShareOf(Factor):
    """How much of what an opening asks for is there: the sum of one comparison by all that is asked, shrunk towards
    neutral as if ``evidence`` more had been asked for and half of it were there. Weights are multiples of a quarter, so
    that sums are exact in any order."""

    comparison: ClassVar[Comparison]
    evidence: ClassVar[float]

    @abstractmethod
    def asked(self, opening: OpeningFacts) -> float:
        """The weight of all that the opening asks for."""

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        asked = self.asked(opening)
        had = sum(self.comparison.values(person, opening, context))
        return (had + NEUTRAL * self.evidence) / (asked + self.evidence) if asked else None


_F = TypeVar("_F", bound=type[Factor])
_registered: dict[str, Factor] = {}


def factor(kind: _F) -> _F:
    """Add a factor to the registry; a name can be taken once."""
    if kind.name in _registered:
        raise ValueError(f"factor {kind.name} is registered twice")
    _registered[kind.name] = kind()
    return kind


def registered() -> tuple[Factor, ...]:
    """All factors by name, so that sums are always made in the same order."""
    return tuple(_registered[name] for name in sorted(_registered))


def level(value: float | None) -> str:
    """Which of a factor's sentences says a value: unknown, strong (from 2/3), some (from 1/3) or weak."""
    if value is None:
        return "unknown"
    if value >= 2 / 3:
        return "strong"
    return "some" if value >= 1 / 3 else "weak"


def within(value: float, low: float, high: float) -> float:
    """Where a value lies between two ends, 0 at or below the low one, 1 at or above the high one."""
    return min(1.0, max(0.0, (value - low) / (high - low)))

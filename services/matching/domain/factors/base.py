"""What every soft factor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

NEUTRAL = 0.5
"""The value of what is not known: neither for nor against."""


class Factor(ABC):
    """One thing that makes a pair fit better or worse. Holds no state; its weight is data of the pack.

    ``name`` is the pack's name of the weight; its sentences are ``factor.<name>.<variant>``. ``between_people``:
    whether it counts when people are compared for one opening. ``of_person`` and ``of_opening``: the facts that `value`
    looks at, as of a condition.
    """

    name: ClassVar[str]
    between_people: ClassVar[bool] = True
    of_person: ClassVar[tuple[str, ...] | None] = None
    of_opening: ClassVar[tuple[str, ...] | None] = None

    @abstractmethod
    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        """0 to 1, higher fits better; None when too little is known, which counts as neutral."""

    def is_unsaid(self, opening: OpeningFacts) -> bool:
        """Whether nobody could know it, since the advert does not say what `value` needs."""
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

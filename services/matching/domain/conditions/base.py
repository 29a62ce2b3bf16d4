"""What every hard condition is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, TypeVar

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, YES, Answer
from services.matching.domain.derived_attribute import DerivedAttribute
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

NOBODY_KNOWS = 0.5  # how often a question is answered yes, where the pack does not say

Opens = Literal["consent", "wish", "learning", "advert", "time", "rule"]


class Condition(ABC):
    """One rule that decides whether a pair may match at all. Holds no state.

    ``name`` is a slug; its sentences are ``condition.<name with _>.<variant>`` of the pack. ``cost`` orders the
    conditions: cheap ones that often say no come first. ``opens`` says what could turn a no into a yes.

    ``of_person`` and ``of_opening`` name the facts that `answer` looks at (``rules.`` before those of the opening's
    rules), and it is shown no others: from them the columns are made (`columns`), so that it is asked once for all who
    look the same to it. None: it may look at everything, which is right and slow. ``derived_attribute``: through
    what it looks at some of these facts, if it does so with all of them (`DerivedAttribute`). ``of_pairs``: False
    for what decides whether somebody or something is held at all, and so is a yes for every pair that is.
    """

    name: ClassVar[str]
    cost: ClassVar[int] = 50
    opens: ClassVar[Opens]
    of_person: ClassVar[tuple[str, ...] | None] = None
    of_opening: ClassVar[tuple[str, ...] | None] = None
    of_pairs: ClassVar[bool] = True
    derived_attribute: ClassVar[DerivedAttribute | None] = None

    @abstractmethod
    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        """Yes, no or ask. Missing on the person's side where a rule needs it: ask."""

    def free_person(self, person: PersonFacts) -> bool:
        """Whether it is a yes for this person whatever the opening. Never wrong to say no: it saves asking."""
        return False

    def free_opening(self, opening: OpeningFacts) -> bool:
        """Whether it is a yes at this opening whoever comes."""
        return False

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        """Which of the condition's sentences says it: the plain one of the answer, of a yes that nothing is asked for
        `yes_none`, unless there are several."""
        return "yes_none" if answer is YES and self.free_opening(opening) else answer.value

    def chance(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> float:
        """How likely it is that it holds once all is known, for a yes or an ask. An ask: how often the pack says that
        the question is answered yes, by its `case` or else by the condition. A yes that somebody said is certain; one
        that stands only since nobody said otherwise is not, where the pack says how often it turns out so."""
        shares, case = context.pack.matching.answered_yes, self.case(person, opening, context, answer)
        known = shares.get(self.name, NOBODY_KNOWS) if answer is ASK else 1.0
        return known if case is None else shares.get(f"{self.name}.{case}", known)

    def case(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer
    ) -> str | None:
        """Under which name the pack may say its `chance`; None: under none of its own."""
        return self.variant(person, opening, context, ASK) if answer is ASK else None

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        """The values of its sentences, for every answer."""
        return {}


_C = TypeVar("_C", bound=type[Condition])
_registered: dict[str, Condition] = {}


def condition(kind: _C) -> _C:
    """Add a condition to the registry; a name can be taken once."""
    if kind.name in _registered:
        raise ValueError(f"condition {kind.name} is registered twice")
    _registered[kind.name] = kind()
    return kind


def registered() -> tuple[Condition, ...]:
    """All conditions, cheapest first; the order decides nothing but speed and the order of questions."""
    return tuple(sorted(_registered.values(), key=lambda one: (one.cost, one.name)))

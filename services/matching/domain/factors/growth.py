"""A way out of low-wage, hard-labour work. The person can switch it off: their own wish comes first."""

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.derived_attribute import DerivedAttribute
from services.matching.domain.factors.base import SPEAKS, Factor, factor, within
from services.matching.domain.factors.occupation import wished
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

PASSING_CONTRACT = 0.25
NEW_SKILLS, KNOWN_SKILLS = 0.75, 0.25
HARDEST = 5.0
WISHED = 0.5


def is_beneath(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> bool:
    """Elementary paid work for somebody who learned a trade, wants growth weighed and does not wish this work."""
    if opening.elementary_work is None or person.wishes_of_trained is None:
        return False
    value = wished(person.wishes_of_trained, opening.elementary_work, context)
    return value is None or value < WISHED


IS_BENEATH = DerivedAttribute(("wishes_of_trained",), ("elementary_work",), is_beneath)


@factor
class Growth(Factor):
    """For paid work the mean of what is known of: a lasting contract, lighter work. Pay is a factor of its own.
    Elementary work is no step forward for somebody who learned a trade, unless it is what they wish.

    For teaching kinds: does it teach something new. Other kinds: not known.
    """

    name = "growth"
    speaks = SPEAKS | {"new_skills": "for", "known_skills": "against"}
    of_person = ("courses", "wishes_of_trained")
    of_opening = ("paid", "learning", "teaches", "secure", "strength", "elementary_work")
    derived_attribute = IS_BENEATH

    def wanted_by(self, person: PersonFacts) -> bool:
        return person.growth

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        if opening.paid:
            if is_beneath(person, opening, context):
                return 0.0
            parts = self._parts(opening)
            return sum(parts) / len(parts) if parts else None
        if opening.learning and opening.teaches:
            return KNOWN_SKILLS if opening.teaches <= person.courses else NEW_SKILLS
        return None

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        """A course is no step towards a contract or lighter work by itself: what it says is what is learned there."""
        if value is None or opening.paid:
            return super().variant(person, opening, context, value)
        return "known_skills" if value == KNOWN_SKILLS else "new_skills"

    @staticmethod
    def _parts(opening: OpeningFacts) -> list[float]:
        parts: list[float] = []
        if opening.secure is not None:
            parts.append(1.0 if opening.secure else PASSING_CONTRACT)
        if opening.strength is not None:
            parts.append(1 - within(opening.strength, 1.0, HARDEST))
        return parts

"""What somebody has learned against what the advert asks for or likes."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.factors.base import NEUTRAL, Factor, factor, level
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

CERTIFICATE, COURSE, STRENGTH = 2.0, 1.0, 0.5  # a certificate proves, a course teaches, a strength is an impression
EVIDENCE = 2.0  # as if so much had been asked for and half of it were there: little evidence moves little


@factor
class Skills(Factor):
    """The share of the advert's certificates, courses and strengths that are there, by their weights, shrunk towards
    neutral the less was asked for: one generic strength is not full marks.

    A part about which the profile says nothing counts as neutral; an advert that asks for nothing is not known.
    """

    name = "skills"
    of_person = ("certificates", "courses", "strengths")
    of_opening = ("helpful_certificates", "helpful_courses", "helpful_strengths")

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        had = asked = 0.0
        for weight, wanted, there in self._parts(person, opening):
            asked += weight * len(wanted)
            had += weight * (len(wanted & there) if there else NEUTRAL * len(wanted))
        return (had + NEUTRAL * EVIDENCE) / (asked + EVIDENCE) if asked else None

    @staticmethod
    def _parts(person: PersonFacts, opening: OpeningFacts) -> tuple[tuple[float, frozenset[str], frozenset[str]], ...]:
        return (
            (CERTIFICATE, opening.helpful_certificates, person.certificates),
            (COURSE, opening.helpful_courses, person.courses),
            (STRENGTH, opening.helpful_strengths, person.strengths),
        )

    def _hits(self, person: PersonFacts, opening: OpeningFacts) -> frozenset[str]:
        return frozenset[str]().union(*(wanted & there for _, wanted, there in self._parts(person, opening)))

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        return level(value) if value is None or self._hits(person, opening) else "no_hits"

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        hits = self._hits(person, opening)
        return {"skills": context.labels(hits, language) if hits else context.word("unknown", language)}

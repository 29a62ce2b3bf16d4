"""What the advert's title says of the work: codes are sometimes those of a neighbour."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.factors.base import Factor, factor, level
from services.matching.domain.factors.occupation import best_wished
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

LEARNED = 0.75  # a title that names somebody's own certificate or course counts as an interest in its group does


@factor
class Title(Factor):
    """The best of the occupations, certificates and courses that the words of the title name: how well it names them,
    times how much the person wishes them or has learned them.

    A title that names no occupation says nothing of its own: then the occupation's code counts here as well.
    """

    name = "title"
    of_person = ("wishes", "certificates", "courses")
    of_opening = ("named_works", "named_skills")

    def is_unsaid(self, opening: OpeningFacts) -> bool:
        return not (opening.named_works or opening.named_skills)

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        by_title = best_wished(person.wishes, opening.named_works, context)
        learned = [value for _, value in self._learned(person, opening)]
        return max([*learned, *(() if by_title is None else (by_title,))], default=None)

    @staticmethod
    def _learned(person: PersonFacts, opening: OpeningFacts) -> list[tuple[str, float]]:
        return [
            (code, LEARNED * well)
            for code, well in opening.named_skills
            if code in person.certificates or code in person.courses
        ]

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        named = bool(opening.named_occupations or opening.named_skills)
        if value is None:
            return "no_wishes" if named else "unknown"
        return level(value) if named else "by_code"

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        """The one code that its value comes from; of several the best named."""
        works = [
            (code, best_wished(person.wishes, ((code, well),), context) or 0.0) for code, well in opening.named_works
        ]
        codes = [*works, *self._learned(person, opening), *((code, 0.0) for code, _ in opening.named_skills)]
        best = max(codes, key=lambda each: each[1], default=None)
        return {"named": context.word("unknown", language) if best is None else context.labels((best[0],), language)}

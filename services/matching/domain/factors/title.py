"""What the advert's title says of the work: codes are sometimes those of a neighbour."""

from services.matching.domain.context import AssessmentContext, Words
from services.matching.domain.factors.base import Factor, factor
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

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        by_title = best_wished(person.wishes, opening.named_works, context)
        learned = [
            LEARNED * well
            for code, well in opening.named_skills
            if code in person.certificates or code in person.courses
        ]
        return max([*learned, *(() if by_title is None else (by_title,))], default=None)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        codes = tuple(code for code, _ in (*opening.named_occupations, *opening.named_skills))
        return {"named": context.labels(codes, language) if codes else context.word("unknown", language)}

"""What the advert's title says of the work: codes are sometimes those of a neighbour."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.factors.base import SPEAKS, BestOf, Comparison, Item, factor, level
from services.matching.domain.factors.occupation import near, wished, wished_items
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

LEARNED = 0.75  # a title that names somebody's own certificate or course counts as an interest in its group does


def learned_items(person: PersonFacts) -> tuple[Item, ...]:
    """Certificates and courses."""
    return tuple((code, LEARNED) for code in sorted(person.certificates | person.courses))


@factor
class Title(BestOf):
    """The best of the occupations, certificates and courses that the words of the title name: how well it names them,
    times how much the person wishes them or has learned them.

    A title that names no occupation says nothing of its own: then the occupation's code counts here as well.
    """

    name = "title"
    speaks = SPEAKS | {
        "no_wishes": "open",
        "by_code": "open",
    }  # that a title says nothing is for nobody and against nobody
    of_person = ("wishes", "certificates", "courses")
    of_opening = ("named_works", "named_skills")
    comparisons = (
        Comparison(lambda one: wished_items(one.wishes), lambda one: one.named_works, near),
        Comparison(learned_items, lambda one: one.named_skills),
    )

    def is_unsaid(self, opening: OpeningFacts) -> bool:
        return not (opening.named_works or opening.named_skills)

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        named = bool(opening.named_occupations or opening.named_skills)
        if value is None:
            return "no_wishes" if named else "unknown"
        return level(value) if named else "by_code"

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        """The one code that its value comes from; of several the best named."""
        works = [(code, well * (wished(person.wishes, code, context) or 0.0)) for code, well in opening.named_works]
        own = dict(learned_items(person))
        skills = [(code, well * own.get(code, 0.0)) for code, well in opening.named_skills]
        codes = [*works, *(one for one in skills if one[1]), *((code, 0.0) for code, _ in skills)]
        best = max(codes, key=lambda each: each[1], default=None)
        return {"named": context.word("unknown", language) if best is None else context.labels((best[0],), language)}

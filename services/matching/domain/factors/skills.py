"""What somebody has learned against what the advert asks for or likes."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.factors.base import NEUTRAL, SPEAKS, Comparison, Item, ShareOf, factor, level
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

CERTIFICATE, COURSE, STRENGTH = 2.0, 1.0, 0.5  # a certificate proves, a course teaches, a strength is an impression
Part = tuple[float, frozenset[str]]
_ALL_OF_A_PART = None


def _there(person: PersonFacts) -> tuple[Part, ...]:
    return ((CERTIFICATE, person.certificates), (COURSE, person.courses), (STRENGTH, person.strengths))


def _wanted(opening: OpeningFacts) -> tuple[Part, ...]:
    helpful = opening.helpful_certificates, opening.helpful_courses, opening.helpful_strengths
    return tuple(zip((CERTIFICATE, COURSE, STRENGTH), helpful, strict=True))


def _had_items(person: PersonFacts) -> tuple[Item, ...]:
    """What is there, by part and code; a part about which nothing is said has half of all."""
    items = list[Item]()
    for part, there in _there(person):
        items.extend(((part, code), 1.0) for code in sorted(there))
        if not there:
            items.append(((part, _ALL_OF_A_PART), NEUTRAL))
    return tuple(items)


def _asked_items(opening: OpeningFacts) -> tuple[Item, ...]:
    """What is asked for, by part and code, and all of each part."""
    items = list[Item]()
    for part, wanted in _wanted(opening):
        items.extend(((part, code), part) for code in sorted(wanted))
        if wanted:
            items.append(((part, _ALL_OF_A_PART), part * len(wanted)))
    return tuple(items)


@factor
class Skills(ShareOf):
    """The share of the advert's certificates, courses and strengths that are there, by their weights, shrunk towards
    neutral the less was asked for: one generic strength is not full marks.

    A part about which the profile says nothing counts as neutral; an advert that asks for nothing is not known.
    """

    name = "skills"
    speaks = SPEAKS | {"no_hits": "open"}
    of_person = ("certificates", "courses", "strengths")
    of_opening = ("helpful_certificates", "helpful_courses", "helpful_strengths")
    comparison = Comparison(_had_items, _asked_items)
    evidence = 2.0

    def asked(self, opening: OpeningFacts) -> float:
        return sum(part * len(wanted) for part, wanted in _wanted(opening))

    def _hits(self, person: PersonFacts, opening: OpeningFacts) -> frozenset[str]:
        return frozenset[str]().union(
            *(wanted & there for (_, wanted), (_, there) in zip(_wanted(opening), _there(person), strict=True))
        )

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        return level(value) if value is None or self._hits(person, opening) else "no_hits"

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        hits = self._hits(person, opening)
        return {"skills": context.labels(hits, language) if hits else context.word("unknown", language)}

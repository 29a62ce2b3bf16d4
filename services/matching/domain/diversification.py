"""Which of somebody's best openings stand as their matches: a list that a person can use, not ten times the same.

Of the best so many (`chosen_from` of the pack), in their order, are passed over: an advert that is nearly the same as
one chosen already, one more of an employer or of a kind that has its share (`most_of_employer`, `most_of_kind`), and
elementary work for somebody who learned a trade and does not wish it. What was passed over fills up a list that would
be short. Where the person wants to learn, one opening that teaches something new (or an internship) takes the last
place if none was chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.factors.growth import is_beneath
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


def chosen(person: PersonFacts, ranked: Sequence[OpeningFacts], context: AssessmentContext) -> list[OpeningFacts]:
    """Of these openings, the best first, those that stand, the best first."""
    data = context.pack.matching
    most, ranked = data.best_of_person, ranked[: data.chosen_from]
    first: list[int] = []
    alike: set[tuple[str, ...]] = set()
    employers: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for place, opening in enumerate(ranked):
        if len(first) == most:
            break
        employer = opening.employer_key
        if opening.alike in alike or (employer is not None and employers[employer] >= data.most_of_employer):
            continue
        if kinds[opening.kind] >= data.most_of_kind.get(opening.kind, most) or is_beneath(person, opening, context):
            continue
        first.append(place)
        kinds[opening.kind] += 1
        alike.add(opening.alike)
        if employer is not None:
            employers[employer] += 1
    taken = set(first)
    places = first + [place for place in range(len(ranked)) if place not in taken][: most - len(first)]
    if len(ranked) > most > 1 and not any(_opens_more(person, ranked[place]) for place in places):
        more = next((place for place, opening in enumerate(ranked) if _opens_more(person, opening)), None)
        if more is not None:
            places[places.index(max(places))] = more
    return [ranked[place] for place in sorted(places)]


Passed = Literal["alike", "employer", "kind", "beneath"]


def passed_over(
    person: PersonFacts, opening: OpeningFacts, standing: Sequence[OpeningFacts], context: AssessmentContext
) -> Passed | None:
    """Why an opening that may match is not among those that stand, where it is not for its score alone."""
    if any(one.alike == opening.alike for one in standing):
        return "alike"
    if is_beneath(person, opening, context):
        return "beneath"
    data = context.pack.matching
    same = sum(one.employer_key == opening.employer_key for one in standing)
    if opening.employer_key and same >= data.most_of_employer:
        return "employer"
    same = sum(one.kind == opening.kind for one in standing)
    return "kind" if same >= data.most_of_kind.get(opening.kind, data.best_of_person) else None


def _opens_more(person: PersonFacts, opening: OpeningFacts) -> bool:
    """What leads further: a training that teaches something new, an internship."""
    if opening.learning:
        return not opening.teaches <= person.courses
    return opening.leads_on

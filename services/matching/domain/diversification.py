"""Which of somebody's best openings stand as their matches: a list that a person can use, not ten times the same.

A **pool** (`chosen_from` of the pack) is made of all that may match, in the order of their scores: of adverts that are
nearly the same the first; of an employer, and of a kind with bounds, a few times what may be chosen of them (`REACH`);
of what is beneath the person no more than fits into a list. So nothing fills a pool with its like (`Shortlist`).

What is not likely to be possible once all is known (`likely_from`) waits until `likely_first` likely ones have come;
where there are not so many, something has to be asked first, and the pool holds nothing else but, where it would be
shorter than `least_of_person`, the best of the rest (`within_reach`).

From the pool are chosen, in the same order, passing over: one more of an employer or of a kind that has its share
(`most_of_employer`, `most_of_kind`), and elementary work for somebody who learned a trade and does not wish it. What
was passed over fills up a list that would be short, behind the others. Behind the first places what many look at gives
way (`congestion`). One opening that teaches something new (or an
internship) takes the last place if none was chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Literal

from services.matching.domain.assessment import DIGITS
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.factors.certainty import likelihood
from services.matching.domain.factors.growth import is_beneath
from services.matching.domain.opening_facts import Crowd, OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlist import Bounds
from shared.reference.matching import MatchingData

BENEATH = "beneath"
REACH = 3
"""So many times what may be chosen of an employer or a kind are in a pool: some of them may go again."""


def bounds(data: MatchingData, has_twin: Callable[[str, Crowd], bool]) -> Bounds:
    """How many of a crowd are in a pool."""
    of_kind = {kind: REACH * most for kind, most in data.most_of_kind.items()}
    return Bounds({**of_kind, BENEATH: data.best_of_person}, REACH * data.most_of_employer, has_twin)


def crowd_of(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Crowd:
    """Of what an opening is one of many, for this person."""
    return opening.crowd._replace(sort=BENEATH) if is_beneath(person, opening, context) else opening.crowd


def within_reach(
    person: PersonFacts, pool: Sequence[tuple[OpeningFacts, float]], context: AssessmentContext
) -> Sequence[tuple[OpeningFacts, float]]:
    """Of a pool those that may stand, in the same order."""
    data, found = context.pack.matching, list[tuple[OpeningFacts, float]]()
    if data.likely_from == 0:
        return pool
    for place, each in enumerate(pool):
        if len(found) == data.likely_first:
            return [*found, *pool[place:]]
        if _is_likely(person, each[0], context):
            found.append(each)
    likely = {opening.id for opening, _ in found}
    rest = (each for each in pool if each[0].id not in likely)
    return found + list(islice(rest, max(0, data.least_of_person - len(found))))


def _is_likely(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> bool:
    """Whether it is likely to be possible once all is known."""
    least = context.pack.matching.likely_from
    return least == 0 or likelihood(person, opening, context) >= least


def chosen(
    person: PersonFacts, pool: Sequence[tuple[OpeningFacts, float]], context: AssessmentContext
) -> list[OpeningFacts]:
    """Of what is `within_reach` with its scores, best first, those that stand: the best, behind them what was passed
    over."""
    data, openings = context.pack.matching, [opening for opening, _ in pool]
    most = data.best_of_person
    first: list[int] = []
    employers: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for place in _in_order(pool, first, context):
        opening = openings[place]
        if len(first) == most:
            break
        employer = opening.crowd.employer
        if employer is not None and employers[employer] >= data.most_of_employer:
            continue
        if kinds[opening.kind] >= data.most_of_kind.get(opening.kind, most) or is_beneath(person, opening, context):
            continue
        first.append(place)
        kinds[opening.kind] += 1
        if employer is not None:
            employers[employer] += 1
    taken = set(first)
    others = [place for place in range(len(pool)) if place not in taken][: most - len(first)]
    if len(pool) > most > 1 and not any(_opens_more(person, openings[place]) for place in first + others):
        more = next((place for place, opening in enumerate(openings) if _opens_more(person, opening)), None)
        if more is not None:
            (others or first)[-1] = more
    return [openings[place] for place in sorted(first) + sorted(others)]


def _in_order(
    pool: Sequence[tuple[OpeningFacts, float]], first: Sequence[int], context: AssessmentContext
) -> Iterator[int]:
    """The places of a pool as they are looked at: by score; from where so many are among the first that the others may
    give way, by the score less what they give way by."""
    data, crowded = context.pack.matching.congestion, context.crowded
    for place in range(len(pool)):
        if data is not None and crowded and len(first) == data.first_places:
            rest = range(place, len(pool))
            left = {at: round(pool[at][1] - crowded.get(pool[at][0].id, 0.0), DIGITS) for at in rest}
            yield from sorted(rest, key=lambda at: (-left[at], pool[at][0].id))
            return
        yield place


Passed = Literal["alike", "employer", "kind", "beneath", "unlikely"]


def passed_over(
    person: PersonFacts, opening: OpeningFacts, standing: Sequence[OpeningFacts], context: AssessmentContext
) -> Passed | None:
    """Why an opening that may match is not among those that stand, where it is not for its score alone."""
    if any(one.crowd.alike == opening.crowd.alike for one in standing):
        return "alike"
    if not _is_likely(person, opening, context):
        return "unlikely"
    if is_beneath(person, opening, context):
        return "beneath"
    data = context.pack.matching
    same = sum(one.crowd.employer == opening.crowd.employer for one in standing)
    if opening.crowd.employer and same >= data.most_of_employer:
        return "employer"
    same, most = sum(one.kind == opening.kind for one in standing), data.most_of_kind.get(opening.kind)
    return "kind" if most is not None and same >= most else None


def _opens_more(person: PersonFacts, opening: OpeningFacts) -> bool:
    """What leads further: a training that teaches something new, an internship."""
    if opening.learning:
        return not opening.teaches <= person.courses
    return opening.leads_on

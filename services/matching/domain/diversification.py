"""Which of somebody's best openings stand as their matches: a list that a person can use, not ten times the same.

A **pool** (`chosen_from` of the pack) is made of all that may match, in the order of their scores: of adverts that are
nearly the same a few; of an employer, and of a kind with bounds, a few times what may be chosen of them (`REACH`); of
what is beneath the person no more than fits into a list. So nothing fills a pool with its like (`Shortlists`).

From the pool are chosen, passing over one more of an employer or of a kind that has its share (`most_of_employer`,
`most_of_kind`), and elementary work for somebody who learned a trade and does not wish it:

- the first places (`first_places`): the best by score of those that are likely to be possible (`likely_from`);
- behind them the best of all that is left by the score less what gives way because many look at it (`congestion`);
  where not all first places are taken, few (`others`), since they wait for an answer.

What was passed over fills up a list that would be short, behind the others. Of adverts that are nearly the same one
stands, to each person another. One opening that teaches something new (or an internship) takes the last place of a full
list if none was chosen.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Literal, NamedTuple

from services.matching.domain.assessment import DIGITS
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.factors.certainty import likelihood
from services.matching.domain.factors.growth import is_beneath
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlists import Bounds
from shared.reference.matching_data import MatchingData

REACH = 3
"""So many times what may be chosen of an employer or a kind are in a pool: some of them may go again."""
ALIKE = 5
"""So many of those that are nearly the same."""
WITHOUT, EACH = 2, 2
"""Where not all first places are taken, each of them but so many lets so many others stand."""


def bounds(data: MatchingData) -> Bounds:
    """How many of a crowd are in a pool."""
    of_kind = {kind: REACH * most for kind, most in data.most_of_kind.items()}
    return Bounds(of_kind, data.best_of_person, REACH * data.most_of_employer, ALIKE)


class Candidate(NamedTuple):
    """What may stand for somebody, with its score, and whether it takes one of the first places."""

    opening: OpeningFacts
    score: float
    first: bool


Pool = Sequence[tuple[OpeningFacts, float]]
"""Openings with their scores for one person, best first."""


class _Likely:
    """Whether openings are likely to be possible for somebody once all is known. Asked once for each, since that takes
    all conditions."""

    def __init__(self, person: PersonFacts, context: AssessmentContext) -> None:
        self._person, self._context = person, context
        self._known: dict[str, bool] = {}

    def __call__(self, opening: OpeningFacts) -> bool:
        found = self._known.get(opening.id)
        if found is None:
            found = self._known[opening.id] = is_likely(self._person, opening, self._context)
        return found

    def one_of_each(self, pool: Pool) -> Pool:
        """Of those that are nearly the same one: of the likely ones, if there are any, and of these of those that are
        nearly as good as the best, the one that the lot of this person falls on. So people share out those that are
        in their pools: of more than `ALIKE` that score the same, the same ones by id, and the others are in none."""
        if len({opening.crowd.alike for opening, _ in pool}) == len(pool):
            return pool
        alike: dict[tuple[str, ...], list[tuple[OpeningFacts, float]]] = {}
        for each in pool:
            alike.setdefault(each[0].crowd.alike, []).append(each)
        kept = {self._one_of(same) for same in alike.values()}
        return [each for each in pool if each[0].id in kept]

    def _one_of(self, same: Pool) -> str:
        if len(same) > 1:
            same = [each for each in same if self(each[0])] or same
            best, within = same[0][1], self._context.pack.matching.alike_within
            same = [each for each in same if round(best - each[1], DIGITS) <= within]
        return min((opening.id for opening, _ in same), key=self._lot)

    def _lot(self, opening: str) -> bytes:
        return hashlib.blake2b(f"{self._person.id}/{opening}".encode(), digest_size=8).digest()


def is_likely(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> bool:
    """Whether it is likely to be possible once all is known."""
    least = context.pack.matching.likely_from
    return least == 0 or likelihood(person, opening, context) >= least


def others(first: int, data: MatchingData) -> int:
    """How many may stand behind so many first places. One more first place never lets in more than `EACH` others, so
    that no list hangs on a single opening."""
    if first >= data.first_places:
        return max(0, data.best_of_person - first)
    return max(EACH * (first - WITHOUT), 0 if first else data.least_of_person)


class _Varied:
    """What was chosen so far: so many of an employer and of a kind, nothing that is beneath the person."""

    def __init__(self, person: PersonFacts, context: AssessmentContext) -> None:
        self._person, self._context = person, context
        self._data = context.pack.matching
        self._employers: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self.taken: list[OpeningFacts] = []

    def take(self, opening: OpeningFacts) -> bool:
        """Choose it, if it is not passed over."""
        data, employer, kind = self._data, opening.crowd.employer, opening.kind
        if employer is not None and self._employers[employer] >= data.most_of_employer:
            return False
        if kind in data.most_of_kind and self._kinds[kind] >= data.most_of_kind[kind]:
            return False
        if is_beneath(self._person, opening, self._context):
            return False
        if employer is not None:
            self._employers[employer] += 1
        self._kinds[kind] += 1
        self.taken.append(opening)
        return True


def candidates(person: PersonFacts, pool: Pool, context: AssessmentContext) -> list[Candidate]:
    """What a table of congestion is made from: of a pool what may stand, best first. Which are likely is not asked any
    more once the first places are taken."""
    data, likely, varied = context.pack.matching, _Likely(person, context), _Varied(person, context)
    places, found = min(data.first_places, data.best_of_person), list[Candidate]()
    for opening, score in likely.one_of_each(pool):
        if is_beneath(person, opening, context):
            continue
        first = len(varied.taken) < places and likely(opening) and varied.take(opening)
        found.append(Candidate(opening, score, first))
    return found


def chosen(person: PersonFacts, pool: Pool, context: AssessmentContext) -> list[OpeningFacts]:
    """Of a pool those that stand, by their rank (`ranking`)."""
    data, likely, varied = context.pack.matching, _Likely(person, context), _Varied(person, context)
    most = data.best_of_person
    ranked = likely.one_of_each(pool)
    for opening, _ in ranked:
        if len(varied.taken) == min(data.first_places, most):
            break
        if likely(opening):
            varied.take(opening)
    first = {opening.id for opening in varied.taken}
    room = min(most, len(first) + others(len(first), data))
    for opening, _ in sorted(ranked, key=partial(_less, context)):
        if len(varied.taken) == room:
            break
        if opening.id not in first:
            varied.take(opening)
    standing = {opening.id for opening in varied.taken}
    waiting = room - len(standing)
    passed: list[OpeningFacts] = []
    for opening, _ in ranked:
        if len(standing) + len(passed) == most:
            break
        if opening.id in standing:
            continue
        if len(first) == data.first_places or likely(opening):
            passed.append(opening)
        elif waiting > 0:
            waiting -= 1
            passed.append(opening)
    if len(standing) + len(passed) == most > 1 and not any(_opens_more(person, one) for one in varied.taken + passed):
        more = next((opening for opening, _ in ranked if _opens_more(person, opening)), None)
        if more is not None:
            (passed or varied.taken)[-1] = more
    standing = {opening.id for opening in varied.taken + passed}
    return ranking(person, [(*each, likely(each[0])) for each in ranked if each[0].id in standing], context)


def ranking(
    person: PersonFacts, standing: Iterable[tuple[OpeningFacts, float, bool]], context: AssessmentContext
) -> list[OpeningFacts]:
    """What stands for somebody, with its scores and whether it is likely, by its rank: the likely ones by score, then
    the others by score, then what is passed over on the way."""
    varied, passed = _Varied(person, context), list[tuple[float, str, OpeningFacts]]()
    for opening, score, _ in sorted(standing, key=lambda each: (not each[2], -each[1], each[0].id)):
        if not varied.take(opening):
            passed.append((-score, opening.id, opening))
    return [*varied.taken, *(opening for _, _, opening in sorted(passed, key=lambda each: each[:2]))]


def _less(context: AssessmentContext, each: tuple[OpeningFacts, float]) -> tuple[float, str]:
    """The order in which openings are looked at behind the first places: by the score less what they give way by."""
    opening, score = each
    return -round(score - context.crowded.get(opening.id, 0.0), DIGITS), opening.id


Passed = Literal["alike", "employer", "kind", "beneath", "unlikely"]


def passed_over(
    person: PersonFacts, opening: OpeningFacts, standing: Sequence[OpeningFacts], context: AssessmentContext
) -> Passed | None:
    """Why an opening that may match is not among those that stand, where it is not for its score alone."""
    if any(one.crowd.alike == opening.crowd.alike for one in standing):
        return "alike"
    if not is_likely(person, opening, context):
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

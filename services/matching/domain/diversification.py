"""Which of somebody's best openings stand as their matches: a list that a person can use, not ten times the same.

A **pool** (`chosen_from` of the pack) is made of all that may match, in the order of their scores: of adverts that are
nearly the same a few; of an employer, and of a kind with bounds, a few times what may be chosen of them (`REACH`); of
what is beneath the person no more than fits into a list. So nothing fills a pool with its like (`Shortlists`).

From the pool are chosen, passing over one more of an employer or of a kind that has its share (`most_of_employer`,
`most_of_kind`), and elementary work for somebody who learned a trade and does not wish it:

- the first places (`first_places`): of what is likely to be possible (`likely_from`) the best, where how likely it is
  counts more than in the score (`surely`);
- behind them the best of all that is left by the score less what gives way because many look at it (`congestion`), and
  of what is nearly as good by lot; where not all first places are taken, few (`others`), since they wait for an answer.

What was passed over fills up a list that would be short, behind the others. Of adverts that are nearly the same one
stands, to each person another. One opening that teaches something new (or an internship) takes the last place of a full
list if none was chosen.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import chain
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
WITHOUT, EACH = 2, 3
"""Where not all first places are taken, each of them but so many lets so many others stand."""
AS_SURE = 2
"""So many times the first places are looked at for those that are surest, the best by score."""
PAY_WITHIN = 0.03
"""Of those that are nearly the same nobody is shown one that pays less by more than this share."""
LOT_ALIKE = 0.1
"""How far a person's lot (0 to 1) moves one of those that are nearly the same among these: so people do not all turn to
the same one when prices change."""


def bounds(data: MatchingData) -> Bounds:
    """How many of a crowd are in a pool."""
    of_kind = {kind: REACH * most for kind, most in data.most_of_kind.items()}
    return Bounds(of_kind, data.best_of_person, REACH * data.most_of_employer, ALIKE)


class Candidate(NamedTuple):
    """What may stand for somebody, with its score, whether it takes one of the first places, and the person's lot. Of
    those that are nearly the same (`Crowd.alike`) one may."""

    opening: OpeningFacts
    score: float
    first: bool
    lot: float = 0.0


def lot_of(person: str, opening: str) -> float:
    """A person's lot for an opening, 0 to 1: by the two ids alone, so the same each time."""
    digest = hashlib.blake2b(f"{person}/{opening}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32


Pool = Sequence[tuple[OpeningFacts, float]]
"""Openings with their scores for one person, best first."""


class Known(NamedTuple):
    """Of one person, by opening: how likely it is to be possible once all is known, and the person's lot. What is not
    there yet is added as it is asked for."""

    chances: dict[str, float]
    lots: dict[str, float]


class _Chances:
    """How likely openings are to be possible for somebody once all is known (asked once for each, since that takes all
    conditions), and the lots of this person."""

    def __init__(self, person: PersonFacts, context: AssessmentContext, known: Known | None) -> None:
        self._person, self._context = person, context
        self._chances, self._lots = known or Known({}, {})

    def __call__(self, opening: OpeningFacts) -> float:
        found = self._chances.get(opening.id)
        if found is None:
            found = self._chances[opening.id] = likelihood(self._person, opening, self._context)
        return found

    def likely(self, opening: OpeningFacts) -> bool:
        least = self._context.pack.matching.likely_from
        return least == 0 or self(opening) >= least

    def assured(self, each: tuple[OpeningFacts, float]) -> tuple[float, str]:
        """The order of the first places: the surer an opening is, the better."""
        opening, score = each
        return _assured(score, self(opening), opening.id, self._context.pack.matching)

    def lot(self, opening: str) -> float:
        """Of this person for this opening, 0 to 1, the same each time."""
        found = self._lots.get(opening)
        if found is None:
            found = self._lots[opening] = lot_of(self._person.id, opening)
        return found

    def less(self, each: tuple[OpeningFacts, float]) -> tuple[float, str]:
        """The order behind the first places: by the score less what an opening gives way by, and the lot."""
        opening, score = each
        price = self._context.crowded.get(opening.id, 0.0)
        return -round(score - price + self._context.pack.matching.lot * self.lot(opening.id), DIGITS), opening.id

    def by_less(self, ranked: Pool) -> Iterator[tuple[OpeningFacts, float]]:
        """All of these in that order, looked at by their scores and no further than it is asked for: nothing comes to
        more than its score and all of the lot. (`one_of_each` gives each its place by the best of its like, whose score
        it need not have.)"""
        ranked = sorted(ranked, key=lambda each: -each[1])
        most, waiting, at = self._context.pack.matching.lot, list[tuple[float, str, int]](), 0
        while waiting or at < len(ranked):
            while at < len(ranked) and not (waiting and round(ranked[at][1] + most, DIGITS) < -waiting[0][0]):
                heappush(waiting, (*self.less(ranked[at]), at))
                at += 1
            yield ranked[heappop(waiting)[-1]]

    def alike(self, pool: Pool) -> list[Pool]:
        """The pool by those that are nearly the same, in the order of the best of each: of them those that one person
        or another is shown. Of the likely ones, if there are any, those nearly as good as the best, on the same
        terms, and of these none that pays less by more than `PAY_WITHIN`."""
        if len({opening.crowd.alike for opening, _ in pool}) == len(pool):
            return [(each,) for each in pool]
        alike: dict[tuple[str, ...], list[tuple[OpeningFacts, float]]] = {}
        for each in pool:
            alike.setdefault(each[0].crowd.alike, []).append(each)
        return [self._shown(same) if len(same) > 1 else same for same in alike.values()]

    def _shown(self, same: Pool) -> Pool:
        same = [each for each in same if self.likely(each[0])] or same
        (first, best), within = same[0], self._context.pack.matching.alike_within
        near = [each for each in same if round(best - each[1], DIGITS) <= within and _terms(each[0]) == _terms(first)]
        least = max(_pay(opening) for opening, _ in near) * (1 - PAY_WITHIN)
        return [each for each in near if _pay(each[0]) >= least]

    def one_of_each(self, pool: Pool) -> Pool:
        """Of those that are nearly the same the one that gives way least to this person, by the table and their lot; it
        stands for the best of them, whose score it has. So people share out those that are in their pools: of more
        than `ALIKE` that score the same, the same ones by id, and the others are in none."""
        return [(min(same, key=self._dear)[0], same[0][1]) if len(same) > 1 else same[0] for same in self.alike(pool)]

    def _dear(self, each: tuple[OpeningFacts, float]) -> tuple[float, str]:
        id = each[0].id
        return round(self._context.crowded.get(id, 0.0) - LOT_ALIKE * self.lot(id), DIGITS), id


def _terms(opening: OpeningFacts) -> tuple[int | None, str | None]:
    return opening.hours, opening.employment


def _pay(opening: OpeningFacts) -> float:
    return opening.hourly_min or 0.0


def _assured(score: float, chance: float, id: str, data: MatchingData) -> tuple[float, str]:
    return -round(score + data.surely * chance, DIGITS), id


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
        self._kinds: Counter[str] = Counter()
        self.taken: list[OpeningFacts] = []

    def take(self, opening: OpeningFacts) -> bool:
        """Choose it, if it is not passed over."""
        data, kind = self._data, opening.kind
        if sum(map(opening.same_employer, self.taken)) >= data.most_of_employer:
            return False
        if kind in data.most_of_kind and self._kinds[kind] >= data.most_of_kind[kind]:
            return False
        if self.beneath(opening):
            return False
        self._kinds[kind] += 1
        self.taken.append(opening)
        return True

    def beneath(self, opening: OpeningFacts) -> bool:
        """Whether it is beneath the person."""
        return is_beneath(self._person, opening, self._context)


def _first_places(ranked: Pool, chances: _Chances, varied: _Varied, data: MatchingData) -> None:
    """Take the first places: the surest of the best that are likely, and where these do not suffice what comes then."""
    most, looked_at = min(data.first_places, data.best_of_person), list[tuple[OpeningFacts, float]]()
    for each in ranked:
        if len(looked_at) == AS_SURE * most:
            break
        if chances.likely(each[0]) and not varied.beneath(each[0]):
            looked_at.append(each)
    rest = (each for each in ranked if each not in looked_at and chances.likely(each[0]))
    for opening, _ in chain(sorted(looked_at, key=chances.assured), rest):
        if len(varied.taken) == most:
            break
        varied.take(opening)


def candidates(
    person: PersonFacts, pool: Pool, context: AssessmentContext, known: Known | None = None
) -> list[Candidate]:
    """What a table of congestion is made from: of a pool what may stand, best first."""
    data, chances, varied = context.pack.matching, _Chances(person, context, known), _Varied(person, context)
    alike = chances.alike(pool)
    _first_places([same[0] for same in alike], chances, varied, data)
    first = {opening.crowd.alike for opening in varied.taken}
    return [
        Candidate(opening, same[0][1], opening.crowd.alike in first, chances.lot(opening.id))
        for same in alike
        if not varied.beneath(same[0][0])
        for opening, _ in same
    ]


def chosen(
    person: PersonFacts, pool: Pool, context: AssessmentContext, known: Known | None = None
) -> list[OpeningFacts]:
    """Of a pool those that stand, by their rank (`ranking`)."""
    data, chances, varied = context.pack.matching, _Chances(person, context, known), _Varied(person, context)
    most = data.best_of_person
    ranked = chances.one_of_each(pool)
    _first_places(ranked, chances, varied, data)
    first = {opening.id for opening in varied.taken}
    room = min(most, len(first) + others(len(first), data))
    for opening, _ in chances.by_less(ranked):
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
        if len(first) == data.first_places or chances.likely(opening):
            passed.append(opening)
        elif waiting > 0:
            waiting -= 1
            passed.append(opening)
    if len(standing) + len(passed) == most > 1 and not any(_opens_more(person, one) for one in varied.taken + passed):
        more = next((opening for opening, _ in ranked if _opens_more(person, opening)), None)
        if more is not None:
            (passed or varied.taken)[-1] = more
    standing = {opening.id for opening in varied.taken + passed}
    return ranking(person, [(*each, chances(each[0])) for each in pool if each[0].id in standing], context)


def ranking(
    person: PersonFacts, standing: Iterable[tuple[OpeningFacts, float, float]], context: AssessmentContext
) -> list[OpeningFacts]:
    """What stands for somebody, with its scores and how likely it is, by its rank: the first places by score, then the
    likely ones by score, then the others, the likelier ones first, then what is passed over on the way."""
    data, first, varied = context.pack.matching, _Varied(person, context), _Varied(person, context)
    each = list(standing)
    for opening, _, _ in sorted(
        (one for one in each if one[2] >= data.likely_from), key=lambda one: _assured(one[1], one[2], one[0].id, data)
    ):
        if len(first.taken) < data.first_places:
            first.take(opening)

    def order(one: tuple[OpeningFacts, float, float]) -> tuple[bool, bool, float, str]:
        opening, score, chance = one
        likely = chance >= data.likely_from
        return opening not in first.taken, not likely, -(score if likely else chance), opening.id

    passed = list[tuple[float, str, OpeningFacts]]()
    for opening, score, _ in sorted(each, key=order):
        if not varied.take(opening):
            passed.append((-score, opening.id, opening))
    return [*varied.taken, *(opening for _, _, opening in sorted(passed, key=lambda one: one[:2]))]


Passed = Literal["alike", "employer", "kind", "beneath", "unlikely"]


def passed_over(
    person: PersonFacts, opening: OpeningFacts, standing: Sequence[OpeningFacts], context: AssessmentContext
) -> Passed | None:
    """Why an opening that may match is not among those that stand, where it is not for its score alone."""
    if any(one.crowd.alike == opening.crowd.alike for one in standing):
        return "alike"
    if likelihood(person, opening, context) < context.pack.matching.likely_from:
        return "unlikely"
    if is_beneath(person, opening, context):
        return "beneath"
    data = context.pack.matching
    if sum(map(opening.same_employer, standing)) >= data.most_of_employer:
        return "employer"
    same, most = sum(one.kind == opening.kind for one in standing), data.most_of_kind.get(opening.kind)
    return "kind" if most is not None and same >= most else None


def _opens_more(person: PersonFacts, opening: OpeningFacts) -> bool:
    """What leads further: a training that teaches something new, an internship."""
    if opening.learning:
        return not opening.teaches <= person.courses
    return opening.leads_on

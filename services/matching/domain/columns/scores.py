"""How well many pairs fit, in packed columns: what no condition refuses is weighed, as far as it can matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment import DIGITS
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns.condition_filter import Admitted
from services.matching.domain.columns.keys import Keys
from services.matching.domain.columns.rows import Numbers, Rowset
from services.matching.domain.columns.table import Table
from services.matching.domain.factors import FACTORS
from services.matching.domain.factors.base import Factor
from services.matching.domain.factors.certainty import Certainty
from services.matching.domain.person_facts import PersonFacts

UNIT = 10**DIGITS
"""Scores are counted in millionths, which is as exact as they are."""
MANY = 16  # so many values that were never asked for are worth a look at who needs them
_SLACK = 2 / UNIT  # between a fit and a bound of it, for rounding

_PLACES = tuple(place for place, factor in enumerate(FACTORS) if not isinstance(factor, Certainty))
"""Of those that are tables, among all factors."""


class Scored(NamedTuple):
    """Pairs that may match with a fit at or above the threshold, by the rows of the other side. ``scores``: in
    millionths; ``fits``: how people compare for one opening (`Assessment.fit`), not rounded."""

    rows: Rowset
    scores: NDArray[np.int64]
    fits: NDArray[np.float64]


class Bounds(NamedTuple):
    """Between what the scores (in millionths) and the fits of some pairs must lie, while not all factors are known.
    ``sure``: those whose fit will reach the threshold."""

    rows: Rowset
    least: NDArray[np.int64]
    most: NDArray[np.int64]
    least_fits: NDArray[np.float64]
    most_fits: NDArray[np.float64]
    sure: NDArray[np.bool_]


Matters = Callable[[Bounds], NDArray[np.bool_]]
"""Which of these pairs may still matter to whoever asks; the others are left out."""


class Wish(NamedTuple):
    """Which factors somebody wants weighed: the share of each, and the sum of those that count between people."""

    shares: tuple[float, ...]
    between_people: float


class Scores:
    """The factors as tables. ``tables`` are those of the factors that are functions of the two, in their order."""

    def __init__(self, context: AssessmentContext) -> None:
        self.context = context
        self.tables = [self._table_of(FACTORS[place]) for place in _PLACES]
        self._certainty: dict[tuple[float, ...], float] = {}

    def wish(self, facts: PersonFacts) -> Wish:
        """Which factors this person wants weighed."""
        weights = self.context.pack.weights
        wanted = [weights[factor.name] if factor.wanted_by(facts) else 0.0 for factor in FACTORS]
        whole = sum(wanted)
        shares = tuple(weight / whole for weight in wanted)
        between = sum(share for factor, share in zip(FACTORS, shares, strict=True) if factor.between_people)
        return Wish(shares, between)

    def of(
        self, side: int, numbers: Numbers, others: Numbers, admitted: Admitted, wish: Wish, matters: Matters | None
    ) -> Scored:
        """One of a side, by its numbers, against those of the other that are admitted. What is known of all costs
        nothing; where a factor has to be asked, it is asked for those that may still matter."""
        left = _Left(admitted, wish)
        for place, factor in enumerate(FACTORS):
            if isinstance(factor, Certainty):
                left.add(place, _millionths(wish.shares[place] * self._of_questions(factor, admitted)))
        lines = {
            each: self.tables[each].line(side, numbers[each])
            for each, place in enumerate(_PLACES)
            if wish.shares[place]
        }
        missing = {each: len(line.missing(others[each][admitted.rows])) for each, line in lines.items()}
        for each in sorted(lines, key=missing.__getitem__):
            if missing[each] > MANY:
                left.leave_out(self.context.pack.matching.threshold, matters)
            share, them = wish.shares[_PLACES[each]], others[each][left.admitted.rows]
            values = lines[each].of(them)
            if len(lines[each].values) < len(them):  # the same few values again and again
                left.add(_PLACES[each], _millionths(share * lines[each].values)[them])
            else:
                left.add(_PLACES[each], _millionths(share * values))
        return left.scored(self.context.pack.matching.threshold)

    def clear(self) -> None:
        """Factors may say something else than before."""
        self._certainty.clear()
        for table in self.tables:
            table.clear()

    def _of_questions(self, factor: Certainty, admitted: Admitted) -> NDArray[np.float64]:
        """Its value, worked out once for all pairs with the same questions."""
        distinct, values = np.unique(admitted.asks), list[float]()
        for asks in distinct.tolist():
            shares = admitted.answered_yes(asks)
            if shares not in self._certainty:
                self._certainty[shares] = factor.value_of(shares)
            values.append(self._certainty[shares])
        return np.array(values)[np.searchsorted(distinct, admitted.asks)]

    def _table_of(self, one: Factor) -> Table[np.float64]:
        keys = Keys(one.of_person), Keys(one.of_opening)
        return Table(keys, partial(self._value, one), np.float64(0), np.float64(-1))

    def _value(self, factor: Factor, person: Any, opening: Any) -> float:
        value = factor.value(person, opening, self.context)
        return factor.unknown(opening, self.context) if value is None else value


class _Left:
    """The pairs that are left, with the parts of their scores that are known, in millionths."""

    def __init__(self, admitted: Admitted, wish: Wish) -> None:
        self.admitted = admitted
        self._wish = wish
        self._parts: dict[int, NDArray[np.int64]] = {}

    def add(self, place: int, parts: NDArray[np.int64]) -> None:
        """What the factor at this place adds."""
        self._parts[place] = parts

    def leave_out(self, threshold: float, matters: Matters | None) -> None:
        """Those that cannot reach the threshold, and those that do not matter to whoever asks."""
        between = self._wish.between_people
        rest = [place for place in range(len(FACTORS)) if place not in self._parts]
        ends = _millionths(np.array([self._wish.shares[place] for place in rest]))
        least, least_fits = self._sum(), self._sum(between_people=True) / UNIT / between
        open_fit = sum(int(ends[at]) for at, place in enumerate(rest) if FACTORS[place].between_people)
        most_fits = least_fits + open_fit / UNIT / between
        kept = most_fits >= threshold - _SLACK
        if matters is not None:
            sure = least_fits >= threshold + _SLACK
            rows = self.admitted.rows
            kept &= matters(Bounds(rows, least, least + int(ends.sum()), least_fits, most_fits, sure))
        if not kept.all():
            self.admitted = self.admitted.where(kept)
            self._parts = {place: parts[kept] for place, parts in self._parts.items()}

    def scored(self, threshold: float) -> Scored:
        """Their scores; fits are summed up in the order of the factors, as an assessment does."""
        rows = self.admitted.rows
        fits = np.zeros(len(rows))
        for place, factor in enumerate(FACTORS):
            if factor.between_people and place in self._parts:
                fits += self._parts[place] / UNIT
        fits /= self._wish.between_people
        kept = _at_least(fits, threshold)
        return Scored(rows[kept], self._sum()[kept], fits[kept])

    def _sum(self, between_people: bool = False) -> NDArray[np.int64]:
        total = np.zeros(len(self.admitted.rows), np.int64)
        for place, parts in self._parts.items():
            if FACTORS[place].between_people or not between_people:
                total += parts
        return total


def together(parts: Sequence[Scored]) -> Scored:
    """All of these."""
    if not parts:
        return Scored(np.zeros(0, np.intp), np.zeros(0, np.int64), np.zeros(0))
    return Scored(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _at_least(values: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Which are not below this once they are rounded."""
    kept = values >= least
    for place in np.flatnonzero(np.abs(values - least) < _SLACK).tolist():
        kept[place] = round(float(values[place]), DIGITS) >= least
    return kept


def _millionths(parts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Each rounded to six digits just as `round` does, in millionths: what lies halfway is left to it."""
    scaled = parts * UNIT
    nearest = np.rint(scaled)
    halfway = np.flatnonzero(np.abs(scaled - nearest) > 0.499999)
    if len(halfway):
        distinct, which = np.unique(parts[halfway], return_inverse=True)
        nearest[halfway] = np.array([round(round(part, DIGITS) * UNIT) for part in distinct.tolist()])[which]
    whole: NDArray[np.int64] = nearest.astype(np.int64)
    return whole

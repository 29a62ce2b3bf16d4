"""What the factors say, packed: for one of a side what everybody of the other gets by them."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment import DIGITS
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns import kernel
from services.matching.domain.columns.items import ItemPool, Nearness
from services.matching.domain.columns.kernel import BEST, CERTAINTY, SHARE, TABLE, UNIT
from services.matching.domain.columns.keys import Keys
from services.matching.domain.columns.rows import Rowset
from services.matching.domain.columns.table import OPENING, PERSON, Table
from services.matching.domain.factors import FACTORS
from services.matching.domain.factors.base import BestOf, Comparison, Factor, ShareOf
from services.matching.domain.factors.certainty import Certainty
from services.matching.domain.person_facts import PersonFacts

assert 10**DIGITS == UNIT
_SLACK = 2 / UNIT  # between a fit and a bound of it, for rounding


class Scored(NamedTuple):
    """Pairs that may match with a fit at or above the threshold, by the rows of the other side. ``scores``: in
    millionths; ``fits``: how people compare for one opening (`Assessment.fit`), not rounded."""

    rows: Rowset
    scores: NDArray[np.int64]
    fits: NDArray[np.float64]


class Wish(NamedTuple):
    """Which factors somebody wants weighed: the share of each, and the sum of those that count between people."""

    shares: tuple[float, ...]
    between_people: float


def _kind(factor: Factor) -> int:
    if isinstance(factor, Certainty):
        return CERTAINTY
    return BEST if isinstance(factor, BestOf) else SHARE if isinstance(factor, ShareOf) else TABLE


def _comparisons(factor: Factor) -> tuple[Comparison, ...]:
    if isinstance(factor, BestOf):
        return factor.comparisons
    return (factor.comparison,) if isinstance(factor, ShareOf) else ()


class FactorTables:
    """The factors in columns, which come behind those of the conditions; certainty has none. Those that are ``tables``
    come first."""

    def __init__(self, context: AssessmentContext, first_column: int) -> None:
        self.context = context
        self.kinds = [_kind(factor) for factor in FACTORS]
        self._of_tables = [place for place, kind in enumerate(self.kinds) if kind == TABLE]
        self.tables = [self._table_of(FACTORS[place]) for place in self._of_tables]
        self._of_items = [place for place, kind in enumerate(self.kinds) if kind in (BEST, SHARE)]
        self._compared = [(place, one) for place in self._of_items for one in _comparisons(FACTORS[place])]
        self._nearness = [self._nearness_of(one) for _, one in self._compared]
        self._pools = ItemPool(len(self._compared)), ItemPool(len(self._compared))
        self._item_keys = {place: self._keys_of(place) for place in self._of_items}
        self.wishes: list[Wish] = []
        self.columns = [-1] * len(FACTORS)
        for column, place in enumerate([*self._of_tables, *self._of_items], first_column):
            self.columns[place] = column

    @property
    def keys(self) -> list[tuple[Keys, Keys]]:
        """Of all columns, of either side."""
        return [*(table.keys for table in self.tables), *self._item_keys.values()]

    def column(self, name: str) -> int:
        """The column of a factor."""
        return self.columns[next(place for place, factor in enumerate(FACTORS) if factor.name == name)]

    def wish(self, facts: PersonFacts) -> int:
        """The number of what this person wants weighed."""
        weights = self.context.pack.weights
        wanted = [weights[factor.name] if factor.wanted_by(facts) else 0.0 for factor in FACTORS]
        whole = sum(wanted)
        shares = tuple(weight / whole for weight in wanted)
        between = sum(share for factor, share in zip(FACTORS, shares, strict=True) if factor.between_people)
        if (wish := Wish(shares, between)) not in self.wishes:
            self.wishes.append(wish)
        return self.wishes.index(wish)

    def of(
        self, side: int, numbers: list[int], wishes: list[Wish], leading: list[int]
    ) -> tuple[kernel.Factors, kernel.Items, kernel.Own]:
        """One of a side, by its numbers, for people with these wishes. ``leading``: the columns that are the same
        for all of a segment."""
        own, items = self._own(side, numbers), self._pools[1 - side].packed()
        kinds, lines = list(self.kinds), dict[int, NDArray[np.float64]]()
        for place, table in zip(self._of_tables, self.tables, strict=True):
            lines[place] = table.line(side, numbers[self.columns[place]]).filled()
        leads = [place for column in leading for place, own in enumerate(self.columns) if own == column]
        for place in range(len(FACTORS)) if side == PERSON and leading else ():  # there are few of each look
            if place in self._item_keys:
                lines[place] = self._as_table(place, side, items, own)
                kinds[place] = TABLE
        others = [place for place in range(len(FACTORS)) if place not in leads]
        others.sort(key=lambda place: (TABLE, CERTAINTY, BEST, SHARE).index(kinds[place]))
        early = sum(kinds[place] == TABLE for place in (*leads, *others))
        return self._packed(kinds, lines, wishes, [*leads, *others], leading, early), items, own

    def scored(self, rows: Rowset, parts: NDArray[np.int32], wishes: NDArray[np.int64]) -> Scored:
        """Those at or above the threshold, from what each factor adds; fits are summed up in the order of the factors,
        as an assessment does."""
        fits = np.zeros(len(rows))
        for place, factor in enumerate(FACTORS):
            if factor.between_people:
                fits += parts[:, place] / UNIT
        fits /= np.array([wish.between_people for wish in self.wishes] or [1.0])[wishes]
        kept = _at_least(fits, self.context.pack.matching.threshold)
        return Scored(rows[kept], parts[kept].sum(axis=1, dtype=np.int64), fits[kept])

    def clear(self) -> None:
        """Factors may say something else than before."""
        for table in self.tables:
            table.clear()
        for nearness in self._nearness:
            nearness.clear()

    def _packed(
        self,
        kinds: list[int],
        lines: dict[int, NDArray[np.float64]],
        wishes: list[Wish],
        order: list[int],
        leading: list[int],
        early: int,
    ) -> kernel.Factors:
        ends = np.cumsum([0, *(len(lines[place]) if place in lines else 0 for place in range(len(FACTORS)))])
        parts = np.zeros((len(wishes), ends[-1]), np.int32)
        most = np.zeros((len(wishes), len(FACTORS)), np.int64)
        for number, wish in enumerate(wishes):
            for place, share in enumerate(wish.shares):
                most[number, place] = kernel.millionths(share)
                if place in lines:
                    some = parts[number, ends[place] : ends[place + 1]]
                    some[:] = kernel.all_millionths(lines[place], share)
                    most[number, place] = some.max(initial=0)
        return kernel.Factors(
            kinds=np.array(kinds),
            order=np.array(order),
            leads=sum(column in leading for column in self.columns),
            head_at=np.array([leading.index(own) if own in leading else 0 for own in self.columns]),
            early=early,
            columns=np.array(self.columns),
            first=np.array([self._comparisons_of(place)[0] for place in range(len(FACTORS))]),
            last=np.array([self._comparisons_of(place)[1] for place in range(len(FACTORS))]),
            shares=np.array([wish.shares for wish in wishes]),
            most=most,
            parts=parts,
            at=ends[:-1],
            between=np.array([int(factor.between_people) for factor in FACTORS]),
            between_share=np.array([wish.between_people for wish in wishes]),
            evidence=np.array([factor.evidence if isinstance(factor, ShareOf) else 0.0 for factor in FACTORS]),
        )

    def _own(self, side: int, numbers: list[int]) -> kernel.Own:
        first, near_at, weights = [0], list[int](), list[float]()
        lines, end, asked = [np.zeros(0)], 0, [-1.0] * len(FACTORS)
        for each, (place, _) in enumerate(self._compared):
            number = numbers[self.columns[place]]
            keys, own = self._pools[side].of(each, number)
            for weight, line in self._nearness[each].fold(side, keys, own, self.kinds[place] == SHARE):
                near_at.append(end)
                weights.append(weight)
                lines.append(line)
                end += len(line)
            first.append(len(weights))
            if side == OPENING:
                asked[place] = self._pools[side].asked(each, number)
        return kernel.Own(
            np.array(first), np.array(near_at, np.int64), np.array(weights, np.float64), np.concatenate(lines),
            np.array(asked),
        )  # fmt: skip

    def _comparisons_of(self, place: int) -> tuple[int, int]:
        own = [each for each, (factor, _) in enumerate(self._compared) if factor == place]
        return (own[0], own[-1] + 1) if own else (0, 0)

    def _as_table(self, place: int, side: int, items: kernel.Items, own: kernel.Own) -> NDArray[np.float64]:
        plain = self._packed(self.kinds, {}, [], list(range(len(FACTORS))), [], 0)
        return kernel.values_by_number(place, len(self._item_keys[place][1 - side]), items, plain, own)

    def _table_of(self, one: Factor) -> Table[np.float64]:
        return Table(
            (Keys(one.of_person), Keys(one.of_opening)), partial(self._value, one), np.float64(0), np.float64(-1)
        )

    def _value(self, factor: Factor, person: Any, opening: Any) -> float:
        value = factor.value(person, opening, self.context)
        return factor.unknown(opening, self.context) if value is None else value

    def _nearness_of(self, one: Comparison) -> Nearness:
        near = one.near
        return Nearness(None if near is None else lambda person, opening: near(person, opening, self.context))

    def _keys_of(self, place: int) -> tuple[Keys, Keys]:
        keys = Keys(FACTORS[place].of_person), Keys(FACTORS[place].of_opening)
        for side in (PERSON, OPENING):
            keys[side].on_begin = partial(self._begin, place, side)
            keys[side].on_end = partial(self._end, place, side)
        return keys

    def _begin(self, place: int, side: int, number: int, facts: Any) -> None:
        factor = FACTORS[place]
        asked = 0.0
        if side == OPENING:
            asked = factor.asked(facts) if isinstance(factor, ShareOf) else factor.unknown(facts, self.context)
        for line in range(*self._comparisons_of(place)):
            one = self._compared[line][1]
            items = one.opening_items(facts) if side == OPENING else one.person_items(facts)
            keys = self._nearness[line].numbers(side, items)
            self._pools[side].put(line, number, keys, [weight for _, weight in items], asked)

    def _end(self, place: int, side: int, number: int) -> None:
        for line in range(*self._comparisons_of(place)):
            self._pools[side].remove(line, number)


def _at_least(values: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Which are not below this once they are rounded."""
    kept = values >= least
    for place in np.flatnonzero(np.abs(values - least) < _SLACK).tolist():
        kept[place] = round(float(values[place]), DIGITS) >= least
    return kept

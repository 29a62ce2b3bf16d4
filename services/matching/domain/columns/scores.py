"""What the factors say, packed: for one of a side what everybody of the other gets by them."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment import DIGITS
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns.blocks import Factors
from services.matching.domain.columns.derived_attribute_table import DerivedAttributeTable
from services.matching.domain.columns.dictionary_encoding import DictionaryEncoding
from services.matching.domain.columns.factor_cache import FactorCache
from services.matching.domain.columns.items import ItemPool, Nearness
from services.matching.domain.columns.rows import Rowset
from services.matching.domain.columns.table import OPENING, PERSON, Table
from services.matching.domain.columns.values import BEST, SHARE, UNIT, Compared, Own, item_values, parts_of
from services.matching.domain.derived_attribute import DerivedAttribute
from services.matching.domain.factors import FACTORS
from services.matching.domain.factors.base import BestOf, Comparison, Factor, ShareOf
from services.matching.domain.factors.certainty import Certainty
from services.matching.domain.person_facts import PersonFacts

assert 10**DIGITS == UNIT
_SLACK = 2 / UNIT  # between a fit and a bound of it, for rounding
CERTAINTY = next(place for place, factor in enumerate(FACTORS) if isinstance(factor, Certainty))
BETWEEN = np.array([int(factor.between_people) for factor in FACTORS])


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


class Order(NamedTuple):
    """Places of factors: those whose columns lead (and where in the heads), the one that turns, the hot ones."""

    leads: NDArray[np.int64]
    head_at: NDArray[np.int64]
    turn: int
    hot: NDArray[np.int64]


def _comparisons(factor: Factor) -> tuple[Comparison, ...]:
    if isinstance(factor, BestOf):
        return factor.comparisons
    return (factor.comparison,) if isinstance(factor, ShareOf) else ()


class FactorTables:
    """The factors in columns, which come behind those of the conditions; certainty has none."""

    def __init__(self, context: AssessmentContext, first_column: int) -> None:
        self.context = context
        self._places = [place for place in range(len(FACTORS)) if place != CERTAINTY]
        self.columns = {place: column for column, place in enumerate(self._places, first_column)}
        self.keys = {
            place: (DictionaryEncoding(FACTORS[place].of_person), DictionaryEncoding(FACTORS[place].of_opening))
            for place in self._places
        }
        self._compared = dict[int, Compared]()
        self._comparisons = list[Comparison]()
        self._tables = dict[int, Table[np.float64] | DerivedAttributeTable[np.float64]]()
        for place in self._places:
            self._prepare(place, FACTORS[place])
        self._nearness = [self._nearness_of(one) for one in self._comparisons]
        self._pools = ItemPool(len(self._comparisons)), ItemPool(len(self._comparisons))
        self.wishes: list[Wish] = []
        self._lines = FactorCache(self.keys, self._some_values)

    def column(self, name: str) -> int:
        """The column of a factor."""
        return next(column for place, column in self.columns.items() if FACTORS[place].name == name)

    def order(self, heads: list[int], turn: int) -> Order:
        """Where the factors stand on a side that is sorted by these columns."""
        leads = [place for place, column in self.columns.items() if column in heads]
        turns = next(place for place, column in self.columns.items() if column == turn)
        others = [place for place in self._places if place != turns and place not in leads]
        others.sort(key=lambda place: -self.context.pack.weights[FACTORS[place].name])  # what adds most decides first
        return Order(
            np.array(leads, np.int64), np.array([heads.index(self.columns[place]) for place in leads], np.int64),
            turns, np.array(others, np.int64),
        )  # fmt: skip

    def wish(self, facts: PersonFacts) -> int:
        """The number of what this person wants weighed."""
        weights = self.context.pack.weights
        wanted = [weights[factor.name] if factor.wanted_by(facts) else 0.0 for factor in FACTORS]
        whole = sum(wanted)
        shares = tuple(weight / whole for weight in wanted)
        between = sum(share for factor, share in zip(FACTORS, shares, strict=True) if factor.between_people)
        if (wish := Wish(shares, between)) not in self.wishes:
            self.wishes.append(wish)
            self._lines.clear()
        return self.wishes.index(wish)

    def of_person(self, numbers: list[int], wish: int, order: Order) -> Factors:
        """Somebody, by their numbers, for the openings."""
        values = list[NDArray[np.float64]]()
        for place in self._places:
            number = numbers[self.columns[place]]
            if place in self._tables:
                values.append(self._tables[place].line(PERSON, number))
            else:
                others = np.arange(len(self.keys[place][OPENING]))
                values.append(self._item_values(place, PERSON, number, others))
        shares = np.array([self.wishes[wish].shares])
        lines = [parts_of(own, shares[:, place]) for place, own in zip(self._places, values, strict=True)]
        return self._packed(lines, [self.wishes[wish]], order)

    def of_opening(self, numbers: list[int], order: Order) -> Factors:
        """An opening, by its numbers, for the people."""
        # by factor in rows of their own: the kernel is compiled for arrays that lie in one piece
        shares = np.ascontiguousarray(np.array([wish.shares for wish in self.wishes]).reshape(-1, len(FACTORS)).T)
        lines = [self._lines.of(place, numbers[self.columns[place]], shares[place]) for place in self._places]
        return self._packed(lines, self.wishes, order)

    def clear(self) -> None:
        """Factors may say something else than before."""
        self._lines.clear()
        for table in self._tables.values():
            table.clear()
        for nearness in self._nearness:
            nearness.clear()

    def _packed(self, lines: list[NDArray[np.int32]], wishes: list[Wish], order: Order) -> Factors:
        at, most = np.zeros(len(FACTORS), np.int64), np.zeros((len(wishes), len(FACTORS)), np.int64)
        end = 0
        for place, line in zip(self._places, lines, strict=True):
            at[place], most[:, place] = end, line.max(axis=1, initial=0)
            end += line.shape[1]
        return Factors(
            order.leads, order.head_at, order.turn, order.hot, CERTAINTY, np.concatenate(lines, axis=1), at, most,
            BETWEEN, np.array([wish.between_people for wish in wishes]),
            np.array([wish.shares[CERTAINTY] for wish in wishes]),
        )  # fmt: skip

    def _item_values(self, place: int, side: int, number: int, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """What a factor that compares items says of one of a side to these numbers of the other."""
        compared, first, near_at, weights = self._compared[place], [0], list[int](), list[float]()
        lines, end = [np.zeros(0)], 0
        for each in range(compared.first, compared.last):
            keys, own = self._pools[side].of(each, number)
            for weight, line in self._nearness[each].fold(side, keys, own, compared.kind == SHARE):
                near_at.append(end)
                weights.append(weight)
                lines.append(line)
                end += len(line)
            first.append(len(weights))
        asked = self._pools[side].asked(compared.first, number) if side == OPENING else -1.0
        packed = Own(
            np.array(first), np.array(near_at, np.int64), np.array(weights, np.float64), np.concatenate(lines), asked
        )
        return item_values(others, self._pools[1 - side].packed(), compared, packed)

    def _some_values(self, place: int, opening: int, people: NDArray[np.int64]) -> NDArray[np.float64]:
        if place in self._tables:
            return self._tables[place].some(OPENING, opening, people)
        return self._item_values(place, OPENING, opening, people)

    def _prepare(self, place: int, factor: Factor) -> None:
        """Its table, or where its comparisons stand."""
        compared = _comparisons(factor)
        if not compared:
            ask, free, blank = partial(self._value, factor), np.float64(0), np.float64(-1)
            if factor.derived_attribute is None:
                self._tables[place] = Table(self.keys[place], ask, free, blank, factor.is_same_for_all)
            else:
                value = partial(self._derived, factor.derived_attribute)
                self._tables[place] = DerivedAttributeTable(
                    self.keys[place], factor.derived_attribute, value, ask, free, blank
                )
            return
        first = len(self._comparisons)
        self._comparisons.extend(compared)
        evidence = factor.evidence if isinstance(factor, ShareOf) else 0.0
        kind = SHARE if isinstance(factor, ShareOf) else BEST
        self._compared[place] = Compared(kind, first, len(self._comparisons), evidence)
        for side in (PERSON, OPENING):
            self.keys[place][side].on_begin.append(partial(self._begin, place, side))
            self.keys[place][side].on_end.append(partial(self._end, place, side))

    def _value(self, factor: Factor, person: Any, opening: Any) -> float:
        value = factor.value(person, opening, self.context)
        return factor.unknown(opening, self.context) if value is None else value

    def _derived(self, attribute: DerivedAttribute, person: Any, opening: Any) -> Hashable:
        return attribute.value(person, opening, self.context)

    def _nearness_of(self, one: Comparison) -> Nearness:
        near = one.near
        return Nearness(None if near is None else lambda person, opening: near(person, opening, self.context))

    def _begin(self, place: int, side: int, number: int, facts: Any) -> None:
        factor, compared, asked = FACTORS[place], self._compared[place], 0.0
        if side == OPENING:
            asked = factor.asked(facts) if isinstance(factor, ShareOf) else factor.unknown(facts, self.context)
        for line in range(compared.first, compared.last):
            one = self._comparisons[line]
            items = one.opening_items(facts) if side == OPENING else one.person_items(facts)
            keys = self._nearness[line].numbers(side, items)
            self._pools[side].put(line, number, keys, [weight for _, weight in items], asked)

    def _end(self, place: int, side: int, number: int) -> None:
        compared = self._compared[place]
        for line in range(compared.first, compared.last):
            self._pools[side].remove(line, number)


def at_least(values: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Which are not below this once they are rounded."""
    kept = values >= least
    for place in np.flatnonzero(np.abs(values - least) < _SLACK).tolist():
        kept[place] = round(float(values[place]), DIGITS) >= least
    return kept

"""Conditions and scores of many pairs at once: one of either side against many of the other, in packed columns.

Nothing is decided here. Each answer and each value comes from the condition or factor itself, asked once for all pairs
that look the same to it (`table`); so a rule is one class, and what it says in words is what it says in columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns import kernel
from services.matching.domain.columns.blocks import BLANK, Conditions, Factors, Others
from services.matching.domain.columns.condition_filter import PAIRED, ConditionTables
from services.matching.domain.columns.dictionary_encoding import FREE, DictionaryEncoding
from services.matching.domain.columns.layout import Layout, Numbers
from services.matching.domain.columns.rows import Held, Rows, Rowset
from services.matching.domain.columns.scores import FactorTables, Order, Scored, at_least
from services.matching.domain.columns.table import OPENING, PERSON, Table
from services.matching.domain.factors.growth import is_beneath
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

# Factors and conditions by which those that lie beside each other are the same, and the factor by which they turn.
OPENINGS_BY = ("commute",), ("commute",), "occupation"
PEOPLE_BY = ("commute",), ("commute",), "wage"
_NO_ROWS = np.zeros(0, np.int64)


class Pairs:
    """People who take part and openings that take people, in this context."""

    def __init__(self, context: AssessmentContext) -> None:
        self._conditions = ConditionTables(context)
        self._factors = FactorTables(context, len(PAIRED))
        keys = [*(table.keys for table in self._conditions.tables), *self._factors.keys.values()]
        beneath = (
            DictionaryEncoding(("wishes_of_trained",), lambda person: person.wishes_of_trained is None),
            DictionaryEncoding(("elementary_work",), lambda opening: opening.elementary_work is None),
        )
        self._beneath = Table(beneath, self._is_beneath, np.uint8(0), np.uint8(BLANK))
        self._apart = DictionaryEncoding(("apart",), lambda opening: opening.apart is None)
        people = [*(each[PERSON] for each in keys), beneath[PERSON]]
        openings = [*(each[OPENING] for each in keys), beneath[OPENING], self._apart]
        self._beneath_column = len(keys)
        self._wish_column = self._apart_column = len(keys) + 1
        self._orders, layouts = list[Order](), list[Layout]()
        for own, by, more in ((people, PEOPLE_BY, [self._wish_column]), (openings, OPENINGS_BY, [])):
            heads, turn = [*self._columns_by(*by[:2]), *more], self._factors.column(by[2])
            order = self._factors.order(heads, turn)
            hot = [self._factors.columns[place] for place in order.hot.tolist()]
            layouts.append(Layout(len(own) + 1, heads, turn, hot))
            self._orders.append(order)
        self.people: Rows[PersonFacts] = Rows(people, layouts[PERSON])
        self.openings: Rows[OpeningFacts] = Rows(openings, layouts[OPENING])

    @property
    def context(self) -> AssessmentContext:
        """The pack and the day."""
        return self._conditions.context

    def set_context(self, context: AssessmentContext) -> None:
        """From now on another day."""
        if context.key != self.context.key:
            self._conditions.clear()
            self._factors.clear()
            self._beneath.clear()
        self._conditions.context = self._factors.context = context

    def put_person(self, facts: PersonFacts, revision: int) -> None:
        """Somebody who takes part is new or changed."""
        self.people.put(facts, revision, facts.consent_until, self._factors.wish(facts))

    def put_opening(self, facts: OpeningFacts, revision: int, chunk: int = 0) -> None:
        """An opening that takes people is new or changed."""
        self.openings.put(facts, revision, facts.last_day, chunk=chunk)

    def beneath_person(self, person: Held[PersonFacts], openings: Rowset) -> NDArray[np.bool_]:
        """Which of these openings are beneath this person."""
        return self._beneath_of(PERSON, self.people.layout.numbers_of(person.row), self.openings.layout, openings)

    def beneath_people(self, opening: Held[OpeningFacts], people: Rowset) -> NDArray[np.bool_]:
        """Which of these people this opening is beneath."""
        return self._beneath_of(OPENING, self.openings.layout.numbers_of(opening.row), self.people.layout, people)

    def of_person(self, person: Held[PersonFacts], openings: Rowset | None = None, best: int = 0) -> Scored:
        """Somebody against these openings (or all), by row. ``best``: what is not as good as so many are, each of
        another employer, is not wanted; of these nothing but room keeps one off a list."""
        layout, numbers = self.openings.layout, self.people.layout.numbers_of(person.row).tolist()
        others, wish = layout.all(-1) if openings is None else layout.some(openings, -1), numbers[self._wish_column]
        wanted = kernel.Wanted(
            self.context.pack.matching.threshold, best, self._apart_column, len(self._apart), False, 0
        )
        factors = self._factors.of_person(numbers, wish, self._orders[OPENING])
        return self._scan(self._conditions.of(PERSON, numbers, layout.heads), others, factors, wanted)

    def of_opening(
        self, opening: Held[OpeningFacts], people: Rowset | None = None, entering: bool = False, shown: int = 0
    ) -> Scored:
        """An opening against these people (or all), by row. ``entering``: those into whose list it would come
        (`Layout.enter_from`), and the ``shown`` best by fit; else all are."""
        layout, numbers = self.people.layout, self.openings.layout.numbers_of(opening.row).tolist()
        wish = len(layout.heads) - 1
        others = layout.all(wish) if people is None else layout.some(people, wish)
        wanted = kernel.Wanted(self.context.pack.matching.threshold, 0, 0, 0, entering, shown)
        factors = self._factors.of_opening(numbers, self._orders[PERSON])
        return self._scan(self._conditions.of(OPENING, numbers, layout.heads), others, factors, wanted)

    def _scan(self, conditions: Conditions, others: Others, factors: Factors, wanted: kernel.Wanted) -> Scored:
        if len(others.groups) < 2 or not len(factors.between_share):
            return Scored(_NO_ROWS, _NO_ROWS, np.zeros(0))
        looked_at, refused = np.zeros(len(conditions.columns), np.int64), np.zeros(len(conditions.columns), np.int64)
        rows, scores, fits = kernel.scan(others, conditions, factors, wanted, looked_at, refused)
        self._conditions.learn(conditions.columns, looked_at, refused)
        kept = at_least(fits, wanted.threshold)
        return Scored(rows[kept], scores[kept], fits[kept])

    def _beneath_of(self, side: int, own: Numbers, others: Layout, rows: Rowset) -> NDArray[np.bool_]:
        column = self._beneath_column
        if own[column] == FREE:
            return np.zeros(len(rows), bool)
        found: NDArray[np.bool_] = self._beneath.line(side, int(own[column]))[others.column_of(rows, column)] == 1
        return found

    def _is_beneath(self, person: Any, opening: Any) -> float:
        return float(is_beneath(person, opening, self.context))

    def _columns_by(self, factors: tuple[str, ...], conditions: tuple[str, ...]) -> list[int]:
        places = [next(place for place, one in enumerate(PAIRED) if one.name == name) for name in conditions]
        return [*(self._factors.column(name) for name in factors), *places]

"""Conditions and scores of many pairs at once: one of either side against many of the other, in packed columns.

Nothing is decided here. Each answer and each value comes from the condition or factor itself, asked once for all pairs
that look the same to it (`table`); so a rule is one class, and what it says in words is what it says in columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns.condition_filter import Admission
from services.matching.domain.columns.keys import FREE, Keys
from services.matching.domain.columns.rows import Held, Rows, Rowset
from services.matching.domain.columns.scores import Matters, Scored, Scores, Wish, together
from services.matching.domain.columns.table import OPENING, PERSON, Table
from services.matching.domain.opening_facts import Crowd, OpeningFacts
from services.matching.domain.person_facts import PersonFacts


class Pairs:
    """People who take part and openings that take people, in this context."""

    def __init__(self, context: AssessmentContext) -> None:
        self._admission, self._scores = Admission(context), Scores(context)
        tables: list[Table[Any]] = [*self._admission.tables, *self._scores.tables]
        self._first_factor = len(self._admission.tables)
        self.people: Rows[PersonFacts] = Rows([table.keys[PERSON] for table in tables])
        self._alike, self._apart = Keys(("crowd.alike",)), Keys(("apart",), lambda opening: opening.apart is None)
        keys = [table.keys[OPENING] for table in tables]
        self.openings: Rows[OpeningFacts] = Rows([*keys, self._alike, self._apart])
        self._wishes: list[Wish] = []
        self._wish_of = np.zeros(len(self.people.taken), np.intp)

    @property
    def context(self) -> AssessmentContext:
        """The pack and the day."""
        return self._admission.context

    def set_context(self, context: AssessmentContext) -> None:
        """From now on another day."""
        if context.key != self.context.key:
            self._admission.clear()
            self._scores.clear()
        self._admission.context = self._scores.context = context

    def put_person(self, facts: PersonFacts, revision: int) -> None:
        """Somebody who takes part is new or changed."""
        row = self.people.put(facts, revision, facts.consent_until).row
        if row >= len(self._wish_of):
            self._wish_of = np.resize(self._wish_of, len(self.people.taken))
        wish = self._scores.wish(facts)
        if wish not in self._wishes:
            self._wishes.append(wish)
        self._wish_of[row] = self._wishes.index(wish)

    def put_opening(self, facts: OpeningFacts, revision: int) -> None:
        """An opening that takes people is new or changed."""
        self.openings.put(facts, revision, facts.last_day)

    def of_person(self, person: Held[PersonFacts], openings: Rowset, matters: Matters | None = None) -> Scored:
        """Somebody against these openings, by row; those that do not matter are left out."""
        numbers, others = self.people.numbers[:, person.row], self.openings.numbers
        admitted = self._admission.of(PERSON, numbers, others, openings)
        wish, first = self._wishes[self._wish_of[person.row]], self._first_factor
        return self._scores.of(PERSON, numbers[first:], others[first:-2], admitted, wish, matters)

    def alike(self, crowd: Crowd) -> int:
        """How many openings that are held are nearly the same."""
        return self._alike.held(crowd.alike)

    def best_apart(self, openings: Rowset, scores: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of openings with these scores at least the best of each that hires, as far as theirs have no other bounds: so
        many of them nothing but room keeps off a list."""
        who = self.openings.numbers[-1, openings]
        best = np.zeros(len(self._apart), np.int64)
        np.maximum.at(best, who, scores)
        best[FREE] = 0
        return best[best > 0]

    def of_opening(self, opening: Held[OpeningFacts], people: Rowset, matters: Matters | None = None) -> Scored:
        """An opening against these people, by row; those that do not matter are left out."""
        numbers, others = self.openings.numbers[:-2, opening.row], self.people.numbers
        admitted = self._admission.of(OPENING, numbers, others, people)
        wishes, first, found = self._wish_of[admitted.rows], self._first_factor, []
        for number, wish in enumerate(self._wishes):
            if len((some := admitted.where(wishes == number)).rows):
                found.append(self._scores.of(OPENING, numbers[first:], others[first:], some, wish, matters))
        return together(found)

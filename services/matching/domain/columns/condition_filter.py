"""Which of many pairs may match at all, in packed columns, and what has to be asked of them."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns.keys import FREE, Keys
from services.matching.domain.columns.rows import Numbers, Rowset
from services.matching.domain.columns.table import Table
from services.matching.domain.condition_answer import ASK, YES
from services.matching.domain.conditions import CONDITIONS, Condition

REFUSES, MEETS, BLANK = 0, 1, 255
"""Answers as the tables keep them; a number between the last two is a question, by how often it is answered yes."""
ORDER_EVERY = 16  # so many looks are taken before it is worked out again what refuses most

_CONDITIONS = tuple(condition for condition in CONDITIONS if condition.of_pairs)


class Admitted(NamedTuple):
    """Pairs that no condition refuses, by the rows of the other side. ``asks``: a bit for each of ``questions``, which
    are conditions with how often the question is answered yes."""

    rows: Rowset
    asks: NDArray[np.int64]
    questions: list[tuple[int, float]]

    def where(self, kept: NDArray[np.bool_]) -> Admitted:
        """Some of them."""
        return Admitted(self.rows[kept], self.asks[kept], self.questions)

    def answered_yes(self, asks: int) -> tuple[float, ...]:
        """How often each of these questions is answered yes, in the order of the conditions."""
        return tuple(share for _, share in sorted(one for bit, one in enumerate(self.questions) if asks >> bit & 1))


class Admission:
    """The conditions as ``tables``, in their order."""

    def __init__(self, context: AssessmentContext) -> None:
        self.context = context
        self.tables = [self._table_of(condition) for condition in _CONDITIONS]
        self._answered_yes = [math.nan, math.nan]  # by number of a question, which REFUSES and MEETS are not
        self._order = list(range(len(_CONDITIONS)))
        self._looked_at = np.ones(len(_CONDITIONS))
        self._refused = np.zeros(len(_CONDITIONS))
        self._looks = 0

    def of(self, side: int, numbers: Numbers, others: Numbers, rows: Rowset) -> Admitted:
        """One of a side, by its numbers, against these rows of the other. What refuses most is asked first."""
        asks, questions = np.zeros(len(rows), np.int64), list[tuple[int, float]]()
        for each in self._order:
            table = self.tables[each]
            if numbers[each] == FREE or table.keys[1 - side].all_free or not len(rows):
                continue
            them = others[each][rows]
            found = table.line(side, numbers[each]).of(them)
            occur = np.bincount(found, minlength=BLANK)
            self._looked_at[each] += len(rows)
            if occur[REFUSES]:
                self._refused[each] += occur[REFUSES]
                kept = found != REFUSES
                rows, asks, found = rows[kept], asks[kept], found[kept]
            for number in (np.flatnonzero(occur[MEETS + 1 :]) + MEETS + 1).tolist():
                asks |= (found == number).astype(np.int64) << len(questions)
                questions.append((each, self._answered_yes[number]))
        self._looks += 1
        if self._looks % ORDER_EVERY == 0:
            self._order = np.argsort(-self._refused / self._looked_at, kind="stable").tolist()
        return Admitted(rows, asks, questions)

    def clear(self) -> None:
        """Conditions may say something else than before."""
        for table in self.tables:
            table.clear()

    def _table_of(self, one: Condition) -> Table[np.uint8]:
        keys = Keys(one.of_person, one.free_person), Keys(one.of_opening, one.free_opening)
        return Table(keys, partial(self._answer, one), np.uint8(MEETS), np.uint8(BLANK))

    def _answer(self, condition: Condition, person: Any, opening: Any) -> int:
        answer = condition.answer(person, opening, self.context)
        if answer is not ASK:
            return MEETS if answer is YES else REFUSES
        share = condition.answered_yes(person, opening, self.context)
        if share not in self._answered_yes:
            self._answered_yes.append(share)
            assert len(self._answered_yes) < BLANK, "a pack says it of some tens of questions"
        return self._answered_yes.index(share)

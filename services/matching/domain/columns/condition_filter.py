"""What the conditions say, packed: for one of a side the answers to everybody of the other."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns.blocks import BLANK, FIRST_QUESTION, MEETS, MOST_QUESTIONS, REFUSES, Conditions
from services.matching.domain.columns.derived_attribute_table import DerivedAttributeTable
from services.matching.domain.columns.dictionary_encoding import FREE, DictionaryEncoding
from services.matching.domain.columns.table import OPENING, PERSON, Table
from services.matching.domain.condition_answer import NO, YES
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.derived_attribute import DerivedAttribute

MOST_BYTES = 64_000_000  # of all lines that are kept
ORDER_EVERY = 16  # so many looks are taken before it is worked out again what refuses most

PAIRED = tuple(condition for condition in CONDITIONS if condition.of_pairs)


class ConditionTables:
    """The conditions as ``tables``, in their order; the columns of both sides begin with theirs."""

    def __init__(self, context: AssessmentContext) -> None:
        self.context = context
        self.tables = [self._table_of(place) for place in range(len(PAIRED))]
        self._questions: list[tuple[int, float]] = []  # by bit: which condition, and how likely it holds
        self._bits = np.zeros(0, np.int64), np.zeros(0, np.float64)  # in the order of the conditions, with their shares
        self._lines: dict[tuple[int, int], tuple[int, NDArray[np.uint8] | None]] = {}
        self._bytes = 0
        for place, table in enumerate(self.tables):
            table.keys[OPENING].on_end.append(partial(self._forget, place))
        self._looks = 0
        self._order = list(range(len(PAIRED)))
        self.looked_at, self.refused = np.ones(len(PAIRED), np.int64), np.zeros(len(PAIRED), np.int64)

    def of(self, side: int, numbers: list[int], heads: list[int]) -> Conditions:
        """One of a side, by its numbers: what not everybody of the other side meets. ``heads``: the columns that are
        the same for all of a group."""
        asked, lines = list[int](), list[NDArray[np.uint8]]()
        for each in sorted(self._order, key=lambda each: each not in heads):  # the others stay in their order
            if not self._is_met(side, numbers, each):
                line = self._kept_line(side, each, numbers[each])
                if line is not None:
                    asked.append(each)
                    lines.append(line)
        ends = np.cumsum([0, *map(len, lines)])
        answers = np.concatenate(lines) if lines else np.zeros(0, np.uint8)
        head_at = np.array([heads.index(each) for each in asked if each in heads], np.int64)
        return Conditions(np.array(asked, np.int64), head_at, answers, ends[:-1], *self._bits)

    def learn(self, columns: NDArray[np.int64], looked_at: NDArray[np.int64], refused: NDArray[np.int64]) -> None:
        """What was counted in a look."""
        self.looked_at[columns] += looked_at
        self.refused[columns] += refused
        self._looks += 1
        if self._looks % ORDER_EVERY == 0:
            self._order = np.argsort(-self.refused / self.looked_at, kind="stable").tolist()

    def clear(self) -> None:
        """Conditions may say something else than before."""
        self._lines.clear()
        self._bytes = 0
        for table in self.tables:
            table.clear()

    def _is_met(self, side: int, numbers: list[int], each: int) -> bool:
        return numbers[each] == FREE or self.tables[each].keys[1 - side].all_free

    def _kept_line(self, side: int, each: int, number: int) -> NDArray[np.uint8] | None:
        """The line of a condition; at openings it is kept until somebody looks another way to it: while adverts come by
        the thousand few people do."""
        if side == PERSON:
            return self._line(side, each, number)
        begun = self.tables[each].keys[PERSON].begun
        known = self._lines.get((each, number))
        if known is not None and known[0] == begun:
            return known[1]
        self._forget(each, number)
        line = self._line(OPENING, each, number)
        self._lines[each, number] = begun, line
        self._bytes += 0 if line is None else line.nbytes
        while self._bytes > MOST_BYTES and len(self._lines) > 1:
            self._forget(*next(iter(self._lines)))
        return line

    def _line(self, side: int, each: int, number: int) -> NDArray[np.uint8] | None:
        """What a condition says of one of a side; None when all of the other side meet it."""
        line = self.tables[each].line(side, number)
        return line if ((line != MEETS) & (line != BLANK)).any() else None

    def _forget(self, each: int, number: int) -> None:
        _, line = self._lines.pop((each, number), (0, None))
        self._bytes -= 0 if line is None else line.nbytes

    def _table_of(self, place: int) -> Table[np.uint8] | DerivedAttributeTable[np.uint8]:
        one, ask = PAIRED[place], partial(self._answer, place)
        keys = DictionaryEncoding(one.of_person, one.free_person), DictionaryEncoding(one.of_opening, one.free_opening)
        if one.derived_attribute is None:
            return Table(keys, ask, np.uint8(MEETS), np.uint8(BLANK))
        value = partial(self._derived, one.derived_attribute)
        return DerivedAttributeTable(keys, one.derived_attribute, value, ask, np.uint8(MEETS), np.uint8(BLANK))

    def _derived(self, attribute: DerivedAttribute, person: Any, opening: Any) -> Hashable:
        return attribute.value(person, opening, self.context)

    def _answer(self, place: int, person: Any, opening: Any) -> int:
        condition = PAIRED[place]
        answer = condition.answer(person, opening, self.context)
        if answer is NO:
            return REFUSES
        chance = condition.chance(person, opening, self.context, answer)
        if answer is YES and chance == 1.0:
            return MEETS
        question = (place, chance)
        if question not in self._questions:
            self._questions.append(question)
            assert len(self._questions) <= MOST_QUESTIONS, "a pack says it of some tens of questions"
            order = sorted(range(len(self._questions)), key=self._questions.__getitem__)
            self._bits = np.array(order, np.int64), np.array([self._questions[bit][1] for bit in order], np.float64)
        return FIRST_QUESTION + self._questions.index(question)

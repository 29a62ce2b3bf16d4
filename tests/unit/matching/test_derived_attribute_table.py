"""A rule with a derived attribute is asked once for each value of it, and said of every pair as the rule says it."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from services.matching.domain.columns import table as table_module
from services.matching.domain.columns.derived_attribute_table import DerivedAttributeTable
from services.matching.domain.columns.dictionary_encoding import FREE, DictionaryEncoding
from services.matching.domain.columns.table import OPENING, PERSON
from services.matching.domain.derived_attribute import DerivedAttribute

pytestmark = pytest.mark.unit
BLANK, FREE_SAYS = 255, 1


class Rule:
    """Of a way along one street: too long for who wants no more than ``most``, unless there is a bed."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys = (
            DictionaryEncoding(("home", "most"), lambda one: one.most is None),
            DictionaryEncoding(("place", "bed")),
        )

        def value(person: Any, opening: Any, context: Any) -> int:  # of facts of the test's own
            return abs(person.home - opening.place)

        derived_attribute = DerivedAttribute(("home",), ("place",), value)
        self.table = DerivedAttributeTable(
            self.keys, derived_attribute, lambda person, opening: abs(person.home - opening.place), self.says,
            np.uint8(FREE_SAYS), np.uint8(BLANK),
        )  # fmt: skip

    def says(self, person: Any, opening: Any) -> int:
        self.asked += 1
        return 1 if abs(person.home - opening.place) <= person.most else 2 if opening.bed else 0


def somebody(home: int, most: int | None) -> SimpleNamespace:
    return SimpleNamespace(home=home, most=most)


def somewhere(place: int, bed: bool) -> SimpleNamespace:
    return SimpleNamespace(place=place, bed=bed)


@pytest.mark.parametrize("most_bytes", [0, 1_000_000])
def test_every_pair_of_looks_that_come_and_go_as_the_rule_says(
    most_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "MOST_BYTES", most_bytes)
    dice, rule = random.Random(1), Rule()
    people, openings = dict[int, SimpleNamespace](), dict[int, SimpleNamespace]()
    held: tuple[list[int], list[int]] = [], []
    for turn in range(300):
        person, opening = (
            somebody(dice.randrange(9), dice.choice([1, 3, None])),
            somewhere(dice.randrange(9), turn % 3 == 0),
        )
        for side, facts, seen in ((PERSON, person, people), (OPENING, opening, openings)):
            number = rule.keys[side].take(facts)
            held[side].append(number)
            seen[number] = facts
            if len(held[side]) > 12:
                rule.keys[side].give_back(held[side].pop(dice.randrange(12)))
        for number in set(held[PERSON]) - {FREE}:
            line = rule.table.line(PERSON, number)
            assert {o: int(line[o]) for o in set(held[OPENING])} == {
                o: rule.says(people[number], openings[o]) for o in set(held[OPENING])
            }
        for number in set(held[OPENING]):
            some = np.array(sorted(set(held[PERSON])))
            assert rule.table.some(OPENING, number, some).tolist() == [
                FREE_SAYS if p == FREE else rule.says(people[p], openings[number]) for p in some.tolist()
            ]


def test_it_is_asked_once_for_all_homes_and_places_that_lie_as_far_apart() -> None:
    rule = Rule()
    homes = [rule.keys[PERSON].take(somebody(home, 3)) for home in range(10)]
    for place in range(10):
        rule.keys[OPENING].take(somewhere(place, False))
    for number in homes:
        rule.table.line(PERSON, number)
    assert rule.asked == 10  # distances of 0 to 9, in place of a hundred pairs


def test_what_the_rule_says_anew_is_asked_anew() -> None:
    rule = Rule()
    number, other = rule.keys[PERSON].take(somebody(0, 3)), rule.keys[OPENING].take(somewhere(1, False))
    assert rule.table.line(PERSON, number)[other] == 1
    rule.table.clear()
    assert rule.table.line(PERSON, number)[other] == 1
    assert rule.asked == 2

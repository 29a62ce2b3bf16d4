"""The packed columns say of every pair what the plain rules say of it, and hold nothing of what is gone."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain.assessment import DIGITS, assess
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns import factor_cache as part_lines_module
from services.matching.domain.columns import kernel as kernel_module
from services.matching.domain.columns import layout as layout_module
from services.matching.domain.columns import table as table_module
from services.matching.domain.columns.dictionary_encoding import FREE, DictionaryEncoding, sight
from services.matching.domain.columns.kernel import compile_kernels
from services.matching.domain.columns.pairs import Pairs
from services.matching.domain.columns.rows import Rows
from services.matching.domain.columns.scores import Scored
from services.matching.domain.columns.values import UNIT, millionths
from services.matching.domain.condition_answer import NO, YES
from services.matching.domain.conditions import CONDITIONS, Condition
from services.matching.domain.factors import FACTORS, Factor
from services.matching.domain.factors.certainty import Certainty
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from tests.support.matching import SEOUL, SUWON, TODAY, a_job, a_person, numbered, random_opening, random_person
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
PAIRED = [one for one in CONDITIONS if one.of_pairs]
TABLED = [one for one in FACTORS if not isinstance(one, Certainty)]


def a_crowd(seed: int, people: int, openings: int) -> tuple[list[PersonFacts], list[OpeningFacts]]:
    dice = random.Random(seed)
    drawn = [person_facts(random_person(number, dice), PACK) for number in range(people)]
    adverts = [opening_facts(random_opening(number, dice), PACK) for number in range(openings)]
    return [one for one in drawn if one.takes_part(TODAY)], [one for one in adverts if one.takes_people(TODAY)]


def filled(people: list[PersonFacts], openings: list[OpeningFacts], today: date = TODAY) -> Pairs:
    pairs = Pairs(AssessmentContext(PACK, today))
    for person in people:
        pairs.put_person(person, 1)
    for opening in openings:
        pairs.put_opening(opening, 1)
    return pairs


def plain(person: PersonFacts, opening: OpeningFacts) -> tuple[float, float] | None:
    found = assess(person, opening, AssessmentContext(PACK, TODAY))
    return (found.score, found.fit) if found.state != "no" and found.fit >= PACK.matching.threshold else None


def rows_of(side: Rows[PersonFacts] | Rows[OpeningFacts]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.flatnonzero(side.taken)


def by_id(side: Rows[PersonFacts] | Rows[OpeningFacts], scored: Scored) -> dict[str, list[float]]:
    scores, fits = (scored.scores / UNIT).tolist(), [round(fit, DIGITS) for fit in scored.fits.tolist()]
    return {side.id_of(row): list(both) for row, *both in zip(scored.rows.tolist(), scores, fits, strict=True)}


def assert_as_plain(pairs: Pairs, people: list[PersonFacts], openings: list[OpeningFacts]) -> None:
    expected = {(p.id, o.id): list(both) for p in people for o in openings if (both := plain(p, o)) is not None}
    found: dict[Any, Any] = {}
    other_way: dict[Any, Any] = {}
    for person in people:
        scored = pairs.of_person(pairs.people[person.id], rows_of(pairs.openings))
        found |= {(person.id, id): both for id, both in by_id(pairs.openings, scored).items()}
        own = {id: both for (one, id), both in expected.items() if one == person.id}
        assert_the_best(by_id(pairs.openings, pairs.of_person(pairs.people[person.id], best=2)), own, {0: 2})
    for opening in openings:
        held = pairs.openings[opening.id]
        scored = pairs.of_opening(held, rows_of(pairs.people))
        other_way |= {(id, opening.id): both for id, both in by_id(pairs.people, scored).items()}
        own = {id: both for (id, other), both in expected.items() if other == opening.id}
        for row in rows_of(pairs.people).tolist():
            pairs.people.layout.enter_from(np.array([row]), np.full(1, UNIT * 3 // 5, np.int32))
        some = by_id(pairs.people, pairs.of_opening(held, entering=True, shown=2))
        assert_the_best(some, own, {1: 2})
        assert some.keys() >= {id for id, (score, _) in own.items() if score >= 0.6}
    assert found == expected
    assert other_way == expected


def assert_the_best(found: dict[str, list[float]], all_of_them: dict[str, list[float]], most: dict[int, int]) -> None:
    assert found.items() <= all_of_them.items()
    for place, number in most.items():
        least = sorted((both[place] for both in all_of_them.values()), reverse=True)[number - 1 : number]
        assert found.keys() >= {id for id, both in all_of_them.items() if least and both[place] >= least[0]}


class TestPairs:
    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 1_000_000), most_bytes=st.sampled_from([0, 60, 1_000_000]))
    def test_every_pair_from_either_side_as_the_plain_rules_have_it(self, seed: int, most_bytes: int) -> None:
        """Also where a table is too large to be kept, and becomes so on the way; sorted, and with a tail."""
        people, openings = a_crowd(seed, 12, 12)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(table_module, "MOST_BYTES", most_bytes)
            patch.setattr(part_lines_module, "MOST_BYTES", most_bytes)
            patch.setattr(layout_module, "TAIL_AT_LEAST", seed % 9)
            assert_as_plain(filled(people, openings), people, openings)

    def test_every_condition_that_can_refuse_a_pair_refuses_some(self) -> None:
        people, openings = a_crowd(5, 80, 80)
        refused, pairs = set[str](), filled(people, openings)
        for person in people:
            for opening in openings:
                noes = [one for one in assess(person, opening, pairs.context).answers if one.answer is NO]
                if len(noes) == 1:
                    refused.add(noes[0].condition.name)
        assert refused >= {"commute", "licence", "shifts", "wage-floor", "age", "region", "experience"}
        assert_as_plain(pairs, people, openings)

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 1_000_000))
    def test_whoever_comes_and_goes_takes_a_row_and_leaves_it(self, seed: int) -> None:
        dice, pairs = random.Random(seed), filled([], [])
        people, openings = dict[str, PersonFacts](), dict[str, OpeningFacts]()
        for number in range(60):
            person = person_facts(random_person(dice.randrange(8), dice), PACK)
            opening = opening_facts(random_opening(dice.randrange(8), dice), PACK)
            if person.takes_part(TODAY):
                pairs.put_person(person, 1)
                people[person.id] = person
            else:
                pairs.people.remove(person.id)
                people.pop(person.id, None)
            if opening.takes_people(TODAY):
                pairs.put_opening(opening, 1)
                openings[opening.id] = opening
            else:
                pairs.openings.remove(opening.id)
                openings.pop(opening.id, None)
            if number % 12 == 11:
                assert_as_plain(pairs, list(people.values()), list(openings.values()))
        assert len(pairs.people.ids) <= 8
        assert len(pairs.openings.ids) <= 8

    def test_another_day_may_say_something_else(self) -> None:
        person = person_facts(a_person(), PACK)
        opening = opening_facts(a_job(wage={"minimum": 2_096_270}, closes=None), PACK)  # the legal floor of 2025
        pairs = filled([person], [opening], TODAY.replace(year=2025))
        one = pairs.people[person.id]
        assert len(pairs.of_person(one, rows_of(pairs.openings)).rows) == 1
        pairs.set_context(pairs.context.on(TODAY))
        assert len(pairs.of_person(one, rows_of(pairs.openings)).rows) == 0

    def test_every_kernel_is_compiled_once(self) -> None:
        """For other arrays it would be compiled again, in the middle of the work."""
        people, openings = a_crowd(3, 30, 30)
        pairs = filled(people, openings)
        assert {person.growth for person in people} == {True, False}  # people of two sorts of weights
        compile_kernels()
        for person in people:
            pairs.of_person(pairs.people[person.id])
        for opening in openings:
            pairs.of_opening(pairs.openings[opening.id])
        kernels = {name: one for name, one in vars(kernel_module).items() if hasattr(one, "signatures")}
        assert {"scan", "item_values", "parts_of"} <= kernels.keys()
        assert {name: len(one.signatures) for name, one in kernels.items() if len(one.signatures) > 1} == {}


class TestWhatRulesLookAt:
    @pytest.mark.parametrize("rule", [*PAIRED, *TABLED], ids=lambda one: f"{type(one).__name__}")
    def test_they_name_it_and_say_the_same_when_they_are_shown_nothing_else(self, rule: Condition | Factor) -> None:
        """A fact that is not named is not there: whoever looks at it fails here."""
        assert rule.of_person is not None
        assert rule.of_opening is not None
        ask = rule.answer if isinstance(rule, Condition) else rule.value
        context = AssessmentContext(PACK, TODAY)
        people, openings = a_crowd(7, 60, 60)
        for person in people:
            for opening in openings:
                shown: tuple[Any, Any] = sight(person, rule.of_person), sight(opening, rule.of_opening)
                answer: Any = ask(person, opening, context)
                assert ask(*shown, context) == answer
                if isinstance(rule, Condition) and answer is not NO:
                    assert rule.chance(*shown, context, answer) == rule.chance(person, opening, context, answer)

    @pytest.mark.parametrize("rule", PAIRED, ids=lambda one: one.name)
    def test_who_is_free_of_a_condition_meets_it_anywhere(self, rule: Condition) -> None:
        people, openings = a_crowd(9, 60, 60)
        context = AssessmentContext(PACK, TODAY)
        free = [(p, o) for p in people for o in openings if rule.free_person(p) or rule.free_opening(o)]
        assert all(rule.answer(person, opening, context) is YES for person, opening in free)

    def test_a_factor_that_says_it_is_the_same_for_all_is(self) -> None:
        people, openings = a_crowd(9, 60, 60)
        context, said = AssessmentContext(PACK, TODAY), set[str]()
        for one in TABLED:
            for opening in openings:
                if one.is_same_for_all(opening):
                    said.add(one.name)
                    assert len({one.value(person, opening, context) for person in people}) == 1
        assert said >= {"wage"}

    @pytest.mark.parametrize("rule", [one for one in CONDITIONS if not one.of_pairs], ids=lambda one: one.name)
    def test_those_that_decide_who_is_held_are_met_by_all_who_are(self, rule: Condition) -> None:
        people, openings = a_crowd(8, 30, 30)
        assert {rule.answer(p, o, AssessmentContext(PACK, TODAY)).value for p in people for o in openings} == {"yes"}

    def test_a_rule_that_names_nothing_is_shown_everything(self) -> None:
        keys, one, twin = DictionaryEncoding(None), person_facts(a_person(), PACK), person_facts(a_person(), PACK)
        assert (keys.take(one), keys.take(twin)) == (1, 2)
        assert keys.sights[2] is twin


class TestKeys:
    def test_who_looks_the_same_has_the_same_number_and_what_nobody_looks_like_is_forgotten(self) -> None:
        keys, freed = DictionaryEncoding(("residence", "car")), list[int]()
        keys.on_end.append(freed.append)
        here, there = person_facts(a_person(1), PACK), person_facts(a_person(2, residence=None), PACK)
        assert [keys.take(one) for one in (here, here, there)] == [1, 1, 2]
        keys.give_back(1)
        assert freed == []
        keys.give_back(1)
        assert (freed, keys.sights[1]) == ([1], None)
        assert keys.take(person_facts(a_person(3, has={"car": True}), PACK)) == 1

    def test_whom_the_rule_is_met_by_anyway_is_not_told_apart(self) -> None:
        keys = DictionaryEncoding(("residence",), lambda person: person.car is False)
        people = [person_facts(a_person(n, residence=place), PACK) for n, place in enumerate((SUWON, SEOUL))]
        assert [keys.take(one) for one in people] == [FREE, FREE]
        assert keys.all_free
        keys.give_back(FREE)
        assert keys.take(person_facts(a_person(has={"car": None}), PACK)) == 1
        assert not keys.all_free

    def test_what_is_shown_names_nobody(self) -> None:
        keys = DictionaryEncoding(("residence",))
        keys.take(person_facts(a_person(), PACK))
        assert numbered(1) not in repr(keys.sights)


class TestRounding:
    @settings(max_examples=300, deadline=None)
    @given(parts=st.lists(st.one_of(st.floats(0, 1), st.integers(0, 10**7).map(lambda n: n / 10**7)), max_size=50))
    def test_is_that_of_round(self, parts: list[float]) -> None:
        assert [millionths(part) / UNIT for part in parts] == [round(part, DIGITS) for part in parts]

"""The service's engine and the oracle, which share no code, say the same of any pair and any world."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain.assessment import assess_pair
from services.matching.domain.conditions import CONDITIONS as OF_THE_SERVICE
from shared.reference import load_pack
from tests.support.matching import TODAY, random_opening, random_person
from tests.unit.matching.asking import standing
from verification.oracle.conditions import CONDITIONS
from verification.oracle.factors import FACTORS, contributions
from verification.oracle.matches import matches_of
from verification.oracle.pair import Pair

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
DAYS = [TODAY, date(2026, 12, 30), date(2027, 1, 2), date(2023, 6, 1)]  # other years, other wage floors, and none


NEVER = {
    *(("active", "ask"), ("consent", "ask"), ("open", "ask"), ("places", "ask"), ("dates", "ask")),
    *(("employment", "no"), ("needs", "no"), ("legal-hours", "no")),
    *(("usual-certificate", "no"), ("already-held", "no")),
}


class TestOfAPair:
    def test_the_conditions_are_the_same_in_the_same_order(self) -> None:
        assert list(CONDITIONS) == [condition.name for condition in OF_THE_SERVICE]

    @settings(max_examples=150, deadline=None)
    @given(seed=st.integers(0, 1_000_000_000), day=st.sampled_from(DAYS))
    def test_every_answer_and_every_contribution_is_the_same(self, seed: int, day: date) -> None:
        dice = random.Random(seed)
        for number in range(15):
            person, opening = random_person(number, dice), random_opening(number, dice)
            pair = Pair(person, opening, PACK, day)
            found = assess_pair(person, opening, PACK, day)
            for result in found.answers:
                assert (result.condition.name, result.answer.value) == (
                    result.condition.name,
                    CONDITIONS[result.condition.name](pair),
                )
            if found.factors:
                assert {one.factor.name: one.value for one in found.factors} == {
                    name: FACTORS[name](pair) for name in contributions(pair)
                }
                assert {one.factor.name: one.contribution for one in found.factors} == contributions(pair)

    def test_the_pairs_that_are_drawn_give_every_answer_there_is(self) -> None:
        dice, seen = random.Random(1), set[tuple[str, str]]()
        for number in range(2_000):
            pair = Pair(random_person(number, dice), random_opening(number, dice), PACK, DAYS[number % len(DAYS)])
            seen |= {(name, answer(pair)) for name, answer in CONDITIONS.items()}
        assert seen == {(name, answer) for name in CONDITIONS for answer in ("yes", "no", "ask")} - NEVER


class TestOfAWorld:
    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 1_000_000_000))
    def test_the_same_matches_stand_in_the_same_order(self, seed: int) -> None:
        dice = random.Random(seed)
        people = [random_person(number, dice) for number in range(12)]
        openings = [random_opening(number, dice) for number in range(30)]
        assert standing(people, openings) == matches_of(people, openings, PACK, TODAY)

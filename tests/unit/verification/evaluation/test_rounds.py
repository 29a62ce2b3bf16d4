"""Classes for rounds, and what is counted of a round: by expectations that were worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from services.matching.domain.assessment import assess_pair
from services.matching.domain.cohort_assignment import Proposal, Terms, propose
from shared.reference import load_pack
from tests.support.matching import a_person, numbered
from verification.evaluation.classes import Class, class_of, drawn
from verification.evaluation.cohort_assignment import TERMS, first_come, floor_of, of_round, optimum_of, summary
from verification.evaluation.families import FAMILIES
from verification.evaluation.one_by_one import one_by_one
from verification.evaluation.truth import TODAY
from verification.evaluation.world import Market

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
A, B = numbered(1), numbered(2)


def a_class(benefits: Mapping[tuple[str, str], float], places: Mapping[str, int]) -> Class:
    return Class("by hand", [a_person(1), a_person(2)], places, benefits, [{"x": 0.9}] * 3)


def a_proposal(assigned: Mapping[str, str], benefit: float) -> Proposal:
    return replace(propose([], {}, {}, {}, Terms()), assigned=assigned, benefit=benefit)


class TestAClass:
    def test_is_worth_what_the_plain_rules_say(self) -> None:
        one = drawn(PACK, 8, 12, 30, crowd=3)
        assert (len(one.people), len(one.crowd), one.world) == (12, 3, "balanced")
        assert one == drawn(PACK, 8, 12, 30, crowd=3)
        assert one.benefits
        assert all(benefit > 0 for benefit in one.benefits.values())
        assert set(one.places.values()) <= {1, 2, 3}

    @pytest.mark.parametrize("seed", [4, 7])
    def test_of_every_family_by_its_seed(self, seed: int) -> None:
        one = drawn(PACK, seed, 4, 12)
        assert one.world == {4: "balanced", 7: "settlement"}[seed]
        assert not one.crowd

    def test_columns_and_plain_rules_agree_about_what_a_pair_is_worth(self) -> None:
        world = Market(PACK, FAMILIES[0], 3, 8, 24, programmes_share=0.0)
        one = class_of("balanced", world, 8)
        for person in one.people:
            for advert in world.adverts:
                assessed = assess_pair(person, advert.shown, PACK, TODAY)
                worth = one.benefits.get((person.person, advert.shown.opportunity))
                may = assessed.state != "no" and assessed.fit >= PACK.matching.threshold
                assert (worth is not None) is may
                assert worth is None or worth == pytest.approx(assessed.fit, abs=1e-6)


class TestWhatIsCounted:
    def test_the_optimum_fills_every_place(self) -> None:
        one = a_class({(A, "x"): 0.9, (B, "x"): 0.8, (B, "y"): 0.1}, {"x": 1, "y": 1})
        assert optimum_of(one, one.places, one.benefits) == pytest.approx(1.0)
        assert optimum_of(one, {"x": 2, "y": 1}, one.benefits) == pytest.approx(1.7)

    def test_who_comes_first_takes_their_best(self) -> None:
        one = a_class({(A, "x"): 0.9, (B, "x"): 1.0}, {"x": 1})
        assert first_come(one, one.places) == {A: "x"}

    @pytest.mark.parametrize(
        ("assigned", "benefit", "kept", "broken", "out_of_reach"),
        [
            ({A: "x", B: "y"}, 1.6, 1.0, 0.0, 0.0),
            ({A: "x"}, 0.8, 0.0, 1.0, 0.0),  # it lacks what was there for the taking, and cost more than its price
        ],
    )
    def test_a_floor_that_could_be_kept_is(
        self, assigned: Mapping[str, str], benefit: float, kept: float, broken: float, out_of_reach: float
    ) -> None:
        one = a_class({(A, "x"): 0.8, (B, "y"): 0.8}, {"x": 1, "y": 1})
        found = floor_of(one, one.places, {A: "f", B: "m"}, a_proposal(assigned, benefit))
        assert found == {"floors_kept": kept, "floors_broken": broken, "floors_out_of_reach": out_of_reach}

    def test_a_floor_that_nobody_could_keep_is_out_of_reach(self) -> None:
        one = a_class({(A, "x"): 0.8}, {"x": 1})
        found = floor_of(one, one.places, {A: "f", B: "m"}, a_proposal({A: "x"}, 0.8))
        assert found == {"floors_kept": 0.0, "floors_broken": 0.0, "floors_out_of_reach": 1.0}

    def test_a_class_has_every_figure_and_breaks_nothing(self) -> None:
        one = drawn(PACK, 4, 30, 40)
        found = of_round(one, one.places, 16, PACK)
        assert found["rounds_vs_optimum"] == pytest.approx(1.0)
        assert found["with_terms_vs_optimum"] == pytest.approx(1.0 - found["both_costs"])
        assert found["guarantee_costs"] <= found["both_costs"] + 1e-9
        assert found["guarantees_broken"] == found["floors_broken"] == 0.0
        assert found["first_come_vs_optimum"] <= 1.0
        assert found["unserved"] >= found["nothing_possible"]
        whole = summary([found, found])
        assert (whole["guarantees_broken"], whole["both_costs_undone"]) == (0, 0)
        assert whole["rounds_vs_optimum_lowest"] == 1.0

    def test_terms_are_those_that_are_documented(self) -> None:
        assert (TERMS.guarantee, TERMS.floor, TERMS.floor_cost) == (0.5, 0.95, 0.1)


class TestOneByOne:
    def test_a_place_is_kept_for_who_comes(self) -> None:
        one = a_class({(A, "x"): 0.8, (A, "y"): 0.7, (B, "x"): 0.9}, {"x": 1, "y": 1})
        found = one_by_one(one, one.places, 1.6, 1, samples=2, every=1)
        assert (found["priced_vs_hindsight"], found["unserved_priced"], found["refused_priced"]) == (1.0, 0.0, 0.0)

    def test_who_is_worth_less_than_the_price_waits(self) -> None:
        one = a_class({(A, "x"): 0.2}, {"x": 1})
        found = one_by_one(one, one.places, 0.2, 1, samples=1, every=1)
        assert (found["priced_vs_hindsight"], found["unserved_priced"], found["refused_priced"]) == (0.0, 2.0, 1.0)

"""People who come one by one: a place is kept for whom it is worth more to."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services.matching.domain.cohort_assignment import Terms, propose
from verification.evaluation.arrivals import Choice, Future, chosen, expected_prices

pytestmark = pytest.mark.unit


def choose(here: Mapping[str, float], left: Mapping[str, int], futures: Sequence[Future]) -> Choice:
    return chosen(here, left, expected_prices(left, futures))


class TestAChoice:
    def test_with_nobody_to_come_everybody_takes_their_best(self) -> None:
        assert choose({"x": 0.9, "y": 0.8}, {"x": 1, "y": 1}, []) == Choice("x", 0.9, 0.0)

    def test_a_place_is_kept_for_whom_it_is_worth_more_to(self) -> None:
        here, left = {"x": 0.9, "y": 0.8}, {"x": 1, "y": 1}
        found = choose(here, left, [[{"x": 0.7}]])
        assert (found.opening, found.benefit) == ("y", 0.8)

    def test_who_comes_counts_by_how_often_they_do(self) -> None:
        here, left = {"x": 0.9, "y": 0.55}, {"x": 1, "y": 1}
        assert choose(here, left, [[{"x": 0.8}], [{"y": 0.1}], [{"y": 0.1}]]).opening == "x"
        assert choose(here, left, [[{"x": 0.8}], [{"x": 0.8}], [{"y": 0.1}]]).opening == "y"

    def test_nothing_is_taken_that_is_worth_less_than_its_price_and_the_price_is_said(self) -> None:
        price: Any = pytest.approx(0.9)
        assert choose({"x": 0.3}, {"x": 1}, [[{"x": 0.9}]]) == Choice(None, 0.3, price)

    def test_what_has_no_place_left_is_not_chosen_nor_priced(self) -> None:
        assert choose({"x": 0.9, "y": 0.2}, {"x": 0, "y": 1}, [[{"x": 1.0}]]) == Choice("y", 0.2, 0.0)
        assert choose({"x": 0.9}, {"x": 0}, []) == Choice(None)
        assert choose({}, {"x": 1}, [[{"x": 1.0}]]) == Choice(None)

    def test_as_many_places_as_people_cost_nothing(self) -> None:
        assert expected_prices({"x": 3}, [[{"x": 0.5}, {"x": 0.9}]]) == {"x": 0.0}

    def test_of_equals_the_same_is_chosen_whatever_the_order(self) -> None:
        left = {"x": 1, "y": 1}
        assert chosen({"x": 0.5, "y": 0.5}, left, {}) == chosen({"y": 0.5, "x": 0.5}, left, {})

    def test_without_a_sample_that_was_solved_nothing_has_a_price(self) -> None:
        future = [{f"o{o}": ((p * 37 + o * 11) % 101) / 100 for o in range(60)} for p in range(60)]
        left = {f"o{o}": 1 for o in range(60)}
        assert set(expected_prices(left, [future], seconds=0.0).values()) == {0.0}


class TestAgainstTheOptimumInHindsight:
    @pytest.mark.parametrize("seed", range(8))
    def test_a_future_that_is_known_is_as_good(self, seed: int) -> None:
        dice = random.Random(seed)
        places = {f"o{number}": dice.randint(1, 2) for number in range(6)}
        people = [{opening: dice.random() for opening in places if dice.random() < 0.8} for _ in range(12)]

        def gained(priced: bool) -> float:
            left, total = dict(places), 0.0
            for number, here in enumerate(people):
                future: list[Mapping[str, float]] = list(people[number + 1 :])
                choice = choose(here, left, [future] if priced else [])
                if choice.opening is not None:
                    left[choice.opening] -= 1
                    total += choice.benefit
            return total

        names = [str(number) for number in range(len(people))]
        benefits = {
            (name, opening): worth for name, own in zip(names, people, strict=True) for opening, worth in own.items()
        }
        optimum = propose(names, places, benefits, dict.fromkeys(names, "-"), Terms()).benefit
        assert gained(priced=True) == pytest.approx(optimum)
        assert gained(priced=False) <= optimum + 1e-9

"""Numbers by group for the fewest months that tell of nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.domain.pooled_months import FEWER, Groupings, people_by_month

pytestmark = pytest.mark.unit


def groups_of(*sizes: int) -> Groupings:
    """Women first, then men."""
    first = sizes[0]
    return {"sex": {"female": list(range(first)), "male": list(range(first, sum(sizes)))}}


class TestPeople:
    def test_the_newest_month_where_it_has_ten_in_each(self) -> None:
        months = ["2026-11"] * 40 + ["2026-10"] * 40
        counted = [number % 2 == 0 for number in range(80)]
        groups: Groupings = {
            "sex": {"female": [n for n in range(80) if n % 4 < 2], "male": [n for n in range(80) if n % 4 > 1]}
        }
        found = people_by_month(groups, months, counted)
        assert (found.since, found.cells) == ("2026-11", {"sex": {"female": 10, "male": 10}})

    def test_older_months_until_every_number_has_ten(self) -> None:
        months = [f"2026-{11 - number % 3:02d}" for number in range(60)]  # ten of each group a month
        counted = [number % 30 < 15 for number in range(60)]  # five of each group a month
        found = people_by_month(groups_of(30, 30), months, counted)
        assert (found.since, found.cells) == ("2026-10", {"sex": {"female": 10, "male": 10}})

    def test_what_never_reaches_ten_is_not_told_and_takes_the_next_with_it(self) -> None:
        counted = [*[True] * 9, *[False] * 21, *[True] * 15, *[False] * 16, *[True] * 20, *[False] * 20]
        groups: Groupings = {"age": {"a": list(range(30)), "b": list(range(30, 61)), "c": list(range(61, 101))}}
        # a would else be what is left of all; of a and b together 24 count
        assert people_by_month(groups, ["2026-11"] * 101, counted).cells == {"age": {"a": FEWER, "b": FEWER, "c": 20}}
        few_left = [not one for one in counted]
        assert people_by_month(groups, ["2026-11"] * 101, few_left).cells == {"age": {"a": FEWER, "b": FEWER, "c": 20}}

    def test_months_that_are_left_out_hold_nobody_or_ten(self) -> None:
        months = ["2026-11"] * 60 + ["2026-10"] * 3
        counted = [number % 2 == 0 for number in range(63)]
        found = people_by_month(groups_of(30, 33), months, counted)
        assert found.since == "2026-10"  # else the three of October would be what is left of the whole

    def test_a_month_that_is_not_known_comes_last(self) -> None:
        counted = [number % 2 == 0 for number in range(40)]
        found = people_by_month(groups_of(20, 20), ["", "2026-11"] * 20, counted)
        assert found.since is None
        assert found.cells == {"sex": {"female": 10, "male": 10}}

    def test_where_nothing_reaches_ten_there_is_no_table(self) -> None:
        assert people_by_month(groups_of(9, 9), ["2026-11"] * 18, [True] * 18).said() == FEWER

    @given(st.lists(st.tuples(st.sampled_from(["2026-11", "2026-10", "2026-09", ""]), st.booleans()), max_size=120))
    def test_no_number_and_no_rest_is_of_fewer_than_ten(self, people: list[tuple[str, bool]]) -> None:
        months, counted = [month for month, _ in people], [counts for _, counts in people]
        groups = groups_of(len(people) // 3, len(people) - len(people) // 3)
        found = people_by_month(groups, months, counted)
        for group, members in groups["sex"].items():
            cell, inside = found.cells["sex"][group], [one for one in members if months[one] >= (found.since or "")]
            assert cell == FEWER or (isinstance(cell, int) and cell >= 10 and len(inside) - cell >= 10)
        left = [counts for month, counts in people if month < (found.since or "")]
        assert not left or (sum(left) >= 10 and len(left) - sum(left) >= 10)

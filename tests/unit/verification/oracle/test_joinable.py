"""How many people two partners could join is counted as it is, not as it should be."""

from __future__ import annotations

from datetime import date

import pytest

from verification.oracle.expected import Told
from verification.oracle.joinable import Joinable, joinable, of_a_first_day

pytestmark = pytest.mark.unit


def told(**held: dict[str, str]) -> set[Told]:
    """By partner and person the letters of the openings."""
    return {
        (partner, ("hanawon", person), ("gjf", opening))
        for partner, people in held.items()
        for person, openings in people.items()
        for opening in openings
    }


class TestJoinable:
    def test_a_set_that_is_alone_on_both_lists_joins(self) -> None:
        found = joinable(told(gjf={"a": "xy", "b": "x"}, khf={"a": "xy", "b": "x"}), "gjf", "khf")
        assert found == Joinable(shared=2, joined=2, mistaken=0)

    def test_people_with_the_same_set_cover_for_each_other(self) -> None:
        found = joinable(told(gjf={"a": "xy", "b": "xy", "c": "z"}, khf={"a": "xy", "c": "z"}), "gjf", "khf")
        assert found == Joinable(shared=2, joined=1, mistaken=0)

    def test_a_set_that_two_different_people_have_joins_the_wrong_ones(self) -> None:
        found = joinable(told(gjf={"a": "x"}, khf={"b": "x"}), "gjf", "khf")
        assert found == Joinable(shared=0, joined=0, mistaken=1)

    def test_lists_without_a_common_opening_join_nobody(self) -> None:
        found = joinable(told(gjf={"a": "xy"}, khf={"a": "z"}), "gjf", "khf")
        assert found == Joinable(shared=1, joined=0, mistaken=0)

    def test_other_partners_do_not_count(self) -> None:
        found = joinable(told(gjf={"a": "x"}, khf={"a": "x"}, jobaba={"b": "x", "c": "y"}), "gjf", "khf")
        assert found == Joinable(shared=1, joined=1, mistaken=0)


class TestTheDemosWorld:
    def test_almost_everybody_can_be_joined_as_the_documents_say(self) -> None:
        """Falls when somebody mends it: then SECURITY.md and docs/telling-partners.md may claim more."""
        found = of_a_first_day("kr-gyeonggi", 1, 120, date(2026, 11, 22))
        assert found.shared >= 20
        assert found.joined >= 0.8 * found.shared

"""A bounded list that knows what it does not know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.domain.shortlist import Shortlist

pytestmark = pytest.mark.unit


class TestShortlist:
    def test_holds_the_best_and_leaves_out_what_has_no_room(self) -> None:
        found = Shortlist(2)
        assert found.put("c", 0.5)
        assert found.put("b", 0.5)
        assert found.put("a", 0.9)  # c goes: ties by id
        assert not found.put("d", 0.5)  # behind what went already
        assert (list(found.entries()), found.cutoff) == ([("a", 0.9), ("b", 0.5)], (-0.5, "c"))

    def test_what_comes_before_the_cutoff_is_taken_in_also_when_there_are_fewer(self) -> None:
        found = Shortlist(2, [("a", 0.9), ("b", 0.8)], (-0.5, "c"))
        found.drop("b")
        assert not found.enough(2)
        assert found.put("x", 0.6)
        assert found.enough(2)
        assert not found.put("y", 0.4)  # others may lie before it
        assert found.best(2) == ["a", "x"]

    def test_one_that_became_worse_than_the_cutoff_is_no_longer_known(self) -> None:
        found = Shortlist(2, [("a", 0.9), ("b", 0.8)], (-0.5, "c"))
        assert found.put("a", 0.3)
        assert (list(found.entries()), found.enough(2)) == ([("b", 0.8)], False)

    def test_without_a_cutoff_there_are_no_others(self) -> None:
        assert Shortlist(2, [("a", 0.9)]).enough(2)

    @given(
        changes=st.lists(
            st.tuples(st.sampled_from("abcdefgh"), st.none() | st.sampled_from([0.1, 0.2, 0.3, 0.4])), max_size=60
        )
    )
    def test_is_the_beginning_of_the_truth_up_to_its_cutoff(self, changes: list[tuple[str, float | None]]) -> None:
        found, truth = Shortlist(3), dict[str, float]()
        for id, score in changes:
            found.put(id, score)
            truth.pop(id, None)
            if score is not None:
                truth[id] = score
            places = sorted((-score, id) for id, score in truth.items())
            before = [(id, -score) for score, id in places if found.cutoff is None or (score, id) < found.cutoff]
            assert list(found.entries()) == before
            assert len(found) <= 3

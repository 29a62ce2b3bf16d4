"""What a state still allows once floors were raised: older ones lose what was taken away, newer ones nothing."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.domain.apply_prohibitions import permitted
from services.matching.domain.visibility import is_matched, visibility_of
from shared.events.topics.prohibitions import Floor, Floors, merged
from tests.support.matching import TODAY, a_person, numbered

pytestmark = pytest.mark.unit
UNTIL = "2027-05-15"
SOMEBODY = a_person(
    1,
    consents=[
        {"purpose": "matching", "until": UNTIL},
        {"purpose": "notice", "recipient": "gjf", "until": UNTIL},
        {"purpose": "notice", "recipient": "khf", "until": UNTIL},
    ],
    aliases=[{"agency": name, "alias": numbered(n)} for n, name in enumerate(("hanawon", "gjf", "khf"), 10)],
)


def floors(*consents: tuple[str, str | None, int], whole: int = 0) -> Floors:
    told = tuple(Floor(purpose=purpose, recipient=recipient, below=below) for purpose, recipient, below in consents)
    return Floors(person=SOMEBODY.person, whole=whole, consents=told)


def left(sequence: int, forbidden: Floors) -> set[tuple[str, str | None]]:
    return {(one.purpose, one.recipient) for one in permitted(SOMEBODY, sequence, forbidden).consents}


class TestAStateUnderAFloor:
    def test_loses_that_consent_and_no_other(self) -> None:
        assert left(6, floors(("notice", "gjf", 7))) == {("matching", None), ("notice", "khf")}

    def test_loses_all_of_a_purpose_without_recipient(self) -> None:
        assert left(6, floors(("notice", None, 7))) == {("matching", None)}

    def test_is_of_somebody_who_left_when_the_whole_is_forbidden(self) -> None:
        gone = permitted(SOMEBODY, 6, floors(whole=7))
        assert (gone.status, gone.consents) == ("left", ())
        assert not is_matched(gone, TODAY)
        assert visibility_of(gone, "gjf", TODAY) is None

    def test_without_consent_to_matching_is_not_matched_and_without_notice_not_seen(self) -> None:
        assert is_matched(SOMEBODY, TODAY)
        assert not is_matched(permitted(SOMEBODY, 6, floors(("matching", None, 7))), TODAY)
        assert visibility_of(SOMEBODY, "gjf", TODAY) is not None
        assert visibility_of(permitted(SOMEBODY, 6, floors(("notice", "gjf", 7))), "gjf", TODAY) is None


class TestAStateAtOrAboveAFloor:
    @pytest.mark.parametrize("sequence", [7, 8])
    def test_is_trusted(self, sequence: int) -> None:
        assert permitted(SOMEBODY, sequence, floors(("notice", "gjf", 7), ("matching", None, 3), whole=7)) is SOMEBODY


def test_nobody_is_matched_after_the_last_day_of_the_consent() -> None:
    assert is_matched(SOMEBODY, date(2027, 5, 15))
    assert not is_matched(SOMEBODY, date(2027, 5, 16))


some_floors = st.builds(
    lambda consents, whole: floors(*consents, whole=whole),
    st.lists(
        st.tuples(st.sampled_from(("matching", "notice")), st.sampled_from((None, "gjf", "khf")), st.integers(0, 9)),
        max_size=4,
        unique_by=lambda each: each[:2],
    ),
    st.integers(0, 9),
)


class TestManyFloors:
    @given(said=st.lists(some_floors, min_size=1, max_size=5), sequence=st.integers(0, 9), data=st.data())
    def test_end_in_the_same_whatever_the_order_and_however_often_and_forbid_what_any_forbids(
        self, said: list[Floors], sequence: int, data: st.DataObject
    ) -> None:
        heard = data.draw(st.permutations(said + data.draw(st.lists(st.sampled_from(said), max_size=3))))
        held = heard[0]
        for each in heard[1:]:
            held = merged(held, each)
        assert merged(held) == merged(*said)
        for purpose, recipient in (("matching", None), ("notice", "gjf"), ("notice", "khf")):
            forbidden = any(each.forbid(sequence, purpose, recipient) for each in said)
            assert held.forbid(sequence, purpose, recipient) == forbidden

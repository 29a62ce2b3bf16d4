"""What a round tells of groups: of ten people at least, and nothing by what is left; the floor knows all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain.disclosure_control import LEAST, REPORTED, GroupBy
from services.matching.rounds import compute
from services.matching.rounds.compute import Question, answer
from services.matching.rounds.documents import ResultDocument, RoundDocument
from services.matching.rounds.round_requests import Rounds
from shared.events.topics.people import Person
from tests.support.matching import SEOUL, SUWON, TODAY, a_job, a_person, numbered
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
CARING = {"counselling": {"needs": ["kr-gyeonggi-1:childcare-hours"]}}


def worked_out(people: list[Person], by: GroupBy, places: int = 500, **terms: Any) -> ResultDocument:
    job = a_job(1, places=None)
    question = Question.model_construct(
        pack=PACK.name, today=TODAY, people=people, openings=[job], places={job.opportunity: places},
        group_by=by, excluded=[], **{"fixed": {}, "guarantee": 0.0, "floor": 0.0, "floor_cost": 0.1, **terms},
    )  # fmt: skip
    return answer(question, PACK)


class TestGroupsOfARound:
    def test_of_a_class_of_twelve_one_recorded_need_is_not_told(self) -> None:
        people = [a_person(1, **CARING), *(a_person(number) for number in range(2, 13))]
        [group] = worked_out(people, "childcare")["groups"]
        assert (group["group"], group["people"]) == ("others", 12)

    def test_of_fewer_than_ten_nothing_is_said(self) -> None:
        assert worked_out([a_person(number) for number in range(1, 10)], "sex")["groups"] == []

    @settings(max_examples=15, deadline=None)
    @given(
        st.sampled_from(REPORTED),
        st.lists(
            st.fixed_dictionaries(
                {
                    "sex": st.sampled_from(["female", "male", None]),
                    "year_of_birth": st.sampled_from([1960, 1990, 2003]),
                    "residence": st.sampled_from([SUWON, SEOUL]),
                    "education": st.sampled_from(["work24-2024-education:03", None]),
                    "counselling": st.sampled_from([None, CARING["counselling"]]),
                }
            ),
            min_size=1,
            max_size=35,
        ),
    )
    def test_each_has_ten_people(self, by: GroupBy, drawn: list[dict[str, Any]]) -> None:
        people = [a_person(number, **changes) for number, changes in enumerate(drawn, 1)]
        groups = worked_out(people, by, 20)["groups"]
        assert all(group["people"] >= LEAST for group in groups)
        assert sum(group["people"] for group in groups) <= len(people)
        assert all(round(group[figure], 2) == group[figure] for group in groups for figure in ("mean", "lacks"))

    def test_the_floor_knows_only_the_groups_that_may_be_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Any] = []
        propose = compute.propose

        def heard(*about: Any, **how: Any) -> Any:
            asked.append(about[3])
            return propose(*about, **how)

        monkeypatch.setattr(compute, "propose", heard)
        people = [a_person(1, **CARING), *(a_person(number) for number in range(2, 13))]
        worked_out(people, "childcare", 3, floor=0.9)
        assert asked == [dict.fromkeys([numbered(number) for number in range(1, 13)], "others")]

    def test_of_two_people_no_floor_says_whether_they_belong_together(self) -> None:
        def placed(sex: str) -> Any:
            found = worked_out([a_person(1), a_person(2, sex=sex)], "sex", 1, floor=1.0, floor_cost=1.0)
            return found["assigned"], found["terms"][0]["benefit"], found["benefit"]

        assert placed("female") == placed("male")

    def test_a_mean_that_is_one_persons_alone_is_not_told(self) -> None:
        people = [a_person(n, sex="male" if n > 10 else "female") for n in range(1, 21)]
        assert worked_out(people, "sex", 1)["groups"] == []  # one of them has something

    def test_nothing_is_said_of_groups_where_somebody_was_decided_by_hand(self) -> None:
        people = [a_person(n) for n in range(1, 13)]
        assert worked_out(people, "sex", 12)["groups"] != []
        assert worked_out(people, "sex", 12, fixed={numbered(1): None})["groups"] == []

    def test_what_pooled_groups_lack_is_told_by_the_floor_of_the_round(self) -> None:
        people = [
            *(a_person(n) for n in range(1, 13)),
            *(a_person(n, sex="male", residence=None) for n in range(13, 25)),
        ]
        found = worked_out(people, "sex", 12, floor=1.0, floor_cost=0.0)
        wanted = found["optimum"] / 24
        for group in found["groups"]:
            assert group["lacks"] == pytest.approx(max(0.0, wanted - group["mean"]), abs=0.011)


class TestWhoIsNotMatchedAnyMore:
    @pytest.mark.parametrize(("until", "groups"), [("2026-11-22", ["others"]), ("2026-11-21", [])])
    def test_an_owner_sees_the_round_without_its_groups(self, until: str, groups: list[str]) -> None:
        people = [a_person(1, **CARING), *(a_person(number) for number in range(2, 13))]
        held = {
            "_id": numbered(1), "state": "proposed", "version": 1, "asked": datetime(2026, 11, 20, tzinfo=UTC),
            "fixed": [], "result": worked_out(people, "childcare"),
        }  # fmt: skip
        ends = a_person(1, **CARING, consents=[{"purpose": "matching", "until": until}])
        seen = {one.person: (one, one.aliases[0].alias) for one in (ends, *people[1:])}
        nothing = cast(Any, None)
        rounds = Rounds(nothing, nothing, cast(Any, SimpleNamespace(today=lambda: TODAY)), PACK, nothing, nothing)
        result = rounds._shown(cast(RoundDocument, held), seen, 0).result
        assert result is not None
        assert (len(result.placed) + len(result.waiting), [one.group for one in result.groups]) == (12, groups)

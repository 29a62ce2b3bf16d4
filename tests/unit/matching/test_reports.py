"""Who is left out, and what another model would change: counted by hand, and silent about few people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.matching.domain.assessment import assess_pair
from services.matching.domain.disclosure_control import (
    REPORTED,
    group_of,
    may_tell_by,
    may_tell_mean,
    may_tell_share,
    pooled,
    told,
)
from services.matching.domain.left_out import Drawn, left_out
from services.matching.domain.pooled_months import FEWER
from services.matching.domain.shadow_run import MEASURES, lists_of, means, shadow_run
from shared.events.topics.people import Person
from tests.support.matching import CARE, SEOUL, SUWON, TODAY, a_job, a_person
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
CARE_WORKER = "kr-certificate-2020:care-worker"
CARER: dict[str, Any] = {"occupations": [{"code": CARE, "months": 24, "interest": 1.0}]}
FITS = [assess_pair(one, a_job(), PACK, TODAY).fit for one in (a_person(**CARER), a_person())]
FOR_BAKERS = replace(PACK, matching=PACK.matching.model_copy(update={"threshold": sum(FITS) / 2}))
"""What the usual job is no match by for a carer."""


def some(count: int, first: int = 1, **changes: Any) -> list[Person]:
    return [a_person(first + n, **changes) for n in range(count)]


class TestGroups:
    def test_small_ones_go_together_until_nobody_can_be_told_apart(self) -> None:
        people = [*some(12, sex="female"), *some(11, 20, sex="male"), *some(3, 40, sex=None)]
        found = pooled(people, "sex", TODAY, PACK)
        assert {name: len(members) for name, members in found.items()} == {"female": 12, "others": 14}

    def test_large_ones_stand_for_themselves(self) -> None:
        people = [*some(10, sex="female"), *some(10, 20, sex="male")]
        assert set(pooled(people, "sex", TODAY, PACK)) == {"female", "male"}

    def test_of_too_few_in_all_nothing_is_said(self) -> None:
        assert pooled(some(9), "sex", TODAY, PACK) == {}

    def test_numbers_of_few_people_are_not_told(self) -> None:
        assert [told(n) for n in (0, 9, 10)] == [None, None, 10]

    def test_nor_is_one_whose_rest_is_of_few_people(self) -> None:
        assert [told(n, 20) for n in (0, 1, 9, 10, 11, 20)] == [None, None, None, 10, None, None]

    @pytest.mark.parametrize(
        ("counted", "rest", "share", "mean"),
        [
            (9, 11, False, False),
            (10, 10, True, True),
            (11, 9, False, False),
            (12, 0, False, True),
            (0, 12, False, False),
        ],
    )  # fmt: skip
    def test_a_share_and_a_mean_have_ten_people_on_both_sides(
        self, counted: int, rest: int, share: bool, mean: bool
    ) -> None:
        people = [True] * counted + [False] * rest
        assert (may_tell_share(people), may_tell_mean(people)) == (share, mean)

    def test_what_is_left_out_of_one_group_does_not_come_of_the_others(self) -> None:
        counted = [*[True] * 3, *[False] * 9, *[True] * 10, *[False] * 11, *[True] * 30, *[False] * 30]
        groups = {"a": list(range(12)), "b": list(range(12, 33)), "c": list(range(33, 93))}
        # a has three who count; of a and b together 13 of 33 do, so c may be told beside them
        assert may_tell_by(groups, counted, may_tell_share) == {"c"}
        del groups["b"]
        groups["c"] = list(range(12, 72))
        assert may_tell_by({"a": groups["a"]}, counted, may_tell_share) == set()
        assert may_tell_by({"c": groups["c"]}, counted, may_tell_share) == {"c"}

    def test_whose_group_is_not_known(self) -> None:
        nobody = a_person(1, sex=None, year_of_birth=None, residence=None, education=None)
        assert {group_of(nobody, by, TODAY, PACK) for by in REPORTED if by != "childcare"} == {"unknown"}

    def test_who_needs_childcare_is_whom_a_need_keeps_from_hours_of_work(self) -> None:
        carer = a_person(1, counselling={"needs": ["kr-gyeonggi-1:childcare-hours", "kr-gyeonggi-1:near-home"]})
        near = a_person(2, counselling={"needs": ["kr-gyeonggi-1:near-home"]})
        assert [group_of(one, "childcare", TODAY, PACK) for one in (carer, near)] == ["needed", "not-said"]


class TestLeftOut:
    def test_what_each_condition_refuses_alone(self) -> None:
        near: dict[str, Any] = {"wants": {"commute_minutes": 40}}
        people = [*some(12, sex="female", certificates=[], **near), *some(10, 20, sex="male", **near)]
        openings = [
            a_job(1), a_job(2, certificates=[CARE_WORKER]), a_job(3, region=SEOUL),
            a_job(4, region=SEOUL, certificates=[CARE_WORKER]), a_job(5, status="closed"),
        ]  # fmt: skip
        found = left_out(people, openings, PACK, TODAY)
        assert (found["people"], found["openings"], found["model"]) == (22, 4, PACK.weights_version)
        assert found["conditions"]["commute"] == {"people": None, "openings": None}  # all of them, from one
        assert found["conditions"]["certificate"] == {"people": None, "openings": None}
        assert found["conditions"]["sex"] == {"people": None, "openings": None}
        women = found["groups"]["sex"]["female"]
        assert (women["people"], women["openings_each"], women["without_any"]) == (12, 1.0, None)
        assert women["kept_from_each"]["certificate"] == 1.0
        assert women["kept_from_each"]["commute"] == 1.0

    def test_how_many_have_none_where_ten_have_and_ten_have_not(self) -> None:
        far: dict[str, Any] = {"wants": {"commute_minutes": 5}, "residence": SEOUL}
        people = [*some(12, sex="female"), *some(10, 20, sex="female", **far), *some(25, 40, sex="male")]
        found = left_out(people, [a_job(1)], PACK, TODAY)
        assert found["conditions"]["commute"] == {"people": 10, "openings": None}
        women = found["groups"]["sex"]["female"]
        # of all men nobody has none: that is a number of few, and with the women's the whole would tell it
        assert women["without_any"] is None

    def test_one_person_is_not_told_of_by_a_mean_or_by_what_is_left(self) -> None:
        far: dict[str, Any] = {"wants": {"commute_minutes": 5}, "residence": SEOUL}
        people = [*some(19, sex="female"), a_person(30, sex="female", **far), *some(15, 40, sex="male")]
        found = left_out(people, [a_job(1)], PACK, TODAY)
        assert found["conditions"]["commute"] == {"people": None, "openings": None}
        for group in found["groups"]["sex"].values():
            assert (group["openings_each"], group["without_any"]) == (None, None)
            assert group["kept_from_each"]["commute"] is None

    def test_by_group_how_many_people_and_openings_each_condition_refuses_alone(self) -> None:
        far: dict[str, Any] = {"wants": {"commute_minutes": 5}, "residence": SEOUL}
        people = [
            *some(12, sex="female", **far), *some(11, 20, sex="female"),
            *some(13, 40, sex="male", **far), *some(14, 60, sex="male"),
        ]  # fmt: skip
        found = left_out(people, [a_job(n) for n in range(1, 12)], PACK, TODAY)
        assert found["conditions"]["commute"] == {"people": 25, "openings": 11}
        tables = found["tables"]["commute"]
        assert tables["people"]["sex"] == {"female": 12, "male": 13}
        assert tables["people"]["since"] is None
        assert tables["openings"]["sex"] == {"female": 11, "male": 11}
        assert found["tables"]["sex"] == FEWER

    def test_of_whom_it_is_not_known(self) -> None:
        people = [*some(12, residence=None), *some(13, 20)]
        found = left_out(people, [a_job(1), a_job(2)], PACK, TODAY)
        assert found["tables"]["commute"]["not_known"]["sex"] == {"female": 12}
        assert found["groups"]["sex"]["female"]["not_known_each"]["commute"] == 1.0  # two of two for 12 of 25
        assert found["groups"]["sex"]["female"]["not_known_each"]["certificate"] is None

    def test_of_how_many_it_was_looked_at_a_part(self) -> None:
        found = left_out(some(12), [a_job(1)], PACK, TODAY, Drawn(4_000, 90, {}))
        assert [found[name] for name in ("people", "of_people", "all_people")] == [12, 4_000, False]
        assert [found[name] for name in ("openings", "of_openings")] == [1, 90]

    def test_that_few_of_all_take_no_part_is_not_told(self) -> None:
        found = left_out(some(12), [a_job(1)], PACK, TODAY, Drawn(15, 1, {}))
        assert [found[name] for name in ("people", "of_people", "all_people")] == [12, None, False]

    def test_who_does_not_take_part_is_not_counted(self) -> None:
        found = left_out([*some(10), *some(10, 20, status="left")], [a_job(1)], PACK, TODAY)
        assert found["people"] == 10


class TestShadowRun:
    def test_the_same_model_changes_nothing(self) -> None:
        found = shadow_run(some(10), [a_job(n) for n in range(3)], PACK, PACK, TODAY)
        assert (found["people"], found["changed"], found["stays"], found["best_stays"]) == (10, None, None, None)
        assert found["kinds"] == [{"job": 30}, {"job": 30}]

    def test_another_one_says_whose_lists_become_others(self) -> None:
        strict = replace(PACK, matching=PACK.matching.model_copy(update={"threshold": 1.0}))
        people = [*some(10, sex="female"), *some(10, 20, sex="male")]
        found = shadow_run(people, [a_job(n) for n in range(3)], PACK, strict, TODAY)
        assert (found["people"], found["changed"], found["stays"]) == (20, None, None)  # all of them, and nothing stays
        assert found["seen"] == [3, None]
        male = found["groups"]["sex"]["male"]
        assert (male["people"], male["stays"], male["entries_each"]) == (10, None, [3.0, None])
        assert [male[name][1] for name in MEASURES] == [None] * 4  # nobody has anything by it

    def test_a_number_is_told_where_ten_people_are_on_both_sides(self) -> None:
        people = [*some(11, **CARER), *some(12, 20)]
        found = shadow_run(people, [a_job(1)], PACK, FOR_BAKERS, TODAY)
        assert (found["people"], found["changed"], found["stays"]) == (23, 11, round(12 / 23, 3))
        assert found["kinds"] == [{"job": 23}, {"job": 12}]

    def test_what_the_first_five_are_worth_is_said_by_group(self) -> None:
        cheap, dear = ({"wage": {"per": "hour", "minimum": pay}} for pay in (15_480, 20_640))
        people = [*some(10, sex="female"), *some(10, 20, sex="male", wants={"wage_min": None})]
        found = shadow_run(people, [a_job(1, **cheap), a_job(2, **dear)], PACK, PACK, TODAY)
        female = found["groups"]["sex"]["female"]
        each = [assess_pair(people[0], job, PACK, TODAY) for job in (a_job(1, **cheap), a_job(2, **dear))]
        assert female["score5"] == [round(sum(one.score for one in each) / 2, 3)] * 2
        assert female["pay5"] == [1.75, 1.75]
        assert female["minutes5"] == [each[0].context.minutes_of(each[0].person, SUWON)] * 2
        assert 0 < female["likely5"][0] <= 1
        assert found["digests"] == [PACK.matching.digest] * 2

    def test_what_few_of_a_group_have_is_not_told(self) -> None:
        groups = {"one": list(range(12)), "other": list(range(12, 36))}
        assert means(groups, [1.0] * 36) == {"one": 1.0, "other": 1.0}
        assert means(groups, [1.0] * 9 + [None] * 27) == {"one": None, "other": None}
        assert means(groups, [1.0] * 24 + [None] * 12) == {"one": 1.0, "other": 1.0}
        assert means(groups, [1.0] * 33 + [None] * 3) == {"one": None, "other": None}  # three who have none

    def test_how_unevenly_openings_stand_is_said_with_and_without_a_table(self) -> None:
        jobs = [a_job(n, employer={"name": f"employer {n}", "number": None}) for n in range(40)]
        found = shadow_run(some(30), jobs, PACK, PACK, TODAY)["congestion"]
        assert found[0] == found[1]
        without, with_table = found[0]["without_table"], found[0]["with_table"]
        assert 0 <= with_table["unseen"] <= without["unseen"] < 1
        assert 0 < with_table["of_the_most_seen_tenth"] <= without["of_the_most_seen_tenth"] <= 1
        few = shadow_run(some(9), jobs, PACK, PACK, TODAY)["congestion"][0]
        assert few == {"without_table": None, "with_table": None}

    def test_what_changes_for_one_person_is_not_told_by_a_share(self) -> None:
        people = [a_person(1, **CARER), *some(19, 20)]
        found = shadow_run(people, [a_job(1)], PACK, FOR_BAKERS, TODAY)
        assert lists_of(people[:1], [a_job(1)], PACK, TODAY) != lists_of(people[:1], [a_job(1)], FOR_BAKERS, TODAY)
        assert (found["changed"], found["stays"], found["best_stays"]) == (None, None, None)
        assert found["kinds"] == [{"job": 20}, {"job": None}]
        assert [one["stays"] for one in found["groups"]["sex"].values()] == [None]

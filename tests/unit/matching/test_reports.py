"""Who is left out, and what another model would change: counted by hand, and silent about few people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.matching.domain.groups import group_of, pooled, told
from services.matching.domain.left_out import left_out
from services.matching.domain.shadow_run import shadow_run
from shared.events.topics.people import Person
from tests.support.matching import SEOUL, TODAY, a_job, a_person
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
CARE_WORKER = "kr-certificate-2020:care-worker"


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

    def test_whose_group_is_not_known(self) -> None:
        nobody = a_person(1, sex=None, year_of_birth=None, residence=None, education=None)
        assert {group_of(nobody, by, TODAY, PACK) for by in ("sex", "age", "education", "region")} == {"unknown"}


class TestLeftOut:
    def test_what_each_condition_refuses_alone(self) -> None:
        near = {"wants": {"commute_minutes": 40}}
        people = [*some(12, sex="female", certificates=[], **near), *some(10, 20, sex="male", **near)]
        openings = [
            a_job(1), a_job(2, certificates=[CARE_WORKER]), a_job(3, region=SEOUL),
            a_job(4, region=SEOUL, certificates=[CARE_WORKER]), a_job(5, status="closed"),
        ]  # fmt: skip
        found = left_out(people, openings, PACK, TODAY)
        assert (found["people"], found["openings"], found["model"]) == (22, 4, PACK.weights_version)
        assert found["conditions"]["commute"] == {"people": 22, "openings": 1}
        assert found["conditions"]["certificate"]["openings"] == 1
        assert found["conditions"]["sex"] == {"people": None, "openings": 0}
        women = found["groups"]["sex"]["female"]
        assert (women["people"], women["openings_each"], women["without_any"]) == (12, 1.0, None)
        assert women["kept_from_each"]["certificate"] == 1.0
        assert women["kept_from_each"]["commute"] == 1.0

    def test_who_does_not_take_part_is_not_counted(self) -> None:
        found = left_out([*some(10), *some(10, 20, status="left")], [a_job(1)], PACK, TODAY)
        assert found["people"] == 10


class TestShadowRun:
    def test_the_same_model_changes_nothing(self) -> None:
        found = shadow_run(some(10), [a_job(n) for n in range(3)], PACK, PACK, TODAY)
        assert (found["people"], found["changed"], found["stays"], found["best_stays"]) == (10, None, 1.0, 1.0)
        assert found["kinds"] == [{"job": 30}, {"job": 30}]

    def test_another_one_says_whose_lists_become_others(self) -> None:
        strict = replace(PACK, matching=PACK.matching.model_copy(update={"threshold": 1.0}))
        people = [*some(10, sex="female"), *some(10, 20, sex="male")]
        found = shadow_run(people, [a_job(n) for n in range(3)], PACK, strict, TODAY)
        assert (found["people"], found["changed"], found["stays"]) == (20, 20, 0.0)
        assert found["seen"] == [3, 0]
        assert found["groups"]["sex"]["male"] == {"people": 10, "stays": 0.0, "entries_each": [3.0, 0.0]}

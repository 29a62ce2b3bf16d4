"""What opens a pair that may not match, and that it really does."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from services.matching.domain import explanations
from services.matching.domain.assessment import assess_pair
from services.matching.domain.counterfactuals import Change, applied, what_opens
from tests.support.matching import (
    CARE,
    GWANGMYEONG,
    SEOUL,
    TODAY,
    YEONCHEON,
    a_job,
    a_person,
    random_opening,
    random_person,
)
from tests.unit.matching.asking import DAY, EVENING, NIGHT, PACK
from verification.oracle.factors import contributions, fit_of
from verification.oracle.matches import asks_of
from verification.oracle.pair import Pair

pytestmark = pytest.mark.unit
CARER = "kr-certificate-2020:care-worker"
DRIVER = "kr-certificate-2020:driving-2-ordinary"
LARGE = "kr-gyeonggi-1:driving-licence-large"


def opens(person: dict[str, Any] | None = None, job: dict[str, Any] | None = None) -> tuple[Change, ...] | None:
    """The set for the usual person and job with these changes."""
    return what_opens(a_person(**(person or {})), a_job(**(job or {})), PACK, TODAY).changes


class TestOneCondition:
    @pytest.mark.parametrize(
        ("person", "job", "expected"),
        [
            ({"wants": {"commute_minutes": 45}}, {"region": GWANGMYEONG}, [Change("commute", number=63)]),
            ({"wants": {"shifts": [EVENING]}}, {"shifts": [NIGHT]}, [Change("shifts", (NIGHT,))]),
            ({"wants": {"hours_per_week": {"max": 30}}}, {}, [Change("hours", number=40)]),
            (
                {"wants": {"wage_min": {"per": "month", "amount": 2_800_000, "currency": "KRW"}}}, {},
                [Change("wage", number=2_500_000)],
            ),
            ({"wants": {"from": "2027-03"}}, {"starts": "2027-01-10"}, [Change("start", ("2027-01",))]),
            ({"wants": {"kinds": ["training"]}}, {}, [Change("kind", ("job",))]),
            ({}, {"certificates": [CARER]}, [Change("certificate", (CARER,))]),
            ({"has": {"driving_licence": False}}, {"rules": {"licences": ["kr-gyeonggi-1:driving-licence"]}},
             [Change("licence")]),
            ({}, {"rules": {"car": True}}, [Change("car")]),
            ({"has": {"driving_licence": None}, "certificates": [DRIVER]}, {"rules": {"car": True}}, [Change("car")]),
            ({"has": {"driving_licence": False}}, {"rules": {"licences": [LARGE, "kr-gyeonggi-1:food-handler"]}},
             [Change("certificate", (LARGE,))]),  # the other one is only asked about
            ({"has": {"driving_licence": False, "car": True}}, {"rules": {"car": True}}, [Change("licence")]),
            ({}, {"rules": {"education_min": "work24-2024-education:04"}},
             [Change("education", ("work24-2024-education:04",))]),
            ({}, {"occupation": CARE, "rules": {"experience_months": 12}}, [Change("experience", (CARE,), 12)]),
            ({}, {"places": 0}, [Change("places", number=1)]),
            ({}, {"wage": {"minimum": 2_000_000}}, [Change("pay", number=2_156_880)]),
        ],
    )  # fmt: skip
    def test_is_opened_by_what_it_lacks(
        self, person: dict[str, Any], job: dict[str, Any], expected: list[Change]
    ) -> None:
        found = opens(person, job)
        assert found is not None
        assert list(found) == expected
        assessment = assess_pair(a_person(**person), a_job(**job), PACK, TODAY)
        for change in found:
            assert all(explanations.change_text(assessment, change).values())

    @pytest.mark.parametrize(
        ("person", "job"),
        [
            ({"year_of_birth": 1990}, {"rules": {"age_max": 25}}),
            ({"wants": {"not_to": ["employer:111-22-33333"]}}, {}),
            ({"residence": SEOUL}, {"rules": {"residence": ["legal-dong-2026:41000"]}}),
            ({"status": "left"}, {}),
            ({"consents": []}, {}),
            # what nobody would do
            ({"wants": {"commute_minutes": 60}}, {"region": YEONCHEON}),  # 192 minutes
            ({"wants": {"commute_minutes": 30}}, {"region": GWANGMYEONG}),  # 63, more than half as long again
            ({"wants": {"wage_min": {"per": "month", "amount": 3_200_000, "currency": "KRW"}}}, {}),  # 2,500,000
            ({"has": {"driving_licence": False, "car": False}}, {"rules": {"car": True}}),
            ({"wants": {"hours_per_week": {"max": 20}}}, {}),
            ({}, {"occupation": CARE, "rules": {"experience_months": 36}}),
            ({}, {"rules": {"education_min": "work24-2024-education:06"}}),
            (
                {"wants": {"shifts": [DAY]}, "counselling": {"needs": ["kr-gyeonggi-1:childcare-hours"]}},
                {"shifts": [NIGHT]},
            ),
            ({}, {"status": "closed"}),
        ],
    )
    def test_that_nobody_should_be_asked_to_change_is_opened_by_nothing(
        self, person: dict[str, Any], job: dict[str, Any]
    ) -> None:
        assert opens(person, job) is None


class TestSeveral:
    def test_each_needs_its_own_and_nothing_more_is_said(self) -> None:
        person: dict[str, Any] = {"wants": {"commute_minutes": 45, "shifts": [EVENING]}}
        job = a_job(region=GWANGMYEONG, shifts=[NIGHT], certificates=[CARER])
        found = what_opens(a_person(**person), job, PACK, TODAY)
        assert found.changes is not None
        assert {change.what for change in found.changes} == {"commute", "shifts", "certificate"}
        assert found.by_condition["shifts"] == (Change("shifts", (NIGHT,)),)

    def test_one_change_that_helps_twice_is_said_once(self) -> None:
        person = {"wants": {"commute_minutes": 66}}  # 86 minutes, 65 by car
        assert opens(person, {"region": SEOUL, "rules": {"car": True}}) == (Change("car"),)

    def test_what_cannot_be_helped_leaves_what_each_other_needs(self) -> None:
        found = what_opens(a_person(), a_job(certificates=[CARER], rules={"age_max": 25}), PACK, TODAY)
        assert found.changes is None
        assert found.by_condition == {"certificate": (Change("certificate", (CARER,)),)}
        assert not found.too_weak

    def test_a_fit_that_is_too_weak_is_said_instead(self) -> None:
        person: dict[str, Any] = {
            "occupations": [{"code": "work24-2024-occupation:024100", "interest": 1.0}],
            "courses": [],
        }
        strict = replace(PACK, matching=PACK.matching.model_copy(update={"threshold": 0.2}))
        dull: dict[str, Any] = {"employment": "work24-2024-employment:20", "wage": {"minimum": 2_160_000}}
        job = a_job(region=SEOUL, certificates=[CARER], **dull)  # 86 minutes, asked about
        found = what_opens(a_person(**person), job, strict, TODAY)
        assert found.changes is None
        assert found.too_weak

    def test_nobody_is_told_to_change_more_than_a_few_things(self) -> None:
        person: dict[str, Any] = {"wants": {"commute_minutes": 45, "shifts": [EVENING], "hours_per_week": {"max": 35}}}
        four: dict[str, Any] = {"region": GWANGMYEONG, "shifts": [NIGHT], "certificates": [CARER]}
        found = what_opens(a_person(**person), a_job(**four), PACK, TODAY)
        assert found.changes is None
        assert set(found.by_condition) == {"commute", "shifts", "hours", "certificate"}
        assert not found.too_weak


class TestItHolds:
    def test_what_is_said_opens_the_pair_by_the_oracle(self) -> None:
        dice, said = random.Random(9), 0
        for number in range(1_500):
            person, opening = random_person(number, dice), random_opening(number, dice)
            if assess_pair(person, opening, PACK, TODAY).state != "no":
                continue
            changes = what_opens(person, opening, PACK, TODAY).changes
            if changes is None:
                continue
            said += 1
            pair = Pair(*applied(person, opening, changes), PACK, TODAY)
            assert asks_of(pair) is not None
            assert fit_of(pair, contributions(pair)) >= PACK.matching.threshold
            for fewer in combinations(changes, len(changes) - 1):  # no part of it is enough
                pair = Pair(*applied(person, opening, fewer), PACK, TODAY)
                assert asks_of(pair) is None or fit_of(pair, contributions(pair)) < PACK.matching.threshold
        assert said > 100
